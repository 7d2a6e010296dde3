"""Deployments: each call that is made of AWS, and what a failure leaves."""

import pytest

from fastrcf.sagemaker import (
    Endpoint,
    Serverless,
    ServiceError,
    deploy,
)
from tests.sagemaker.aws import ANY, ARN, IMAGE, ROLE, quiet, stubbed


def variant(**more):
    return {"VariantName": "AllTraffic", "ModelName": "rcf", **more}


INSTANCE = {"InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1, "InitialVariantWeight": 1.0}


def expect_model(sagemaker, mode="SingleModel", data="s3://b/model.tar.gz"):
    sagemaker.add_response(
        "create_model",
        {"ModelArn": f"{ARN}:model/rcf"},
        {
            "ModelName": "rcf",
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {"Image": IMAGE, "Mode": mode, "ModelDataUrl": data},
        },
    )


def expect_config(sagemaker, production):
    sagemaker.add_response(
        "create_endpoint_config",
        {"EndpointConfigArn": f"{ARN}:endpoint-config/rcf"},
        {"EndpointConfigName": "rcf", "ProductionVariants": [production]},
    )


def expect_endpoint(sagemaker):
    sagemaker.add_response(
        "create_endpoint",
        {"EndpointArn": f"{ARN}:endpoint/rcf"},
        {"EndpointName": "rcf", "EndpointConfigName": "rcf"},
    )


@pytest.mark.parametrize("kind", ["real-time", "serverless", "multi-model"])
def test_deploy_sends_what_the_service_takes(kind):
    given, production, data = {}, INSTANCE, "s3://b/model.tar.gz"
    if kind == "serverless":
        given = {"serverless": Serverless(3072, 7)}
        production = {"ServerlessConfig": {"MemorySizeInMB": 3072, "MaxConcurrency": 7}}
    if kind == "multi-model":
        given, data = {"multi_model": True}, "s3://b/models"
    with stubbed("sagemaker") as (clients, sagemaker):
        if kind == "multi-model":
            expect_model(sagemaker, "MultiModel", "s3://b/models/")
        else:
            expect_model(sagemaker)
        expect_config(sagemaker, variant(**production))
        expect_endpoint(sagemaker)
        made = deploy(
            data, role=ROLE, name="rcf", accept_cost=True, session=clients, tell=quiet, **given
        )
    assert isinstance(made, Endpoint)
    assert made.name == "rcf"


@pytest.mark.parametrize("failing", ["create_endpoint_config", "create_endpoint"])
def test_a_deployment_that_fails_leaves_nothing(failing):
    with stubbed("sagemaker") as (clients, sagemaker):
        expect_model(sagemaker)
        if failing == "create_endpoint":
            expect_config(sagemaker, variant(**INSTANCE))
        sagemaker.add_client_error(failing, "ResourceLimitExceeded", "0 instances")
        if failing == "create_endpoint":
            sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": "rcf"})
        sagemaker.add_response("delete_model", {}, {"ModelName": "rcf"})
        with pytest.raises(ServiceError, match="quota does not allow it"):
            deploy(
                "s3://b/model.tar.gz",
                role=ROLE,
                name="rcf",
                accept_cost=True,
                session=clients,
                tell=quiet,
            )


def test_an_endpoint_that_ends_by_itself():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_model(sagemaker)
        expect_config(sagemaker, variant(**INSTANCE))
        scheduler.add_response(
            "create_schedule",
            {"ScheduleArn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/rcf-delete"},
            {
                "Name": "rcf-delete",
                "Description": ANY,
                "ScheduleExpression": ANY,
                "ScheduleExpressionTimezone": "UTC",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "ActionAfterCompletion": "DELETE",
                "Target": {
                    "Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint",
                    "RoleArn": ROLE,
                    "Input": '{"EndpointName": "rcf"}',
                },
            },
        )
        expect_endpoint(sagemaker)
        told = []
        deploy(
            "s3://b/model.tar.gz",
            role=ROLE,
            name="rcf",
            accept_cost=True,
            delete_after=7200,
            scheduler_role=ROLE,
            session=clients,
            tell=told.append,
        )
    assert "at most 0.408 USD in 2 hours" in told[0]
    # Without its end there is no endpoint.
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_model(sagemaker)
        expect_config(sagemaker, variant(**INSTANCE))
        scheduler.add_client_error("create_schedule", "AccessDeniedException")
        sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": "rcf"})
        sagemaker.add_response("delete_model", {}, {"ModelName": "rcf"})
        with pytest.raises(ServiceError, match="scheduling the end"):
            deploy(
                "s3://b/model.tar.gz",
                role=ROLE,
                name="rcf",
                accept_cost=True,
                delete_after=7200,
                scheduler_role=ROLE,
                session=clients,
                tell=quiet,
            )
