"""What CloudFormation does, event by event, until it is done or has failed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import JobFailedError, ServiceError, aws_errors
from fastrcf.stack.state import find_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.state import Stack

# What failed because something else did.
_CONSEQUENCES = ("Resource creation cancelled", "Resource update cancelled")
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})


# Until its first event a stack's status may be the one before: so long it is waited for.
_FIRST = 30.0


class StackFailedError(JobFailedError):
    """A stack could not be made, changed or deleted; the message has the first reasons."""


@dataclass(frozen=True)
class Event:
    """One thing that happened to one resource."""

    id: str
    resource: str
    type: str
    status: str
    reason: str

    def __str__(self) -> str:
        told = f"{self.resource} ({self.type}): {self.status}"
        return f"{told}: {self.reason}" if self.reason else told

    @property
    def is_failure(self) -> bool:
        """Whether it failed by itself."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(_CONSEQUENCES)


def newest(clients: StackClients, stack: str) -> str:
    """Give the id of a stack's last event; empty where there is none."""
    with aws_errors(f"reading events of {stack}"):
        found = clients.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return str(found[0]["EventId"]) if found else ""


def follow(
    clients: StackClients,
    stack_id: str,
    after: str,
    *,
    poll: float,
    timeout: float,
    tell: Callable[[Event], Any],
) -> Stack:
    """Tell of each event until CloudFormation is done.

    Parameters
    ----------
    clients : StackClients
    stack_id : str
        The id, by which a stack is found after it is deleted too.
    after : str
        Id of the last event that is known.
    poll, timeout : float
        Seconds between two questions, and until it is given up; CloudFormation goes on.
    tell : callable
        Gets every event.

    Returns
    -------
    Stack
        As it is in the end.

    Raises
    ------
    StackFailedError
        If it failed or was rolled back.
    ServiceError
        If the time is over.
    """
    started = time.monotonic()
    failures: list[Event] = []
    has_begun = False
    while True:
        # Events after the status would miss those that come between the two.
        stack = find_stack(clients, stack_id)
        for event in _since(clients, stack_id, after):
            after = event.id
            has_begun = True
            tell(event)
            if event.is_failure:
                failures.append(event)
        waited = time.monotonic() - started
        if stack is None or stack.status == "DELETE_COMPLETE":
            break
        if not stack.status.endswith("_IN_PROGRESS") and (has_begun or waited >= _FIRST):
            break
        if waited > timeout:
            raise ServiceError(
                f"stack {stack.name}: still {stack.status} after {timeout:.0f} s; it goes on, and "
                "the same command waits again"
            )
        time.sleep(poll)
    if stack is None:
        raise StackFailedError(f"stack {stack_id} is gone", "DELETE_COMPLETE")
    if stack.status not in _DONE:
        told = "; ".join(str(event) for event in failures[:3]) or stack.reason or "no reason given"
        raise StackFailedError(f"stack {stack.name}: {stack.status}: {told}", stack.status)
    return stack


def _since(clients: StackClients, stack: str, after: str) -> list[Event]:
    """Events after one, oldest first."""
    found: list[Event] = []
    with aws_errors(f"reading events of {stack}"):
        pages = clients.cloudformation.get_paginator("describe_stack_events").paginate(
            StackName=stack
        )
        for page in pages:
            for told in page["StackEvents"]:
                if told["EventId"] == after:
                    return found[::-1]
                found.append(
                    Event(
                        told["EventId"],
                        told.get("LogicalResourceId", ""),
                        told.get("ResourceType", ""),
                        told.get("ResourceStatus", ""),
                        told.get("ResourceStatusReason", ""),
                    )
                )
    return found[::-1]
