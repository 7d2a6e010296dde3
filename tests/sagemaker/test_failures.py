"""Each call of AWS that the adapter makes, refused in each way: what is said of it.

What is undone, kept and tried again is in the tests of each thing.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import fastrcf.sagemaker
from fastrcf.sagemaker import (
    BatchTransform,
    Endpoint,
    ServiceError,
    TrainingJob,
    delete,
    deploy,
    train,
)
from tests.sagemaker import test_transform as transforms
from tests.sagemaker.aws import ARN, NOW, ROLE, Clients, quiet, session, stubbed
from tests.sagemaker.described import endpoint_described
from tests.sagemaker.test_stored import BOTH, MODEL, TRAIN, channel, job

FAILURES = {
    "throttling": (("ThrottlingException", "SlowDown"), "refuses for too many calls"),
    "validation": (("ValidationException", "InvalidRequest"), "no such value"),
    "expired": (("ExpiredTokenException", "ExpiredToken"), "credentials have expired, renew"),
}
MADE = {"role": ROLE, "accept_cost": True, "tell": quiet}
PARTS = {"Contents": [{"Key": "fraud/job/train/part-00000-of-00001.pbr"}]}
SCORES = {"Contents": [{"Key": "out/rows.csv.out"}]}
TRANSFORMED = transforms.described("Completed", TransformOutput={"S3OutputPath": "s3://b/out"})
CONFIG = {
    "EndpointConfigName": "config",
    "EndpointConfigArn": f"{ARN}:endpoint-config/config",
    "ProductionVariants": [{"VariantName": "v", "ModelName": "model"}],
    "CreationTime": NOW,
}
KNOWN = {
    "ModelName": "model",
    "ModelArn": f"{ARN}:model/model",
    "PrimaryContainer": {"ModelDataUrl": MODEL},
    "CreationTime": NOW,
}
SCHEDULE = {"Target": {"Arn": "arn:x", "RoleArn": ROLE, "Input": '{"EndpointName": "rcf"}'}}

# What is done, and its calls in their order with what AWS answers.
WAYS = {
    "train": (
        lambda c: train(np.ones((4, 2)), output="s3://b/fraud", name="job", session=c, **MADE),
        ("s3", "list_objects_v2", {"KeyCount": 0}),
        ("s3", "put_object", {}),
        ("sagemaker", "create_training_job", {"TrainingJobArn": f"{ARN}:training-job/job"}),
    ),
    "wait for a job": (
        lambda c: TrainingJob("job", c).wait(poll=0),
        ("sagemaker", "describe_training_job", job(*BOTH, status="InProgress")),
        ("sagemaker", "describe_training_job", job(*BOTH)),
    ),
    "stop a job": (
        lambda c: TrainingJob("job", c).stop(),
        ("sagemaker", "stop_training_job", {}),
    ),
    "deploy": (
        lambda c: deploy(
            MODEL, name="rcf", session=c, delete_after=3600, scheduler_role=ROLE, **MADE
        ),
        ("sagemaker", "create_model", {"ModelArn": f"{ARN}:model/rcf"}),
        ("sagemaker", "create_endpoint_config", {"EndpointConfigArn": f"{ARN}:x/rcf"}),
        ("scheduler", "create_schedule", {"ScheduleArn": "arn:x"}),
        ("sagemaker", "create_endpoint", {"EndpointArn": f"{ARN}:endpoint/rcf"}),
    ),
    "wait for an endpoint": (
        lambda c: Endpoint("rcf", c).wait(poll=0),
        ("sagemaker", "describe_endpoint", endpoint_described("Creating")),
        ("sagemaker", "describe_endpoint", endpoint_described()),
    ),
    "transform": (
        lambda c: transforms.create(c, stop_after=3600, scheduler_role=ROLE),
        ("scheduler", "create_schedule", {"ScheduleArn": "arn:x"}),
        ("sagemaker", "create_transform_job", {"TransformJobArn": f"{ARN}:transform-job/t"}),
    ),
    "wait for scores": (
        lambda c: BatchTransform("t", c).wait(poll=0).scores(),
        ("sagemaker", "describe_transform_job", transforms.described("InProgress")),
        ("sagemaker", "describe_transform_job", TRANSFORMED),
        ("sagemaker", "describe_transform_job", TRANSFORMED),
        ("s3", "list_objects_v2", SCORES),
        ("s3", "get_object", {}),
    ),
    "stop a transform": (
        lambda c: BatchTransform("t", c).stop(),
        ("sagemaker", "stop_transform_job", {}),
    ),
    "delete": (
        lambda c: delete("rcf", data=True, wait=0, session=c),
        ("sagemaker", "describe_endpoint", endpoint_described()),
        ("sagemaker", "describe_endpoint_config", CONFIG),
        ("sagemaker", "describe_model", KNOWN),
        ("sagemaker", "delete_endpoint", {}),
        ("sagemaker", "describe_training_job", job(channel("train", TRAIN))),
        ("s3", "list_objects_v2", PARTS),
        ("s3", "delete_object", {}),
        ("s3", "head_object", {}),
        ("s3", "delete_object", {}),
        ("sagemaker", "delete_model", {}),
        ("sagemaker", "delete_endpoint_config", {}),
        ("scheduler", "get_schedule", SCHEDULE),
        ("scheduler", "delete_schedule", {}),
    ),
}
JOBS = ("training_job", "transform_job")
EACH = [(way, i) for way, (_, *calls) in WAYS.items() for i in range(len(calls))]


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize(("way", "i"), EACH, ids=lambda part: str(part))
def test_a_refused_call_says_what_to_do(way, i, kind):
    act, *calls = WAYS[way]
    service, call, _ = calls[i]
    codes, words = FAILURES[kind]
    names = ("sagemaker", "s3", "scheduler")
    with stubbed(*names) as (clients, *stubs):
        stub = dict(zip(names, stubs, strict=True))
        for earlier, done, answer in calls[:i]:
            stub[earlier].add_response(done, answer)
        stub[service].add_client_error(call, codes[service == "s3"], "no such value")
        if call.startswith("stop_") and kind == "validation":
            # What has ended is refused in such words, so that it is asked about.
            waiting = WAYS["wait for a job" if way == "stop a job" else "wait for scores"][1]
            stub[service].add_response(*waiting[1:])
        # What is undone then, and goes on, is not expected here: stubs refuse it.
        with pytest.raises(ServiceError, match=words):
            act(clients)


def test_no_call_is_left_out():
    refused = {call for _, *calls in WAYS.values() for _, call, _ in calls}
    clients = Clients.of(session())
    made = [clients.sagemaker, clients.s3, clients.scheduler]
    folder = Path(fastrcf.sagemaker.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    called = {
        name
        for name in re.findall(r"\b[a-z]+_[a-z_0-9]+", source)
        if any(name in client.meta.method_to_api_mapping for client in made)
    }
    # An upload is a put_object, and jobs are asked about and stopped by what they are.
    named = {f"{verb}_{what}" for verb in ("describe", "stop") for what in JOBS}
    assert called | named | {"describe_endpoint", "put_object"} == refused
