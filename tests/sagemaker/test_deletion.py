"""Deletions: all that an endpoint has, what is gone, and what stays."""

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import ServiceError, delete
from tests.sagemaker.aws import stubbed
from tests.sagemaker.described import (
    absent,
    expect_deletion,
    expect_endpoint,
    expect_rest,
    no_schedule,
    outcomes,
)


def test_deleting_all_that_an_endpoint_has():
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        s3.add_response("head_object", {}, {"Bucket": "b", "Key": "x/model.tar.gz"})
        s3.add_response("delete_object", {}, {"Bucket": "b", "Key": "x/model.tar.gz"})
        expect_deletion(sagemaker)
        no_schedule(scheduler)
        result = delete("rcf", data=True, session=clients)
    assert str(result).splitlines() == [
        "endpoint rcf: deleted",
        "model data s3://b/x/model.tar.gz: deleted",
        "model model: deleted",
        "endpoint configuration config: deleted",
    ]


def test_a_dry_run_only_asks():
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        no_schedule(scheduler)
        s3.add_response("head_object", {})
        result = delete("rcf", data=True, dry_run=True, session=clients)
    assert {step.outcome for step in result.steps} == {"would be deleted"}
    assert len(result.steps) == 4


def test_deleting_what_is_gone():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        absent(sagemaker, "describe_endpoint", "endpoint")
        absent(sagemaker, "describe_endpoint_config", "endpoint configuration")
        absent(sagemaker, "describe_model", "model")
        no_schedule(scheduler)
        result = delete("rcf", session=clients)
    assert [step.outcome for step in result.steps] == ["absent"] * 3


@pytest.mark.parametrize("gone", ["endpoint", "model", "endpoint configuration"])
def test_what_goes_while_it_is_deleted_is_passed_over(gone):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        calls = {
            "endpoint": "delete_endpoint",
            "model": "delete_model",
            "endpoint configuration": "delete_endpoint_config",
        }
        for kind, call in calls.items():
            if kind == gone:
                absent(sagemaker, call, kind)
            else:
                sagemaker.add_response(call, {})
        no_schedule(scheduler)
        result = delete("rcf", session=clients)
    assert outcomes(result) == [(kind, "absent" if kind == gone else "deleted") for kind in calls]


def test_what_a_model_is_found_by_stays_with_it():
    """So that a second call, which knows the endpoint's name alone, finds the model."""
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        sagemaker.add_client_error("delete_model", "AccessDeniedException", "not you")
        no_schedule(scheduler)
        with pytest.raises(ServiceError, match=r"try again: model model: failed .*not you") as told:
            delete("rcf", session=clients)
    assert "configuration" not in str(told.value)


def test_the_rest_goes_on_where_a_part_cannot_be_deleted():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        sagemaker.add_response("delete_model", {}, {"ModelName": "model"})
        sagemaker.add_client_error("delete_endpoint_config", "ThrottlingException", "slower")
        schedule = {"Name": "rcf-delete", "Target": target("rcf")}
        scheduler.add_response("get_schedule", schedule, {"Name": "rcf-delete"})
        scheduler.add_response("delete_schedule", {}, {"Name": "rcf-delete"})
        with pytest.raises(
            ServiceError, match=r"endpoint configuration config: failed .*for too many calls"
        ):
            delete("rcf", session=clients)


def test_an_endpoint_that_stays_keeps_what_it_stands_on_and_its_end():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_client_error("delete_endpoint", "AccessDeniedException", "not you")
        schedule = {"Name": "rcf-delete", "Target": target("rcf")}
        scheduler.add_response("get_schedule", schedule, {"Name": "rcf-delete"})
        with pytest.raises(ServiceError, match=r"endpoint rcf: failed .*do not allow it"):
            delete("rcf", data=True, session=clients)


def target(name):
    return {"Arn": "arn:aws:x", "RoleArn": "arn:aws:y", "Input": f'{{"EndpointName": "{name}"}}'}


@pytest.mark.parametrize("code", ["ExpiredTokenException", "ThrottlingException"])
def test_a_failing_question_deletes_nothing(code):
    words = {"ExpiredTokenException": "renew them", "ThrottlingException": "too many calls"}
    for asked in range(3):
        with stubbed("sagemaker") as (clients, sagemaker):
            if asked:
                expect_endpoint(sagemaker)
            if asked == 2:
                described = {
                    "EndpointConfigName": "config",
                    "EndpointConfigArn": "arn:aws:sagemaker:eu-west-1:123456789012:x",
                    "ProductionVariants": [{"VariantName": "v", "ModelName": "model"}],
                    "CreationTime": 0,
                }
                sagemaker.add_response("describe_endpoint_config", described)
            calls = ["describe_endpoint", "describe_endpoint_config", "describe_model"]
            sagemaker.add_client_error(calls[asked], code, "no")
            with pytest.raises(ServiceError, match=words[code]):
                delete("rcf", session=clients)
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("describe_endpoint", "ValidationException", "bad name")
        with pytest.raises(ServiceError, match="bad name"):
            delete("rcf", session=clients)


def test_times_that_are_none_are_refused_first():
    with stubbed("sagemaker") as (clients, _):
        for wrong in ({"wait": -1}, {"wait": float("nan")}, {"poll": float("inf")}):
            with pytest.raises(InvalidParameterError, match="no number of seconds"):
                delete("rcf", **wrong, session=clients)


def test_who_may_not_ask_for_schedules_deletes_the_rest():
    for code in ("AccessDenied", "AccessDeniedException"):
        with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
            expect_endpoint(sagemaker)
            expect_rest(sagemaker)
            sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
            expect_deletion(sagemaker)
            scheduler.add_client_error("get_schedule", code, "not you")
            assert {step.outcome for step in delete("rcf", session=clients).steps} == {"deleted"}


@pytest.mark.parametrize("call", ["get_schedule", "delete_schedule"])
def test_a_schedule_that_stays_is_told(call):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        if call == "delete_schedule":
            scheduler.add_response("get_schedule", {"Target": target("rcf")})
        scheduler.add_client_error(call, "ThrottlingException", "slower")
        with pytest.raises(ServiceError, match=r"again: schedule rcf-delete: failed .*many calls"):
            delete("rcf", session=clients)


def test_a_schedule_that_goes_meanwhile_is_absent():
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        scheduler.add_response("get_schedule", {"Target": target("rcf")})
        scheduler.add_client_error("delete_schedule", "ResourceNotFoundException")
        assert outcomes(delete("rcf", session=clients))[-1] == ("schedule", "absent")


@pytest.mark.parametrize("other", ["another", None])
def test_the_schedule_of_another_endpoint_stays(other):
    """Long names have the same first letters, and a schedule has no more."""
    described = {"Target": target(other)} if other else {"Target": target("x") | {"Input": "{"}}
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        scheduler.add_response("get_schedule", described)
        assert "schedule" not in dict(outcomes(delete("rcf", session=clients)))
