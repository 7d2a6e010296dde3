"""Endpoints, configurations and models that belong to a stack, deleted in the order AWS needs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.deletion import delete as delete_endpoint
from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent
from fastrcf.sagemaker.steps import Step, attempt
from fastrcf.stack.endpoint_logs import mark
from fastrcf.stack.names import TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrcf.stack._clients import StackClients

# Kind, the list's call, its key, and what a member's name and ARN are called there.
_LISTS = {
    "endpoint": ("list_endpoints", "Endpoints", "EndpointName", "EndpointArn"),
    "endpoint configuration": (
        "list_endpoint_configs",
        "EndpointConfigs",
        "EndpointConfigName",
        "EndpointConfigArn",
    ),
    "model": ("list_models", "Models", "ModelName", "ModelArn"),
}


def delete_endpoints(
    clients: StackClients, prefix: str, *, dry_run: bool, untagged: bool
) -> Iterator[Step]:
    """Delete endpoints with all they stand on, then other configurations, then other models.

    One of a stack begins with its prefix and a hyphen, and has the tag. Without the tag
    it may be another stack's, whose prefix begins with this one: it is kept.

    Parameters
    ----------
    clients : StackClients
    prefix : str
    dry_run : bool
        Only tell.
    untagged : bool
        Whether the name alone is enough.

    Yields
    ------
    Step
        For each, once it is tried.
    """
    blocked = False
    done: set[tuple[str, str]] = set()
    for kind in _LISTS:
        for name, arn in list(_members(clients, kind, prefix)):
            if (kind, name) in done:
                continue
            if not (untagged or _has_tag(clients, arn, prefix)):
                yield Step(kind, name, "kept", f"has no tag {TAG}={prefix}")
            elif kind == "endpoint":
                if not dry_run:
                    mark(clients, name, prefix)
                for step in _whole(clients, name, dry_run):
                    done.add((step.kind, step.name))
                    blocked |= step.outcome == "failed"
                    yield step
            elif blocked:
                # AWS forbids to take the configuration from under an endpoint.
                yield Step(kind, name, "kept", "an endpoint is still there")
            else:
                yield attempt(kind, name, _deletion(clients, kind, name), dry_run)


def endpoint_names(clients: StackClients, prefix: str) -> set[str]:
    """Give the names of endpoints that begin with a prefix and a hyphen, whoever's they are."""
    return {name for name, _ in _members(clients, "endpoint", prefix)}


def _whole(clients: StackClients, name: str, dry_run: bool) -> list[Step]:
    try:
        # What is in progress is told, and destroyed by the next call.
        told = delete_endpoint(name, dry_run=dry_run, wait=0, session=clients).steps
    except ServiceError as error:
        return [Step("endpoint", name, "failed", str(error))]
    return [step for step in told if step.outcome != "absent"]


def _deletion(clients: StackClients, kind: str, name: str) -> Callable[[], Any]:
    sagemaker = clients.sagemaker
    if kind == "model":
        return partial(sagemaker.delete_model, ModelName=name)
    return partial(sagemaker.delete_endpoint_config, EndpointConfigName=name)


def _members(clients: StackClients, kind: str, prefix: str) -> Iterator[tuple[str, str]]:
    call, key, name, arn = _LISTS[kind]
    with aws_errors(f"listing {kind}s"):
        for page in clients.sagemaker.get_paginator(call).paginate(NameContains=prefix):
            for one in page[key]:
                if one[name].startswith(f"{prefix}-"):
                    yield one[name], one[arn]


def _has_tag(clients: StackClients, arn: str, prefix: str) -> bool:
    try:
        with aws_errors(f"reading tags of {arn}"):
            told = clients.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    except ServiceError as error:
        if is_absent(error):
            return False
        raise
    return {"Key": TAG, "Value": prefix} in told
