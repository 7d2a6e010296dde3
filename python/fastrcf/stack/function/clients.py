"""Clients of AWS, made when first asked for: to import them takes longer than all else."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from fastrcf.errors import MissingExtraError


class Clients:
    """Clients of S3, Firehose and SageMaker's runtime; credentials and region are Lambda's.

    Attributes can be set, to others with the same methods.
    """

    @cached_property
    def s3(self) -> Any:
        """Where the model is."""
        return _client("s3", connect=3, read=20, attempts=3)

    @cached_property
    def firehose(self) -> Any:
        """Where results go. Failed records alone are sent again, which botocore cannot do."""
        return _client("firehose", connect=1, read=3, attempts=1)

    @cached_property
    def endpoints(self) -> Any:
        """Endpoints that answer requests."""
        return _client("sagemaker-runtime", connect=2, read=10, attempts=3)

    @cached_property
    def shadows(self) -> Any:
        """Endpoints that are asked beside ours: nobody shall wait for them for long."""
        return _client("sagemaker-runtime", connect=1, read=2, attempts=1)


def _client(name: str, *, connect: float, read: float, attempts: int) -> Any:
    try:
        import botocore.session
        from botocore.config import Config
    except ImportError:
        raise MissingExtraError(
            "the function talks to AWS by boto3, which Lambda has; elsewhere: "
            "pip install 'fastrcf[sagemaker]'"
        ) from None
    # boto3 alone would add a seventh of the time, and nothing that is used here.
    return botocore.session.get_session().create_client(
        name,
        config=Config(
            connect_timeout=connect,
            read_timeout=read,
            retries={"mode": "standard", "total_max_attempts": attempts},
            user_agent_extra="fastrcf",
        ),
    )
