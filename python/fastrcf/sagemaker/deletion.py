"""Everything that an endpoint consists of, deleted: at once, in part, again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker import schedules, stored
from fastrcf.sagemaker._session import Clients
from fastrcf.sagemaker.leaving import WAIT, Leaving, Patience
from fastrcf.sagemaker.steps import Deleted, Step, ask, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

_THERE = ("failed", "kept")


def delete(
    name: str,
    *,
    data: bool = False,
    dry_run: bool = False,
    wait: float = WAIT,
    poll: float = 15.0,
    tell: Callable[[str], Any] | None = None,
    session: Any = None,
) -> Deleted:
    """Delete an endpoint, its models and configuration, and the schedule of its end.

    What is not there any more is passed over, so a call can be repeated until all is
    gone: what others are found by is deleted after them. While the endpoint is there,
    so is all that it stands on, and the schedule that will end it.

    Parameters
    ----------
    name : str
        Of the endpoint. Where it is gone already, configuration and model of the same
        name are deleted, as :func:`deploy` names them.
    data : bool, default False
        Whether ``model.tar.gz`` of its models goes too, and the rows that :func:`train`
        uploaded for the jobs that made them. Rows that were in S3 before, and prefixes of
        multi-model endpoints, which may hold other things, are kept.
    dry_run : bool, default False
        Only tell what would be deleted; nothing is waited for.
    wait : float, default 3600
        Seconds: AWS does not delete an endpoint that is being created or changed. So long
        that is waited out; 0 tries once.
    poll : float, default 15
        Seconds between two questions.
    tell : callable, optional
        Gets text when there is something to wait for.
    session : boto3.Session or session of Amazon's SDK, optional
        Default: boto3's.

    Returns
    -------
    Deleted
        An endpoint that AWS was deleting before is "being deleted".

    Raises
    ------
    InvalidParameterError
        If ``wait`` or ``poll`` is no number of seconds.
    ServiceError
        If something could not be deleted, at the end; the message names it.
    """
    patience = Patience(0.0 if dry_run else wait, poll, tell)
    clients = Clients.of(session)
    sagemaker = clients.sagemaker
    endpoint = Leaving(sagemaker, name, patience)
    endpoint.settle()
    config_name = endpoint.config_name
    config = ask(
        f"endpoint configuration {config_name}",
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config_name),
    )
    variants = (config or {}).get("ProductionVariants", [])
    names = dict.fromkeys(v["ModelName"] for v in variants if v.get("ModelName"))
    models = {
        model: ask(f"model {model}", partial(sagemaker.describe_model, ModelName=model))
        for model in (names or {name: None})
    }

    steps = [endpoint.end(dry_run)]
    # AWS forbids to take the configuration from under an endpoint.
    blocked = "the endpoint is still there" if steps[0].outcome == "failed" else ""
    left = ""
    for model, known in models.items():
        keep = blocked
        if data and known and not blocked:
            told = stored.of_model(clients, known, dry_run)
            steps += told
            if any(step.outcome == "failed" for step in told):
                keep = "its data is still there, and is found by it"
        act = partial(sagemaker.delete_model, ModelName=model)
        steps.append(_step("model", model, known is not None, act, dry_run, keep))
        if steps[-1].outcome in _THERE:
            left = f"model {model} is still there, and is found by it"
    steps.append(
        _step(
            "endpoint configuration",
            config_name,
            config is not None,
            lambda: sagemaker.delete_endpoint_config(EndpointConfigName=config_name),
            dry_run,
            blocked or left,
        )
    )
    steps += schedules.ENDPOINT.delete(clients, name, dry_run, blocked)
    return Deleted(tuple(steps)).or_raise()


def _step(
    kind: str, name: str, there: bool, act: Callable[[], Any], dry_run: bool, keep: str
) -> Step:
    if not there:
        return Step(kind, name, "absent")
    return Step(kind, name, "kept", keep) if keep else attempt(kind, name, act, dry_run)
