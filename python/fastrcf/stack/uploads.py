"""The bucket that a deployment comes from: zips, models and templates, by their digests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors, is_absent
from fastrcf.stack.names import TAG

if TYPE_CHECKING:
    from fastrcf.stack._clients import StackClients


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bucket_is_there(clients: StackClients, bucket: str) -> bool:
    """Whether a bucket exists and is this account's.

    Raises
    ------
    ServiceError
        If AWS refuses to tell, such as for another account's.
    """
    try:
        with aws_errors(f"looking for bucket {bucket}"):
            clients.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=clients.account)
    except ServiceError as error:
        if is_absent(error):
            return False
        raise
    return True


def make_bucket(clients: StackClients, bucket: str, prefix: str, key_arn: str = "") -> bool:
    """Make a bucket if it is not there: private, encrypted, versioned, tagged, by TLS only.

    Whatever of it an interrupted call has left undone is done.

    Parameters
    ----------
    clients : StackClients
    bucket : str
        Its name.
    prefix : str
        Value of the tag.
    key_arn : str
        Key of KMS; default: S3's own keys.

    Returns
    -------
    bool
        Whether it was made.
    """
    s3 = clients.s3
    is_new = not bucket_is_there(clients, bucket)
    with aws_errors(f"making bucket {bucket}"):
        if is_new:
            # Only in this region AWS refuses to hear its name.
            where: dict[str, Any] = (
                {}
                if clients.region == "us-east-1"
                else {"CreateBucketConfiguration": {"LocationConstraint": clients.region}}
            )
            s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **where)
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": by_key
                        if key_arn
                        else {"SSEAlgorithm": "AES256"},
                        "BucketKeyEnabled": bool(key_arn),
                    }
                ]
            },
        )
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": TAG, "Value": prefix}]})
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "unfinished-uploads",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
                    }
                ]
            },
        )
        s3.put_bucket_policy(Bucket=bucket, Policy=_only_tls(clients, bucket))
    return is_new


def _only_tls(clients: StackClients, bucket: str) -> str:
    import json

    partition = clients.session.get_partition_for_region(clients.region)
    arn = f"arn:{partition}:s3:::{bucket}"
    statement = {
        "Sid": "OnlyEncryptedInTransit",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def upload(clients: StackClients, bucket: str, key: str, source: Path | bytes) -> bool:
    """Upload a file whose key holds its digest, unless it is there already.

    Returns
    -------
    bool
        Whether it was uploaded.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    try:
        with aws_errors(f"looking for s3://{bucket}/{key}"):
            there = clients.s3.head_object(Bucket=bucket, Key=key)
        if there["ContentLength"] == size:
            return False
    except ServiceError as error:
        if not is_absent(error):
            raise
    with aws_errors(f"uploading s3://{bucket}/{key}"):
        if isinstance(source, bytes):
            clients.s3.put_object(Bucket=bucket, Key=key, Body=source)
        else:
            clients.s3.upload_file(str(source), bucket, key)
    return True


def upload_folder(clients: StackClients, bucket: str, prefix: str, folder: Path) -> int:
    """Upload the files below a folder that do not begin with a dot, and count them."""
    count = 0
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
            with aws_errors(f"uploading {path}"):
                clients.s3.upload_file(str(path), bucket, f"{prefix}/{'/'.join(parts)}")
            count += 1
    return count
