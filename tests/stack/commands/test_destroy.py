"""Destruction on moto: in order, interrupted, repeated, and what it leaves alone."""

import json

import pytest

from fastrcf.sagemaker.errors import ServiceError
from fastrcf.stack.destroy import _stack as delete_stack
from fastrcf.stack.destroy import destroy
from fastrcf.stack.events import StackFailedError, follow
from fastrcf.stack.state import _stack, find_stack
from fastrcf.stack.uploads import bucket_is_there
from tests.stack.commands.made import (
    ACCOUNT,
    CODE_BUCKET,
    OUTPUTS,
    PREFIX,
    REGION,
    STACK_ID,
    bucket,
    event,
    stack_answer,
)

TAGS = [{"Key": "fastrcf:solution", "Value": PREFIX}]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fastrcf-tests"
MD, OUT = (f"{PREFIX}-{ACCOUNT}-{REGION}-{kind}" for kind in ("md", "out"))
# As far as moto's CloudFormation goes.
TEMPLATE = {
    "Parameters": {"AccessLogs": {"Type": "String", "Default": "off"}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{PREFIX}-dead-letters"}},
        "Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": f"/aws/lambda/{PREFIX}-scorer"},
        },
    },
    "Outputs": {"ApiId": {"Value": "abc"}},
}


def endpoint(clients, name, tags=TAGS):
    sagemaker = clients.sagemaker
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/rcf:1"
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image}, Tags=tags
    )
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], Tags=tags
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)


@pytest.fixture
def everything(clients):
    """A stack with all that belongs to it, and things that only look as if they did."""
    clients.cloudformation.create_stack(
        StackName=PREFIX, TemplateBody=json.dumps(TEMPLATE), Tags=TAGS
    )
    for name in (CODE_BUCKET, MD, OUT):
        bucket(clients, name)
        for number in range(2):
            clients.s3.put_object(Bucket=name, Key="key", Body=b"%d" % number)
        clients.s3.delete_object(Bucket=name, Key="key")
        clients.s3.create_multipart_upload(Bucket=name, Key="unfinished")
    endpoint(clients, f"{PREFIX}-rcf")
    clients.sagemaker.create_model(
        ModelName=f"{PREFIX}-spare",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/rcf:1"},
        Tags=TAGS,
    )
    for group in (
        f"/aws/sagemaker/Endpoints/{PREFIX}-rcf",
        f"/aws/kinesisfirehose/{PREFIX}-results",
        "API-Gateway-Execution-Logs_abc/prod",
        f"/aws/lambda/{PREFIX}-scorer-2",
    ):
        clients.logs.create_log_group(logGroupName=group)
    # Another stack's, whose prefix begins with ours.
    other = [{"Key": "fastrcf:solution", "Value": f"{PREFIX}-eu"}]
    endpoint(clients, f"{PREFIX}-eu-rcf", other)
    return clients


GONE = [
    ("endpoint", f"{PREFIX}-rcf"),
    # The configuration knows the model's name: it goes after it.
    ("model", f"{PREFIX}-rcf"),
    ("endpoint configuration", f"{PREFIX}-rcf"),
    ("model", f"{PREFIX}-spare"),
    ("stack", PREFIX),
    ("bucket", CODE_BUCKET),
    ("bucket", MD),
    ("bucket", OUT),
    ("log group", f"/aws/kinesisfirehose/{PREFIX}-results"),
    ("log group", "API-Gateway-Execution-Logs_abc/prod"),
    ("log group", f"/aws/sagemaker/Endpoints/{PREFIX}-rcf"),
]


def with_outcome(result, outcome):
    return [(step.kind, step.name) for step in result.steps if step.outcome == outcome]


def what_is_left(clients):
    """All that could be left, by kind."""
    sagemaker, logs = clients.sagemaker, clients.logs
    return {
        "endpoints": [e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]],
        "configs": [
            e["EndpointConfigName"] for e in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ],
        "models": [e["ModelName"] for e in sagemaker.list_models()["Models"]],
        "buckets": [one["Name"] for one in clients.s3.list_buckets()["Buckets"]],
        "groups": [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]],
        "stack": find_stack(clients, PREFIX) is not None,
    }


OTHERS = {
    "endpoints": [f"{PREFIX}-eu-rcf"],
    "configs": [f"{PREFIX}-eu-rcf"],
    "models": [f"{PREFIX}-eu-rcf"],
    "buckets": [],
    "groups": [f"/aws/lambda/{PREFIX}-scorer-2"],
    "stack": False,
}


def run(clients, **given):
    return destroy(clients, PREFIX, poll=0, **given)


def test_a_dry_run_names_everything_and_deletes_nothing(everything):
    before = what_is_left(everything)
    result = run(everything, dry_run=True)
    named = with_outcome(result, "would be deleted")
    assert set(GONE) <= set(named)
    assert ("AWS::Logs::LogGroup", f"/aws/lambda/{PREFIX}-scorer") in named
    reasons = {step.name: step.reason for step in result.steps if step.kind == "bucket"}
    assert reasons[OUT] == "3 versions and markers, 0.0 MB, 1 unfinished uploads"
    assert what_is_left(everything) == before
    assert any(CODE_BUCKET in arn for arn in result.leftovers)


def test_everything_goes_in_the_safe_order(everything):
    told = []
    result = run(everything, tell=told.append)
    assert with_outcome(result, "deleted") == GONE
    assert tuple(told) == result.steps
    assert result.failed == ()
    assert what_is_left(everything) == OTHERS
    # What has the name but not the tag.
    kept = {step.name: step.reason for step in result.steps if step.outcome == "kept"}
    assert kept == {f"{PREFIX}-eu-rcf": f"has no tag fastrcf:solution={PREFIX}"}
    assert not [arn for arn in result.leftovers or () if "s3" in arn]
    # Again: there is nothing to do, which is no error.
    assert with_outcome(run(everything), "deleted") == []


def test_the_name_is_enough_if_asked_for(clients):
    endpoint(clients, f"{PREFIX}-by-hand", tags=[])
    assert with_outcome(run(clients), "deleted") == []
    assert with_outcome(run(clients, untagged=True), "deleted")[0] == (
        "endpoint",
        f"{PREFIX}-by-hand",
    )


@pytest.mark.parametrize(
    "call",
    [
        "cloudwatch-logs.TagResource",
        "sagemaker.DeleteEndpoint",
        "sagemaker.DeleteEndpointConfig",
        "sagemaker.DeleteModel",
        "cloudformation.DeleteStack",
        "s3.DeleteObjects",
        "s3.AbortMultipartUpload",
        "s3.DeleteBucket",
        "cloudwatch-logs.DeleteLogGroup",
    ],
)
def test_an_interrupted_run_is_finished_by_the_next(everything, call):
    """The second call of each kind does not come back: the power is gone."""
    service = call.split(".")[0].replace("cloudwatch-", "")
    client = getattr(everything, service)
    only = call in (
        "cloudwatch-logs.TagResource",
        "sagemaker.DeleteEndpoint",
        "sagemaker.DeleteEndpointConfig",
        "cloudformation.DeleteStack",
    )
    calls = []

    def fail(**given):
        calls.append(1)
        if len(calls) == (1 if only else 2):
            raise KeyboardInterrupt

    client.meta.events.register(f"before-call.{call}", fail)
    with pytest.raises(KeyboardInterrupt):
        run(everything)
    assert what_is_left(everything) != OTHERS
    result = run(everything)
    assert result.failed == ()
    assert what_is_left(everything) == OTHERS


def test_logs_of_endpoints_are_known_after_an_interruption(everything):
    """The endpoint, which tells whose the log is, has gone in a run that did not get to it."""

    def fail(**given):
        raise KeyboardInterrupt

    everything.cloudformation.meta.events.register("before-call.cloudformation.DeleteStack", fail)
    with pytest.raises(KeyboardInterrupt):
        run(everything)
    everything.cloudformation.meta.events.unregister("before-call.cloudformation.DeleteStack", fail)
    group = f"/aws/sagemaker/Endpoints/{PREFIX}-rcf"
    left = what_is_left(everything)
    assert f"{PREFIX}-rcf" not in left["endpoints"]
    assert group in left["groups"]
    assert ("log group", group) in with_outcome(run(everything, dry_run=True), "would be deleted")
    assert ("log group", group) in with_outcome(run(everything), "deleted")
    assert what_is_left(everything) == OTHERS


def test_logs_of_endpoints_that_may_be_another_stacks_are_named_and_kept(everything):
    place = "/aws/sagemaker/Endpoints"
    # Its endpoint, another stack's, is there; those of the others are not.
    for name in ("eu-rcf", "old", "eu-old"):
        everything.logs.create_log_group(logGroupName=f"{place}/{PREFIX}-{name}")
    result = run(everything)
    kept = {
        step.name: step.reason for step in result.steps if step.kind == "log group" and step.reason
    }
    assert set(kept) == {f"{place}/{PREFIX}-old", f"{place}/{PREFIX}-eu-old"}
    assert all("no tag" in reason for reason in kept.values())
    left = what_is_left(everything)["groups"]
    assert {f"{place}/{PREFIX}-{name}" for name in ("eu-rcf", "old", "eu-old")} <= set(left)
    everything.logs.delete_log_group(logGroupName=f"{place}/{PREFIX}-eu-old")
    run(everything, untagged=True)
    assert f"{place}/{PREFIX}-old" not in what_is_left(everything)["groups"]


def test_who_may_not_tag_logs_can_still_delete(everything):
    def refuse(**given):
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "TagResource")

    everything.logs.meta.events.register("before-call.cloudwatch-logs.TagResource", refuse)
    assert with_outcome(run(everything), "deleted") == GONE
    assert what_is_left(everything) == OTHERS


def test_a_refusal_keeps_what_stands_on_it_and_nothing_else(everything):
    def refuse(**given):
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteEndpoint")

    everything.sagemaker.meta.events.register("before-call.sagemaker.DeleteEndpoint", refuse)
    result = run(everything)
    assert [(step.kind, step.name) for step in result.failed] == [("endpoint", f"{PREFIX}-rcf")]
    assert "do not allow it" in result.failed[0].reason
    left = what_is_left(everything)
    assert left["configs"] == [f"{PREFIX}-eu-rcf", f"{PREFIX}-rcf"] or len(left["configs"]) == 2
    assert left["buckets"] == []
    assert not left["stack"]


def test_data_and_logs_are_kept_if_asked_for(everything):
    run(everything, keep_data=True, keep_logs=True)
    left = what_is_left(everything)
    assert sorted(left["buckets"]) == sorted([CODE_BUCKET, MD, OUT])
    assert "API-Gateway-Execution-Logs_abc/prod" in left["groups"]


def test_a_stack_of_somebody_else_is_left_alone(clients):
    clients.cloudformation.create_stack(StackName=PREFIX, TemplateBody=json.dumps(TEMPLATE))
    bucket(clients, OUT)
    result = run(clients)
    assert [(s.kind, s.outcome) for s in result.steps] == [("stack", "kept"), ("bucket", "kept")]
    assert find_stack(clients, PREFIX) is not None
    assert bucket_is_there(clients, OUT)


def test_a_bucket_without_the_tag_is_left_alone(clients):
    bucket(clients, OUT)
    clients.s3.delete_bucket_tagging(Bucket=OUT)
    assert [(s.kind, s.outcome) for s in run(clients).steps] == [("bucket", "kept")]
    assert bucket_is_there(clients, OUT)


def test_a_stack_that_was_never_made_is_no_stack_of_somebody_else(clients):
    """It has no tags before its first change set runs, and holds nothing."""
    clients.cloudformation.create_change_set(
        StackName=PREFIX,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(TEMPLATE),
    )
    bucket(clients)
    found = find_stack(clients, PREFIX)
    assert (found.status, found.tags) == ("REVIEW_IN_PROGRESS", {})
    assert [(s.kind, s.outcome) for s in run(clients).steps] == [
        ("stack", "deleted"),
        ("bucket", "deleted"),
    ]
    assert find_stack(clients, PREFIX) is None


def test_a_stack_that_is_not_gone_keeps_its_buckets(stubbed, monkeypatch):
    monkeypatch.setattr("fastrcf.stack.events._FIRST", 0)
    with stubbed("cloudformation") as (clients, stubs):
        cloud = stubs["cloudformation"]
        cloud.add_response("describe_stack_events", {"StackEvents": []})
        cloud.add_response("delete_stack", {}, {"StackName": STACK_ID})
        cloud.add_response("describe_stacks", stack_answer("UPDATE_COMPLETE"))
        cloud.add_response("describe_stack_events", {"StackEvents": []})
        stack = _stack(stack_answer("UPDATE_COMPLETE")["Stacks"][0])
        (step,) = delete_stack(clients, stack, PREFIX, False, False, print, 0, 9)
    assert (step.outcome, step.reason) == ("failed", "it is still UPDATE_COMPLETE")


def test_a_stack_that_cannot_be_deleted_keeps_its_buckets(stubbed):
    names = ("cloudformation", "sagemaker", "s3", "logs", "tagging")
    with stubbed(*names) as (clients, stubs):
        cloud = stubs["cloudformation"]
        parameters = {"AccessLogs": "create-role"}
        cloud.add_response(
            "describe_stacks",
            stack_answer("CREATE_COMPLETE", parameters=parameters, outputs=OUTPUTS),
        )
        for call, key in (
            ("list_endpoints", "Endpoints"),
            ("list_endpoint_configs", "EndpointConfigs"),
            ("list_models", "Models"),
        ):
            stubs["sagemaker"].add_response(call, {key: []})
        first = [event(1, "Stack", "CREATE_COMPLETE")]
        cloud.add_response("describe_stack_events", {"StackEvents": first})
        cloud.add_response("delete_stack", {}, {"StackName": STACK_ID})
        cloud.add_response(
            "describe_stacks", stack_answer("DELETE_FAILED"), {"StackName": STACK_ID}
        )
        cloud.add_response(
            "describe_stack_events",
            {"StackEvents": [event(2, "Queue", "DELETE_FAILED", "in use"), *first]},
        )
        for _ in range(3):
            stubs["s3"].add_response("head_bucket", {})
        stubs["tagging"].add_response("get_resources", {"ResourceTagMappingList": []})
        result = run(clients)
    assert [(s.kind, s.outcome) for s in result.steps] == [
        ("role of gateway logs", "kept"),
        ("stack", "failed"),
        ("bucket", "kept"),
        ("bucket", "kept"),
        ("bucket", "kept"),
    ]
    assert "Queue (AWS::S3::Bucket): DELETE_FAILED: in use" in result.failed[0].reason


def test_events_are_told_once_and_in_order(stubbed):
    with stubbed("cloudformation") as (clients, stubs):
        cloud = stubs["cloudformation"]
        first = [event(2, "B", "CREATE_IN_PROGRESS"), event(1, "A", "CREATE_COMPLETE")]
        cloud.add_response("describe_stacks", stack_answer("CREATE_IN_PROGRESS"))
        cloud.add_response("describe_stack_events", {"StackEvents": first})
        cloud.add_response("describe_stacks", stack_answer("ROLLBACK_COMPLETE"))
        second = [
            event(4, "C", "CREATE_FAILED", "Resource creation cancelled"),
            event(3, "B", "CREATE_FAILED", "no such key"),
        ]
        cloud.add_response("describe_stack_events", {"StackEvents": [*second, *first]})
        told = []
        with pytest.raises(StackFailedError, match=r"B .*: no such key$"):
            follow(clients, STACK_ID, "", poll=0, timeout=9, tell=told.append)
    assert [one.id for one in told] == ["1", "2", "3", "4"]


def test_waiting_ends(stubbed):
    with stubbed("cloudformation") as (clients, stubs):
        cloud = stubs["cloudformation"]
        cloud.add_response("describe_stacks", stack_answer("CREATE_IN_PROGRESS"))
        cloud.add_response("describe_stack_events", {"StackEvents": []})
        with pytest.raises(ServiceError, match="still CREATE_IN_PROGRESS"):
            follow(clients, STACK_ID, "", poll=0, timeout=-1, tell=print)


def test_the_command_asks_and_tells(clients, monkeypatch, capsys):
    from fastrcf.cli import main
    from fastrcf.stack._clients import StackClients

    monkeypatch.setattr(StackClients, "of", classmethod(lambda cls, *given: clients))
    bucket(clients, OUT)
    asked = ["stack", "destroy", "--prefix", PREFIX, "--poll", "0"]
    assert main(asked) == 1
    assert "--yes goes on without" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", lambda *given, **more: "something else")
    assert main(asked) == 1
    assert "nothing was deleted" in capsys.readouterr().err
    assert bucket_is_there(clients, OUT)
    assert main([*asked, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [step["outcome"] for step in told["steps"]] == ["would be deleted"]
    monkeypatch.setattr("click.prompt", lambda *given, **more: PREFIX)
    assert main(asked) == 0
    assert f"bucket {OUT}: deleted" in capsys.readouterr().out
    assert not bucket_is_there(clients, OUT)
    assert main(asked) == 0
    assert f"there is nothing of {PREFIX}" in capsys.readouterr().out
