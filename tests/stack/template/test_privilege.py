"""Least privilege: each role may do what its principal does on what is the stack's."""

import ast
import fnmatch
from pathlib import Path

import pytest

from fastrcf.stack.resolve import Resolver

ACCOUNT, REGION = "123456789012", "eu-west-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "fraud-detection",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/fraud-detection/1",
}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
EVERYTHING = {
    "ModelUri": "s3://models/fraud/v1.rcf",
    "KmsKeyArn": KEY,
    "Backend": "shadow",
    "EndpointName": "rcf",
    "ClassifierEndpointName": "xgb",
    "CreateSageMakerNotebookInstance": "true",
}
STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/fraud-detection-results"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:fraud-detection-dead-letters"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
OUT = f"arn:aws:s3:::fraud-detection-{ACCOUNT}-{REGION}-out"
MD = f"arn:aws:s3:::fraud-detection-{ACCOUNT}-{REGION}-md"
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
# What botocore's calls in the handler need, and what they are called on.
CALLS = {
    "get_object": [
        ("s3:GetObject", "arn:aws:s3:::models/fraud/v1.rcf"),
        ("s3:GetObjectVersion", "arn:aws:s3:::models/fraud/v1.rcf"),
    ],
    "put_record_batch": [("firehose:PutRecordBatch", STREAM)],
    "invoke_endpoint": [
        ("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/rcf"),
        ("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/xgb"),
    ],
}
# What Lambda itself does in the function's name.
AROUND = [
    ("logs:CreateLogStream", f"{LOGS}:/aws/lambda/fraud-detection-scorer:log-stream:x"),
    ("logs:PutLogEvents", f"{LOGS}:/aws/lambda/fraud-detection-scorer:log-stream:x"),
    ("sqs:SendMessage", QUEUE),
    ("xray:PutTraceSegments", "*"),
    ("xray:PutTelemetryRecords", "*"),
    ("kms:Decrypt", KEY),
    ("kms:GenerateDataKey", KEY),
]


def arn(template, values):
    resources = template.content["Resources"]

    def attribute(name, part):
        kind = resources[name]["Type"]
        named = Resolver(template.content, values, PSEUDO)
        properties = resources[name]["Properties"]
        if kind == "AWS::S3::Bucket":
            bucket = named.value(properties["BucketName"])
            return bucket if part is None else f"arn:aws:s3:::{bucket}"
        if kind == "AWS::Logs::LogGroup":
            group = named.value(properties["LogGroupName"])
            return group if part is None else f"{LOGS}:{group}:*"
        return {
            "DeliveryStream": STREAM,
            "DeadLetterQueue": QUEUE,
            "Api": "api",
            "ApiKey": "<ApiKey>",
            "TrainerRole": f"arn:aws:iam::{ACCOUNT}:role/trainer",
        }.get(name, f"<{name}.{part}>")

    return attribute


@pytest.fixture
def statements(template, values):
    """Statements of a role, resolved for parameters."""

    def of(role, **given):
        found = Resolver(
            template.content, chosen := values(**given), PSEUDO, arn(template, chosen)
        ).resources()
        return [
            statement
            for policy in found[role]["Properties"]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    return of


def listed(value):
    return value if isinstance(value, list) else [value]


def allows(statements, action, resource):
    return any(
        action in listed(one["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(one["Resource"]))
        for one in statements
    )


def calls_of_the_handler():
    """Names of botocore's calls in the handler's source."""
    import botocore.session

    session = botocore.session.get_session()
    known = set()
    for service in ("s3", "firehose", "sagemaker-runtime"):
        client = session.create_client(
            service, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
        )
        known |= {name for name in dir(client) if name in client.meta.method_to_api_mapping}
    import fastrcf.stack.function

    folder = Path(fastrcf.stack.function.__file__).parent
    return {
        node.func.attr
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in known
    }


def test_the_handler_calls_what_is_listed_here():
    assert calls_of_the_handler() == set(CALLS)


def test_the_function_may_do_what_it_does_and_no_more(statements):
    granted = statements("FunctionRole", **EVERYTHING)
    needed = [pair for pairs in CALLS.values() for pair in pairs] + AROUND
    for action, resource in needed:
        assert allows(granted, action, resource), (action, resource)
    assert {a for one in granted for a in listed(one["Action"])} == {a for a, _ in needed}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::models/fraud/v2.rcf"),
        ("s3:GetObject", "arn:aws:s3:::models/fraud/v1.rcf/more"),
        ("s3:PutObject", "arn:aws:s3:::models/fraud/v1.rcf"),
        ("s3:GetObject", f"{OUT}/results/x"),
        ("firehose:PutRecordBatch", STREAM + "-2"),
        ("firehose:PutRecord", STREAM),
        ("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/rcf2"),
        ("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/rcf"),
        ("logs:CreateLogGroup", f"{LOGS}:/aws/lambda/fraud-detection-scorer"),
        ("logs:PutLogEvents", f"{LOGS}:/aws/lambda/other:log-stream:x"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/trainer"),
    ],
)
def test_the_function_may_not(statements, action, resource):
    assert not allows(statements("FunctionRole", **EVERYTHING), action, resource)


def test_without_options_their_rights_are_not_there(statements):
    plain = statements("FunctionRole", StoreResults="false")
    actions = {action for one in plain for action in listed(one["Action"])}
    assert not any(a.startswith(("firehose:", "sagemaker:", "kms:")) for a in actions)
    assert allows(plain, "s3:GetObject", f"{MD}/models/current.rcf")


def test_firehose_writes_below_its_prefixes_alone(statements, template, values):
    granted = statements("DeliveryRole")
    stream = template.resources(values())["DeliveryStream"]["Properties"]
    target = stream["ExtendedS3DestinationConfiguration"]
    for prefix in (target["Prefix"], target["ErrorOutputPrefix"]):
        assert allows(granted, "s3:PutObject", f"{OUT}/{prefix.split('!')[0]}x")
    assert not allows(granted, "s3:PutObject", f"{OUT}/x")
    assert not allows(granted, "s3:PutObject", f"{MD}/results/x")
    assert not allows(granted, "s3:DeleteObject", f"{OUT}/results/x")


def test_who_comes_in_is_of_this_account_by_what_each_service_tells(template, values):
    """A condition on what a service does not tell never holds: nothing would work."""
    found = Resolver(template.content, values(**EVERYTHING), PSEUDO).resources()
    keys = {
        name: list(statement.get("Condition", {}).get("StringEquals", {}).items())
        for name in ("DeliveryRole", "TrainerRole", "NotebookRole")
        for statement in found[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    }
    # Firehose's documentation has the external id, SageMaker's the global key.
    assert keys["DeliveryRole"] == [("sts:ExternalId", ACCOUNT)]
    assert keys["TrainerRole"] == keys["NotebookRole"] == [("aws:SourceAccount", ACCOUNT)]
    gateway = found["FunctionPermission"]["Properties"]
    assert "SourceAccount" not in gateway
    assert gateway["SourceArn"].startswith(f"arn:aws:execute-api:{REGION}:{ACCOUNT}:")


@pytest.mark.parametrize("kind", ["endpoint", "model", "training-job"])
def test_the_notebook_reaches_what_has_the_prefix_alone(statements, kind):
    granted = statements("NotebookRole", **EVERYTHING)
    verbs = {"endpoint": "CreateEndpoint", "model": "CreateModel"}
    action = f"sagemaker:{verbs.get(kind, 'CreateTrainingJob')}"
    assert allows(granted, action, f"{SAGEMAKER}:{kind}/fraud-detection-1")
    assert not allows(granted, action, f"{SAGEMAKER}:{kind}/other-1")


def test_the_notebook_calls_the_api_as_it_wants_it(statements):
    """``fastrcf.stack.calling.auth`` asks AWS for the key where the callers have one."""
    mine = f"arn:aws:apigateway:{REGION}::/apikeys/<ApiKey>"
    by_key = statements("NotebookRole", **EVERYTHING, AuthMode="APIKEY")
    assert allows(by_key, "apigateway:GET", mine)
    assert not allows(by_key, "apigateway:GET", f"arn:aws:apigateway:{REGION}::/apikeys/other")
    signed = statements("NotebookRole", **EVERYTHING)
    assert not allows(signed, "apigateway:GET", mine)
    assert allows(
        signed, "execute-api:Invoke", f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/prod/x"
    )


def test_the_notebook_makes_its_log_group(statements):
    """As IAM is asked: a group that is to be made has the name of an empty stream behind it."""
    group = f"{LOGS}:/aws/sagemaker/NotebookInstances:log-stream:"
    granted = statements("NotebookRole", **EVERYTHING)
    assert allows(granted, "logs:CreateLogGroup", group)
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert allows(granted, action, f"{group}fraud-detection-notebook/jupyter.log")
        assert not allows(granted, action, f"{group}other/jupyter.log")


def test_roles_are_passed_on_to_sagemaker_alone(statements):
    (passing,) = [
        one for one in statements("NotebookRole", **EVERYTHING) if one["Action"] == "iam:PassRole"
    ]
    assert passing["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/trainer"
    assert passing["Condition"]["StringEquals"] == {
        "iam:PassedToService": "sagemaker.amazonaws.com"
    }


def test_all_actions_are_ones_that_iam_knows(template, values):
    """By the services' own descriptions where an action is a call of the same name."""
    import botocore.session

    loader = botocore.session.get_session().get_service_model
    services = {
        "s3": "s3",
        "firehose": "firehose",
        "sqs": "sqs",
        "logs": "logs",
        "xray": "xray",
        "kms": "kms",
        "cloudformation": "cloudformation",
        "cloudwatch": "cloudwatch",
        "ecr": "ecr",
        "sagemaker": "sagemaker",
        "iam": "iam",
    }
    # Rights without a call of that name, by IAM's reference of services.
    others = {
        "s3:ListBucket",
        "s3:GetObjectVersion",
        "s3:ListBucketMultipartUploads",
        "iam:PassRole",
        "execute-api:Invoke",
        "apigateway:GET",
        "sagemaker:InvokeEndpoint",
    }
    for name, one in template.resources(values(**EVERYTHING)).items():
        for policy in one["Properties"].get("Policies", []) if "Properties" in one else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    service, call = action.split(":")
                    if action not in others:
                        assert call in loader(services[service]).operation_names, (name, action)
