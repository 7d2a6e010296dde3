"""A model becomes an endpoint: model, configuration, endpoint, and when it ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastrcf._parameters import count
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker._session import Clients, check_name, check_role, new_name, tag_list
from fastrcf.sagemaker.cost import Prices, accept
from fastrcf.sagemaker.endpoint import Endpoint, Serverless
from fastrcf.sagemaker.errors import aws_errors, may_be_made
from fastrcf.sagemaker.image import check_image
from fastrcf.sagemaker.leaving import MAY_BE_THERE, end_unanswered, warn
from fastrcf.sagemaker.model import Model
from fastrcf.sagemaker.schedules import ENDPOINT
from fastrcf.sagemaker.training import TrainingJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIANT = "AllTraffic"


def deploy(
    model: TrainingJob | Model | str,
    *,
    role: str | None = None,
    accept_cost: bool = False,
    name: str | None = None,
    instance_type: str = "ml.c5.xlarge",
    instance_count: int = 1,
    serverless: Serverless | None = None,
    multi_model: bool = False,
    image: str | None = None,
    delete_after: float | None = None,
    scheduler_role: str | None = None,
    tags: Mapping[str, str] | None = None,
    session: Any = None,
    prices: Prices | None = None,
    tell: Callable[[str], Any] | None = None,
    **calling: Any,
) -> Endpoint:
    """Begin an endpoint; it answers once :meth:`Endpoint.wait` returns.

    Parameters
    ----------
    model : TrainingJob, Model or str
        A completed job, a model, or the S3 URI of a ``model.tar.gz`` (with
        ``multi_model`` of a prefix with many).
    role : str
        ARN of the role that the container takes on; not needed for a :class:`Model`.
    accept_cost : bool, default False
        That it may cost what the estimate says. Without, nothing happens.
    name : str, optional
        Of the endpoint, its configuration and its model; default: a new one.
    instance_type, instance_count
        What it runs on, unless it is serverless. Amazon advises ml.c5.xlarge.
    serverless : Serverless, optional
        Makes it serverless.
    multi_model : bool, default False
        Many models behind one endpoint; calls then name one.
    image : str, optional
        Default: a job's own, else the managed algorithm's.
    delete_after : float, optional
        Seconds after which AWS deletes the endpoint by itself, also if this program
        is long gone: a schedule of EventBridge does it. Needs ``scheduler_role``.
        What costs nothing, model and configuration, stays for :func:`delete`.
    scheduler_role : str, optional
        ARN of a role that EventBridge Scheduler may take on and that allows
        ``sagemaker:DeleteEndpoint``.
    tags : mapping of str to str, optional
        Of endpoint and configuration.
    session : boto3.Session or session of Amazon's SDK, optional
        Default: the job's or model's own, else boto3's.
    prices, tell
        See :func:`train`.
    **calling
        Of :class:`Endpoint`: ``format``, ``max_payload``, ``workers``, ``model``.

    Returns
    -------
    Endpoint

    Raises
    ------
    CostNotAcceptedError
        Without ``accept_cost``; the message has the estimate.
    InvalidParameterError
        If a parameter cannot be used; nothing was created.
    ServiceError
        If AWS refuses; what had been created is deleted again.
    """
    if session is None and not isinstance(model, str):
        session = model.clients
    clients = Clients.of(session)
    name = check_name(name or new_name("rcf"))
    if serverless is not None and multi_model:
        raise InvalidParameterError("serverless: such an endpoint has one model, not many")
    if multi_model and isinstance(model, TrainingJob):
        raise InvalidParameterError(
            "multi_model: a job has one model; give the S3 prefix that holds many"
        )
    if role is None and not isinstance(model, Model):
        raise InvalidParameterError("role: needed to make a model")
    if role is not None:
        check_role(role)
    if image is not None:
        check_image(image)
    ends = ENDPOINT.time(delete_after, scheduler_role)
    given = tag_list(tags)
    marks: dict[str, Any] = {"Tags": given} if given else {}
    instance_count = count("instance_count", instance_count, 1)
    endpoint = Endpoint(name, clients, **calling)
    table = prices or Prices.load()
    what, region = f"endpoint {name}", clients.region
    hours = None if delete_after is None else delete_after / 3600
    if serverless is not None:
        estimate = table.serverless(what, serverless.memory_mb, region)
    else:
        estimate = table.instances(what, instance_type, instance_count, region, hours)
    accept(estimate, accept_cost, tell)

    undo: list[Callable[[], Any]] = []
    asked = False
    sagemaker = clients.sagemaker
    try:
        if not isinstance(model, Model):
            if isinstance(model, TrainingJob):
                image, model = image or model.image, model.model_data
            model = Model.create(
                model,
                role=str(role),
                name=name,
                image=image,
                multi_model=multi_model,
                session=clients,
            )
            undo.append(lambda: sagemaker.delete_model(ModelName=name))
        variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": model.name}
        if serverless is not None:
            variant["ServerlessConfig"] = {
                "MemorySizeInMB": serverless.memory_mb,
                "MaxConcurrency": serverless.max_concurrency,
            }
        else:
            variant |= {
                "InstanceType": instance_type,
                "InitialInstanceCount": instance_count,
                "InitialVariantWeight": 1.0,
            }
        with aws_errors(f"creating the configuration of endpoint {name}"):
            sagemaker.create_endpoint_config(
                EndpointConfigName=name, ProductionVariants=[variant], **marks
            )
        undo.append(lambda: sagemaker.delete_endpoint_config(EndpointConfigName=name))
        if ends is not None:
            # First, so that there is never an endpoint without an end.
            ENDPOINT.create(clients, name, ends, str(scheduler_role))
            undo.append(lambda: ENDPOINT.cancel(clients, name))
        asked = True
        with aws_errors(f"creating endpoint {name}"):
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, **marks)
    except BaseException as error:
        if asked and may_be_made(error) and not _ended(clients, name, tell or warn):
            # Its configuration, and above all its end, stay with it.
            raise
        for step in reversed(undo):
            with suppress(Exception):
                step()
        raise
    return endpoint


def _ended(clients: Clients, name: str, tell: Callable[[str], Any]) -> bool:
    """End an endpoint whose making was interrupted, or say that it may be there."""
    gone = False
    try:
        gone = end_unanswered(clients.sagemaker, name, tell)
    except Exception as error:
        tell(f"endpoint {name}: {error}")
    finally:
        if not gone:
            tell(MAY_BE_THERE.format(name))
    return gone
