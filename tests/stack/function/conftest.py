import boto3
import pytest

from tests.sagemaker.conftest import aws, moto_url  # noqa: F401

BUCKET = "models"


@pytest.fixture
def s3(aws):  # noqa: F811
    client = boto3.client("s3")
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client
