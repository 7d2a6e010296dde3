"""Our own rules: that the template keeps them, and that they see what breaks them."""

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.stack.request_models import MODELS
from fastrcf.stack.rules import ALLOWED, problems
from fastrcf.stack.template import Template


def test_the_template_keeps_all_rules(template):
    assert problems(template) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("      Timeout: 25\n", "", "Function: has no Timeout"),
        ("      MemorySize: !Ref MemorySize\n", "", "Function: has no MemorySize"),
        ("        LogGroup: !Ref FunctionLogGroup\n", "", "Function: logs to no log group"),
        ("Action: sqs:SendMessage", "Action: sqs:*", "action sqs:* has a wildcard"),
        (
            "Resource: !GetAtt DeadLetterQueue.Arn\n              - Sid: Traces",
            'Resource: "*"\n              - Sid: Traces',
            "FunctionRole, DeadLetters: applies to everything",
        ),
        (
            "endpoint/${EndpointName}",
            "endpoint/*",
            "FunctionRole, Endpoint: applies to arn:${AWS::Partition}:sagemaker:${AWS::Region}:"
            "${AWS::AccountId}:endpoint/*, not the stack's own alone",
        ),
        (
            "- !Sub ${ModelBucket.Arn}/models/current.rcf",
            "- arn:aws:s3:::*/models/current.rcf",
            "FunctionRole, Model: applies to arn:aws:s3:::*/models/current.rcf",
        ),
        (
            "  DeadLetterQueuePolicy:\n    Type: AWS::SQS::QueuePolicy",
            "  DeadLetterQueuePolicy:\n    Type: AWS::IAM::ManagedPolicy",
            "DeadLetterQueuePolicy: is AWS::IAM::ManagedPolicy",
        ),
        (
            "Service: lambda.amazonaws.com",
            "Service: [lambda.amazonaws.com, ecs.amazonaws.com]",
            "FunctionRole: may be assumed by 2 services",
        ),
        ("!GetAtt FunctionRole.Arn", "!GetAtt FunctionRoll.Arn", "refers to FunctionRoll"),
        ("- HasCors\n", "- HasCros\n", "refers to HasCros"),
        ("PathPart: ping", "PathPart: pong", "the API has changed"),
        (
            "      ReservedConcurrentExecutions: !If [LimitsConcurrency, !Ref ReservedConcurrency, "
            "!Ref AWS::NoValue]\n",
            "",
            "LimitsConcurrency: is never used",
        ),
        (
            "    DeletionPolicy: RetainExceptOnCreate\n",
            "",
            "ModelBucket: does not say its Deletion",
        ),
        (
            "      Enabled: true\n      Tags",
            "      Enabled: true\n      Value: abc\n      Tags",
            "ApiKey: a key in a template is none",
        ),
        ("    AllowedPattern: ^[a-zA-Z0-9._-]{0,1024}$\n", "", "ModelVersionId: takes any text"),
        ("      RetentionInDays: !Ref LogRetention\n", "", "keeps logs for ever"),
        (
            "      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, "
            "!Ref AWS::NoValue]\n",
            "",
            "takes no permissions boundary",
        ),
    ],
)
def test_rules_see_what_breaks_them(template, old, new, told):
    assert old in template.text
    found = problems(Template(template.text.replace(old, new)))
    assert any(told in problem for problem in found), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Resources: {A: x}", "Resources: A is no mapping"),
        ("Resources: {A: {Properties: {}}}", "Resources: A has no Type"),
        ("Parameters: {Rate: {Default: 1}}\nResources: {}", "Parameters: Rate has no Type"),
        ("Parameters: []\nResources: {}", "Parameters is no mapping of names"),
    ],
)
def test_what_is_no_template_is_said(text, told):
    with pytest.raises(InvalidParameterError, match=told):
        Template(text).stamped()


@pytest.mark.parametrize(
    "resource",
    [
        "{Type: 'AWS::IAM::Role'}",
        "{Type: 'AWS::Lambda::Function'}",
        "{Type: 'AWS::Logs::LogGroup'}",
        "{Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: "
        "{Statement: {Principal: '*'}}}}",
    ],
)
def test_rules_read_what_others_have_written(resource):
    assert problems(Template(f"Resources: {{A: {resource}}}"))


@pytest.mark.parametrize("place", ALLOWED)
def test_each_reason_is_needed(template, monkeypatch, place):
    role, statement = place
    assert ALLOWED[place].strip()
    monkeypatch.delitem(ALLOWED, place)
    found = problems(template)
    assert found
    expected = (
        f"{role}: has policies" if statement == "ManagedPolicyArns" else f"{role}, {statement}: "
    )
    assert all(problem.startswith(expected) for problem in found), found


def methods(template):
    """Verb and way of each method that calls the function, with its properties."""
    resources = template.content["Resources"]

    def path(name):
        properties = resources[name]["Properties"]
        parent = properties["ParentId"]
        above = path(parent["Ref"]) if "Ref" in parent else ""
        return f"{above}/{properties['PathPart']}"

    return {
        (one["Properties"]["HttpMethod"], path(one["Properties"]["ResourceId"]["Ref"])): one[
            "Properties"
        ]
        for one in resources.values()
        if one["Type"] == "AWS::ApiGateway::Method"
    }


def test_routes_are_those_of_the_interface(template):
    found = methods(template)
    assert {key for key in found if key[0] != "OPTIONS"} == {
        ("POST", "/invocations"),
        ("POST", "/v1/score"),
        ("POST", "/v1/detect"),
        ("GET", "/v1/model"),
        ("GET", "/ping"),
    }
    for verb, path in list(found):
        assert ("OPTIONS", path) in found
        if verb != "OPTIONS":
            method = found[verb, path]
            assert method["AuthorizationType"] == {"Fn::If": ["UsesApiKey", "NONE", "AWS_IAM"]}
            assert method["ApiKeyRequired"] == {"Fn::If": ["UsesApiKey", True, False]}
            assert method["RequestValidatorId"] == {"Ref": "ApiValidator"}


def test_request_models_are_those_that_the_local_gateway_checks(template):
    resources = template.content["Resources"]
    for (verb, path), method in methods(template).items():
        if verb == "POST":
            model = method["RequestModels"]["application/json"]["Ref"]
            assert resources[model]["Properties"]["Schema"] == MODELS[path]


def test_the_deployment_waits_for_all_methods(template):
    resources = template.content["Resources"]
    kinds = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    parts = {name for name, one in resources.items() if one["Type"] in kinds}
    assert set(resources[template.deployment]["DependsOn"]) == parts
    assert resources["ApiStage"]["Properties"]["DeploymentId"] == {"Ref": template.deployment}


def test_all_that_can_have_tags_has_the_tag(template):
    untaggable = {
        "BucketPolicy",
        "QueuePolicy",
        "TopicPolicy",
        "LogStream",
        "Permission",
        "RequestValidator",
        "Model",
        "Resource",
        "Method",
        "GatewayResponse",
        "Deployment",
        "Account",
        "UsagePlanKey",
        "NotebookInstanceLifecycleConfig",
        "Dashboard",
    }
    for name, one in template.content["Resources"].items():
        if one["Type"].split("::")[-1] not in untaggable:
            tag = {"Key": "fastrcf:solution", "Value": {"Ref": "SolutionPrefix"}}
            assert one["Properties"].get("Tags") == [tag], name


def test_alarms_watch_metrics_that_the_function_sends(template):
    sent = {"Requests", "Rows", "Alerts", "AlertShare", "ScoreP50", "ScoreP99", "MissingShare"}
    sent |= {"DeliveryFailures", "ShadowDifference", "ColdStartMs"}
    watched = set()
    for one in template.content["Resources"].values():
        if one["Type"] == "AWS::CloudWatch::Alarm":
            plain = one["Properties"]
            for metric in [
                plain,
                *(
                    part["MetricStat"]["Metric"]
                    for part in plain.get("Metrics", [])
                    if "MetricStat" in part
                ),
            ]:
                if metric.get("Namespace") == "fastrcf":
                    watched.add(metric["MetricName"])
                    (dimension,) = metric["Dimensions"]
                    assert dimension == {"Name": "Solution", "Value": {"Ref": "SolutionPrefix"}}
    assert watched == {"DeliveryFailures", "AlertShare", "MissingShare", "ScoreP50"}
    assert watched <= sent


def test_the_dashboard_is_json_with_all_names_filled(template, values):
    import json

    resources = template.resources(values(Monitoring="all"))
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"])
    assert len(body["widgets"]) == 8
    assert "${" not in json.dumps(body)


def test_a_stage_that_logs_waits_for_the_role(template):
    from fastrcf.stack.resolve import names_in

    stage = template.content["Resources"]["ApiStage"]
    assert "GatewayAccount" in names_in(stage)
