"""Deployments: each call that is made of AWS, and what a failure leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from fastrcf.sagemaker import (
    Endpoint,
    Serverless,
    ServiceError,
    deploy,
)
from fastrcf.sagemaker._session import Clients
from fastrcf.sagemaker.schedules import ENDPOINT
from tests.sagemaker import described
from tests.sagemaker.aws import (
    ANY,
    ARN,
    IMAGE,
    NOW,
    ROLE,
    ClientError,
    ReadTimeoutError,
    quiet,
    session,
    stubbed,
)
from tests.sagemaker.described import absent


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


def test_a_model_that_is_refused_ends_the_deployment():
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("create_model", "AccessDeniedException", "iam:PassRole")
        with pytest.raises(ServiceError, match=r"creating model rcf: .*allow it: .*PassRole"):
            deploy(
                "s3://b/model.tar.gz",
                role=ROLE,
                name="rcf",
                accept_cost=True,
                session=clients,
                tell=quiet,
            )


@pytest.mark.parametrize(
    ("region", "partition"), [("us-gov-east-1", "aws-us-gov"), ("cn-northwest-1", "aws-cn")]
)
def test_the_end_is_in_the_regions_partition(region, partition):
    with stubbed("scheduler", region=region) as (clients, scheduler):
        sent = []
        clients.scheduler.meta.events.register(
            "provide-client-params.scheduler.CreateSchedule",
            lambda params, **_: sent.append(params),
        )
        scheduler.add_response("create_schedule", {"ScheduleArn": "arn:x"})
        ENDPOINT.create(clients, "rcf", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), ROLE)
    assert (
        sent[0]["Target"]["Arn"] == f"arn:{partition}:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
    )
    assert sent[0]["ScheduleExpression"] == "at(2030-01-02T03:04:05)"


def test_a_region_of_no_partition():
    with pytest.raises(ServiceError, match="looking up region nowhere"):
        _ = Clients.of(session("nowhere")).partition


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


def unanswered(clients, monkeypatch, error):
    def create_endpoint(**given):
        raise error

    # As if AWS had taken the call and the answer had been lost.
    monkeypatch.setattr(clients.sagemaker, "create_endpoint", create_endpoint)


def expect_config_described(sagemaker, at):
    sagemaker.add_response(
        "describe_endpoint_config",
        {
            "EndpointConfigName": "rcf",
            "EndpointConfigArn": f"{ARN}:endpoint-config/rcf",
            "ProductionVariants": [variant()],
            "CreationTime": at,
        },
    )


# botocore sends what got no answer again, and AWS refuses that for the first's sake.
AGAIN = ClientError(
    {
        "Error": {
            "Code": "ValidationException",
            "Message": "Cannot create already existing endpoint",
        }
    },
    "CreateEndpoint",
)
BROKEN = ClientError(
    {"Error": {"Code": "InternalFailure"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
    "CreateEndpoint",
)
LOST = [KeyboardInterrupt(), ReadTimeoutError(endpoint_url="http://x"), AGAIN, BROKEN]
OWN = {"EndpointConfigName": "rcf"}


@pytest.mark.parametrize("error", LOST, ids=["interrupt", "timeout", "again", "broken"])
@pytest.mark.parametrize("found", ["none", "ours", "another's", "another configuration's"])
def test_an_endpoint_whose_answer_is_lost(monkeypatch, error, found):
    monkeypatch.setattr("fastrcf.sagemaker.leaving.time.sleep", lambda seconds: None)
    with stubbed("sagemaker") as (clients, sagemaker):
        unanswered(clients, monkeypatch, error)
        expect_model(sagemaker)
        expect_config(sagemaker, variant(**INSTANCE))
        if found == "none":
            absent(sagemaker, "describe_endpoint", "endpoint")
        elif found == "ours":
            described.expect_endpoint(sagemaker, "Creating", **OWN)
            expect_config_described(sagemaker, NOW)
            described.expect_endpoint(sagemaker, **OWN)
            sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        else:
            # It was there before, and stays.
            described.expect_endpoint(sagemaker, **(OWN if found == "another's" else {}))
            expect_config_described(sagemaker, NOW + timedelta(seconds=1))
        sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": "rcf"})
        sagemaker.add_response("delete_model", {}, {"ModelName": "rcf"})
        with pytest.raises((KeyboardInterrupt, ServiceError)):
            deploy(
                "s3://b/model.tar.gz",
                role=ROLE,
                name="rcf",
                accept_cost=True,
                session=clients,
                tell=quiet,
            )


@pytest.mark.parametrize("failing", ["describe_endpoint", "delete_endpoint"])
def test_an_endpoint_that_may_be_there_keeps_its_end(monkeypatch, failing):
    told = []
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        unanswered(clients, monkeypatch, KeyboardInterrupt())
        expect_model(sagemaker)
        expect_config(sagemaker, variant(**INSTANCE))
        scheduler.add_response("create_schedule", {"ScheduleArn": "arn:x"})
        if failing == "delete_endpoint":
            described.expect_endpoint(sagemaker, **OWN)
            expect_config_described(sagemaker, NOW)
        sagemaker.add_client_error(failing, "ExpiredTokenException", "old")
        with pytest.raises(KeyboardInterrupt):
            deploy(
                "s3://b/model.tar.gz",
                role=ROLE,
                name="rcf",
                accept_cost=True,
                delete_after=3600,
                scheduler_role=ROLE,
                session=clients,
                tell=told.append,
            )
    assert told[-1] == "endpoint rcf may be there, and cost: fastrcf sagemaker delete rcf"
