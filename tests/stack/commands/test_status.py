"""How a stack is told to be."""

import json

import pytest

from fastrcf.cli import main
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.errors import ServiceError
from fastrcf.stack import calling
from fastrcf.stack._clients import StackClients
from fastrcf.stack.calling import curl_line, read_key
from fastrcf.stack.config import Config
from fastrcf.stack.status import read_status
from fastrcf.stack.template import Template
from tests.stack.commands.made import NOW, OUTPUTS, PREFIX, stack_answer


def parameters(**given):
    code = {"CodeBucket": "code-bucket", "CodeKey": "code.zip", "SolutionPrefix": PREFIX}
    return Template.load().check({**code, "ModelUri": OUTPUTS["ModelUri"], **given})


def variables(**changed):
    resources = Template.load().resources(parameters(Threshold="0.5"))
    found = resources["Function"]["Properties"]["Environment"]["Variables"]
    return {**found, "FASTRCF_DELIVERY_STREAM": OUTPUTS["DeliveryStream"], **changed}


def answer(stubs, *, environment, alarms=(), memory=512, status="UPDATE_COMPLETE"):
    stubs["cloudformation"].add_response(
        "describe_stacks",
        stack_answer(status, parameters=parameters(Threshold="0.5"), outputs=OUTPUTS),
    )
    told = [
        {"AlarmName": name, "StateValue": state, "StateReason": "why"} for name, state in alarms
    ]
    stubs["cloudwatch"].add_response("describe_alarms", {"MetricAlarms": told})
    stubs["functions"].add_response(
        "get_function_configuration",
        {
            "MemorySize": memory,
            "Timeout": 25,
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Environment": {"Variables": environment},
        },
    )
    stubs["s3"].add_response(
        "head_object", {"LastModified": NOW, "ContentLength": 3 << 20, "VersionId": "v7"}
    )


SERVICES = ("cloudformation", "cloudwatch", "functions", "s3")


def test_all_is_well(stubbed):
    with stubbed(*SERVICES) as (clients, stubs):
        answer(stubs, environment=variables(), alarms=[("a", "OK")])
        found = read_status(clients, PREFIX)
    assert found.drift == ()
    assert found.ringing == ()
    assert found.template == "current"
    assert (found.model.size, found.model.version_id) == (3 << 20, "v7")


def test_what_was_changed_by_hand_is_found(stubbed):
    with stubbed(*SERVICES) as (clients, stubs):
        answer(stubs, environment=variables(FASTRCF_THRESHOLD="0.9"), memory=1024)
        found = read_status(clients, PREFIX)
    assert {(d.name, d.expected, d.found) for d in found.drift} == {
        ("FASTRCF_THRESHOLD", "0.5", "0.9"),
        ("MemorySize", "512", "1024"),
    }


def test_the_command_fails_if_an_alarm_is_on(stubbed, monkeypatch, capsys):
    with stubbed(*SERVICES) as (clients, stubs):
        monkeypatch.setattr(StackClients, "of", classmethod(lambda cls, *given: clients))
        for _ in range(2):
            answer(stubs, environment=variables(), alarms=[("a", "OK"), ("b", "ALARM")])
        assert main(["stack", "status", "--prefix", PREFIX]) == 1
        shown = capsys.readouterr().out
        assert main(["stack", "status", "--prefix", PREFIX, "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
    assert "alarms: 1 of 2 on" in shown
    assert "  b: ALARM: why" in shown
    assert "3.0 MB, version v7" in shown
    assert told["alarms"][1]["state"] == "ALARM"
    assert told["stack"]["status"] == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("CREATE_COMPLETE", 0),
        ("UPDATE_IN_PROGRESS", 0),
        ("UPDATE_ROLLBACK_COMPLETE", 0),
        ("ROLLBACK_COMPLETE", 1),
        ("UPDATE_ROLLBACK_FAILED", 1),
        ("DELETE_FAILED", 1),
    ],
)
def test_the_command_fails_if_the_stack_is_broken(stubbed, monkeypatch, capsys, state, code):
    with stubbed(*SERVICES) as (clients, stubs):
        monkeypatch.setattr(StackClients, "of", classmethod(lambda cls, *given: clients))
        answer(stubs, environment=variables(), status=state)
        assert main(["stack", "status", "--prefix", PREFIX]) == code
    assert state in capsys.readouterr().out


def test_a_key_that_there_is_not_hides_no_status(stubbed, monkeypatch, capsys):
    with stubbed(*SERVICES) as (clients, stubs):
        monkeypatch.setattr(StackClients, "of", classmethod(lambda cls, *given: clients))
        answer(stubs, environment=variables(), alarms=[("a", "OK")])
        assert main(["stack", "status", "--prefix", PREFIX, "--show-key"]) == 1
        told = capsys.readouterr()
    assert "alarms: 0 of 1 on" in told.out
    assert "the stack has no API key" in told.err


def test_what_aws_does_not_tell_is_named(stubbed):
    with stubbed(*SERVICES) as (clients, stubs):
        stubs["cloudformation"].add_response(
            "describe_stacks",
            stack_answer("CREATE_COMPLETE", parameters=parameters(), outputs=OUTPUTS),
        )
        stubs["cloudwatch"].add_client_error("describe_alarms", "AccessDenied", "no")
        stubs["functions"].add_client_error("get_function_configuration", "AccessDenied", "no")
        stubs["s3"].add_client_error("head_object", "404", "Not Found")
        found = read_status(clients, PREFIX)
    assert len(found.problems) == 2
    assert "404" in found.model.problem


def test_no_stack_is_said(stubbed):
    with stubbed("cloudformation") as (clients, stubs):
        stubs["cloudformation"].add_client_error(
            "describe_stacks", "ValidationError", f"Stack with id {PREFIX} does not exist"
        )
        with pytest.raises(ServiceError, match="fastrcf stack deploy makes one"):
            read_status(clients, PREFIX)


def test_lines_for_a_shell_hold_no_secret():
    line = curl_line(OUTPUTS, ["it's", "hour"])
    assert "--aws-sigv4 aws:amz:eu-west-1:execute-api" in line
    assert "$AWS_SECRET_ACCESS_KEY" in line
    line = curl_line({**OUTPUTS, "AuthMode": "APIKEY", "ApiKeyId": "id7"}, ["a"])
    assert "aws apigateway get-api-key --api-key id7 --include-value" in line
    assert "sigv4" not in line


def test_lines_for_a_shell_are_words_of_a_shell():
    import shlex

    words = shlex.split(curl_line(OUTPUTS, ["it's"]).replace("\\\n", ""))
    assert words[words.index("-d") + 1] == '{"rows": [{"it\'s": 0}]}'


def test_the_key_is_asked_for_alone(stubbed):
    with stubbed("gateway") as (clients, stubs):
        given = {"apiKey": "id7", "includeValue": True}
        stubs["gateway"].add_response("get_api_key", {"value": "not-a-secret"}, given)
        assert read_key(clients, {"ApiKeyId": "id7"}) == "not-a-secret"
        with pytest.raises(ServiceError, match="has no API key"):
            read_key(clients, OUTPUTS)


URL = "https://a1b2.execute-api.eu-west-1.amazonaws.com/prod"


def test_a_program_calls_a_stack_with_its_key(stubbed):
    deployed = Config(api_url=URL, auth_mode="APIKEY", region="eu-west-1", api_key_id="id7")
    with stubbed("gateway") as (clients, stubs):
        given = {"apiKey": "id7", "includeValue": True}
        stubs["gateway"].add_response("get_api_key", {"value": "not-a-secret"}, given)
        headers = calling.auth(deployed, clients).headers(URL, b"{}", "application/json")
    assert headers["x-api-key"] == "not-a-secret"


def test_a_program_signs_where_a_stack_wants_it(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    deployed = Config(api_url=URL, auth_mode="IAM", region="eu-west-1")
    headers = calling.auth(deployed).headers(URL, b"{}", "application/json")
    assert "/eu-west-1/execute-api/aws4_request" in headers["authorization"]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"auth_mode": "IAM", "region": "eu-west-1"}, "api_url"),
        ({"api_url": URL, "region": "eu-west-1"}, "auth_mode"),
        ({"api_url": URL, "auth_mode": "APIKEY", "region": "eu-west-1"}, "api_key_id"),
    ],
)
def test_what_is_missing_to_call_a_stack_is_named(given, missing):
    with pytest.raises(InvalidParameterError, match=f"^{missing}: nothing says it"):
        calling.auth(Config(**given))
