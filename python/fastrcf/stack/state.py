"""A stack as CloudFormation describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors

if TYPE_CHECKING:
    from fastrcf.stack._clients import StackClients


@dataclass(frozen=True)
class Stack:
    """What is known of a stack.

    Attributes
    ----------
    name, id, status : str
        As CloudFormation has them.
    reason : str
        Why it is in this status, where CloudFormation says.
    parameters, outputs, tags : dict of str to str
        By name.
    """

    name: str
    id: str
    status: str
    reason: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    tags: dict[str, str]

    @property
    def exists(self) -> bool:
        """Whether it has resources: one whose first change set nobody has run has none."""
        return self.status not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")

    @property
    def is_busy(self) -> bool:
        """Whether CloudFormation is working at it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def is_broken(self) -> bool:
        """Whether it is left in a state that no deployment wanted, nor the one before it.

        After UPDATE_ROLLBACK_COMPLETE a stack is as it was before the update.
        """
        return self.status.endswith("_FAILED") or self.status == "ROLLBACK_COMPLETE"


def find_stack(clients: StackClients, name: str) -> Stack | None:
    """Describe a stack by name or id; None where there is none.

    Raises
    ------
    ServiceError
        If AWS refuses to tell.
    """
    try:
        with aws_errors(f"describing stack {name}"):
            found = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ServiceError as error:
        if error.code == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return _stack(found[0]) if found else None


def find_deleted(clients: StackClients, name: str) -> Stack | None:
    """Describe the last stack of a name that was deleted; CloudFormation keeps them for 90 days."""
    with aws_errors("listing deleted stacks"):
        pages = clients.cloudformation.get_paginator("list_stacks").paginate(
            StackStatusFilter=["DELETE_COMPLETE"]
        )
        ids = [
            (one.get("DeletionTime", one["CreationTime"]), one["StackId"])
            for page in pages
            for one in page["StackSummaries"]
            if one["StackName"] == name
        ]
    return find_stack(clients, max(ids)[1]) if ids else None


def _stack(told: dict[str, Any]) -> Stack:
    return Stack(
        name=told["StackName"],
        id=told["StackId"],
        status=told["StackStatus"],
        reason=told.get("StackStatusReason", ""),
        parameters={
            one["ParameterKey"]: one.get("ParameterValue", "") for one in told.get("Parameters", [])
        },
        outputs={one["OutputKey"]: one["OutputValue"] for one in told.get("Outputs", [])},
        tags={one["Key"]: one["Value"] for one in told.get("Tags", [])},
    )
