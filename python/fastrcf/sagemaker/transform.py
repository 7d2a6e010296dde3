"""Batch transform: scores of data in S3, without an endpoint."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf._parameters import count
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker._named import ByName, Job
from fastrcf.sagemaker._session import check_name, new_name, split_uri
from fastrcf.sagemaker.cost import Prices, accept
from fastrcf.sagemaker.errors import (
    ResponseError,
    ServiceError,
    aws_errors,
    is_refusal,
    may_be_made,
)
from fastrcf.sagemaker.payload import CONTENT_TYPES, parse_scores
from fastrcf.sagemaker.schedules import TRANSFORM
from fastrcf.sagemaker.steps import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf._typing import Floats
    from fastrcf.sagemaker._session import Clients
    from fastrcf.sagemaker.model import Model

_SPLIT = {"csv": "Line", "jsonlines": "Line", "recordio": "RecordIO", "json": "None"}
_ACCEPT = "application/jsonlines"
# The most that the service holds in memory: requests at a time by megabytes each.
_MAX_MB = 100


@dataclass(frozen=True)
class BatchTransform(ByName, Job):
    """A batch transform job in AWS."""

    _words, _aws = "batch transform", "transform_job"

    @classmethod
    def create(
        cls,
        model: Model,
        *,
        data: str,
        output: str,
        format: Literal["csv", "json", "jsonlines", "recordio"] = "csv",
        accept_cost: bool = False,
        name: str | None = None,
        instance_type: str = "ml.c5.xlarge",
        instance_count: int = 1,
        max_payload_mb: int = 6,
        max_concurrent: int = 1,
        stop_after: float | None = None,
        scheduler_role: str | None = None,
        prices: Prices | None = None,
        tell: Callable[[str], Any] | None = None,
    ) -> BatchTransform:
        """Begin a job.

        Parameters
        ----------
        model : Model
            What scores.
        data, output : str
            S3 prefixes: of the rows, without a line of names, and for the scores, an
            object each with ``.out`` behind its name.
        format : {"csv", "json", "jsonlines", "recordio"}
            Of the rows. JSON is not cut: each object is one request.
        accept_cost : bool, default False
            That it may cost what the estimate says. Without, nothing happens.
        name : str, optional
            Default: a new one.
        instance_type, instance_count
            What it runs on.
        max_payload_mb, max_concurrent : int
            Of a request, and how many go at a time: together at most 100 MB.
        stop_after : float, optional
            Seconds after which AWS stops the job by itself, also if this program is long
            gone: a schedule of EventBridge does it, since a batch transform knows no limit
            of time. Needs ``scheduler_role``.
        scheduler_role : str, optional
            ARN of a role that EventBridge Scheduler may take on and that allows
            ``sagemaker:StopTransformJob``.
        prices, tell
            See :func:`train`.

        Raises
        ------
        CostNotAcceptedError, InvalidParameterError, ServiceError
            As :func:`train`; where AWS refuses the job, its schedule is deleted again.
        """
        if format not in _SPLIT:
            raise InvalidParameterError(f"format: {format!r} is none of {', '.join(_SPLIT)}")
        split_uri(data, "data")
        split_uri(output, "output")
        payload = count("max_payload_mb", max_payload_mb, 1)
        concurrent = count("max_concurrent", max_concurrent, 1)
        if payload * concurrent > _MAX_MB:
            raise InvalidParameterError(
                f"max_concurrent: {concurrent} requests of {payload} MB are more than {_MAX_MB} MB"
            )
        clients = model.clients
        name = check_name(name or new_name("transform"))
        table = prices or Prices.load()
        n = count("instance_count", instance_count, 1)
        ends = TRANSFORM.time(stop_after, scheduler_role)
        hours = None if stop_after is None else stop_after / 3600
        what = f"batch transform {name}"
        accept(
            table.instances(what, instance_type, n, clients.region, hours, "it is done"),
            accept_cost,
            tell,
        )
        split = _SPLIT[format]
        request = {
            "TransformJobName": name,
            "ModelName": model.name,
            "MaxPayloadInMB": payload,
            "MaxConcurrentTransforms": concurrent,
            "BatchStrategy": "SingleRecord" if split == "None" else "MultiRecord",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
                "ContentType": CONTENT_TYPES[format],
                "CompressionType": "None",
                "SplitType": split,
            },
            "TransformOutput": {
                "S3OutputPath": output.rstrip("/"),
                "Accept": _ACCEPT,
                "AssembleWith": "Line",
            },
            "TransformResources": {"InstanceType": instance_type, "InstanceCount": n},
        }
        if ends is not None:
            # First, so that there is never a job without an end.
            TRANSFORM.create(clients, name, ends, str(scheduler_role))
        try:
            with aws_errors(f"creating {what}"):
                clients.sagemaker.create_transform_job(**request)
        except BaseException as error:
            # Where no answer came there may be a job, and its end stays with it.
            if ends is not None and not _may_be_ours(clients, name, error):
                with suppress(Exception):
                    TRANSFORM.cancel(clients, name)
            raise
        return cls(name, clients)

    def scores(self) -> dict[str, Floats]:
        """Read the scores of a completed job.

        Returns
        -------
        dict of str to numpy.ndarray of float64
            By the name of the object with the rows, below the prefix; in the order of
            these names.

        Raises
        ------
        ResponseError
            If an object is no list of scores.
        ServiceError
            If there are none.
        """
        bucket, prefix = split_uri(self.describe()["TransformOutput"]["S3OutputPath"], "output")
        out: dict[str, Floats] = {}
        with aws_errors(f"reading the scores of {self._said}"):
            start = f"{prefix}/" if prefix else ""
            pages = self.clients.s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=start
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
            for key in sorted(key for key in keys if key.endswith(".out")):
                body = self.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                n = sum(1 for line in body.splitlines() if line.strip())
                try:
                    scores = parse_scores(body, _ACCEPT, n)
                except ResponseError as error:
                    raise ResponseError(f"s3://{bucket}/{key}: {error}") from None
                out[key.removeprefix(start).removesuffix(".out")] = np.asarray(scores)
        if not out:
            raise ServiceError(f"{self._said}: no scores below s3://{bucket}/{prefix}")
        return out


def _may_be_ours(clients: Clients, name: str, error: BaseException) -> bool:
    """Whether a call that ended in an error may have made the job: it is not older than its end."""
    if not may_be_made(error):
        return False
    if not is_refusal(error):
        return True
    try:
        job = ask(
            f"batch transform {name}",
            lambda: clients.sagemaker.describe_transform_job(TransformJobName=name),
        )
        if job is None:
            return False
        with aws_errors("schedule"):
            schedule = clients.scheduler.get_schedule(Name=TRANSFORM.name(name))
    except ServiceError:
        # Not known: a job without an end would cost the most.
        return True
    return bool(job["CreationTime"] >= schedule["CreationDate"])
