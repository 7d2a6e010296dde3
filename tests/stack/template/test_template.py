"""The committed file: its name of the API's deployment, its parameters, its conditions."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf.errors import InvalidParameterError
from fastrcf.stack.names import Names, check_prefix
from fastrcf.stack.resolve import Resolver, names_in
from fastrcf.stack.template import FILE, Template, parse
from tests.stack.template.conftest import CODE

ROOT = Path(__file__).parents[3]
KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
# For every condition that is no combination of others: parameters that make it true.
TRUE = {
    "HasModelUri": {"ModelUri": "s3://bucket/model.rcf"},
    "HasKey": {"KmsKeyArn": KEY},
    "HasBoundary": {"PermissionsBoundaryArn": BOUNDARY},
    "HasAccessLogBucket": {"AccessLogBucket": "access-logs"},
    "LimitsConcurrency": {"ReservedConcurrency": "7"},
    "AsksEndpoint": {"Backend": "shadow", "EndpointName": "rcf"},
    "AsksClassifier": {"ClassifierEndpointName": "xgb"},
    "UsesApiKey": {"AuthMode": "APIKEY"},
    "HasCors": {"CorsOrigin": "https://example.com"},
    "LogsAccess": {"AccessLogs": "existing-role"},
    "MakesLogRole": {"AccessLogs": "create-role"},
    "StoresResults": {"StoreResults": "false"},
    "HasAlarms": {"Monitoring": "none"},
    "HasDashboard": {"Monitoring": "all"},
    "SendsAlarms": {"AlarmEmail": "someone@example.com"},
    "HasNotebook": {"CreateSageMakerNotebookInstance": "true"},
    "HasTrainer": {"CreateTrainerRole": "true"},
    "NotebookInSubnet": {
        "CreateSageMakerNotebookInstance": "true",
        "NotebookSubnetId": "subnet-01234567",
        "NotebookSecurityGroupId": "sg-01234567",
    },
}


def test_the_package_has_the_file_of_the_deployment_folder():
    committed = (ROOT / "deployment" / FILE).read_text(encoding="utf-8")
    assert Template.load().text == committed


def test_parameters_that_are_given_become_defaults(template):
    given = {"AuthMode": "APIKEY", "CorsOrigin": "https://a.example", "Threshold": "5"}
    written = template.with_defaults({**given, "CodeBucket": "a-bucket"})
    for name, declared in template.parameters.items():
        expected = {**declared}
        if name in given:
            expected["Default"] = given[name]
        elif name == "CodeBucket":
            expected["Default"] = "a-bucket"
        assert written.parameters[name] == expected
    rest = {k: v for k, v in template.content.items() if k != "Parameters"}
    assert {k: v for k, v in written.content.items() if k != "Parameters"} == rest
    assert template.with_defaults({}).text == template.text
    assert written.stamped(given).deployment == template.stamped(given).deployment


def test_every_parameter_can_be_written_as_a_default(template):
    # All at once, each another value: none is written over another's.
    assert template.with_defaults(template.defaults).defaults == template.defaults
    odd = {name: f'{name} "b" \\ c' for name in template.defaults}
    assert template.with_defaults(odd).defaults == odd


def test_the_committed_file_is_what_the_command_prints(template):
    assert template.stamped().text == template.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PathPart: score", "PathPart: scores"),
        ("type: [object, array]", "type: [object]"),
        ("TimeoutInMillis: 29000", "TimeoutInMillis: 28000"),
        ("ValidateRequestBody: true", "ValidateRequestBody: false"),
        ("ResponseType: DEFAULT_5XX", "ResponseType: DEFAULT_4XX"),
    ],
)
def test_an_edited_api_is_deployed_anew(template, old, new):
    assert old in template.text
    edited = Template(template.text.replace(old, new)).stamped()
    assert edited.deployment != template.deployment
    assert template.deployment not in edited.text


def test_what_is_not_the_api_does_not_deploy_it(template):
    edited = Template(template.text.replace("Timeout: 25", "Timeout: 24")).stamped()
    assert edited.deployment == template.deployment


def test_parameters_of_the_api_deploy_it_anew(template):
    assert template.api_parameters() == ("SolutionPrefix", "AuthMode", "CorsOrigin")
    names = {
        template.stamped(given).deployment
        for given in (
            {},
            {"AuthMode": "APIKEY"},
            {"CorsOrigin": "https://a.example"},
            {"CorsOrigin": "https://b.example"},
            {"Rate": "7"},
        )
    }
    assert len(names) == 4
    assert template.stamped({"Rate": "7"}).deployment == template.deployment


def test_no_template_is_refused():
    for text in ("a: [", "[]", "Resources: 1"):
        with pytest.raises(InvalidParameterError):
            parse(text)


def exists(template, values):
    resolver = Resolver(template.content, values)
    resources = template.content["Resources"]
    there = {
        name
        for name, one in resources.items()
        if "Condition" not in one or resolver.holds(one["Condition"])
    }
    return resolver, there


def taken(resolver, node):
    """A part without the branches of conditions that are not taken."""
    if isinstance(node, list):
        return [taken(resolver, part) for part in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Fn::If"}:
        condition, yes, no = node["Fn::If"]
        return taken(resolver, yes if resolver.holds(condition) else no)
    return {key: taken(resolver, part) for key, part in node.items() if key != "Condition"}


def dangling(template, values):
    """Resources and outputs that refer to what is not there with these parameters."""
    resolver, there = exists(template, values)
    absent = set(template.content["Resources"]) - there
    parts = [(name, template.content["Resources"][name]) for name in there]
    for name, one in template.content["Outputs"].items():
        if "Condition" not in one or resolver.holds(one["Condition"]):
            parts.append((f"output {name}", one))
    return [
        (name, missing)
        for name, part in parts
        for missing in names_in(taken(resolver, part)) & absent
    ]


def test_every_condition_is_tried_both_ways(template, values):
    conditions = template.content["Conditions"]
    combined = {"WatchesDelivery"}
    assert set(TRUE) | combined == set(conditions)
    plain = Resolver(template.content, values())
    for name, parameters in TRUE.items():
        other = Resolver(template.content, values(**parameters))
        assert other.holds(name) != plain.holds(name), name


def test_nothing_dangles_in_any_pair_of_choices(template, values):
    for first, second in itertools.combinations(TRUE.values(), 2):
        assert dangling(template, values(**{**second, **first})) == []


@given(st.sets(st.sampled_from(sorted(TRUE))))
@settings(max_examples=60, deadline=None)
def test_nothing_dangles_in_any_choice(template, values, chosen):
    given = {}
    for name in sorted(chosen):
        given |= TRUE[name]
    assert dangling(template, values(**given)) == []


def test_dangling_sees_what_dangles(template, values):
    broken = Template(
        template.text.replace(
            "  AlarmTopicPolicy:\n    Type: AWS::SNS::TopicPolicy\n    Condition: SendsAlarms\n",
            "  AlarmTopicPolicy:\n    Type: AWS::SNS::TopicPolicy\n",
        )
    )
    assert ("AlarmTopicPolicy", "AlarmTopic") in dangling(broken, values())


GOOD = {
    "SolutionPrefix": ["sagemaker-soln-fdml-a", "abc", "a" * 29],
    "ModelUri": ["", "s3://bucket/a/b.rcf"],
    "Threshold": ["", "0.5", "-1", "12.25", repr(20.123456789012345)],
    "KmsKeyArn": ["", KEY],
    "CorsOrigin": ["", "*", "https://example.com:8443"],
    "AlarmEmail": ["", "a@b.example"],
    "EndpointName": ["", "rcf-1"],
    "AlertShareAlarm": ["0.001", "0.000001", "0.5", "1", "1.0"],
    "ReservedConcurrency": ["", "1", "9999"],
    "Rate": ["1", "10000"],
}
BAD = {
    "SolutionPrefix": ["", "Fraud", "1abc", "a-", "ab", "a" * 30, "a_b"],
    "ModelUri": ["bucket/key", "s3://bucket", "s3://bucket/", "s3://b/ k", "https://b/k"],
    "Threshold": ["high", "1e3", "nan", "."],
    "KmsKeyArn": ["alias/x", KEY.replace("key/", "alias/")],
    "CorsOrigin": [
        "example.com",
        "https://Shop.example",
        "https://a'b",
        "https://a.example/path",
        "https://a,https://b",
    ],
    "AlarmEmail": ["someone", "a b@c"],
    # ARNs of endpoints are in lower case, and policies are compared letter by letter.
    "EndpointName": ["RCF", "-a", "a-", "a" * 64],
    "AlertShareAlarm": ["0", "0.0", "0.000000", "2", "1.1", "5%"],
    "ReservedConcurrency": ["0", "-1", "x"],
    "Rate": ["0", "10001", "1.5", ""],
    "Backend": ["lambda"],
    "AuthMode": ["", "iam", "NONE"],
    "LogRetention": ["2", "0"],
    "CodeKey": ["", "code.tar.gz"],
    "NotebookSubnetId": ["sub"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in GOOD.items() for v in vs])
def test_parameters_that_are_taken(values, name, value):
    assert values(**{name: value})[name] == value


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in BAD.items() for v in vs])
def test_parameters_that_are_refused(values, name, value):
    with pytest.raises(InvalidParameterError, match=f"^{name}: "):
        values(**{name: value})


def test_every_pattern_explains_itself(template):
    for name, declared in template.parameters.items():
        assert declared.get("Description"), name
        if "AllowedPattern" in declared:
            assert re.compile(declared["AllowedPattern"])
            assert declared["ConstraintDescription"], name


def test_rules_refuse_before_anything_is_made(template, values):
    with pytest.raises(InvalidParameterError, match="need EndpointName"):
        values(Backend="sagemaker")
    with pytest.raises(InvalidParameterError, match="needs NotebookSecurityGroupId"):
        values(NotebookSubnetId="subnet-01234567")
    with pytest.raises(InvalidParameterError, match="needs NotebookSubnetId"):
        values(NotebookSecurityGroupId="sg-01234567")
    with pytest.raises(InvalidParameterError, match="no parameter of the stack"):
        values(Nothing="1")
    with pytest.raises(InvalidParameterError, match="CodeBucket: has no value"):
        template.check({})
    assert template.check(CODE)["SolutionPrefix"] == "fraud-detection"


def test_names_fit_with_the_longest_prefix_and_region(template, values):
    pseudo = {"AWS::AccountId": "1" * 12, "AWS::Region": "us-isof-south-1", "AWS::Partition": "aws"}
    resolver = Resolver(template.content, values(SolutionPrefix="a" * 29), pseudo)
    for bucket in ("ModelBucket", "OutputBucket"):
        name = resolver.value(template.content["Resources"][bucket]["Properties"]["BucketName"])
        assert len(name) <= 63
        assert "us-isof-south-1" in name
    names = Names("a" * 29, "1" * 12, "us-isof-south-1")
    assert max(map(len, names.buckets)) <= 63
    assert check_prefix(names.prefix)
    with pytest.raises(InvalidParameterError):
        check_prefix("a" * 30)


def test_outputs_hold_no_secret_and_what_the_commands_need(template):
    outputs = template.content["Outputs"]
    assert {"ApiUrl", "ApiId", "Region", "AuthMode", "ModelUri", "FunctionName"} <= set(outputs)
    assert {"ModelBucket", "OutputBucket", "SolutionPrefix"} <= set(outputs)
    for one in outputs.values():
        assert "GetAtt" not in str(one) or "ApiKey" not in str(one)
    assert outputs["ApiKeyId"]["Value"] == {"Ref": "ApiKey"}
