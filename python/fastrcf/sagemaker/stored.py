"""What a training job left in S3, and what was uploaded for it, deleted: nothing else."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker._session import split_uri
from fastrcf.sagemaker.channel import DISTRIBUTION, OBJECT
from fastrcf.sagemaker.errors import ServiceError, aws_errors
from fastrcf.sagemaker.steps import Step, ask, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf.sagemaker._session import Clients

# Where SageMaker puts the model of a job, below the job's output.
_OF_JOB = re.compile(r"s3://.*/([^/]+)/output/model\.tar\.gz")


def of_model(clients: Clients, described: dict[str, Any], dry_run: bool) -> list[Step]:
    """Delete what a model was made from.

    ``model.tar.gz``, and the rows that :func:`train` uploaded for the job that made it.

    Parameters
    ----------
    clients : Clients
    described : dict
        What AWS says of the model.
    dry_run : bool
        Only tell.
    """
    container = described.get("PrimaryContainer") or {}
    uri = container.get("ModelDataUrl")
    if not uri:
        return []
    if container.get("Mode") == "MultiModel" or not uri.endswith(".tar.gz"):
        return [Step("model data", uri, "kept", "a prefix may hold other things")]
    steps = []
    found = _OF_JOB.fullmatch(uri)
    if found is not None:
        name = found[1]
        try:
            job = ask(
                f"training job {name}",
                lambda: clients.sagemaker.describe_training_job(TrainingJobName=name),
            )
        except ServiceError as error:
            steps.append(Step("training data", f"of {name}", "failed", str(error)))
        else:
            # Another job of this name may have been in another account or region.
            if job is not None and _model_of(job) == uri:
                steps += _channels(clients, job, dry_run)
    return [*steps, _model_data(clients, uri, dry_run)]


def of_job(clients: Clients, job: dict[str, Any], dry_run: bool) -> list[Step]:
    """Delete the model of a training job, and the rows that :func:`train` uploaded for it.

    Parameters
    ----------
    clients : Clients
    job : dict
        What AWS says of the job.
    dry_run : bool
        Only tell.
    """
    status = job["TrainingJobStatus"]
    if status in ("InProgress", "Stopping"):
        return [Step("training data", f"of {job['TrainingJobName']}", "failed", f"it is {status}")]
    uri = _model_of(job)
    steps = _channels(clients, job, dry_run)
    return [*steps, _model_data(clients, uri, dry_run)] if uri else steps


def uploaded(job: dict[str, Any]) -> list[str]:
    """Give the prefixes that :func:`train` uploaded rows to: below the job's own, no others."""
    own = f"{job['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}"
    found = []
    for channel in job.get("InputDataConfig", []):
        name = channel["ChannelName"]
        uri = channel["DataSource"].get("S3DataSource", {}).get("S3Uri")
        if name in DISTRIBUTION and uri == f"{own}/{name}/":
            found.append(uri)
    return found


def _model_of(job: dict[str, Any]) -> str:
    return str(job.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""))


def _channels(clients: Clients, job: dict[str, Any], dry_run: bool) -> list[Step]:
    return [_channel(clients, uri, dry_run) for uri in uploaded(job)]


def _channel(clients: Clients, uri: str, dry_run: bool) -> Step:
    bucket, prefix = split_uri(uri)
    keys = []
    try:
        with aws_errors(f"listing {uri}"):
            pages = clients.s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{prefix}/"
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    except ServiceError as error:
        return Step("training data", uri, "failed", str(error))
    ours = [key for key in keys if OBJECT.fullmatch(key.removeprefix(f"{prefix}/"))]
    said = f"{len(ours)} object{'s' * (len(ours) != 1)}"
    if len(keys) > len(ours):
        said += f"; {len(keys) - len(ours)} that no upload wrote stay"
    if not ours:
        return Step("training data", uri, "kept" if keys else "absent", said if keys else "")
    acts: list[Callable[[], Any]] = [
        partial(clients.s3.delete_object, Bucket=bucket, Key=key) for key in ours
    ]
    return attempt("training data", uri, lambda: [act() for act in acts], dry_run, said)


def _model_data(clients: Clients, uri: str, dry_run: bool) -> Step:
    try:
        bucket, key = split_uri(uri, "ModelDataUrl")
        there = ask(uri, lambda: clients.s3.head_object(Bucket=bucket, Key=key))
    except ServiceError as error:
        return Step("model data", uri, "failed", str(error))
    if there is None:
        return Step("model data", uri, "absent")
    act = partial(clients.s3.delete_object, Bucket=bucket, Key=key)
    return attempt("model data", uri, act, dry_run)
