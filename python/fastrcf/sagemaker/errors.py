"""What can go wrong between here and AWS, in words that say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastrcf.errors import FastRCFError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ServiceError(FastRCFError):
    """AWS refused a call or could not be reached.

    Attributes
    ----------
    code : str
        AWS's code for it, such as ``ThrottlingException``; the class's name
        where no answer came.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class JobFailedError(ServiceError):
    """A job or an endpoint ended in failure; the message has AWS's reason."""


class ResponseError(ServiceError):
    """An endpoint's answer is none: not its format, or another number of scores."""


class CostNotAcceptedError(FastRCFError):
    """What costs money was asked for without ``accept_cost``. Nothing was created."""


_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
# S3 has no more than a number where it is asked for an object's head.
_REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
_UNKNOWN = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId")
THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown")
_ABSENT = ("ResourceNotFound", "NoSuchKey", "NoSuchBucket", "404", "ResourceNotFoundException")
_ABSENT_WORDS = ("could not find", "does not exist", "resource not found")


def boto() -> Any:
    """Import boto3, or say how to get it."""
    try:
        import boto3
    except ImportError:
        raise MissingExtraError(
            "talking to AWS needs boto3: pip install 'fastrcf[sagemaker]'"
        ) from None
    return boto3


def code_of(error: Exception) -> str:
    """AWS's code of a botocore error; its class's name where it has none."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def is_absent(error: Exception) -> bool:
    """Whether an error of botocore or of ours says that something does not exist."""
    code = error.code if isinstance(error, ServiceError) else code_of(error)
    # SageMaker has no code for it: what is missing is a bad request there.
    text = str(error).lower()
    return code in _ABSENT or (
        code.startswith("Validation") and any(words in text for words in _ABSENT_WORDS)
    )


def is_refusal(error: BaseException) -> bool:
    """Whether AWS has answered that it does not; an interrupt or a lost answer says nothing."""
    # Errors of the connection have the attribute too, with nothing in it.
    answer = getattr(error.__cause__, "response", None)
    return isinstance(error, ServiceError) and isinstance(answer, dict)


def may_be_made(error: BaseException) -> bool:
    """Whether what was asked for may be there, though no answer says that it was made.

    botocore sends a call again whose answer was lost; AWS then refuses the second for what
    the first has made, in the words that it has for what was there before. A failure of AWS's
    own says nothing of how far it came.
    """
    if not is_refusal(error):
        return True
    answer = getattr(error.__cause__, "response", {})
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return bool(status >= 500) or "already exist" in str(error).lower()


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Raise botocore's errors in the block as :class:`ServiceError`.

    Parameters
    ----------
    what : str
        What is being done, as in "creating endpoint x".
    """
    boto()
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error) as error:
        code = code_of(error)
        raise ServiceError(f"{what}: {_advice(code)}{error}", code) from error


def _advice(code: str) -> str:
    if code in _EXPIRED or code in ("TokenRetrievalError", "SSOTokenLoadError"):
        return "the credentials have expired, renew them (such as by aws sso login): "
    if code in ("NoCredentialsError", "PartialCredentialsError") or code in _UNKNOWN:
        return "there are no credentials that AWS knows (aws configure): "
    if code == "NoRegionError":
        return "no region is set (AWS_REGION, or boto3.Session(region_name=...)): "
    if code in _REFUSED:
        return "the credentials do not allow it: "
    if code in THROTTLED:
        return "AWS still refuses for too many calls after all retries; try fewer workers: "
    if code == "ResourceLimitExceeded":
        return "the account's quota does not allow it (Service Quotas, SageMaker): "
    return ""
