"""Data to S3, as the managed training takes it."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf._parameters import count
from fastrcf.container.channels import parse
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker._session import Clients, split_uri
from fastrcf.sagemaker.errors import ServiceError, aws_errors
from fastrcf.sagemaker.payload import csv_rows, single
from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.sagemaker.recordio import encode_recordio

if TYPE_CHECKING:
    from fastrcf._typing import Singles

ChannelName = Literal["train", "test"]
# The service demands one way for each channel.
DISTRIBUTION = {"train": "ShardedByS3Key", "test": "FullyReplicated"}
# Objects of an upload, by their names below its prefix.
OBJECT = re.compile(r"part-\d{5}-of-\d{5}\.(pbr|csv)")
MODES = ("File", "Pipe", "FastFile")
PARQUET = "application/x-parquet"
CSV = {"train": "text/csv;label_size=0", "test": "text/csv;label_size=1"}


@dataclass(frozen=True)
class Channel:
    """Data in S3 for a training job.

    Attributes
    ----------
    name : {"train", "test"}
        What it is for. Test data has a label for each row, 1 for anomalies.
    uri : str
        The prefix of its objects.
    content_type : str
        ``application/x-recordio-protobuf``, or ``text/csv;label_size=0`` (1 for
        test data, whose first column is the label). CSV has no line of names. This
        package's container takes ``application/x-parquet`` too, and labels in either
        channel.
    n_features, n_rows, n_objects : int or None
        What is known of it.
    input_mode : {"File", "Pipe", "FastFile"}
        Whether the data is copied before training begins, or streamed: through a pipe,
        or by files that are read as they are opened, which this package's container
        takes and the managed algorithm does not.

    Raises
    ------
    InvalidParameterError
        If neither the managed algorithm nor this package's container would take it.
    """

    name: ChannelName
    uri: str
    content_type: str = RECORDIO
    n_features: int | None = None
    n_rows: int | None = None
    n_objects: int | None = None
    input_mode: Literal["File", "Pipe", "FastFile"] = "File"

    def __post_init__(self) -> None:
        if self.name not in DISTRIBUTION:
            raise InvalidParameterError(f"name: {self.name!r} is neither train nor test")
        split_uri(self.uri, self.name)
        if self.input_mode not in MODES:
            raise InvalidParameterError(
                f"input_mode: {self.input_mode!r} is none of {', '.join(MODES)}"
            )
        # The container takes all that the managed algorithm does, and more.
        told = {"ContentType": self.content_type or "none", "TrainingInputMode": self.input_mode}
        parse({"train": {"ContentType": RECORDIO}, self.name: told}, Path())

    def check_managed(self) -> None:
        """Refuse what only this package's container takes.

        Raises
        ------
        InvalidParameterError
            With what the managed algorithm takes instead.
        """
        ours = "this package's container (image) takes it"
        if self.content_type not in (RECORDIO, CSV[self.name]):
            raise InvalidParameterError(
                f"content_type: channel {self.name} of the managed algorithm takes {RECORDIO} or "
                f"{CSV[self.name]}, not {self.content_type!r}; {ours}"
            )
        if self.input_mode == "FastFile":
            raise InvalidParameterError(
                f"input_mode: channel {self.name}: the managed algorithm takes File or Pipe, not "
                f"FastFile; {ours}"
            )

    def request(self) -> dict[str, Any]:
        """Give it as CreateTrainingJob takes it."""
        return {
            "ChannelName": self.name,
            "ContentType": self.content_type,
            "InputMode": self.input_mode,
            "CompressionType": "None",
            "RecordWrapperType": "None",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": self.uri,
                    "S3DataDistributionType": DISTRIBUTION[self.name],
                }
            },
        }


def upload(
    X: Any,
    uri: str,
    *,
    labels: Any = None,
    channel: ChannelName = "train",
    format: Literal["recordio", "csv"] = "recordio",
    n_objects: int = 1,
    session: Any = None,
    kms_key: str | None = None,
) -> Channel:
    """Write rows to S3 for the managed training.

    Parameters
    ----------
    X : array-like or data frame, shape (n, d)
        Rows of finite numbers; they are written in single precision, the service's.
    uri : str
        Prefix to write below, ``s3://bucket/prefix``; nothing may be there yet,
        since all that begins with it would be trained on.
    labels : array-like of shape (n,), optional
        1 for anomalies, 0 for all else: required for test data, refused for train
        data.
    channel : {"train", "test"}, default "train"
        What the data is for.
    format : {"recordio", "csv"}, default "recordio"
        How it is written.
    n_objects : int, default 1
        Objects to cut it into: at least as many as instances will train. Rows stay
        in order.
    session : boto3.Session or session of Amazon's SDK, optional
        Whose credentials and region; default: boto3's.
    kms_key : str, optional
        Key that the objects are encrypted with.

    Returns
    -------
    Channel

    Raises
    ------
    InvalidInputError
        If a value or label cannot be used; nothing was written.
    ServiceError
        If AWS refuses; what had been written is removed again.
    """
    if format not in ("recordio", "csv"):
        raise InvalidParameterError(f"format: {format!r} is neither recordio nor csv")
    bucket, prefix = split_uri(uri)
    if not prefix:
        raise InvalidParameterError(f"uri: a whole bucket is no place for data: {uri}/NAME")
    content_type = RECORDIO if format == "recordio" else CSV[channel]
    rows = single(X)
    marks = check_labels(labels, channel, len(rows))
    n_objects = count("n_objects", n_objects, 1)
    if not len(rows) or n_objects > len(rows):
        raise InvalidInputError(f"{len(rows)} rows do not fill {n_objects} objects")
    made = Channel(
        channel, f"s3://{bucket}/{prefix}/", content_type, rows.shape[1], len(rows), n_objects
    )
    s3 = Clients.of(session).s3
    _must_be_empty(s3, bucket, prefix)
    given: dict[str, Any] = {"ContentType": content_type.partition(";")[0]}
    if kms_key is not None:
        given |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
    ending = "pbr" if format == "recordio" else "csv"
    bounds = np.linspace(0, len(rows), n_objects + 1).astype(int)
    written: list[str] = []
    try:
        for i in range(n_objects):
            part = slice(bounds[i], bounds[i + 1])
            key = f"{prefix}/part-{i:05}-of-{n_objects:05}.{ending}"
            body = _encode(rows[part], None if marks is None else marks[part], format)
            with aws_errors(f"writing s3://{bucket}/{key}"):
                s3.upload_fileobj(io.BytesIO(body), bucket, key, ExtraArgs=given)
            written.append(key)
    except BaseException:
        # Half of the data would be trained on as if it were all.
        for key in written:
            with suppress(Exception):
                s3.delete_object(Bucket=bucket, Key=key)
        raise
    return made


def remove(channel: Channel, clients: Clients) -> None:
    """Remove what an upload wrote, as far as AWS lets us; a failure is not told."""
    bucket, prefix = split_uri(channel.uri)
    with suppress(Exception):
        pages = clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{prefix}/"
        )
        for page in pages:
            for entry in page.get("Contents", []):
                clients.s3.delete_object(Bucket=bucket, Key=entry["Key"])


def check_labels(labels: Any, channel: ChannelName, n: int) -> Singles | None:
    """Give the labels of ``n`` rows as an upload writes them; None where there are to be none.

    Raises
    ------
    InvalidInputError, InvalidParameterError
        If a label is neither 1 nor 0, or there are more or fewer than rows.
    """
    if channel not in DISTRIBUTION:
        raise InvalidParameterError(f"channel: {channel!r} is neither train nor test")
    if (labels is not None) != (channel == "test"):
        raise InvalidParameterError(
            "labels: test data needs them" if channel == "test" else "labels: training takes none"
        )
    if labels is None:
        return None
    marks = np.asarray(labels).reshape(-1)
    if len(marks) != n:
        raise InvalidInputError(f"labels: {len(marks)} for {n} rows")
    bad = np.flatnonzero(~np.isin(marks, (0, 1)))
    if len(bad):
        row, found = int(bad[0]), marks[bad[:1]].tolist()[0]
        raise InvalidInputError(
            f"labels: row {row}: {found!r} is neither 1 (an anomaly) nor 0", row=row
        )
    return marks.astype(np.float32)


def _encode(rows: Singles, labels: Singles | None, format: str) -> bytes:
    if format == "recordio":
        return encode_recordio(rows, labels)
    if labels is not None:
        rows = np.column_stack([labels, rows])
    return b"\n".join(csv_rows(rows)) + b"\n"


def _must_be_empty(s3: Any, bucket: str, prefix: str) -> None:
    with aws_errors(f"looking at s3://{bucket}/{prefix}"):
        there = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/", MaxKeys=1)
    if there.get("KeyCount"):
        raise ServiceError(
            f"s3://{bucket}/{prefix}/ holds {there['Contents'][0]['Key']} already, which would be "
            "trained on too; choose another prefix"
        )
