"""Deployments: S3 by moto, CloudFormation by what it is expected to be asked."""

import json
import re
from pathlib import Path

import click
import numpy as np
import pytest
from botocore.stub import ANY, Stubber

import fastrcf
from fastrcf.cli import main
from fastrcf.errors import FastRCFError, InvalidParameterError
from fastrcf.sagemaker.errors import CostNotAcceptedError, ServiceError
from fastrcf.stack import plan as planning
from fastrcf.stack._clients import StackClients
from fastrcf.stack.events import StackFailedError
from fastrcf.stack.template import Template
from tests.stack.commands.made import (
    ACCOUNT,
    CODE_BUCKET,
    NOW,
    OUTPUTS,
    PREFIX,
    REGION,
    STACK_ID,
    bucket,
    event,
    stack_answer,
)

GOLDEN = Path(__file__).with_name("plan.txt")
SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/fastrcf/1"
ABSENT = f"Stack with id {PREFIX} does not exist"


@pytest.fixture
def cloud(clients, monkeypatch):
    """CloudFormation's answers, in order; the commands get these clients."""
    monkeypatch.setattr(StackClients, "of", classmethod(lambda cls, *given: clients))
    # moto takes the denial without TLS for one of all; test_buckets.py looks at it.
    nothing = {"Version": "2012-10-17", "Statement": []}
    monkeypatch.setattr("fastrcf.stack.uploads._only_tls", lambda *given: json.dumps(nothing))
    stub = Stubber(clients.cloudformation)
    stub.activate()
    yield stub
    stub.assert_no_pending_responses()


def absent(cloud):
    cloud.add_client_error("describe_stacks", "ValidationError", ABSENT)


def answers(cloud, kind, changes, status="CREATE_COMPLETE", reason=None, expected=None):
    """A change set that is asked for, and what it tells."""
    given = {
        "StackName": PREFIX,
        "ChangeSetName": ANY,
        "ChangeSetType": kind,
        "TemplateURL": ANY,
        "Parameters": ANY,
        "Tags": [{"Key": "fastrcf:solution", "Value": PREFIX}],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    cloud.add_response(
        "create_change_set", {"Id": SET, "StackId": STACK_ID}, {**given, **(expected or {})}
    )
    told = {
        "ChangeSetId": SET,
        "Status": status,
        "Changes": [{"Type": "Resource", "ResourceChange": change} for change in changes],
    }
    cloud.add_response("describe_change_set", {**told, "StatusReason": reason} if reason else told)


def change(action, resource, kind, replacement=None):
    told = {"Action": action, "LogicalResourceId": resource, "ResourceType": kind}
    return {**told, "Replacement": replacement} if replacement else told


def executed(cloud, status, events_=(), outputs=OUTPUTS):
    events_ = [*events_, event("last", PREFIX, status, kind="AWS::CloudFormation::Stack")]
    first = [event(0, PREFIX, "REVIEW_IN_PROGRESS", kind="AWS::CloudFormation::Stack")]
    cloud.add_response("describe_stack_events", {"StackEvents": first})
    cloud.add_response("execute_change_set", {}, {"ChangeSetName": SET})
    cloud.add_response("describe_stacks", stack_answer(status, outputs=outputs))
    cloud.add_response("describe_stack_events", {"StackEvents": [*events_[::-1], *first]})


def deploy(*given):
    return main(["stack", "deploy", *map(str, given), "--prefix", PREFIX, "--poll", "0"])


CHANGES = [
    change("Add", "Function", "AWS::Lambda::Function"),
    change("Add", "Api", "AWS::ApiGateway::RestApi"),
    change("Modify", "DeliveryStream", "AWS::KinesisFirehose::DeliveryStream", "True"),
    change("Remove", "Notebook", "AWS::SageMaker::NotebookInstance"),
    change("Modify", "ApiStage", "AWS::ApiGateway::Stage", "Conditional"),
]


def test_a_first_deployment(cloud, clients, model, code, capsys):
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", CHANGES)
    executed(cloud, "CREATE_COMPLETE", [event(1, "Function", "CREATE_COMPLETE")])
    assert deploy(model, "--code", code, "--yes") == 0
    told = capsys.readouterr()
    assert f"made bucket {CODE_BUCKET}" in told.err
    assert "Function (AWS::S3::Bucket): CREATE_COMPLETE" in told.err
    assert "--aws-sigv4 aws:amz:eu-west-1:execute-api" in told.out
    assert '{"rows": [{"amount": 0, "hour": 0}]}' in told.out
    keys = [one["Key"] for one in clients.s3.list_objects_v2(Bucket=CODE_BUCKET)["Contents"]]
    assert [key.split("/")[0] for key in keys] == ["code", "models", "templates"]
    held = clients.s3.get_object(Bucket=CODE_BUCKET, Key=keys[2])["Body"].read().decode()
    assert Template(held).stamped({"SolutionPrefix": PREFIX}).text == held


def test_the_plan_that_is_shown(cloud, clients, model, code, capsys):
    """As it was looked at once; after a change on purpose, delete the file and run twice."""
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", CHANGES)
    executed(cloud, "CREATE_COMPLETE", [])
    assert deploy(model, "--code", code, "--yes", "--set", "AuthMode=APIKEY") == 0
    shown = capsys.readouterr().err.split("what would change\n")[1].split("* prices")[0]
    for path in (model, code):
        digest = planning.digest_of(path)
        shown = shown.replace(digest, "DIGEST")
    shown = "\n".join(line.rstrip() for line in shown.splitlines())
    if not GOLDEN.exists():
        GOLDEN.write_text(shown, encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} was not there and is written: look at it, and run again")
    assert shown == GOLDEN.read_text(encoding="utf-8")


def existing(cloud, status="CREATE_COMPLETE", times=2, **parameters):
    template = Template.load()
    values = template.check(
        {
            "CodeBucket": CODE_BUCKET,
            "CodeKey": "code/a.zip",
            "SolutionPrefix": PREFIX,
            "ModelUri": "s3://models/m.rcf",
            **parameters,
        }
    )
    for _ in range(times):
        cloud.add_response(
            "describe_stacks", stack_answer(status, parameters=values, outputs=OUTPUTS)
        )
    return values


def test_what_is_not_given_stays(cloud, code):
    had = existing(cloud, Rate="7", AuthMode="APIKEY")
    parameters = []

    def keep(params, **given):
        parameters.extend(params["Parameters"])

    cloud.client.meta.events.register("provide-client-params.cloudformation.CreateChangeSet", keep)
    answers(cloud, "UPDATE", CHANGES[:1])
    executed(cloud, "UPDATE_COMPLETE", [])
    assert deploy("--code", code, "--yes", "--set", "Burst=9") == 0
    sent = {one["ParameterKey"]: one["ParameterValue"] for one in parameters}
    differs = {name for name in sent if sent[name] != had[name]}
    assert differs == {"Burst", "CodeKey"}
    assert sent["Burst"] == "9"


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_no_error(cloud, code, capsys, reason):
    existing(cloud)
    answers(cloud, "UPDATE", [], "FAILED", reason)
    cloud.add_response("delete_change_set", {}, {"ChangeSetName": SET})
    assert deploy("--code", code, "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "unchanged"
    assert told["outputs"] == OUTPUTS


def test_a_no_leaves_no_empty_stack(cloud, model, code, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *given, **more: False)
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", CHANGES)
    cloud.add_response("delete_change_set", {}, {"ChangeSetName": SET})
    cloud.add_response("delete_stack", {}, {"StackName": STACK_ID})
    assert deploy(model, "--code", code) == 1
    assert "nothing was changed" in capsys.readouterr().err


def test_a_failure_tells_the_first_reasons(cloud, model, code, capsys):
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", CHANGES)
    failed = event(1, "OutputBucket", "CREATE_FAILED", "already exists")
    executed(cloud, "ROLLBACK_COMPLETE", [failed])
    assert deploy(model, "--code", code, "--yes") == 1
    assert "ROLLBACK_COMPLETE: OutputBucket (AWS::S3::Bucket)" in capsys.readouterr().err


def test_a_key_that_there_is_not_is_not_asked_for(cloud, clients, model, code, capsys):
    absent(cloud)
    assert deploy(model, "--code", code, "--yes", "--show-key") == 1
    assert "has no key while AuthMode is IAM" in capsys.readouterr().err
    assert clients.s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_key_that_aws_does_not_tell_hides_nothing_of_what_was_made(
    cloud, clients, model, code, capsys, more
):
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", CHANGES)
    made = "id7"
    keyed = {**OUTPUTS, "AuthMode": "APIKEY", "ApiKeyId": made}
    executed(cloud, "CREATE_COMPLETE", outputs=keyed)
    with Stubber(clients.gateway) as gateway:
        gateway.add_client_error("get_api_key", "AccessDeniedException", "no")
        asked = ("--code", code, "--yes", "--show-key", "--set", "AuthMode=APIKEY", *more)
        assert deploy(model, *asked) == 1
    told = capsys.readouterr()
    assert OUTPUTS["ApiUrl"] in told.out
    assert "asking for the API key: the credentials do not allow it" in told.err


def test_a_change_set_that_fails_tells_why(cloud, model, code, capsys):
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", [], "FAILED", "Parameter Rate failed")
    cloud.add_response("delete_change_set", {})
    cloud.add_response("delete_stack", {})
    assert deploy(model, "--code", code, "--yes") == 1
    assert "no change set: Parameter Rate failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("UPDATE_IN_PROGRESS", "CloudFormation is at work"),
        ("ROLLBACK_COMPLETE", "stack destroy --prefix fraud-test removes it"),
        ("DELETE_FAILED", "see its events"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name fraud-test --region eu-"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_not_touched(cloud, clients, code, capsys, status, told):
    existing(cloud, status, times=1)
    assert deploy("--code", code, "--yes") == 1
    assert told in capsys.readouterr().err
    assert clients.s3.list_buckets()["Buckets"] == []


def test_another_stack_of_that_name_is_not_touched(cloud, clients, model, code, capsys):
    others = {"SolutionPrefix": PREFIX, "IamRole": ""}
    told = stack_answer("CREATE_COMPLETE", parameters=others, tags={"team": "billing"})
    cloud.add_response("describe_stacks", told)
    assert deploy(model, "--code", code, "--yes") == 1
    assert f"stack {PREFIX}: it is another one" in capsys.readouterr().err
    assert clients.s3.list_buckets()["Buckets"] == []


def test_a_stack_of_this_template_that_other_tools_made_is_changed(cloud, model, code):
    values = {"SolutionPrefix": PREFIX, "CodeBucket": "mine", "CodeKey": "a.zip"}
    for _ in range(2):
        told = stack_answer("CREATE_COMPLETE", parameters=values, tags={})
        cloud.add_response("describe_stacks", told)
    answers(cloud, "UPDATE", CHANGES[:1])
    executed(cloud, "UPDATE_COMPLETE")
    assert deploy(model, "--code", code, "--yes") == 0


def test_the_status_before_is_not_taken_for_what_came_of_it(cloud, code, capsys):
    """CloudFormation may tell it for a moment after a change set was executed."""
    existing(cloud)
    answers(cloud, "UPDATE", CHANGES[:1])
    before = [event("old", PREFIX, "CREATE_COMPLETE", kind="AWS::CloudFormation::Stack")]
    failed = event("new", "Function", "UPDATE_FAILED", "no such zip", kind="AWS::Lambda::Function")
    cloud.add_response("describe_stack_events", {"StackEvents": before})
    cloud.add_response("execute_change_set", {}, {"ChangeSetName": SET})
    cloud.add_response("describe_stacks", stack_answer("CREATE_COMPLETE", outputs=OUTPUTS))
    cloud.add_response("describe_stack_events", {"StackEvents": before})
    cloud.add_response("describe_stacks", stack_answer("UPDATE_ROLLBACK_COMPLETE"))
    cloud.add_response("describe_stack_events", {"StackEvents": [failed, *before]})
    assert deploy("--code", code, "--yes") == 1
    assert "UPDATE_ROLLBACK_COMPLETE: Function" in capsys.readouterr().err


def test_a_question_that_is_interrupted_leaves_no_empty_stack(
    cloud, model, code, capsys, monkeypatch
):
    def interrupted(*given, **more):
        raise click.Abort

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", interrupted)
    absent(cloud)
    absent(cloud)
    answers(cloud, "CREATE", CHANGES)
    cloud.add_response("delete_change_set", {}, {"ChangeSetName": SET})
    cloud.add_response("delete_stack", {}, {"StackName": STACK_ID})
    assert deploy(model, "--code", code) != 0


def test_who_does_not_wait_is_told_that_it_goes_on(cloud, code, capsys, monkeypatch):
    existing(cloud)
    answers(cloud, "UPDATE", CHANGES[:1])
    cloud.add_response("describe_stack_events", {"StackEvents": []})
    cloud.add_response("execute_change_set", {}, {"ChangeSetName": SET})

    def interrupted(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrcf.stack.events.follow", interrupted)
    assert deploy("--code", code, "--yes") != 0
    assert "CloudFormation goes on by itself" in capsys.readouterr().err


def test_a_bucket_of_an_earlier_stack_is_named(cloud, clients, model, code, capsys):
    left = f"{PREFIX}-{ACCOUNT}-{REGION}-out"
    bucket(clients, left)
    absent(cloud)
    assert deploy(model, "--code", code, "--yes") == 1
    assert f"bucket {left} is left from an earlier stack" in capsys.readouterr().err


def test_what_is_paid_by_the_hour_has_to_be_accepted(cloud, clients, model, code, capsys):
    absent(cloud)
    notebook = ("--set", "CreateSageMakerNotebookInstance=true")
    assert deploy(model, "--code", code, "--yes", *notebook) == 1
    assert "nothing was created: accept_cost=True (--accept-cost)" in capsys.readouterr().err
    assert clients.s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("given", "arch"), [((), "arm64"), (("--set", "Architecture=x86_64"), "x86_64")]
)
def test_without_a_wheel_it_says_how_to_make_one(
    cloud, clients, model, capsys, tmp_path, monkeypatch, given, arch
):
    monkeypatch.chdir(tmp_path)
    absent(cloud)
    assert deploy(model, "--yes", *given) == 1
    assert f"make function ARCH={arch} builds it" in capsys.readouterr().err
    assert clients.s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--set", "Rate=0"], "Rate: '0' is no whole number"),
        (["--set", "Backend=sagemaker"], "need EndpointName"),
        (["--set", "Colour=red"], "Colour: no parameter"),
        (["--set", "CodeKey=a.zip"], "CodeKey: is not set by hand"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_made(
    cloud, clients, model, code, capsys, given, told
):
    if "CodeKey" not in given[1]:
        absent(cloud)
    assert deploy(model, "--code", code, "--yes", *given) == 1
    assert told in capsys.readouterr().err
    assert clients.s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["EndpointName=rcf"], "EndpointName: is of no effect while Backend is inprocess"),
        (["AlarmEmail=a@b.example", "Monitoring=none"], "AlarmEmail: is of no effect"),
        (["StoreFeatures=true", "StoreResults=false"], "StoreFeatures: is of no effect"),
        (["NotebookInstanceType=ml.t3.large"], "--set CreateSageMakerNotebookInstance=true too"),
        (["ModelUri=s3://b/other.rcf"], "ModelUri: .*model.rcf is given too"),
        (["ModelVersionId=v7"], "ModelVersionId: .*model.rcf is given too"),
    ],
)
def test_what_would_have_no_effect_is_refused(cloud, clients, model, code, capsys, given, told):
    if "given too" not in told:
        absent(cloud)
    sets = [word for one in given for word in ("--set", one)]
    assert deploy(model, "--code", code, "--yes", *sets) == 1
    assert re.search(told, capsys.readouterr().err)
    assert clients.s3.list_buckets()["Buckets"] == []


def test_notebooks_for_no_notebook_are_refused(cloud, model, code, capsys, tmp_path):
    absent(cloud)
    assert deploy(model, "--code", code, "--yes", "--notebooks", tmp_path) == 1
    assert "notebooks: the stack has no notebook" in capsys.readouterr().err


def test_what_had_an_effect_once_may_stay(cloud, code):
    existing(cloud, EndpointName="rcf", AlarmEmail="a@b.example", Monitoring="none")
    answers(cloud, "UPDATE", CHANGES[:1])
    executed(cloud, "UPDATE_COMPLETE")
    assert deploy("--code", code, "--yes", "--set", "EndpointName=") == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--set", "Rate=1", "--set", "Rate=2"), "Rate is given 2 times"),
        (("--from-index",), "--code is the whole zip"),
    ],
)
def test_options_that_contradict_are_wrong_use(model, code, capsys, given, told):
    assert deploy(model, "--code", code, "--yes", *given) == 2
    assert told in capsys.readouterr().err


def test_a_zip_of_another_architecture_is_refused(cloud, clients, model, tmp_path, capsys):
    import zipfile

    path = tmp_path / "x86.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("index.py", "")
        made.writestr("fastrcf/_fastrcf.abi3.so", b"\x7fELF" + bytes(14) + b"\x3e\x00")
    absent(cloud)
    assert deploy(model, "--code", path, "--yes") == 1
    told = capsys.readouterr().err
    assert "its libraries are of x86_64 and the function of arm64" in told
    assert "--set Architecture=x86_64" in told
    assert clients.s3.list_buckets()["Buckets"] == []
    assert planning.check_code(path, "x86_64") == planning.check_code(path)


def key_of(number):
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{number}"


def test_under_another_key_the_model_is_another_object(cloud, clients, model, code, capsys):
    uri = f"s3://{CODE_BUCKET}/models/1/x.rcf"
    existing(cloud, times=1, KmsKeyArn=key_of(1), ModelUri=uri)
    assert deploy("--code", code, "--yes", "--set", f"KmsKeyArn={key_of(2)}") == 1
    assert f"can be read by {key_of(1)} alone" in capsys.readouterr().err
    existing(cloud, KmsKeyArn=key_of(1), ModelUri=uri)
    answers(cloud, "UPDATE", CHANGES[:1])
    executed(cloud, "UPDATE_COMPLETE")
    assert deploy(model, "--code", code, "--yes", "--set", f"KmsKeyArn={key_of(2)}") == 0
    listed = clients.s3.list_objects_v2(Bucket=CODE_BUCKET, Prefix="models/")["Contents"]
    assert [one["Key"] for one in listed] == [f"models/2/{planning.digest_of(model)}.rcf"]


def test_the_line_asks_for_alerts_where_there_is_a_threshold(cloud, code, tmp_path, capsys):
    forest = fastrcf.RandomCutForest(n_trees=5, sample_size=16, random_state=1)
    forest.insert(np.random.default_rng(0).normal(size=(50, 2)))
    path = tmp_path / "forest.rcf"
    forest.freeze().save(path)
    for given, route in (((), "score"), (("--set", "Threshold=2"), "detect")):
        absent(cloud)
        absent(cloud)
        answers(cloud, "CREATE", CHANGES)
        executed(cloud, "CREATE_COMPLETE")
        assert deploy(path, "--code", code, "--yes", *given) == 0
        assert f"/prod/v1/{route} " in capsys.readouterr().out


def test_models_that_cannot_be_served_are_refused(tmp_path, clients, code, capsys):
    path = tmp_path / "model.rcf"
    path.write_bytes(b"no model")
    assert deploy(path, "--code", code, "--yes") == 1
    assert "the function cannot serve it" in capsys.readouterr().err


def test_a_first_deployment_needs_a_model(cloud, code, capsys):
    absent(cloud)
    assert deploy("--code", code, "--yes") == 1
    assert "give a model file" in capsys.readouterr().err


def test_zips_without_a_handler_are_refused(tmp_path, code):
    import zipfile

    bad = tmp_path / "a.zip"
    bad.write_bytes(b"x")
    with pytest.raises(InvalidParameterError, match="no zip"):
        planning.check_code(bad)
    with zipfile.ZipFile(bad, "w") as made:
        made.writestr("other.py", "")
    with pytest.raises(InvalidParameterError, match=r"has no index\.py"):
        planning.check_code(bad)
    assert len(planning.check_code(code)) == 64


def test_nobody_to_ask_is_said(model, code, capsys):
    assert deploy(model, "--code", code) == 1
    assert "--yes goes on without" in capsys.readouterr().err


def test_errors_are_of_the_family(model):
    assert issubclass(StackFailedError, ServiceError)
    assert issubclass(CostNotAcceptedError, FastRCFError)
    assert NOW.tzinfo is not None
