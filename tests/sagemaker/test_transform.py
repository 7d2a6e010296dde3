"""Batch transforms: what the service is sent."""

import pytest

from fastrcf.sagemaker import (
    BatchTransform,
    Model,
)
from tests.sagemaker.aws import ARN, quiet, stubbed


@pytest.mark.parametrize(
    ("format", "content_type", "split", "strategy"),
    [
        ("csv", "text/csv", "Line", "MultiRecord"),
        ("jsonlines", "application/jsonlines", "Line", "MultiRecord"),
        ("recordio", "application/x-recordio-protobuf", "RecordIO", "MultiRecord"),
        ("json", "application/json", "None", "SingleRecord"),
    ],
)
def test_batch_transform_sends_what_the_service_takes(format, content_type, split, strategy):
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response(
            "create_transform_job",
            {"TransformJobArn": f"{ARN}:transform-job/t"},
            {
                "TransformJobName": "t",
                "ModelName": "m",
                "MaxPayloadInMB": 6,
                "MaxConcurrentTransforms": 1,
                "BatchStrategy": strategy,
                "TransformInput": {
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/d/"}
                    },
                    "ContentType": content_type,
                    "CompressionType": "None",
                    "SplitType": split,
                },
                "TransformOutput": {
                    "S3OutputPath": "s3://b/o",
                    "Accept": "application/jsonlines",
                    "AssembleWith": "Line",
                },
                "TransformResources": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
            },
        )
        BatchTransform.create(
            Model("m", clients),
            data="s3://b/d/",
            output="s3://b/o/",
            format=format,
            name="t",
            accept_cost=True,
            tell=quiet,
        )
