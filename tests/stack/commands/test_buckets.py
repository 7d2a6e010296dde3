"""Buckets on moto: made, filled and emptied to the last version."""

import json

import pytest

from fastrcf.sagemaker.errors import ServiceError
from fastrcf.stack.emptying import content_of, delete_bucket, empty
from fastrcf.stack.uploads import bucket_is_there, digest_of, make_bucket, upload, upload_folder
from tests.stack.commands.made import CODE_BUCKET, PREFIX, bucket


def test_a_bucket_is_made_private_encrypted_versioned_tagged(clients):
    assert make_bucket(clients, CODE_BUCKET, PREFIX)
    s3 = clients.s3
    blocked = s3.get_public_access_block(Bucket=CODE_BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    rule = s3.get_bucket_encryption(Bucket=CODE_BUCKET)["ServerSideEncryptionConfiguration"]
    assert "AES256" in str(rule)
    assert s3.get_bucket_versioning(Bucket=CODE_BUCKET)["Status"] == "Enabled"
    assert s3.get_bucket_tagging(Bucket=CODE_BUCKET)["TagSet"] == [
        {"Key": "fastrcf:solution", "Value": PREFIX}
    ]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=CODE_BUCKET)["Rules"]
    assert lifecycle[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    policy = json.loads(s3.get_bucket_policy(Bucket=CODE_BUCKET)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == [f"arn:aws:s3:::{CODE_BUCKET}", f"arn:aws:s3:::{CODE_BUCKET}/*"]


def test_an_interrupted_making_is_finished(clients):
    where = {"LocationConstraint": "eu-west-1"}
    clients.s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration=where)
    assert not make_bucket(clients, CODE_BUCKET, PREFIX, key_arn="arn:aws:kms:eu-west-1:1:key/a")
    told = clients.s3.get_bucket_encryption(Bucket=CODE_BUCKET)
    assert "arn:aws:kms:eu-west-1:1:key/a" in str(told)
    assert clients.s3.get_bucket_versioning(Bucket=CODE_BUCKET)["Status"] == "Enabled"


def test_what_is_there_is_not_uploaded_again(clients, tmp_path):
    bucket(clients)
    file = tmp_path / "a.zip"
    file.write_bytes(b"code")
    key = f"code/{digest_of(file)}.zip"
    assert upload(clients, CODE_BUCKET, key, file)
    assert not upload(clients, CODE_BUCKET, key, file)
    assert content_of(clients, CODE_BUCKET).versions == 1
    # An object of another size under this key is no finished upload of it.
    clients.s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=b"co")
    assert upload(clients, CODE_BUCKET, key, file)
    assert clients.s3.get_object(Bucket=CODE_BUCKET, Key=key)["Body"].read() == b"code"


def test_a_folder_goes_up_without_what_is_hidden(clients, tmp_path):
    bucket(clients)
    for name in ("a.ipynb", "sub/b.py", ".git/c", "sub/__pycache__/d.pyc", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert upload_folder(clients, CODE_BUCKET, "notebooks", tmp_path) == 2
    listed = clients.s3.list_objects_v2(Bucket=CODE_BUCKET)["Contents"]
    assert [one["Key"] for one in listed] == ["notebooks/a.ipynb", "notebooks/sub/b.py"]


def fill(clients, versions, markers=0, uploads=0):
    bucket(clients)
    s3 = clients.s3
    for number in range(versions):
        s3.put_object(Bucket=CODE_BUCKET, Key=f"key-{number % 7}", Body=b"x")
    for number in range(markers):
        s3.delete_object(Bucket=CODE_BUCKET, Key=f"key-{number % 7}")
    for number in range(uploads):
        s3.create_multipart_upload(Bucket=CODE_BUCKET, Key=f"part-{number}")


@pytest.fixture
def pages(monkeypatch):
    """Pages of ten rather than a thousand, so that few versions are many pages."""
    monkeypatch.setattr("fastrcf.stack.emptying._BATCH", 10)


@pytest.mark.usefixtures("pages")
def test_a_bucket_of_many_versions_is_emptied_and_deleted(clients):
    fill(clients, 32, markers=3, uploads=3)
    held = content_of(clients, CODE_BUCKET)
    assert (held.versions, held.size, held.uploads) == (35, 32, 3)
    told = []
    assert delete_bucket(clients, CODE_BUCKET, told.append) == 38
    assert told == [10, 20, 30, 35]
    assert not bucket_is_there(clients, CODE_BUCKET)


@pytest.mark.usefixtures("pages")
def test_an_interrupted_emptying_goes_on(clients):
    fill(clients, 24)
    calls = []

    def fail(**given):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    clients.s3.meta.events.register("before-call.s3.DeleteObjects", fail)
    with pytest.raises(KeyboardInterrupt):
        empty(clients, CODE_BUCKET, lambda n: None)
    assert content_of(clients, CODE_BUCKET).versions == 4
    assert empty(clients, CODE_BUCKET, lambda n: None) == 4
    assert content_of(clients, CODE_BUCKET).versions == 0


def test_what_is_written_meanwhile_is_deleted_too(clients):
    fill(clients, 3)
    late = []

    def write(**given):
        if not late:
            late.append(1)
            clients.s3.put_object(Bucket=CODE_BUCKET, Key="late", Body=b"x")

    clients.s3.meta.events.register("before-call.s3.DeleteBucket", write)
    assert delete_bucket(clients, CODE_BUCKET, lambda n: None) == 4
    assert not bucket_is_there(clients, CODE_BUCKET)


def test_an_object_that_cannot_be_deleted_is_named(stubbed):
    with stubbed("s3") as (clients, stubs):
        s3 = stubs["s3"]
        s3.add_response("list_object_versions", {"Versions": [{"Key": "locked", "VersionId": "1"}]})
        s3.add_response(
            "delete_objects",
            {"Errors": [{"Key": "locked", "Code": "AccessDenied", "Message": "object lock"}]},
        )
        with pytest.raises(ServiceError, match="locked: object lock") as raised:
            empty(clients, CODE_BUCKET, lambda n: None)
    assert raised.value.code == "AccessDenied"
