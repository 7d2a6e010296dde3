"""What AWS says of an endpoint and of what it stands on, as botocore's stubs take it."""

from tests.sagemaker.aws import ARN, NOW


def endpoint_described(status="InService", **more):
    return {
        "EndpointName": "rcf",
        "EndpointArn": f"{ARN}:endpoint/rcf",
        "EndpointConfigName": "config",
        "EndpointStatus": status,
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        **more,
    }


def expect_endpoint(sagemaker, status="InService", **more):
    described = endpoint_described(status, **more)
    sagemaker.add_response("describe_endpoint", described, {"EndpointName": "rcf"})


def expect_rest(sagemaker, config="config", data="s3://b/x/model.tar.gz"):
    """Expect the questions about all that the endpoint stands on."""
    sagemaker.add_response(
        "describe_endpoint_config",
        {
            "EndpointConfigName": config,
            "EndpointConfigArn": f"{ARN}:endpoint-config/{config}",
            "ProductionVariants": [{"VariantName": "v", "ModelName": "model"}],
            "CreationTime": NOW,
        },
        {"EndpointConfigName": config},
    )
    sagemaker.add_response(
        "describe_model",
        {
            "ModelName": "model",
            "ModelArn": f"{ARN}:model/model",
            "PrimaryContainer": {"ModelDataUrl": data},
            "CreationTime": NOW,
        },
        {"ModelName": "model"},
    )


def expect_deletion(sagemaker, config="config"):
    """Expect that model and configuration are deleted, in this order."""
    sagemaker.add_response("delete_model", {}, {"ModelName": "model"})
    sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": config})


def no_schedule(scheduler):
    scheduler.add_client_error("get_schedule", "ResourceNotFoundException")


def absent(sagemaker, call, what):
    # SageMaker's own words, which have no code of their own.
    message = f'Could not find {what} "{ARN}:{what}/rcf".'
    sagemaker.add_client_error(call, "ValidationException", message)


def outcomes(result):
    return [(step.kind, step.outcome) for step in result.steps]
