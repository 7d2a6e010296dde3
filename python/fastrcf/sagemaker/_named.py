"""What has a name in AWS: found by it, described, and waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fastrcf.sagemaker._session import Clients, wait_for
from fastrcf.sagemaker.errors import aws_errors, code_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Named:
    """Something in AWS that a name tells from others of its kind.

    A kind says what it is in words, and what AWS calls it: ``training_job`` is asked
    about by ``describe_training_job``, which wants a ``TrainingJobName``.
    """

    name: str
    clients: Clients

    _words: ClassVar[str]
    _aws: ClassVar[str]

    @classmethod
    def _field(cls, suffix: str) -> str:
        return cls._aws.title().replace("_", "") + suffix

    def _call(self, verb: str) -> dict[str, Any]:
        call = getattr(self.clients.sagemaker, f"{verb}_{self._aws}")
        answer: dict[str, Any] = call(**{self._field("Name"): self.name})
        return answer

    @property
    def _said(self) -> str:
        """What errors and messages call it."""
        return f"{self._words} {self.name}"

    def describe(self) -> dict[str, Any]:
        """Give all that AWS says of it."""
        with aws_errors(self._said):
            return self._call("describe")


class Awaited(Named):
    """What takes its time: it has a status, and can be waited for."""

    _done: ClassVar[tuple[str, ...]] = ("Completed",)
    _failed: ClassVar[tuple[str, ...]] = ("Failed", "Stopped")
    _detail: ClassVar[str | None] = None
    # Seconds until waiting is given up.
    _patience: ClassVar[float] = 86_400.0

    @property
    def status(self) -> str:
        """As AWS calls it: a job is InProgress, Completed, Failed, Stopping or Stopped.

        An endpoint is Creating, InService, Updating, Failed, Deleting and so on.
        """
        return str(self.describe()[self._field("Status")])

    def wait(
        self,
        *,
        poll: float = 15.0,
        timeout: float | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> Self:
        """Wait until a job is completed, or an endpoint answers.

        Parameters
        ----------
        poll : float, default 15
            Seconds between two questions.
        timeout : float, optional
            Seconds until it is given up; default: a day for jobs, an hour for endpoints.
        tell : callable, optional
            Gets every change of its state as text.

        Raises
        ------
        JobFailedError
            If it failed or was stopped; the message has AWS's reason. An endpoint
            still has to be deleted.
        ServiceError
            If the time is over; it goes on.
        """
        wait_for(
            self._said,
            self.describe,
            self._field("Status"),
            self._done,
            self._failed,
            poll=poll,
            timeout=self._patience if timeout is None else timeout,
            tell=tell,
            detail_key=self._detail,
        )
        return self


class Job(Awaited):
    """What ends by itself, and can be stopped before."""

    def stop(self) -> None:
        """Ask AWS to stop it; a job that has ended stays as it is."""
        from botocore.exceptions import ClientError

        with aws_errors(f"stopping {self._said}"):
            try:
                self._call("stop")
            except ClientError as error:
                if code_of(error) != "ValidationException" or self.status in (
                    "InProgress",
                    "Stopping",
                ):
                    raise


@dataclass(frozen=True)
class ByName(Named):
    """What is nothing but its name, and whose it is.

    Parameters
    ----------
    name : str
        Its name.
    clients : Clients
        Whose it is; :meth:`of` makes them from a session.
    """

    name: str
    clients: Clients

    @classmethod
    def of(cls, name: str, session: Any = None) -> Self:
        """Find it by its name, whoever made it."""
        return cls(name, Clients.of(session))
