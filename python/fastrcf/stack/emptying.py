"""Buckets emptied to the last version, marker and unfinished upload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrcf.stack._clients import StackClients

# As many as one call deletes.
_BATCH = 1000
# While something still writes, a bucket fills again.
_ROUNDS = 5


@dataclass(frozen=True)
class Content:
    """What a bucket holds: versions with delete markers, their bytes, unfinished uploads."""

    versions: int
    size: int
    uploads: int


def content_of(clients: StackClients, bucket: str) -> Content:
    """Count what a bucket holds."""
    versions = size = 0
    for one in _versions(clients, bucket):
        versions += 1
        size += one["Size"]
    return Content(versions, size, sum(1 for _ in _uploads(clients, bucket)))


def empty(clients: StackClients, bucket: str, tell: Callable[[int], Any]) -> int:
    """Delete all versions, delete markers and unfinished uploads, and count them.

    What is deleted stays so if it is interrupted; another call goes on.

    Parameters
    ----------
    clients : StackClients
    bucket : str
    tell : callable
        Gets how many are gone after every thousand.

    Raises
    ------
    ServiceError
        If something could not be deleted, such as what an object lock holds.
    """
    count = 0
    # From the start each time: what a marker of an earlier page names is gone by then.
    while batch := _first(clients, bucket):
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in batch]
        with aws_errors(f"emptying bucket {bucket}"):
            told = clients.s3.delete_objects(
                Bucket=bucket, Delete={"Objects": objects, "Quiet": True}
            )
        for error in told.get("Errors", []):
            raise ServiceError(
                f"emptying bucket {bucket}: {error['Key']}: {error.get('Message', '')}",
                error.get("Code", ""),
            )
        count += len(objects)
        tell(count)
    for upload in _uploads(clients, bucket):
        try:
            with aws_errors(f"ending an upload to {bucket}"):
                clients.s3.abort_multipart_upload(
                    Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        except ServiceError as error:
            if error.code != "NoSuchUpload":
                raise
        count += 1
    return count


def delete_bucket(clients: StackClients, bucket: str, tell: Callable[[int], Any]) -> int:
    """Empty a bucket and delete it; what was written meanwhile is deleted too.

    Returns
    -------
    int
        Versions, markers and uploads that were in it.
    """
    count = 0
    for left in reversed(range(_ROUNDS)):
        count += empty(clients, bucket, tell)
        try:
            with aws_errors(f"deleting bucket {bucket}"):
                clients.s3.delete_bucket(Bucket=bucket)
            break
        except ServiceError as error:
            if is_absent(error):
                break
            if error.code != "BucketNotEmpty" or not left:
                raise
    return count


def _first(clients: StackClients, bucket: str) -> list[dict[str, Any]]:
    with aws_errors(f"listing bucket {bucket}"):
        page = clients.s3.list_object_versions(Bucket=bucket, MaxKeys=_BATCH)
    return [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


def _versions(clients: StackClients, bucket: str) -> Iterator[dict[str, Any]]:
    with aws_errors(f"listing bucket {bucket}"):
        for page in clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in page.get("Versions", []):
                yield {**one, "Size": one.get("Size", 0)}
            for one in page.get("DeleteMarkers", []):
                yield {**one, "Size": 0}


def _uploads(clients: StackClients, bucket: str) -> Iterator[dict[str, Any]]:
    with aws_errors(f"listing unfinished uploads to {bucket}"):
        for page in clients.s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            yield from page.get("Uploads", [])
