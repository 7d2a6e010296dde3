"""All of a stack, deleted: to the last version, at once or in several runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent
from fastrcf.sagemaker.steps import Step, attempt
from fastrcf.stack import events
from fastrcf.stack.emptying import content_of, delete_bucket
from fastrcf.stack.endpoint_logs import KIND as _LOGS
from fastrcf.stack.endpoint_logs import delete_logs
from fastrcf.stack.endpoints import delete_endpoints, endpoint_names
from fastrcf.stack.leftovers import tagged
from fastrcf.stack.names import TAG, Names, check_prefix
from fastrcf.stack.state import find_deleted, find_stack
from fastrcf.stack.uploads import bucket_is_there

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.state import Stack

_BUCKET, _STACK = "bucket", "stack"


@dataclass(frozen=True)
class Destroyed:
    """What became of everything.

    Attributes
    ----------
    steps : tuple of Step
        In the order in which they were tried.
    leftovers : tuple of str or None
        ARNs that still have the tag; None where AWS did not say.
    """

    steps: tuple[Step, ...]
    leftovers: tuple[str, ...] | None

    @property
    def failed(self) -> tuple[Step, ...]:
        """What is still there though it should not."""
        return tuple(step for step in self.steps if step.outcome == "failed")


def destroy(
    clients: StackClients,
    prefix: str,
    *,
    dry_run: bool = False,
    keep_data: bool = False,
    keep_logs: bool = False,
    untagged: bool = False,
    tell: Callable[[Step], Any] = lambda step: None,
    tell_count: Callable[[str, int], Any] = lambda bucket, count: None,
    on_event: Callable[[events.Event], Any] = lambda event: None,
    poll: float = 5.0,
    timeout: float = 3600.0,
) -> Destroyed:
    """Delete endpoints, configurations, models, the stack, its buckets and its logs.

    Buckets come after the stack, since while it is there Firehose writes to them; what
    the template keeps on purpose is deleted here. What is gone is passed over, and what
    cannot be deleted does not keep the rest: a call can be repeated until all is gone.

    Parameters
    ----------
    clients : StackClients
    prefix : str
        The stack's name, and first part of all others.
    dry_run : bool
        Only tell what would be deleted.
    keep_data, keep_logs : bool
        Whether buckets, or log groups, stay.
    untagged : bool
        Whether what has a fitting name but not the stack's tag goes too.
    tell, tell_count, on_event : callable
        Get every step, how much of a bucket is gone, and CloudFormation's events.
    poll, timeout : float
        Seconds between two questions, and until it is given up.

    Raises
    ------
    ServiceError
        If AWS refuses to list what there is.
    """
    names = Names(check_prefix(prefix), clients.account, clients.region)
    steps: list[Step] = []

    def note(step: Step) -> None:
        steps.append(step)
        tell(step)

    found = find_stack(clients, prefix)
    # For the API's id, after a run that was interrupted behind the stack.
    last = found or find_deleted(clients, prefix)
    for step in delete_endpoints(clients, prefix, dry_run=dry_run, untagged=untagged):
        note(step)
    if found is not None:
        for step in _stack(clients, found, prefix, dry_run, untagged, on_event, poll, timeout):
            note(step)
    stays = any(step.kind == _STACK and step.outcome in ("failed", "kept") for step in steps)
    for bucket in names.buckets:
        if stays or keep_data:
            why = "asked to keep data" if keep_data else "the stack is still there"
            if bucket_is_there(clients, bucket):
                note(Step(_BUCKET, bucket, "kept", why))
        else:
            step_or_none = _bucket(clients, bucket, prefix, dry_run, untagged, tell_count)
            if step_or_none is not None:
                note(step_or_none)
    if not (stays or keep_logs):
        groups = list(names.log_groups)
        if last is not None and "ApiId" in last.outputs:
            groups.append(f"API-Gateway-Execution-Logs_{last.outputs['ApiId']}/prod")
        for group in groups:
            if _group_is_there(clients, group):
                act = partial(clients.logs.delete_log_group, logGroupName=group)
                note(attempt(_LOGS, group, act, dry_run))
        went = ("deleted", "would be deleted")
        for step in delete_logs(
            clients,
            prefix,
            deleted={s.name for s in steps if s.kind == "endpoint" and s.outcome in went},
            there=endpoint_names(clients, prefix),
            dry_run=dry_run,
            untagged=untagged,
        ):
            note(step)
    return Destroyed(tuple(steps), _leftovers(clients, prefix))


def _stack(
    clients: StackClients,
    stack: Stack,
    prefix: str,
    dry_run: bool,
    untagged: bool,
    on_event: Callable[[events.Event], Any],
    poll: float,
    timeout: float,
) -> Iterator[Step]:
    # One whose first change set was never run has no tags yet, and nothing to lose.
    if stack.exists and stack.tags.get(TAG) != prefix and not untagged:
        yield Step(_STACK, stack.name, "kept", f"has no tag {TAG}={prefix}: is it this one?")
        return
    if stack.parameters.get("AccessLogs") == "create-role":
        reason = "other APIs of the account and region may log by it"
        yield Step("role of gateway logs", f"{prefix} GatewayLogRole", "kept", reason)
    if dry_run:
        yield from _resources(clients, stack)
        yield Step(_STACK, stack.name, "would be deleted")
        return
    try:
        last = events.newest(clients, stack.id)
        if stack.status != "DELETE_IN_PROGRESS":
            with aws_errors(f"deleting stack {stack.name}"):
                clients.cloudformation.delete_stack(StackName=stack.id)
        left = events.follow(clients, stack.id, last, poll=poll, timeout=timeout, tell=on_event)
    except ServiceError as error:
        if error.code != "DELETE_COMPLETE":
            yield Step(_STACK, stack.name, "failed", str(error))
            return
    else:
        if left.status != "DELETE_COMPLETE":
            yield Step(_STACK, stack.name, "failed", f"it is still {left.status}")
            return
    yield Step(_STACK, stack.name, "deleted")


def _resources(clients: StackClients, stack: Stack) -> Iterator[Step]:
    with aws_errors(f"listing resources of {stack.name}"):
        pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=stack.id
        )
        for page in pages:
            for one in page["StackResourceSummaries"]:
                # Buckets have a line of their own.
                if one["ResourceType"] != "AWS::S3::Bucket":
                    name = one.get("PhysicalResourceId") or one["LogicalResourceId"]
                    yield Step(one["ResourceType"], name, "would be deleted")


def _bucket(
    clients: StackClients,
    bucket: str,
    prefix: str,
    dry_run: bool,
    untagged: bool,
    tell_count: Callable[[str, int], Any],
) -> Step | None:
    if not bucket_is_there(clients, bucket):
        return None
    if not (untagged or _has_tag(clients, bucket, prefix)):
        return Step(_BUCKET, bucket, "kept", f"has no tag {TAG}={prefix}")
    if dry_run:
        held = content_of(clients, bucket)
        told = f"{held.versions:,} versions and markers, {held.size / 2**20:,.1f} MB"
        uploads = f", {held.uploads} unfinished uploads" if held.uploads else ""
        return Step(_BUCKET, bucket, "would be deleted", told + uploads)
    try:
        count = delete_bucket(clients, bucket, partial(tell_count, bucket))
    except ServiceError as error:
        return Step(_BUCKET, bucket, "failed", str(error))
    return Step(_BUCKET, bucket, "deleted", f"{count:,} versions, markers and uploads")


def _has_tag(clients: StackClients, bucket: str, prefix: str) -> bool:
    try:
        with aws_errors(f"reading tags of bucket {bucket}"):
            told = clients.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ServiceError as error:
        if error.code == "NoSuchTagSet" or is_absent(error):
            return False
        raise
    return {"Key": TAG, "Value": prefix} in told


def _group_is_there(clients: StackClients, group: str) -> bool:
    with aws_errors(f"looking for log group {group}"):
        told = clients.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    return any(one["logGroupName"] == group for one in told)


def _leftovers(clients: StackClients, prefix: str) -> tuple[str, ...] | None:
    try:
        return tagged(clients, prefix)
    except ServiceError:
        # Few users may search the whole account; what was deleted is told either way.
        return None
