"""One-time schedules of EventBridge that end what costs, also when this program is gone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker._session import check_role
from fastrcf.sagemaker.errors import ServiceError, aws_errors
from fastrcf.sagemaker.steps import Step, ask, attempt

if TYPE_CHECKING:
    from fastrcf.sagemaker._session import Clients

_LONGEST = 64


@dataclass(frozen=True)
class End:
    """How one kind of thing is ended.

    Attributes
    ----------
    words, verb : str
        What it is, and what becomes of it.
    action, field : str
        The call of SageMaker, and where it takes the name.
    """

    words: str
    verb: str
    action: str
    field: str

    @property
    def parameter(self) -> str:
        """What callers give."""
        return f"{self.verb}_after"

    def name(self, of: str) -> str:
        """Name the schedule of something; 64 characters are the most."""
        ending = f"-{self.verb}"
        return of[: _LONGEST - len(ending)] + ending

    def time(self, after: float | None, role: str | None) -> datetime | None:
        """Give when it ends; None if never.

        Raises
        ------
        InvalidParameterError
            If the time is less than a minute or no date is as late, there is no role, or a
            role without a time.
        """
        if after is None:
            if role is not None:
                raise InvalidParameterError(
                    f"scheduler_role: nothing ends by itself without {self.parameter}"
                )
            return None
        if not after >= 60:
            raise InvalidParameterError(f"{self.parameter}: {after!r} is not a minute or more")
        if role is None:
            raise InvalidParameterError(
                f"{self.parameter}: needs scheduler_role, a role that EventBridge Scheduler may "
                f"take on and that allows sagemaker:{self.action[0].upper()}{self.action[1:]}"
            )
        check_role(role, "scheduler_role")
        try:
            return datetime.now(UTC) + timedelta(seconds=float(after))
        except OverflowError:
            raise InvalidParameterError(
                f"{self.parameter}: {after!r} seconds end after all dates"
            ) from None

    def create(self, clients: Clients, of: str, at: datetime, role: str) -> None:
        """Schedule it.

        Raises
        ------
        ServiceError
            If AWS refuses.
        """
        with aws_errors(f"scheduling the end of {self.words} {of}"):
            clients.scheduler.create_schedule(
                Name=self.name(of),
                Description=f"{self.verb.title()}s the SageMaker {self.words} {of}",
                ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": f"arn:{clients.partition}:scheduler:::aws-sdk:sagemaker:{self.action}",
                    "RoleArn": role,
                    "Input": json.dumps({self.field: of}),
                },
            )

    def cancel(self, clients: Clients, of: str) -> None:
        """Delete the schedule."""
        clients.scheduler.delete_schedule(Name=self.name(of))

    def delete(self, clients: Clients, of: str, dry_run: bool, keep: str = "") -> list[Step]:
        """Delete the schedule, which most have none of, and many users no right to ask about.

        Parameters
        ----------
        clients : Clients
        of : str
            What it ends.
        dry_run : bool
            Only tell.
        keep : str, optional
            Why it is to stay.
        """
        name = self.name(of)
        try:
            there = ask("schedule", lambda: clients.scheduler.get_schedule(Name=name))
        except ServiceError as error:
            if error.code in ("AccessDenied", "AccessDeniedException"):
                return []
            return [Step("schedule", name, "failed", str(error))]
        # Long names have the same first letters; another's end is not taken away.
        if there is None or not self._ends(there, of):
            return []
        if keep:
            return [Step("schedule", name, "kept", keep)]
        return [attempt("schedule", name, lambda: self.cancel(clients, of), dry_run)]

    def _ends(self, described: dict[str, Any], of: str) -> bool:
        try:
            return bool(json.loads(described["Target"]["Input"])[self.field] == of)
        except (KeyError, TypeError, ValueError):
            return False


ENDPOINT = End("endpoint", "delete", "deleteEndpoint", "EndpointName")
TRANSFORM = End("batch transform", "stop", "stopTransformJob", "TransformJobName")
