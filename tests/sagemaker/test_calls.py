"""Every call that is made of AWS, and what becomes of its failures, by botocore's stubs."""

import datetime
import importlib
import os
import sys
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
import botocore.session
from botocore.stub import ANY

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker import (
    BatchTransform,
    Channel,
    CostNotAcceptedError,
    Endpoint,
    Hyperparameters,
    JobFailedError,
    Model,
    Prices,
    Serverless,
    ServiceError,
    TrainingJob,
    delete,
    deploy,
    image_uri,
    train,
    upload,
)
from tests.sagemaker.aws import REGION, ROLE, session, stubbed

ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
NOW = datetime.datetime(2026, 1, 1)
IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/randomcutforest:1"
DATA = Channel("train", "s3://b/d/", n_features=3, n_objects=2)


def quiet(text):
    pass


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


def test_nothing_is_done_without_accepting_its_cost():
    """No response is stubbed: a call would fail."""
    X = np.ones((10, 3))
    with stubbed("sagemaker", "s3") as (clients, _, _):
        with pytest.raises(CostNotAcceptedError, match=r"0\.408 USD an hour.*nothing was created"):
            train(X, role=ROLE, output="s3://b/o", instance_count=2, session=clients)
        with pytest.raises(CostNotAcceptedError, match="until it is deleted"):
            deploy("s3://b/model.tar.gz", role=ROLE, session=clients)
        with pytest.raises(CostNotAcceptedError, match="serverless, 2048 MB"):
            deploy("s3://b/model.tar.gz", role=ROLE, serverless=Serverless(), session=clients)
        with pytest.raises(CostNotAcceptedError):
            BatchTransform.create(Model("m", clients), data="s3://b/d", output="s3://b/o")
        # Only True is yes.
        with pytest.raises(CostNotAcceptedError):
            train(X, role=ROLE, output="s3://b/o", session=clients, accept_cost="no")


def test_bad_input_is_refused_before_anything_is_paid_or_sent():
    X = np.ones((10, 3))
    given = {"role": ROLE, "output": "s3://b/o", "accept_cost": True}
    with stubbed("sagemaker", "s3") as (clients, _, _):
        for wrong, words in [
            ({"num_trees": 49}, "num_trees: 49"),
            ({"num_trees": 1001}, "num_trees: 1001 is more than 1000"),
            ({"num_samples_per_tree": 2049}, "2049 is more than 2048"),
            ({"feature_dim": 4}, "feature_dim: 4, but the data has 3"),
            ({"eval_metrics": ("auc",)}, "eval_metrics: 'auc'"),
            ({"output": "b/o"}, "output: expected s3://"),
            ({"test": (np.ones((2, 4)), [0, 1])}, "test: 4 columns"),
            ({"test": DATA}, "test: a channel of the name 'train'"),
            ({"test": X}, "test: expected"),
            ({"max_seconds": 0}, "max_seconds"),
            ({"role": "me"}, "role: expected arn:aws:iam"),
            ({"name": "my_job"}, "name: 'my_job' is not"),
            ({"name": "a" * 64}, "is not 1 to 63"),
            ({"name": "a-"}, "is not 1 to 63"),
        ]:
            with pytest.raises(InvalidParameterError, match=words):
                train(X, **given | wrong, session=clients)
        with pytest.raises(InvalidInputError, match="row 0, column 1"):
            train([[1, np.inf]], **given, session=clients)
        with pytest.raises(InvalidParameterError, match="feature_dim: needed"):
            train("s3://b/d", **given, session=clients)
        with pytest.raises(InvalidParameterError, match="3 instances need as many objects"):
            train(DATA, **given, instance_count=3, session=clients)
        for wrong, words in [
            ({"role": None}, "role: needed"),
            ({"role": "me"}, "role: expected arn:aws:iam"),
            ({"name": "my_endpoint"}, "name: 'my_endpoint'"),
            ({"delete_after": 3600, "scheduler_role": "me"}, "scheduler_role: expected"),
            ({"multi_model": True, "serverless": Serverless()}, "one model, not many"),
            ({"delete_after": 5}, "not a minute"),
            ({"delete_after": float("nan")}, "not a minute"),
            ({"delete_after": 3600}, "needs scheduler_role"),
        ]:
            given = {"role": ROLE, "accept_cost": True} | wrong
            with pytest.raises(InvalidParameterError, match=words):
                deploy("s3://b/model.tar.gz", **given, session=clients)
        with pytest.raises(InvalidParameterError, match="20 requests of 6 MB"):
            BatchTransform.create(
                Model("m", clients),
                data="s3://b/d",
                output="s3://b/o",
                max_concurrent=20,
                accept_cost=True,
            )
    with pytest.raises(InvalidParameterError, match="in steps of 1024"):
        Serverless(memory_mb=1500)
    with pytest.raises(InvalidParameterError, match="max_concurrency"):
        Serverless(max_concurrency=201)


def job_described(status, secondary, **more):
    return {
        "TrainingJobName": "job",
        "TrainingJobArn": f"{ARN}:training-job/job",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/out/job/output/model.tar.gz"},
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


def test_images_of_all_regions_have_botocores_domains():
    from fastrcf.sagemaker.image import regions

    assert len(regions()) == 37
    assert image_uri("eu-west-1") == IMAGE
    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    for region in regions():
        account, _, rest = image_uri(region).partition(".dkr.ecr.")
        assert account.isdigit()
        assert len(account) == 12
        (domain,) = (p["dnsSuffix"] for p in partitions if region in p["regions"])
        assert rest == f"{region}.{domain}/randomcutforest:1", region
    with pytest.raises(InvalidParameterError, match="'mars-1' does not have"):
        image_uri("mars-1")


@pytest.mark.filterwarnings("ignore")
def test_images_are_those_of_amazons_sdk():
    sdk = None
    # Of version 3, and of version 2.
    for name in ("sagemaker.core.image_uris", "sagemaker.image_uris"):
        with suppress(ImportError):
            sdk = sdk or importlib.import_module(name)
    if sdk is None:
        pytest.skip("Amazon's SDK is not installed (extra sagemaker-sdk)")
    from fastrcf.sagemaker.image import from_table, regions

    for region in regions():
        assert from_table(region) == sdk.retrieve("randomcutforest", region, version="1"), region


def test_an_sdk_that_is_there_is_asked(monkeypatch):
    def retrieve(framework, region, version):
        if region == "mars-1":
            raise ValueError("Unsupported region: mars-1")
        return f"{framework}/{region}/{version}"

    sdk = SimpleNamespace(retrieve=retrieve)
    monkeypatch.setitem(sys.modules, "sagemaker.core.image_uris", sdk)
    assert image_uri("new-region-1") == "randomcutforest/new-region-1/1"
    with pytest.raises(InvalidParameterError, match="Unsupported region: mars-1"):
        image_uri("mars-1")


def test_the_recorded_table_of_registries(data):
    import json

    from fastrcf.sagemaker.image import from_table, regions

    path = data / "managed_rcf" / "registries.json"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    recorded = json.loads(path.read_text())["versions"]["1"]["registries"]
    assert regions() == sorted(recorded)
    for region, account in recorded.items():
        assert from_table(region).startswith(f"{account}.dkr.ecr.{region}.")


def test_prices_of_ones_own(tmp_path, monkeypatch):
    path = tmp_path / "prices.json"
    path.write_text(
        '{"as_of": "2031-01-01", "region": "eu-west-1", "currency": "EUR", '
        '"instance_hours": {"ml.c5.xlarge": 9.0}, "serverless_gb_seconds": 1}'
    )
    own = Prices.load(path)
    estimate = own.instances("x", "ml.c5.xlarge", 2, REGION, 0.5)
    assert estimate.per_hour == 18.0
    assert estimate.most == 9.0
    assert str(estimate).endswith("(prices of 2031-01-01 for eu-west-1)")
    assert "not in the prices" in str(own.instances("x", "ml.p9.huge", 1, REGION))
    assert own.serverless("x", 2048, REGION).per_hour == 7200.0
    monkeypatch.setenv("FASTRCF_PRICES", str(path))
    assert Prices.load().currency == "EUR"
    path.write_text("[]")
    with pytest.raises(InvalidParameterError, match="no table of prices"):
        Prices.load()


def test_sessions():
    from fastrcf.sagemaker._session import Clients

    class OfTheSdk:
        boto_session = session()

    assert Clients.of(OfTheSdk()).region == REGION
    assert Clients.of(session()).region == REGION


def test_uploads_are_checked_first():
    X = np.ones((4, 2))
    with stubbed("s3") as (clients, s3):
        for given, words in [
            ({"uri": "s3://bucket"}, "a whole bucket"),
            ({"uri": "x"}, "expected s3://"),
            ({"format": "parquet"}, "neither recordio nor csv"),
            ({"channel": "validation"}, "neither train nor test"),
            ({"labels": [0, 1, 0, 1]}, "training takes none"),
            ({"channel": "test"}, "test data needs them"),
        ]:
            with pytest.raises(InvalidParameterError, match=words):
                upload(X, **{"uri": "s3://b/p", "session": clients} | given)
        for given, words in [
            ({"n_objects": 5}, "4 rows do not fill 5 objects"),
            ({"channel": "test", "labels": [0, 1]}, "2 for 4 rows"),
            ({"channel": "test", "labels": [0, 1, 2, 0]}, "row 2"),
        ]:
            with pytest.raises(InvalidInputError, match=words):
                upload(X, **{"uri": "s3://b/p", "session": clients} | given)
        s3.add_response("list_objects_v2", {"KeyCount": 1, "Contents": [{"Key": "p/old.csv"}]})
        with pytest.raises(ServiceError, match=r"holds p/old\.csv already"):
            upload(X, "s3://b/p", session=clients)
    with pytest.raises(InvalidParameterError, match="content_type: channel test takes"):
        Channel("test", "s3://b/p", "text/csv;label_size=0")


def test_a_failing_upload_removes_what_it_wrote():
    with stubbed("s3") as (clients, s3):
        s3.add_response("list_objects_v2", {"KeyCount": 0})
        key = "p/part-{}-of-00002.csv"
        given = {"Bucket": "b", "Body": ANY, "ContentType": "text/csv"}
        given |= {"ChecksumAlgorithm": ANY}
        s3.add_response("put_object", {}, given | {"Key": key.format("00000")})
        s3.add_client_error("put_object", "AccessDenied")
        s3.add_response("delete_object", {}, {"Bucket": "b", "Key": key.format("00000")})
        with pytest.raises(ServiceError, match="do not allow it"):
            upload(np.ones((4, 2)), "s3://b/p", n_objects=2, format="csv", session=clients)


def test_the_region_is_asked_of_both_variables(monkeypatch):
    import boto3

    from fastrcf.sagemaker._session import Clients

    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InvalidParameterError, match="no region is set"):
        Clients.of(boto3.Session("id", "secret"))
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "eu-west-3")
            clients = Clients.of(boto3.Session("id", "secret"))
            assert clients.region == "eu-west-3"
            assert clients.sagemaker.meta.region_name == "eu-west-3"
