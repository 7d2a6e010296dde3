"""Deletions: all that an endpoint has, what is gone, and what stays."""

import pytest

from fastrcf.sagemaker import (
    ServiceError,
    delete,
)
from tests.sagemaker.aws import ARN, NOW, stubbed


def endpoint_described(**more):
    return {
        "EndpointName": "rcf",
        "EndpointArn": f"{ARN}:endpoint/rcf",
        "EndpointConfigName": "config",
        "EndpointStatus": "InService",
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        **more,
    }


def expect_descriptions(sagemaker, scheduler):
    sagemaker.add_response("describe_endpoint", endpoint_described(), {"EndpointName": "rcf"})
    sagemaker.add_response(
        "describe_endpoint_config",
        {
            "EndpointConfigName": "config",
            "EndpointConfigArn": f"{ARN}:endpoint-config/config",
            "ProductionVariants": [{"VariantName": "v", "ModelName": "model"}],
            "CreationTime": NOW,
        },
        {"EndpointConfigName": "config"},
    )
    sagemaker.add_response(
        "describe_model",
        {
            "ModelName": "model",
            "ModelArn": f"{ARN}:model/model",
            "PrimaryContainer": {"ModelDataUrl": "s3://b/x/model.tar.gz"},
            "CreationTime": NOW,
        },
        {"ModelName": "model"},
    )
    scheduler.add_client_error("get_schedule", "ResourceNotFoundException")


def absent(sagemaker, call, what):
    # SageMaker's own words, which have no code of their own.
    message = f'Could not find {what} "{ARN}:{what}/rcf".'
    sagemaker.add_client_error(call, "ValidationException", message)


def test_deleting_all_that_an_endpoint_has():
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_descriptions(sagemaker, scheduler)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": "config"})
        sagemaker.add_response("delete_model", {}, {"ModelName": "model"})
        s3.add_response("head_object", {}, {"Bucket": "b", "Key": "x/model.tar.gz"})
        s3.add_response("delete_object", {}, {"Bucket": "b", "Key": "x/model.tar.gz"})
        result = delete("rcf", data=True, session=clients)
    assert str(result).splitlines() == [
        "endpoint rcf: deleted",
        "endpoint configuration config: deleted",
        "model model: deleted",
        "model data s3://b/x/model.tar.gz: deleted",
    ]


def test_a_dry_run_only_asks():
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_descriptions(sagemaker, scheduler)
        s3.add_response("head_object", {})
        result = delete("rcf", data=True, dry_run=True, session=clients)
    assert {step.outcome for step in result.steps} == {"would be deleted"}
    assert len(result.steps) == 4


def test_deleting_what_is_gone():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        absent(sagemaker, "describe_endpoint", "endpoint")
        absent(sagemaker, "describe_endpoint_config", "endpoint configuration")
        absent(sagemaker, "describe_model", "model")
        scheduler.add_client_error("get_schedule", "ResourceNotFoundException")
        result = delete("rcf", session=clients)
    assert [step.outcome for step in result.steps] == ["absent"] * 3


def test_part_of_it_cannot_be_deleted():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_descriptions(sagemaker, scheduler)
        # Gone since it was described; refused; and the rest goes on.
        absent(sagemaker, "delete_endpoint", "endpoint")
        sagemaker.add_client_error("delete_endpoint_config", "AccessDeniedException", "not you")
        sagemaker.add_response("delete_model", {}, {"ModelName": "model"})
        with pytest.raises(
            ServiceError, match=r"try again: endpoint configuration config: failed .*not you"
        ):
            delete("rcf", session=clients)


def test_an_endpoint_that_stays_keeps_what_it_stands_on():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_descriptions(sagemaker, scheduler)
        sagemaker.add_client_error(
            "delete_endpoint", "ValidationException", "Cannot update in-progress endpoint"
        )
        with pytest.raises(ServiceError, match="in-progress"):
            delete("rcf", data=True, session=clients)


def test_a_failing_question_deletes_nothing():
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("describe_endpoint", "ExpiredTokenException", "old")
        with pytest.raises(ServiceError, match="renew them"):
            delete("rcf", session=clients)
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("describe_endpoint", "ValidationException", "bad name")
        with pytest.raises(ServiceError, match="bad name"):
            delete("rcf", session=clients)
