"""What becomes of each thing that is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = Literal["deleted", "being deleted", "absent", "would be deleted", "failed", "kept"]


@dataclass(frozen=True)
class Step:
    """One thing: what it is, its name, what became of it, and why."""

    kind: str
    name: str
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.outcome}" + (
            f" ({self.reason})" if self.reason else ""
        )


@dataclass(frozen=True)
class Deleted:
    """What became of everything, in the order in which it was tried."""

    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        """What is still there."""
        return tuple(step for step in self.steps if step.outcome == "failed")

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))

    def or_raise(self) -> Deleted:
        """Give it, if nothing failed.

        Raises
        ------
        ServiceError
            If something could not be deleted; the message names it.
        """
        if self.failed:
            raise ServiceError(
                "not all was deleted, try again: " + "; ".join(map(str, self.failed))
            )
        return self


def ask(what: str, describe: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Describe something; None where it does not exist."""
    try:
        with aws_errors(what):
            return describe()
    except ServiceError as error:
        if is_absent(error):
            return None
        raise


def attempt(kind: str, name: str, act: Callable[[], Any], dry_run: bool, reason: str = "") -> Step:
    """Delete one thing and say what became of it.

    Parameters
    ----------
    kind, name : str
        What it is.
    act : callable
        Deletes it.
    dry_run : bool
        Only tell.
    reason : str, optional
        More on what is, or would be, deleted.
    """
    if dry_run:
        return Step(kind, name, "would be deleted", reason)
    try:
        with aws_errors(f"deleting {kind} {name}"):
            act()
    except ServiceError as error:
        if is_absent(error):
            return Step(kind, name, "absent")
        return Step(kind, name, "failed", str(error))
    return Step(kind, name, "deleted", reason)
