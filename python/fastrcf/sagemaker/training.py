"""Training jobs of the managed random cut forest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf._parameters import count
from fastrcf.container.hyperparameters import parse
from fastrcf.container.metrics import METRIC_DEFINITIONS
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker._named import ByName, Job
from fastrcf.sagemaker._session import (
    Clients,
    check_name,
    check_role,
    new_name,
    split_uri,
    tag_list,
)
from fastrcf.sagemaker.channel import Channel, check_labels, remove, upload
from fastrcf.sagemaker.cost import Prices, accept
from fastrcf.sagemaker.errors import aws_errors, may_be_made
from fastrcf.sagemaker.hyperparameters import Hyperparameters
from fastrcf.sagemaker.image import check_image, image_uri, is_managed
from fastrcf.sagemaker.leaving import warn
from fastrcf.sagemaker.payload import single
from fastrcf.sagemaker.steps import Deleted
from fastrcf.sagemaker.stored import of_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Characters of a hyperparameter, as botocore's description of the interface has them.
MOST_TEXT = 2500
_MAY_BE_THERE = (
    "training job {0} may be there, and cost: aws sagemaker stop-training-job --training-job-name "
    "{0} ends it, fastrcf sagemaker delete {0} --job then removes its rows"
)


@dataclass(frozen=True)
class TrainingJob(ByName, Job):
    """A training job in AWS."""

    _words, _aws, _detail = "training job", "training_job", "SecondaryStatus"

    @property
    def model_data(self) -> str:
        """Where its model is, once it is completed."""
        return str(self.describe()["ModelArtifacts"]["S3ModelArtifacts"])

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What it was given."""
        described = self.describe()
        image = str(described["AlgorithmSpecification"]["TrainingImage"])
        return Hyperparameters.from_strings(described["HyperParameters"], managed=is_managed(image))

    @property
    def metrics(self) -> dict[str, float]:
        """Figures of its test channel, by name; empty where it had none."""
        found = self.describe().get("FinalMetricDataList", [])
        return {metric["MetricName"]: float(metric["Value"]) for metric in found}

    @property
    def image(self) -> str:
        """What it ran; the managed algorithm's unless another was given."""
        return str(self.describe()["AlgorithmSpecification"]["TrainingImage"])

    def delete_data(self, *, dry_run: bool = False) -> Deleted:
        """Delete what it has in S3: the rows that :func:`train` uploaded, and its model.

        Rows that were in S3 before are kept, and so is whatever else lies there.

        Parameters
        ----------
        dry_run : bool, default False
            Only tell what would be deleted.

        Raises
        ------
        ServiceError
            If something could not be deleted, or the job is in progress.
        """
        return Deleted(tuple(of_job(self.clients, self.describe(), dry_run))).or_raise()


def train(
    data: Any,
    *,
    role: str,
    output: str,
    accept_cost: bool = False,
    feature_dim: int | None = None,
    num_trees: int = 100,
    num_samples_per_tree: int = 256,
    eval_metrics: tuple[str, ...] | None = None,
    image: str | None = None,
    hyperparameters: Mapping[str, str] | None = None,
    test: Any = None,
    format: Any = "recordio",
    name: str | None = None,
    instance_type: str = "ml.c5.xlarge",
    instance_count: int = 1,
    volume_gb: int = 10,
    max_seconds: int = 3600,
    spot: bool = False,
    tags: Mapping[str, str] | None = None,
    session: Any = None,
    prices: Prices | None = None,
    tell: Callable[[str], Any] | None = None,
) -> TrainingJob:
    """Begin a training job of the managed random cut forest, or of this package's container.

    Parameters
    ----------
    data : array-like, data frame, Channel or str
        Rows, which are uploaded below ``output``; or what :func:`upload` gave; or
        the S3 prefix of data in RecordIO-protobuf, which needs ``feature_dim``
        (for CSV, or with ``image`` Parquet and FastFile mode, give a :class:`Channel`).
    role : str
        ARN of the role that the job takes on.
    output : str
        S3 prefix for the model, and for data that is uploaded.
    accept_cost : bool, default False
        That it may cost what the estimate says. Without, nothing happens.
    feature_dim, num_trees, num_samples_per_tree, eval_metrics
        See :class:`Hyperparameters`; ``feature_dim`` is known where rows are given. With
        ``image`` the ranges are the container's: any counts from 1 on, unless the
        hyperparameter ``model`` is ``"managed"``.
    image : str, optional
        This package's container (docs/container.md) in your registry, in place of the
        managed algorithm; the job's metrics are then the container's.
    hyperparameters : mapping of str to str, optional
        Further ones, which that container takes: such as ``{"model": "detector"}``.
        Numbers, truth values and lists are written as JSON.
    test : tuple of (X, labels), or Channel, optional
        Labelled rows that the job is to be measured on.
    format : {"recordio", "csv"}
        How rows are uploaded.
    name : str, optional
        Of the job; default: a new one.
    instance_type : str, default "ml.c5.xlarge"
        Amazon advises m4, c4 and c5, and no GPU.
    instance_count : int, default 1
        Needs as many objects of data, which an upload makes. This package's container
        trains on one.
    volume_gb : int, default 10
        Disk of each instance.
    max_seconds : int, default 3600
        After which AWS stops the job: what the estimate is for.
    spot : bool, default False
        Whether to take spare capacity, which is cheaper and may be interrupted.
    tags : mapping of str to str, optional
        Of the job.
    session : boto3.Session or session of Amazon's SDK, optional
        Default: boto3's.
    prices : Prices, optional
        Default: :meth:`Prices.load`.
    tell : callable, optional
        Gets the estimate as text; default: standard error.

    Returns
    -------
    TrainingJob
        The job, which has begun.

    Raises
    ------
    CostNotAcceptedError
        Without ``accept_cost``; the message has the estimate.
    InvalidInputError, InvalidParameterError
        If data or a parameter cannot be used; nothing was uploaded.
    ServiceError
        If AWS refuses; what was uploaded is removed again. Where no answer came the job
        may be there, which is told, and its rows stay.
    """
    bucket, prefix = split_uri(output, "output")
    output = f"s3://{bucket}/{prefix}".rstrip("/")
    instance_count = count("instance_count", instance_count, 1)
    max_seconds = count("max_seconds", max_seconds, 1)
    volume_gb = count("volume_gb", volume_gb, 1)
    marks = tag_list(tags)
    name = check_name(name or new_name("train"))
    check_role(role)
    if isinstance(data, str):
        data = Channel("train", data, n_features=feature_dim)
    rows = None if isinstance(data, Channel) else single(data)
    if rows is not None and not len(rows):
        raise InvalidInputError("data: there are no rows")
    width = rows.shape[1] if rows is not None else data.n_features
    if feature_dim is None:
        feature_dim = width
    if feature_dim is None:
        raise InvalidParameterError("feature_dim: needed for data that is in S3 already")
    if width is not None and feature_dim != width:
        raise InvalidParameterError(f"feature_dim: {feature_dim}, but the data has {width} columns")
    chosen = {} if eval_metrics is None else {"eval_metrics": eval_metrics}
    hyper = Hyperparameters(
        feature_dim, num_trees, num_samples_per_tree, **chosen, managed=image is None
    )
    strings = hyper.to_strings()
    if image is not None:
        check_image(image)
        given = _strings(hyperparameters or {})
        _agree(num_trees, num_samples_per_tree, given)
        strings |= given
        _check_container(strings, feature_dim, instance_count)
    elif hyperparameters:
        raise InvalidParameterError(
            "hyperparameters: the managed algorithm takes no others; give the image that does"
        )
    n_objects = data.n_objects if rows is None else len(rows)
    if n_objects is not None and n_objects < instance_count:
        raise InvalidParameterError(
            f"instance_count: {instance_count} instances need as many objects, the data "
            + (f"is in {n_objects}" if rows is None else f"has {n_objects} rows")
        )
    tested = _test_rows(test, feature_dim)
    if image is None or is_managed(image):
        for channel in (data, test):
            if isinstance(channel, Channel):
                channel.check_managed()
    clients = Clients.of(session)
    algorithm: dict[str, Any] = {"TrainingImage": image or image_uri(clients.region)}
    if image is not None:
        algorithm["MetricDefinitions"] = [dict(metric) for metric in METRIC_DEFINITIONS]
    accept(
        (prices or Prices.load()).instances(
            f"training job {name}",
            instance_type,
            instance_count,
            clients.region,
            max_seconds / 3600,
        ),
        accept_cost,
        tell,
    )
    channels: list[Channel] = []
    uploaded: list[Channel] = []
    where = {"format": format, "session": clients}
    asked = False
    try:
        if rows is None:
            channels.append(data)
        else:
            uri = f"{output}/{name}/train"
            uploaded.append(upload(rows, uri, n_objects=instance_count, **where))
        if tested is not None:
            x, labels = tested
            uri = f"{output}/{name}/test"
            uploaded.append(upload(x, uri, labels=labels, channel="test", **where))
        channels += uploaded
        if isinstance(test, Channel):
            channels.append(test)
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {
                **algorithm,
                "TrainingInputMode": channels[0].input_mode,
            },
            "RoleArn": role,
            "InputDataConfig": [channel.request() for channel in channels],
            "OutputDataConfig": {"S3OutputPath": output},
            "ResourceConfig": {
                "InstanceType": instance_type,
                "InstanceCount": instance_count,
                "VolumeSizeInGB": volume_gb,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": max_seconds},
            "HyperParameters": strings,
        }
        if spot:
            request["EnableManagedSpotTraining"] = True
            request["StoppingCondition"]["MaxWaitTimeInSeconds"] = 2 * max_seconds
        if marks:
            request["Tags"] = marks
        asked = True
        with aws_errors(f"creating training job {name}"):
            clients.sagemaker.create_training_job(**request)
    except BaseException as error:
        if asked and may_be_made(error):
            # It would be left without the rows that it is to train on.
            (tell or warn)(_MAY_BE_THERE.format(name))
            raise
        for channel in uploaded:
            remove(channel, clients)
        raise
    return TrainingJob(name, clients)


def _agree(num_trees: int, num_samples_per_tree: int, given: Mapping[str, str]) -> None:
    """Refuse two numbers for one thing."""
    for name, number, default in (
        ("num_trees", num_trees, 100),
        ("num_samples_per_tree", num_samples_per_tree, 256),
    ):
        if number != default and given.get(name, str(number)) != str(number):
            raise InvalidParameterError(
                f"{name}: {number}, and {given[name]} among the hyperparameters; give one of them"
            )


def _strings(given: Mapping[str, Any]) -> dict[str, str]:
    """Write hyperparameters as AWS takes them."""
    out = {}
    for name, value in given.items():
        try:
            out[name] = value if isinstance(value, str) else json.dumps(value)
        except (TypeError, ValueError):
            raise InvalidParameterError(
                f"hyperparameter {name!r}: expected text, found {type(value).__name__}"
            ) from None
    return out


def _check_container(strings: Mapping[str, str], feature_dim: int, instance_count: int) -> None:
    """Refuse what the container or AWS would refuse, before anything is paid for."""
    if instance_count > 1:
        raise InvalidParameterError(
            f"instance_count: {instance_count}, and this package's container trains on one"
        )
    width = parse(strings)[0].feature_dim
    if width != feature_dim:
        raise InvalidParameterError(
            f"hyperparameter 'feature_dim': {width}, but the data has {feature_dim} columns"
        )
    for name, text in strings.items():
        if len(text) > MOST_TEXT:
            raise InvalidParameterError(
                f"hyperparameter {name!r}: {len(text):,} characters, and AWS takes {MOST_TEXT:,}"
            )


def _test_rows(test: Any, width: int) -> tuple[Any, Any] | None:
    """Give labelled rows, checked before anything is uploaded."""
    if test is None:
        return None
    if isinstance(test, Channel):
        if test.name != "test":
            raise InvalidParameterError(f"test: a channel of the name {test.name!r}")
        return None
    if not isinstance(test, tuple) or len(test) != 2:
        raise InvalidParameterError("test: expected (X, labels) or a Channel")
    rows = single(test[0])
    if rows.shape[1] != width:
        raise InvalidParameterError(f"test: {rows.shape[1]} columns, where the data has {width}")
    return rows, check_labels(test[1], "test", len(rows))
