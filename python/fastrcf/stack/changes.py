"""Change sets: what a deployment would do, before it does it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors
from fastrcf.stack.events import StackFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.stack._clients import StackClients

# CloudFormation's words for a change set that changes nothing.
_NOTHING = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Attributes
    ----------
    action : str
        Add, Modify, Remove and so on.
    resource, type : str
        Its logical id and type.
    replacement : str
        Whether another one takes its place: True, False or Conditional; empty if new.
    """

    action: str
    resource: str
    type: str
    replacement: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that is ready.

    Attributes
    ----------
    id, stack_id : str
        Ids of it and of its stack.
    is_new : bool
        Whether it makes the stack.
    changes : tuple of Change
        What it would do; nothing if there is nothing to do.
    """

    id: str
    stack_id: str
    is_new: bool
    changes: tuple[Change, ...]


def propose(
    clients: StackClients,
    name: str,
    template_url: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    is_new: bool,
    poll: float = 3.0,
    timeout: float = 600.0,
) -> ChangeSet:
    """Make a change set and wait until it tells what it would do.

    Raises
    ------
    StackFailedError
        If CloudFormation cannot tell, with its reason.
    """
    with aws_errors(f"asking for a change set of {name}"):
        made = clients.cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=f"fastrcf-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(2)}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateURL=template_url,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            # Roles, with names that CloudFormation makes up.
            Capabilities=["CAPABILITY_IAM"],
        )
    started = time.monotonic()
    while True:
        told = _described(clients, made["Id"])
        if told["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        if time.monotonic() - started > timeout:
            raise ServiceError(f"stack {name}: no change set after {timeout:.0f} s; try again")
        time.sleep(poll)
    found = ChangeSet(made["Id"], made["StackId"], is_new, told["Changes"])
    if told["Status"] == "CREATE_COMPLETE":
        return found
    discard(clients, found)
    if any(words in told["Reason"] for words in _NOTHING):
        return ChangeSet(made["Id"], made["StackId"], is_new, ())
    raise StackFailedError(f"stack {name}: no change set: {told['Reason']}", told["Status"])


def execute(clients: StackClients, change_set: ChangeSet) -> None:
    """Begin to do what it tells."""
    with aws_errors("executing the change set"):
        clients.cloudformation.execute_change_set(ChangeSetName=change_set.id)


def discard(clients: StackClients, change_set: ChangeSet) -> None:
    """Forget it, and the empty stack that a first one brings."""
    with aws_errors("deleting the change set"):
        clients.cloudformation.delete_change_set(ChangeSetName=change_set.id)
        if change_set.is_new:
            clients.cloudformation.delete_stack(StackName=change_set.stack_id)


def _described(clients: StackClients, id: str) -> dict[str, Any]:
    changes: list[Change] = []
    given: dict[str, Any] = {"ChangeSetName": id}
    while True:
        with aws_errors("describing the change set"):
            told = clients.cloudformation.describe_change_set(**given)
        for one in told.get("Changes", []):
            change = one.get("ResourceChange", {})
            changes.append(
                Change(
                    change.get("Action", ""),
                    change.get("LogicalResourceId", ""),
                    change.get("ResourceType", ""),
                    change.get("Replacement", ""),
                )
            )
        if not told.get("NextToken"):
            return {
                "Status": told["Status"],
                "Reason": told.get("StatusReason", "no reason given"),
                "Changes": tuple(changes),
            }
        given["NextToken"] = told["NextToken"]
