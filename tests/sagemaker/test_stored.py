"""What is deleted in S3: what a job left and what was uploaded for it, nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.sagemaker import ServiceError, TrainingJob, delete, stored
from tests.sagemaker.aws import ANY, ARN, IMAGE, NOW, stubbed
from tests.sagemaker.described import (
    expect_deletion,
    expect_endpoint,
    expect_rest,
    no_schedule,
    outcomes,
)

MODEL = "s3://b/fraud/job/output/model.tar.gz"
TRAIN, TEST = "s3://b/fraud/job/train/", "s3://b/fraud/job/test/"


def channel(name, uri):
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"ChannelName": name, "DataSource": data}


def job(*channels, status="Completed", model=MODEL):
    return {
        "TrainingJobName": "job",
        "TrainingJobArn": f"{ARN}:training-job/job",
        "TrainingJobStatus": status,
        "SecondaryStatus": status,
        "ModelArtifacts": {"S3ModelArtifacts": model},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://b/fraud"},
        "InputDataConfig": list(channels),
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": NOW,
    }


BOTH = (channel("train", TRAIN), channel("test", TEST))


def expect_job(sagemaker, *channels, **more):
    described = job(*channels, **more)
    sagemaker.add_response("describe_training_job", described, {"TrainingJobName": "job"})


def expect_listing(s3, prefix, *names):
    contents = [{"Key": f"{prefix}{name}"} for name in names]
    s3.add_response("list_objects_v2", {"Contents": contents}, {"Bucket": "b", "Prefix": prefix})


def expect_objects(s3, *keys):
    for key in keys:
        s3.add_response("delete_object", {}, {"Bucket": "b", "Key": key})


def test_rows_and_model_of_the_job_are_deleted_with_the_endpoint():
    parts = [f"part-0000{i}-of-00002.pbr" for i in range(2)]
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker, data=MODEL)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_job(sagemaker, *BOTH)
        expect_listing(s3, "fraud/job/train/", *parts)
        expect_objects(s3, *(f"fraud/job/train/{part}" for part in parts))
        expect_listing(s3, "fraud/job/test/", "part-00000-of-00001.csv")
        expect_objects(s3, "fraud/job/test/part-00000-of-00001.csv")
        s3.add_response("head_object", {}, {"Bucket": "b", "Key": "fraud/job/output/model.tar.gz"})
        expect_objects(s3, "fraud/job/output/model.tar.gz")
        expect_deletion(sagemaker)
        no_schedule(scheduler)
        result = delete("rcf", data=True, session=clients)
    assert str(result).splitlines()[1:4] == [
        f"training data {TRAIN}: deleted (2 objects)",
        f"training data {TEST}: deleted (1 object)",
        f"model data {MODEL}: deleted",
    ]


def test_a_dry_run_names_them():
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker, data=MODEL)
        expect_job(sagemaker, *BOTH)
        expect_listing(s3, "fraud/job/train/", "part-00000-of-00001.pbr", "notes.txt")
        expect_listing(s3, "fraud/job/test/")
        s3.add_response("head_object", {})
        no_schedule(scheduler)
        result = delete("rcf", data=True, dry_run=True, session=clients)
    assert str(result).splitlines()[1:4] == [
        f"training data {TRAIN}: would be deleted (1 object; 1 that no upload wrote stay)",
        f"training data {TEST}: absent",
        f"model data {MODEL}: would be deleted",
    ]


def test_what_no_upload_wrote_stays():
    with stubbed("sagemaker", "s3") as (clients, sagemaker, s3):
        expect_job(sagemaker, channel("train", TRAIN))
        others = ("rows.csv", "sub/part-00000-of-00001.pbr", "part-00000-of-00001.pbr.bak", "")
        expect_listing(s3, "fraud/job/train/", *others)
        s3.add_client_error("head_object", "404", "Not Found")
        result = TrainingJob("job", clients).delete_data()
    assert str(result).splitlines() == [
        f"training data {TRAIN}: kept (0 objects; 4 that no upload wrote stay)",
        f"model data {MODEL}: absent",
    ]


PREFIXES = [
    TRAIN,
    TEST,
    "s3://b/",
    "s3://b/fraud/",
    "s3://b/fraud/job/",
    "s3://b/fraud/job/train",
    "s3://b/fraud/job/train/x/",
    "s3://b/fraud/job/trainer/",
    "s3://b/fraud/job/validation/",
    "s3://b/fraud/job2/train/",
    "s3://b/job/train/",
    "s3://c/fraud/job/train/",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["train", "test", "validation"]),
            st.sampled_from(PREFIXES),
        )
    )
)
def test_only_channels_below_the_jobs_own_prefix_are_uploads(channels):
    found = stored.uploaded(job(*(channel(name, uri) for name, uri in channels)))
    own = {"train": TRAIN, "test": TEST}
    assert found == [uri for name, uri in channels if own.get(name) == uri]


def test_a_model_of_another_job_of_this_name_leaves_the_rows():
    for told in ("another", "absent", "none"):
        uri = "s3://b/x/model.tar.gz" if told == "none" else MODEL
        with stubbed("sagemaker", "s3") as (clients, sagemaker, s3):
            if told == "another":
                expect_job(sagemaker, *BOTH, model="s3://b/old/job/output/model.tar.gz")
            if told == "absent":
                # SageMaker's words for jobs.
                words = "Requested resource not found."
                sagemaker.add_client_error("describe_training_job", "ValidationException", words)
            s3.add_response("head_object", {})
            s3.add_response("delete_object", {}, {"Bucket": "b", "Key": ANY})
            model = {"PrimaryContainer": {"ModelDataUrl": uri}}
            steps = stored.of_model(clients, model, dry_run=False)
        assert [str(step) for step in steps] == [f"model data {uri}: deleted"]


def test_prefixes_of_many_models_stay():
    for container in (
        {"ModelDataUrl": "s3://b/models/", "Mode": "MultiModel"},
        {"ModelDataUrl": "s3://b/models/"},
    ):
        (step,) = stored.of_model(None, {"PrimaryContainer": container}, dry_run=False)
        assert (step.outcome, step.reason) == ("kept", "a prefix may hold other things")
    assert stored.of_model(None, {"PrimaryContainer": {"Image": IMAGE}}, dry_run=False) == []


FAILURES = {
    "describe_training_job": ("sagemaker", "AccessDeniedException", "training data of job"),
    "list_objects_v2": ("s3", "AccessDenied", f"training data {TRAIN}"),
    "delete_object": ("s3", "SlowDown", f"training data {TRAIN}"),
    "head_object": ("s3", "403", f"model data {MODEL}"),
    "delete_object of the model": ("s3", "AccessDenied", f"model data {MODEL}"),
}


@pytest.mark.parametrize("failing", FAILURES)
def test_what_cannot_be_deleted_is_told_and_can_be_found_again(failing):
    """The model, which knows where its data is, and its configuration stay; the rest goes on."""
    service, code, what = FAILURES[failing]
    call = failing.partition(" ")[0]
    with stubbed("sagemaker", "scheduler", "s3") as (clients, sagemaker, scheduler, s3):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker, data=MODEL)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})

        def fail():
            {"sagemaker": sagemaker, "s3": s3}[service].add_client_error(call, code, "no")

        if failing == "describe_training_job":
            fail()
        else:
            expect_job(sagemaker, channel("train", TRAIN))
            if failing == "list_objects_v2":
                fail()
            else:
                expect_listing(s3, "fraud/job/train/", "part-00000-of-00001.pbr")
                if failing == "delete_object":
                    fail()
                else:
                    expect_objects(s3, "fraud/job/train/part-00000-of-00001.pbr")
        if failing == "head_object":
            fail()
        else:
            s3.add_response("head_object", {})
            if failing.endswith("model"):
                fail()
            else:
                expect_objects(s3, "fraud/job/output/model.tar.gz")
        no_schedule(scheduler)
        with pytest.raises(ServiceError) as told:
            delete("rcf", data=True, session=clients)
    message = str(told.value)
    assert message.startswith(f"not all was deleted, try again: {what}: failed (")
    said = "too many calls" if code == "SlowDown" else "the credentials do not allow it"
    assert said in message
    assert "model model" not in message


def test_the_data_of_a_job_without_an_endpoint():
    with stubbed("sagemaker", "s3") as (clients, sagemaker, s3):
        # One that failed has no model.
        expect_job(sagemaker, channel("train", TRAIN), status="Failed", model="")
        expect_listing(s3, "fraud/job/train/", "part-00000-of-00001.pbr")
        expect_objects(s3, "fraud/job/train/part-00000-of-00001.pbr")
        result = TrainingJob("job", clients).delete_data()
    assert outcomes(result) == [("training data", "deleted")]
    for status in ("InProgress", "Stopping"):
        with stubbed("sagemaker", "s3") as (clients, sagemaker, _):
            expect_job(sagemaker, *BOTH, status=status)
            with pytest.raises(ServiceError, match=f"it is {status}"):
                TrainingJob("job", clients).delete_data()
