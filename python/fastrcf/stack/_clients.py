"""Clients of what a stack is made of, beside those of SageMaker and S3."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastrcf.sagemaker._session import Clients
from fastrcf.sagemaker.errors import aws_errors


@dataclass(frozen=True)
class StackClients(Clients):
    """Clients of one boto3 session, made when first needed."""

    @cached_property
    def cloudformation(self) -> Any:
        """Stacks."""
        return self._client("cloudformation")

    @cached_property
    def cloudwatch(self) -> Any:
        """Alarms."""
        return self._client("cloudwatch")

    @cached_property
    def functions(self) -> Any:
        """Lambda."""
        return self._client("lambda")

    @cached_property
    def gateway(self) -> Any:
        """Keys of the REST API."""
        return self._client("apigateway")

    @cached_property
    def logs(self) -> Any:
        """Log groups."""
        return self._client("logs")

    @cached_property
    def sts(self) -> Any:
        """Who we are."""
        return self._client("sts")

    @cached_property
    def tagging(self) -> Any:
        """What has a tag."""
        return self._client("resourcegroupstaggingapi")

    @cached_property
    def account(self) -> str:
        """The account of the credentials, which AWS is asked for.

        Raises
        ------
        ServiceError
            If there are none, or they are not valid.
        """
        with aws_errors("asking whose credentials these are"):
            return str(self.sts.get_caller_identity()["Account"])
