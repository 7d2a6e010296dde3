"""Configuration in layers, and where each value is from."""

import json

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.stack import config as module
from fastrcf.stack.config import Config

OUTPUTS = {
    "api_url": ("https://a.example/prod", "outputs of stack s"),
    "region": ("eu-west-1", "o"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """What the stack says, and whom it was asked by."""
    calls = []

    def outputs(known, stack, region, session):
        calls.append((stack, region))
        return dict(OUTPUTS)

    monkeypatch.setattr(module, "_from_outputs", outputs)
    return calls


def test_layers_come_in_order(folder, asked):
    (folder / "fastrcf.toml").write_text(
        'stack_name = "s"\nregion = "us-east-1"\nauth_mode = "IAM"\nbackend = "file"\n'
        'api_url = "https://file.example"\nmodel_uri = "s3://file/m"\n'
    )
    environment = {"FASTRCF_BACKEND": "environment", "FASTRCF_MODEL_URI": "s3://environment/m"}
    found = Config.load(environment=environment, model_uri="s3://argument/m")
    assert found.model_uri == "s3://argument/m"
    assert found.backend == "environment"
    assert found.api_url == "https://a.example/prod"
    assert found.auth_mode == "IAM"
    assert found.sources == {
        "model_uri": "argument",
        "backend": "environment FASTRCF_BACKEND",
        "api_url": "outputs of stack s",
        "region": "o",
        "stack_name": "file fastrcf.toml",
        "auth_mode": "file fastrcf.toml",
    }
    assert asked == [("s", "us-east-1")]
    assert "api_url    = https://a.example/prod  (outputs of stack s)" in str(found)


def test_nothing_is_asked_without_a_stack_or_if_not_wanted(folder, asked):
    assert Config.load(environment={}) == Config()
    assert Config.load(environment={}, stack_name="s", ask=False).api_url == ""
    assert asked == []


def test_the_region_is_where_aws_has_it_too(folder):
    environment = {"AWS_DEFAULT_REGION": "a", "AWS_REGION": "b"}
    assert Config.load(environment=environment).region == "b"
    # Whose region it is, it does not say: one of the stack goes before.
    (folder / "outputs.json").write_text(json.dumps({"Region": "d"}))
    assert Config.load(folder / "outputs.json", environment=environment).region == "d"
    environment["FASTRCF_REGION"] = "c"
    assert Config.load(environment=environment).sources["region"] == "environment FASTRCF_REGION"


def test_a_stacks_outputs_as_a_file(folder):
    path = folder / "stack_outputs.json"
    path.write_text(json.dumps({"ApiUrl": "https://x.example", "DeadLetterQueueUrl": "q"}))
    found = Config.load(path, environment={})
    assert found.api_url == "https://x.example"
    environment = {"FASTRCF_CONFIG": str(path)}
    assert Config.load(environment=environment).api_url == "https://x.example"


@pytest.mark.parametrize(
    "held",
    [
        {"outcome": "created", "outputs": {"ApiUrl": "https://x.example"}, "curl": "curl"},
        [{"OutputKey": "ApiUrl", "OutputValue": "https://x.example", "Description": "d"}],
    ],
)
def test_outputs_as_commands_print_them(folder, held):
    path = folder / "outputs.json"
    path.write_text(json.dumps(held))
    assert Config.load(path, environment={}).api_url == "https://x.example"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour = 'red'", "colour is no setting"),
        ("region = 7", "region: expected text, found 7"),
        ("region", "cannot be read"),
        ("auth_mode = 'iam'", r"auth_mode: 'iam' is not IAM or APIKEY \(file"),
        ("api_url = 'a.example'", "api_url: .* is not an address"),
        ("model_uri = 'ftp://a'", "model_uri: "),
    ],
)
def test_bad_files_are_refused(folder, text, told):
    (folder / "fastrcf.toml").write_text(text)
    with pytest.raises(InvalidParameterError, match=told):
        Config.load(environment={})


def test_files_that_are_named_must_be_there(folder):
    with pytest.raises(FileNotFoundError):
        Config.load(folder / "none.toml", environment={})


def test_what_is_no_setting_is_refused(folder):
    with pytest.raises(InvalidParameterError, match="argument colour: is no setting"):
        Config.load(environment={}, colour="red")
    with pytest.raises(InvalidParameterError, match="argument region: expected text, found 7"):
        Config.load(environment={}, region=7)


def test_what_is_missing_is_named_with_the_ways_to_give_it(folder):
    found = Config.load(environment={}, api_url="https://a.example")
    assert found.need("api_url") is found
    with pytest.raises(InvalidParameterError, match="set FASTRCF_MODEL_BUCKET"):
        found.need("api_url", "model_bucket")


def test_settings_are_outputs_of_the_template():
    from dataclasses import fields

    pytest.importorskip("yaml")
    from fastrcf.stack.template import Template

    outputs = {module._name(name) for name in Template.load().content["Outputs"]}
    settings = {one.name for one in fields(Config)} - {"sources", "stack_name"}
    assert settings <= outputs


def test_outputs_come_from_the_stack(monkeypatch, folder):
    pytest.importorskip("boto3")
    from fastrcf.stack import state

    told = {"ApiUrl": "https://b.example/prod", "DashboardName": "d", "ModelUri": "s3://b/m"}
    stack = state.Stack("s", "id", "CREATE_COMPLETE", "", {}, told, {})
    monkeypatch.setattr(state, "find_stack", lambda clients, name: stack)
    given = {"FASTRCF_STACK_NAME": "s", "AWS_REGION": "eu-west-1"}
    found = Config.load(environment=given)
    assert found.sources["api_url"] == "outputs of stack s"
    assert found.model_uri == "s3://b/m"
