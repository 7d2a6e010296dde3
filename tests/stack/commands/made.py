"""Names and answers that tests of the commands share."""

import datetime

from fastrcf.stack.uploads import make_bucket

ACCOUNT, REGION, PREFIX = "123456789012", "eu-west-1", "fraud-test"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{PREFIX}/00000000-0000"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
CODE_BUCKET = f"{PREFIX}-{ACCOUNT}-{REGION}-code"
OUTPUTS = {
    "ApiUrl": f"https://abc.execute-api.{REGION}.amazonaws.com/prod",
    "ApiId": "abc",
    "Region": REGION,
    "AuthMode": "IAM",
    "FunctionName": f"{PREFIX}-scorer",
    "ModelUri": "s3://models/m.rcf",
    "ModelBucket": f"{PREFIX}-{ACCOUNT}-{REGION}-md",
    "DeliveryStream": f"{PREFIX}-results",
}


def stack_answer(status, *, parameters=(), outputs=(), tags=None, reason=None):
    """What CloudFormation says of the stack."""
    told = {
        "StackName": PREFIX,
        "StackId": STACK_ID,
        "CreationTime": NOW,
        "StackStatus": status,
        "Parameters": [
            {"ParameterKey": k, "ParameterValue": v} for k, v in dict(parameters).items()
        ],
        "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in dict(outputs).items()],
        "Tags": [
            {"Key": k, "Value": v}
            for k, v in ({"fastrcf:solution": PREFIX} if tags is None else tags).items()
        ],
    }
    if reason:
        told["StackStatusReason"] = reason
    return {"Stacks": [told]}


def event(number, resource, status, reason=None, kind="AWS::S3::Bucket"):
    """What CloudFormation says of one resource."""
    told = {
        "StackId": STACK_ID,
        "StackName": PREFIX,
        "EventId": str(number),
        "Timestamp": NOW,
        "LogicalResourceId": resource,
        "ResourceType": kind,
        "ResourceStatus": status,
    }
    return {**told, "ResourceStatusReason": reason} if reason else told


def bucket(clients, name=CODE_BUCKET):
    """Make a bucket as deployments do; moto takes a denial without TLS for one of all."""
    make_bucket(clients, name, PREFIX)
    clients.s3.delete_bucket_policy(Bucket=name)
