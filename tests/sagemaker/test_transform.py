"""Batch transforms: what the service is sent."""

import re
from datetime import timedelta

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import (
    BatchTransform,
    JobFailedError,
    Model,
    ServiceError,
)
from tests.sagemaker.aws import ANY, ARN, NOW, ROLE, ReadTimeoutError, quiet, stubbed
from tests.sagemaker.described import absent


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


def create(clients, **more):
    given = {"data": "s3://b/d/", "output": "s3://b/o/", "name": "t", "accept_cost": True}
    return BatchTransform.create(Model("m", clients), **given | {"tell": quiet} | more)


def expect_stop(scheduler, partition="aws"):
    scheduler.add_response(
        "create_schedule",
        {"ScheduleArn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/t-stop"},
        {
            "Name": "t-stop",
            "Description": "Stops the SageMaker batch transform t",
            "ScheduleExpression": ANY,
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": f"arn:{partition}:scheduler:::aws-sdk:sagemaker:stopTransformJob",
                "RoleArn": ROLE,
                "Input": '{"TransformJobName": "t"}',
            },
        },
    )


JOB = f"{ARN}:transform-job/t"
ENDS = {"stop_after": 5400, "scheduler_role": ROLE}


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_a_job_that_ends_by_itself(region, partition):
    told = []
    with stubbed("sagemaker", "scheduler", region=region) as (clients, sagemaker, scheduler):
        expect_stop(scheduler, partition)
        sagemaker.add_response(
            "create_transform_job", {"TransformJobArn": f"{ARN}:transform-job/t"}
        )
        create(clients, **ENDS, tell=told.append)
    assert re.search(r"at most 0\.306 USD in 1\.5 hours", told[0])


def test_the_cost_of_a_job_without_an_end_is_not_said_to_be_bounded():
    told = []
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response(
            "create_transform_job", {"TransformJobArn": f"{ARN}:transform-job/t"}
        )
        create(clients, tell=told.append)
    assert "an hour, until it is done" in told[0]
    assert "at most" not in told[0]


def test_without_its_end_there_is_no_job_and_without_the_job_no_end():
    with stubbed("sagemaker", "scheduler") as (clients, _, scheduler):
        scheduler.add_client_error("create_schedule", "AccessDeniedException")
        with pytest.raises(ServiceError, match="scheduling the end of batch transform t"):
            create(clients, **ENDS)
    for undone in (True, False):
        with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
            expect_stop(scheduler)
            sagemaker.add_client_error("create_transform_job", "ResourceLimitExceeded")
            if undone:
                scheduler.add_response("delete_schedule", {}, {"Name": "t-stop"})
            else:
                scheduler.add_client_error("delete_schedule", "ThrottlingException")
            # What is told is why there is no job.
            with pytest.raises(ServiceError, match="quota does not allow it"):
                create(clients, **ENDS)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ReadTimeoutError(endpoint_url="http://x")])
def test_a_job_whose_answer_is_lost_keeps_its_end(monkeypatch, error):
    def create_transform_job(**given):
        raise error

    with stubbed("sagemaker", "scheduler") as (clients, _, scheduler):
        monkeypatch.setattr(clients.sagemaker, "create_transform_job", create_transform_job)
        cancelled = []
        clients.scheduler.meta.events.register(
            "provide-client-params.scheduler.DeleteSchedule",
            lambda params, **_: cancelled.append(params),
        )
        expect_stop(scheduler)
        with pytest.raises((KeyboardInterrupt, ServiceError)):
            create(clients, **ENDS)
    assert cancelled == []


@pytest.mark.parametrize("found", ["ours", "another's", "none", "not known"])
def test_a_job_that_a_lost_call_has_made_keeps_its_end(found):
    """botocore sends what got no answer again, and AWS refuses that for the first's sake."""
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_stop(scheduler)
        said = "Job name must be unique, and a job with this name already exists"
        sagemaker.add_client_error("create_transform_job", "ResourceInUse", said)
        if found == "not known":
            sagemaker.add_client_error("describe_transform_job", "ThrottlingException")
        elif found == "none":
            absent(sagemaker, "describe_transform_job", "transform job")
        else:
            sagemaker.add_response("describe_transform_job", described("InProgress"))
            end = NOW + timedelta(seconds=1 if found == "another's" else -1)
            scheduler.add_response("get_schedule", {"CreationDate": end}, {"Name": "t-stop"})
        if found in ("another's", "none"):
            scheduler.add_response("delete_schedule", {}, {"Name": "t-stop"})
        cancelled = []
        clients.scheduler.meta.events.register(
            "provide-client-params.scheduler.DeleteSchedule",
            lambda params, **_: cancelled.append(params),
        )
        with pytest.raises(ServiceError, match="already exists"):
            create(clients, **ENDS)
    assert len(cancelled) == (found in ("another's", "none"))


def test_ends_that_cannot_be_are_refused_first():
    with stubbed("sagemaker", "scheduler") as (clients, _, _):
        for wrong, words in [
            ({"stop_after": 59}, "stop_after: 59 is not a minute or more"),
            ({**ENDS, "stop_after": float("nan")}, "stop_after: nan is not a minute or more"),
            ({**ENDS, "stop_after": float("inf")}, "stop_after: inf seconds end after all dates"),
            ({**ENDS, "stop_after": 1e12}, "stop_after: 1000000000000.0 seconds end after"),
            ({"stop_after": 60}, "needs scheduler_role, .* allows sagemaker:StopTransformJob"),
            ({"stop_after": 60, "scheduler_role": "me"}, "scheduler_role: expected"),
        ]:
            with pytest.raises(InvalidParameterError, match=words):
                create(clients, **wrong)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ResourceLimitExceeded", "quota does not allow it"),
        ("AccessDeniedException", "credentials do not allow it"),
        ("ThrottlingException", "too many calls"),
        ("ValidationException", "Could not find model"),
    ],
)
def test_refusals_say_what_to_do(code, words):
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("create_transform_job", code, "Could not find model")
        with pytest.raises(ServiceError, match=f"creating batch transform t: .*{words}") as told:
            create(clients)
    assert told.value.code == code
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("create_model", code, "Could not find model")
        with pytest.raises(ServiceError, match=f"creating model m: .*{words}") as told:
            Model.create("s3://b/model.tar.gz", role=ROLE, name="m", session=clients)
    assert told.value.code == code


def described(status, **more):
    return {
        "TransformJobName": "t",
        "TransformJobArn": f"{ARN}:transform-job/t",
        "TransformJobStatus": status,
        "ModelName": "m",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/d"}}
        },
        "TransformResources": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
        "CreationTime": NOW,
        **more,
    }


def test_a_failed_job_is_raised_with_its_reason():
    told = []
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response("describe_transform_job", described("InProgress"))
        reason = {"FailureReason": "AlgorithmError: row 3 has 2 columns"}
        sagemaker.add_response("describe_transform_job", described("Failed", **reason))
        with pytest.raises(JobFailedError, match="transform t: Failed: AlgorithmError: row 3"):
            BatchTransform("t", clients).wait(poll=0, tell=told.append)
        sagemaker.add_response("describe_transform_job", described("Stopped"))
        with pytest.raises(JobFailedError, match="Stopped: AWS gives no reason"):
            BatchTransform("t", clients).wait(poll=0)
    assert [text.rpartition(" after")[0] for text in told] == [
        "batch transform t: InProgress",
        "batch transform t: Failed",
    ]


def test_stopping():
    with stubbed("sagemaker") as (clients, sagemaker):
        job = BatchTransform("t", clients)
        sagemaker.add_response("stop_transform_job", {}, {"TransformJobName": "t"})
        job.stop()
        # One that has ended is refused, and stays as it is.
        sagemaker.add_client_error("stop_transform_job", "ValidationException", "is Completed")
        sagemaker.add_response("describe_transform_job", described("Completed"))
        job.stop()
        sagemaker.add_client_error("stop_transform_job", "ValidationException", "bad")
        sagemaker.add_response("describe_transform_job", described("InProgress"))
        with pytest.raises(ServiceError, match=r"stopping batch transform t: .*bad"):
            job.stop()
        sagemaker.add_client_error("stop_transform_job", "AccessDeniedException", "not you")
        with pytest.raises(ServiceError, match="do not allow it"):
            job.stop()
