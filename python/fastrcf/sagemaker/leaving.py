"""The end of an endpoint, which AWS refuses while it is being made or changed."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.errors import THROTTLED, ServiceError
from fastrcf.sagemaker.steps import Step, ask, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

# DescribeEndpoint's page says it of SystemUpdating alone; public reports have it of
# Creating and Updating, in the words "Cannot update in-progress endpoint". They pass:
# an endpoint that cannot be made is Failed at last, and that can be deleted.
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")


# Seconds: an endpoint that cannot be made has been seen to try for an hour.
WAIT = 3600.0
MAY_BE_THERE = "endpoint {0} may be there, and cost: fastrcf sagemaker delete {0}"


def warn(text: str) -> None:
    """Tell on standard error, as estimates do."""
    print(text, file=sys.stderr)


class Patience:
    """How long something is waited for, and who is told.

    Parameters
    ----------
    wait, poll : float
        Seconds until it is given up, and between two questions.
    tell : callable, optional
        Gets every change as text.

    Raises
    ------
    InvalidParameterError
        If a time is negative or none.
    """

    def __init__(self, wait: float, poll: float, tell: Callable[[str], Any] | None = None) -> None:
        for name, value in (("wait", wait), ("poll", poll)):
            if not 0 <= value < math.inf:
                raise InvalidParameterError(f"{name}: {value!r} is no number of seconds")
        self.wait, self.poll, self.tell = float(wait), float(poll), tell
        self._ends = time.monotonic() + self.wait
        self._last = ""

    def goes_on(self, why: str) -> bool:
        """Sleep until the next question, or say that the time is over."""
        left = self._ends - time.monotonic()
        if left <= 0:
            return False
        if why != self._last and self.tell is not None:
            self.tell(f"{why}, waiting at most {left:.0f} s")
        self._last = why
        time.sleep(min(self.poll, left))
        return True


class Leaving:
    """An endpoint on its way out.

    Parameters
    ----------
    sagemaker : botocore client
    name : str
        Of the endpoint.
    patience : Patience
        How long AWS may refuse.
    """

    def __init__(self, sagemaker: Any, name: str, patience: Patience) -> None:
        self.sagemaker, self.name, self.patience = sagemaker, name, patience
        self.described = self._ask()

    @property
    def status(self) -> str:
        """As AWS said last; empty where there is none."""
        return str((self.described or {}).get("EndpointStatus", ""))

    @property
    def config_name(self) -> str:
        """Of its configuration; its own name, as ``deploy`` has it, where it is gone."""
        return str((self.described or {}).get("EndpointConfigName", self.name))

    def settle(self) -> None:
        """Wait until AWS would delete it, or the time is over.

        What it is changed to has another configuration, so this comes before anybody
        asks about that.
        """
        while self.status in BUSY and self.patience.goes_on(
            f"endpoint {self.name}: {self.status}, AWS deletes it only after that"
        ):
            try:
                self.described = self._ask()
            except ServiceError as error:
                # Nothing is known to have changed, and the endpoint costs.
                if error.code not in THROTTLED:
                    raise

    def end(self, dry_run: bool) -> Step:
        """Delete it; one that is being deleted already is left to that."""
        while True:
            if self.described is None:
                return Step("endpoint", self.name, "absent")
            if self.status == "Deleting":
                return Step("endpoint", self.name, "being deleted", "since before")
            busy = f"it is {self.status}" if self.status in BUSY else ""
            step = attempt("endpoint", self.name, self._delete, dry_run, busy if dry_run else "")
            if step.outcome != "failed" or "in-progress" not in step.reason:
                return step
            # Changed by somebody else since it was described.
            if not self.patience.goes_on(f"endpoint {self.name}: AWS refuses as it is in progress"):
                waited = f"{step.reason}: still {self.status} after {self.patience.wait:.0f} s"
                return Step("endpoint", self.name, "failed", waited)
            self.described = self._ask()
            self.settle()

    def _ask(self) -> dict[str, Any] | None:
        return ask(
            f"endpoint {self.name}",
            lambda: self.sagemaker.describe_endpoint(EndpointName=self.name),
        )

    def _delete(self) -> None:
        self.sagemaker.delete_endpoint(EndpointName=self.name)


def end_unanswered(sagemaker: Any, name: str, tell: Callable[[str], Any]) -> bool:
    """End the endpoint that a call may have made whose answer never came.

    Parameters
    ----------
    sagemaker : botocore client
    name : str
        Of the endpoint and of the configuration that was made for it.
    tell : callable
        Gets text when there is something to wait for.

    Returns
    -------
    bool
        Whether there is none now. One that is older than the configuration is somebody
        else's, and stays.
    """
    leaving = Leaving(sagemaker, name, Patience(WAIT, 15.0, tell))
    if leaving.described is None:
        return True
    config = ask(
        f"endpoint configuration {name}",
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name),
    )
    made = (leaving.described["CreationTime"], leaving.config_name)
    if config is None or made[1] != name or made[0] < config["CreationTime"]:
        return True
    leaving.settle()
    return leaving.end(dry_run=False).outcome != "failed"
