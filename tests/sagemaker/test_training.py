"""Training jobs: each call that is made of AWS, and what becomes of its failures."""

import numpy as np
import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import (
    Channel,
    Hyperparameters,
    JobFailedError,
    Prices,
    ServiceError,
    TrainingJob,
    train,
)
from tests.sagemaker.aws import (
    ANY,
    ARN,
    DATA,
    IMAGE,
    NOW,
    ROLE,
    ClientError,
    ReadTimeoutError,
    quiet,
    stubbed,
)

OURS = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/fastrcf:1"


def training_request(**more):
    return {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "application/x-recordio-protobuf",
                "InputMode": "File",
                "CompressionType": "None",
                "RecordWrapperType": "None",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://b/d/",
                        "S3DataDistributionType": "ShardedByS3Key",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {
            "InstanceType": "ml.c5.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "HyperParameters": {
            "feature_dim": "3",
            "num_trees": "50",
            "num_samples_per_tree": "512",
            "eval_metrics": '["accuracy", "precision_recall_fscore"]',
        },
        **more,
    }


def test_train_sends_what_the_service_takes():
    told = []
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response(
            "create_training_job", {"TrainingJobArn": f"{ARN}:training-job/job"}, training_request()
        )
        job = train(
            DATA,
            role=ROLE,
            output="s3://b/out/",
            num_trees=50,
            num_samples_per_tree=512,
            name="job",
            accept_cost=True,
            session=clients,
            tell=told.append,
        )
    assert job.name == "job"
    assert told == [
        "training job job: 1 x ml.c5.xlarge: about 0.204 USD an hour, at most 0.204 USD in 1 hours "
        f"(prices of {Prices.load().as_of} for us-east-1, eu-west-1 may differ)"
    ]
    spot = training_request(
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        Tags=[{"Key": "team", "Value": "fraud"}],
    )
    with stubbed("sagemaker") as (clients, sagemaker):
        answer = {"TrainingJobArn": f"{ARN}:training-job/job"}
        sagemaker.add_response("create_training_job", answer, spot)
        train(
            DATA,
            role=ROLE,
            output="s3://b/out",
            num_trees=50,
            num_samples_per_tree=512,
            name="job",
            accept_cost=True,
            session=clients,
            spot=True,
            tags={"team": "fraud"},
            tell=quiet,
        )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ResourceLimitExceeded", "the account's quota does not allow it"),
        ("ThrottlingException", "try fewer workers"),
        ("ValidationException", "creating training job job: .*no such role"),
        ("ExpiredTokenException", "have expired, renew them"),
        ("AccessDeniedException", "do not allow it"),
    ],
)
def test_train_says_what_to_do_about_failures(code, words):
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("create_training_job", code, "no such role")
        with pytest.raises(ServiceError, match=words) as error:
            train(
                DATA,
                role=ROLE,
                output="s3://b/out",
                name="job",
                accept_cost=True,
                session=clients,
                tell=quiet,
            )
    assert error.value.code == code


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        ReadTimeoutError(endpoint_url="http://x"),
        # botocore sends what got no answer again, and AWS refuses that for the first's sake.
        ClientError(
            {"Error": {"Code": "ResourceInUse", "Message": "a job with this name already exists"}},
            "CreateTrainingJob",
        ),
    ],
    ids=["interrupt", "timeout", "again"],
)
def test_a_job_whose_answer_is_lost_keeps_its_rows(monkeypatch, error):
    def create_training_job(**given):
        raise error

    told = []
    given = {"role": ROLE, "output": "s3://b/out", "name": "job", "accept_cost": True}
    with stubbed("sagemaker", "s3") as (clients, _, s3):
        monkeypatch.setattr(clients.sagemaker, "create_training_job", create_training_job)
        monkeypatch.setattr("fastrcf.sagemaker.training.remove", lambda *_: told.append("removed"))
        s3.add_response("list_objects_v2", {"KeyCount": 0})
        s3.add_response("put_object", {})
        with pytest.raises((KeyboardInterrupt, ServiceError)):
            train(np.ones((4, 2)), session=clients, tell=told.append, **given)
    assert told[1].startswith("training job job may be there, and cost")
    assert len(told) == 2


def job_described(status, secondary, **more):
    return {
        "TrainingJobName": "job",
        "TrainingJobArn": f"{ARN}:training-job/job",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/out/job/output/model.tar.gz"},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "CreationTime": NOW,
        **more,
    }


def test_waiting_for_a_job():
    told = []
    with stubbed("sagemaker") as (clients, sagemaker):
        for status, secondary in [
            ("InProgress", "Starting"),
            ("InProgress", "Downloading"),
            ("InProgress", "Downloading"),
            ("InProgress", "Training"),
            ("Completed", "Completed"),
        ]:
            sagemaker.add_response(
                "describe_training_job",
                job_described(status, secondary),
                {"TrainingJobName": "job"},
            )
        TrainingJob("job", clients).wait(poll=0, tell=told.append)
    assert [line.split(": ")[1].split(" after")[0] for line in told] == [
        "InProgress (Starting)",
        "InProgress (Downloading)",
        "InProgress (Training)",
        "Completed",
    ]
    with stubbed("sagemaker") as (clients, sagemaker):
        reason = "ClientError: Unable to parse csv: rows 1-1000"
        sagemaker.add_response(
            "describe_training_job", job_described("Failed", "Failed", FailureReason=reason)
        )
        with pytest.raises(JobFailedError, match="Unable to parse csv"):
            TrainingJob("job", clients).wait(poll=0)
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response(
            "describe_training_job", job_described("Stopped", "MaxRuntimeExceeded")
        )
        with pytest.raises(JobFailedError, match="MaxRuntimeExceeded"):
            TrainingJob("job", clients).wait(poll=0)


def test_what_a_job_tells():
    with stubbed("sagemaker") as (clients, sagemaker):
        answer = job_described(
            "Completed",
            "Completed",
            HyperParameters={"feature_dim": "3", "num_trees": "60", "mini_batch_size": "1000"},
            FinalMetricDataList=[{"MetricName": "test:f1", "Value": 0.5, "Timestamp": NOW}],
        )
        for _ in range(4):
            sagemaker.add_response("describe_training_job", answer)
        job = TrainingJob("job", clients)
        assert job.status == "Completed"
        assert job.hyperparameters == Hyperparameters(3, 60)
        assert job.metrics == {"test:f1": 0.5}
        assert job.model_data == "s3://b/out/job/output/model.tar.gz"


def test_stopping_a_job_that_has_ended():
    with stubbed("sagemaker") as (clients, sagemaker):
        message = "The job cannot be stopped in its current state"
        sagemaker.add_client_error("stop_training_job", "ValidationException", message)
        sagemaker.add_response("describe_training_job", job_described("Completed", "Completed"))
        TrainingJob("job", clients).stop()
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_client_error("stop_training_job", "AccessDeniedException")
        with pytest.raises(ServiceError, match="do not allow it"):
            TrainingJob("job", clients).stop()


def test_our_container_takes_other_numbers_of_trees_and_rows():
    image = OURS
    given = {"role": ROLE, "output": "s3://b/out", "accept_cost": True, "image": image}
    given |= {"tell": quiet, "name": "job"}
    few = {"num_trees": 20, "num_samples_per_tree": 4096}
    sent = {"feature_dim": "3", "num_trees": "20", "num_samples_per_tree": "4096"}
    sent["eval_metrics"] = '["accuracy", "precision_recall_fscore"]'
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response(
            "create_training_job",
            {"TrainingJobArn": f"{ARN}:training-job/job"},
            training_request(AlgorithmSpecification=ANY, HyperParameters=sent),
        )
        sagemaker.add_response(
            "describe_training_job",
            job_described(
                "Completed",
                "Completed",
                HyperParameters=sent,
                AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            ),
        )
        job = train(DATA, session=clients, **given, **few)
        # And they can be read back.
        assert job.hyperparameters == Hyperparameters(3, 20, 4096, managed=False)
        for wrong, words in [
            ({"num_trees": 0}, "num_trees: 0 is not an integer of at least 1"),
            ({"num_samples_per_tree": 1}, "1 is less than 2"),
            ({**few, "hyperparameters": {"model": "managed"}}, "not between 50 and 1,000"),
            ({**few, "hyperparameters": {"num_trees": 30}}, "20, and 30 among the hyperparameters"),
        ]:
            with pytest.raises(InvalidParameterError, match=words):
                train(DATA, session=clients, **given, **wrong)


@pytest.mark.parametrize("image", [None, IMAGE, OURS])
def test_parquet_in_fastfile_mode_is_for_our_container(image):
    content_type = "application/x-parquet"
    data, test = (
        Channel(name, f"s3://b/{name}/", content_type, n_features=3, input_mode="FastFile")
        for name in ("train", "test")
    )
    given = {"role": ROLE, "output": "s3://b/out", "name": "job", "accept_cost": True}
    given |= {"image": image, "num_trees": 50, "num_samples_per_tree": 512, "tell": quiet}
    with stubbed("sagemaker", "s3") as (clients, sagemaker, _):
        if image != OURS:
            with pytest.raises(InvalidParameterError, match="channel train of the managed"):
                train(data, session=clients, **given)
            # A test channel alone is refused too; nothing was uploaded.
            with pytest.raises(InvalidParameterError, match="channel test of the managed"):
                train([[1.0, 2, 3]], test=test, session=clients, **given)
            return
        sent = training_request(AlgorithmSpecification=ANY)
        (channel,) = sent["InputDataConfig"]
        channel["DataSource"]["S3DataSource"]["S3Uri"] = "s3://b/train/"
        sent["InputDataConfig"] = [
            channel | {"ContentType": content_type, "InputMode": "FastFile"},
            test.request(),
        ]
        answer = {"TrainingJobArn": f"{ARN}:training-job/job"}
        sagemaker.add_response("create_training_job", answer, sent)
        train(data, test=test, session=clients, **given)


def test_hyperparameters_are_text_on_the_wire():
    given = Hyperparameters(30, 50, 512, eval_metrics=("accuracy",))
    assert given.to_strings() == {
        "feature_dim": "30",
        "num_trees": "50",
        "num_samples_per_tree": "512",
        "eval_metrics": '["accuracy"]',
    }
    assert Hyperparameters.from_strings(given.to_strings()) == given
    for wrong, words in [
        ({}, "feature_dim: it is required"),
        ({"feature_dim": "a"}, "feature_dim: 'a' is not an integer"),
        ({"feature_dim": "0"}, "feature_dim"),
        ({"feature_dim": "10001"}, "more than 10000"),
        ({"feature_dim": "3", "eval_metrics": "accuracy"}, "no list"),
        ({"feature_dim": "3", "eval_metrics": "[1]"}, "no list"),
    ]:
        with pytest.raises(InvalidParameterError, match=words):
            Hyperparameters.from_strings(wrong)
