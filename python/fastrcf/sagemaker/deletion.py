"""Everything that an endpoint consists of, deleted: at once, in part, again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fastrcf.sagemaker._session import Clients, split_uri
from fastrcf.sagemaker.deployment import schedule_name
from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = Literal["deleted", "absent", "would be deleted", "failed", "kept"]


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


def delete(name: str, *, data: bool = False, dry_run: bool = False, session: Any = None) -> Deleted:
    """Delete an endpoint, its configuration and models, and the schedule of its end.

    What is not there any more is passed over, so a call can be repeated until all is
    gone. What cannot be deleted does not keep the rest,
    but for the endpoint: while it is there, so is what it stands on.

    Parameters
    ----------
    name : str
        Of the endpoint. Where it is gone already, configuration and model of the same
        name are deleted, as :func:`deploy` names them.
    data : bool, default False
        Whether ``model.tar.gz`` of its models goes too. Prefixes of multi-model
        endpoints, which may hold other things, are kept.
    dry_run : bool, default False
        Only tell what would be deleted.
    session : boto3.Session or session of Amazon's SDK, optional
        Default: boto3's.

    Returns
    -------
    Deleted

    Raises
    ------
    ServiceError
        If something could not be deleted, at the end; the message names it.
    """
    clients = Clients.of(session)
    sagemaker = clients.sagemaker
    endpoint = _ask(f"endpoint {name}", lambda: sagemaker.describe_endpoint(EndpointName=name))
    config_name = (endpoint or {}).get("EndpointConfigName", name)
    config = _ask(
        f"endpoint configuration {config_name}",
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config_name),
    )
    variants = (config or {}).get("ProductionVariants", [])
    names = dict.fromkeys(v["ModelName"] for v in variants if v.get("ModelName"))
    models = {
        model: _ask(f"model {model}", partial(sagemaker.describe_model, ModelName=model))
        for model in (names or {name: None})
    }

    steps: list[Step] = []

    def step(kind: str, what: str, there: bool, act: Callable[[], Any]) -> None:
        if there and steps and steps[0].outcome == "failed":
            # AWS forbids to take the configuration from under an endpoint.
            steps.append(Step(kind, what, "kept", "the endpoint is still there"))
            return
        steps.append(_step(kind, what, there, act, dry_run))

    step(
        "endpoint",
        name,
        endpoint is not None,
        lambda: sagemaker.delete_endpoint(EndpointName=name),
    )
    step(
        "endpoint configuration",
        config_name,
        config is not None,
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=config_name),
    )
    for model, known in models.items():
        step(
            "model",
            model,
            known is not None,
            partial(sagemaker.delete_model, ModelName=model),
        )
    if data and steps[0].outcome != "failed":
        for known in models.values():
            steps += _data(clients, known or {}, dry_run)
    steps += _end(clients, name, dry_run)
    result = Deleted(tuple(steps))
    if result.failed:
        raise ServiceError("not all was deleted, try again: " + "; ".join(map(str, result.failed)))
    return result


def _ask(what: str, describe: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Describe something; None where it does not exist."""
    try:
        with aws_errors(what):
            return describe()
    except ServiceError as error:
        if is_absent(error):
            return None
        raise


def _step(kind: str, name: str, there: bool, act: Callable[[], Any], dry_run: bool) -> Step:
    return attempt(kind, name, act, dry_run) if there else Step(kind, name, "absent")


def attempt(kind: str, name: str, act: Callable[[], Any], dry_run: bool) -> Step:
    """Delete one thing and say what became of it."""
    if dry_run:
        return Step(kind, name, "would be deleted")
    try:
        with aws_errors(f"deleting {kind} {name}"):
            act()
    except ServiceError as error:
        if is_absent(error):
            return Step(kind, name, "absent")
        return Step(kind, name, "failed", str(error))
    return Step(kind, name, "deleted")


def _data(clients: Clients, model: dict[str, Any], dry_run: bool) -> list[Step]:
    container = model.get("PrimaryContainer") or {}
    uri = container.get("ModelDataUrl")
    if not uri:
        return []
    bucket, key = split_uri(uri, "ModelDataUrl")
    if container.get("Mode") == "MultiModel" or not key.endswith(".tar.gz"):
        return [Step("model data", uri, "kept", "a prefix may hold other things")]

    def act() -> None:
        clients.s3.delete_object(Bucket=bucket, Key=key)

    there = _ask(uri, lambda: clients.s3.head_object(Bucket=bucket, Key=key)) is not None
    return [_step("model data", uri, there, act, dry_run)]


def _end(clients: Clients, name: str, dry_run: bool) -> list[Step]:
    """Delete the schedule, of which most endpoints have none and many users no right to ask."""
    schedule = schedule_name(name)
    try:
        if _ask("schedule", lambda: clients.scheduler.get_schedule(Name=schedule)) is None:
            return []
    except ServiceError as error:
        if error.code not in ("AccessDenied", "AccessDeniedException"):
            return [Step("schedule", schedule, "failed", str(error))]
        return []

    def act() -> None:
        clients.scheduler.delete_schedule(Name=schedule)

    return [_step("schedule", schedule, True, act, dry_run)]
