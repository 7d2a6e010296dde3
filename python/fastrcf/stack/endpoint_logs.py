"""Log groups of endpoints: SageMaker makes them, without a tag, and they outlive the endpoint."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent
from fastrcf.sagemaker.steps import Step, attempt
from fastrcf.stack.names import TAG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fastrcf.stack._clients import StackClients

KIND = "log group"
_PLACE = "/aws/sagemaker/Endpoints/"


def mark(clients: StackClients, endpoint: str, prefix: str) -> None:
    """Give an endpoint's log group the stack's tag, before the endpoint goes.

    The endpoint is all that tells whose its log is. A run that ends between the two would
    leave a group that the next one could not know.

    Parameters
    ----------
    clients : StackClients
    endpoint : str
    prefix : str
        Value of the tag.
    """
    # Who may not do so can still delete: the group is then named at the end if it is left.
    with contextlib.suppress(ServiceError):
        for group, arn in _groups(clients, endpoint):
            if group == _PLACE + endpoint:
                with aws_errors(f"tagging log group {group}"):
                    clients.logs.tag_resource(resourceArn=arn, tags={TAG: prefix})


def delete_logs(
    clients: StackClients,
    prefix: str,
    *,
    deleted: Collection[str],
    there: Collection[str],
    dry_run: bool,
    untagged: bool,
) -> Iterator[Step]:
    """Delete log groups of endpoints that are gone, whichever run deleted them.

    Parameters
    ----------
    clients : StackClients
    prefix : str
        Endpoints' names begin with it and a hyphen.
    deleted : collection of str
        Endpoints that went in this run.
    there : collection of str
        Endpoints that stay: their logs do too.
    dry_run : bool
        Only tell.
    untagged : bool
        Whether the name alone is enough.

    Yields
    ------
    Step
        For each group. One that may be another stack's is kept, and named.
    """
    for group, arn in list(_groups(clients, f"{prefix}-")):
        endpoint = group.removeprefix(_PLACE)
        if endpoint in there and endpoint not in deleted:
            continue
        if endpoint in deleted or untagged or _has_tag(clients, arn, prefix):
            act = partial(clients.logs.delete_log_group, logGroupName=group)
            yield attempt(KIND, group, act, dry_run)
        else:
            reason = f"its endpoint is gone, and it has no tag {TAG}={prefix}: is it this stack's?"
            yield Step(KIND, group, "kept", reason)


def _groups(clients: StackClients, name: str) -> Iterator[tuple[str, str]]:
    with aws_errors("listing log groups of endpoints"):
        pages = clients.logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=_PLACE + name
        )
        for page in pages:
            for one in page["logGroups"]:
                yield one["logGroupName"], one["arn"].removesuffix(":*")


def _has_tag(clients: StackClients, arn: str, prefix: str) -> bool:
    try:
        with aws_errors(f"reading tags of {arn}"):
            told: dict[str, Any] = clients.logs.list_tags_for_resource(resourceArn=arn)["tags"]
    except ServiceError as error:
        if is_absent(error):
            return False
        raise
    return told.get(TAG) == prefix
