"""The clients that everything here goes through, from whatever session a user holds."""

from __future__ import annotations

import os
import re
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from secrets import token_hex
from types import NoneType
from typing import TYPE_CHECKING, Any, Self

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.errors import JobFailedError, ServiceError, aws_errors, boto

if TYPE_CHECKING:
    from collections.abc import Callable

# Attempts of one call, with back-off between them, before its error is raised.
MAX_ATTEMPTS = 8

# As botocore's description of the interface has them, which it does not check.
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_ANY_REGION = "us-east-1"
_ROLE = re.compile(r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")


@dataclass(frozen=True)
class Clients:
    """Clients of one boto3 session, made when first needed.

    Parameters
    ----------
    session : boto3.Session
        Where credentials and region come from.
    region : str
        The region.
    runtime_url : str or None, default None
        Where endpoints are called, in place of AWS: a container on this machine.
    """

    session: Any
    region: str
    runtime_url: str | None = None

    @classmethod
    def of(cls, session: Any = None, runtime_url: str | None = None) -> Self:
        """Give the clients of a session.

        Parameters
        ----------
        session : boto3.Session, session of Amazon's SDK, Clients or None
            None stands for boto3's default session. A session of the SDK is
            asked for the boto3 session that it holds.
        runtime_url : str, optional
            Where endpoints are called.

        Raises
        ------
        InvalidParameterError
            If the session is none, or names no region though AWS is called; or if the
            address is none.
        """
        if runtime_url is not None:
            _check_url(runtime_url)
        if isinstance(session, cls):
            return (
                session
                if runtime_url is None
                else cls(session.session, session.region, runtime_url)
            )
        with aws_errors("opening a session"):
            if session is None:
                session = boto().Session()
            session = getattr(session, "boto_session", None) or session
            if not hasattr(session, "client") or not hasattr(session, "region_name"):
                raise InvalidParameterError(
                    f"session: expected a boto3 session or one of Amazon's SDK, found "
                    f"{type(session).__name__}"
                )
            # boto3 itself looks at AWS_DEFAULT_REGION alone, AWS's other tools at AWS_REGION.
            region = session.region_name or os.environ.get("AWS_REGION")
            if not region and runtime_url is not None and session.get_credentials() is None:
                # What is not signed is of no region, but botocore wants one.
                region = _ANY_REGION
            if not region:
                raise InvalidParameterError(
                    "session: no region is set; set AWS_REGION, or give "
                    "boto3.Session(region_name=...)"
                )
            return cls(session, region, runtime_url)

    def _client(self, name: str, signed: bool = True, **given: Any) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        # Jobs and endpoints are few calls; predictions come from many threads.
        config = Config(
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            max_pool_connections=64,
            read_timeout=70,
            user_agent_extra="fastrcf",
            **({} if signed else {"signature_version": UNSIGNED}),
        )
        with aws_errors(f"opening {name}"):
            return self.session.client(name, region_name=self.region, config=config, **given)

    @cached_property
    def partition(self) -> str:
        """First part of ARNs in the region: ``aws``, ``aws-cn``, ``aws-us-gov`` and others."""
        with aws_errors(f"looking up region {self.region}"):
            return str(self.session.get_partition_for_region(self.region))

    @cached_property
    def sagemaker(self) -> Any:
        """Jobs, models and endpoints."""
        return self._client("sagemaker")

    @cached_property
    def runtime(self) -> Any:
        """Predictions."""
        if self.runtime_url is None:
            return self._client("sagemaker-runtime")
        # A container looks at no signature, a service on this machine may.
        with aws_errors("looking for credentials"):
            signed = self.session.get_credentials() is not None
        return self._client("sagemaker-runtime", signed, endpoint_url=self.runtime_url)

    @cached_property
    def s3(self) -> Any:
        """Objects."""
        return self._client("s3")

    @cached_property
    def scheduler(self) -> Any:
        """Calls at a later time."""
        return self._client("scheduler")


def _check_url(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise InvalidParameterError(f"runtime_url: expected http://HOST:PORT, found {url!r}")


def new_name(kind: str) -> str:
    """Make up a name that no other has: at most 63 letters, digits and hyphens."""
    return f"fastrcf-{kind}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(3)}"


def check_name(name: str) -> str:
    """Give the name of a job, model or endpoint, if AWS takes it.

    Raises
    ------
    InvalidParameterError
        If it does not.
    """
    if not isinstance(name, str) or len(name) > 63 or not _NAME.fullmatch(name):
        raise InvalidParameterError(
            f"name: {name!r} is not 1 to 63 letters and digits, with hyphens between them"
        )
    return name


def check_role(role: str, parameter: str = "role") -> str:
    """Give the ARN of a role, if it is one.

    Raises
    ------
    InvalidParameterError
        If it is none.
    """
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise InvalidParameterError(
            f"{parameter}: expected arn:aws:iam::ACCOUNT:role/NAME, found {role!r}"
        )
    return role


def tag_list(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Give tags as AWS takes them.

    Raises
    ------
    InvalidParameterError
        If they are no names and texts.
    """
    pairs = (tags or {}).items() if isinstance(tags, (Mapping, NoneType)) else [(tags, None)]
    for pair in pairs:
        if not all(isinstance(text, str) for text in pair):
            raise InvalidParameterError(f"tags: expected {{name: text}}, found {tags!r}")
    return [{"Key": key, "Value": value} for key, value in pairs]


def split_uri(uri: str, name: str = "uri") -> tuple[str, str]:
    """Give bucket and key of an S3 URI.

    Raises
    ------
    InvalidParameterError
        If it is none.
    """
    scheme, _, path = uri.partition("://")
    bucket, _, key = path.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidParameterError(f"{name}: expected s3://bucket/prefix, found {uri!r}")
    return bucket, key.strip("/")


def wait_for(
    what: str,
    describe: Callable[[], dict[str, Any]],
    status_key: str,
    done: tuple[str, ...],
    failed: tuple[str, ...],
    *,
    poll: float,
    timeout: float,
    tell: Callable[[str], None] | None,
    detail_key: str | None = None,
) -> dict[str, Any]:
    """Ask until something is done.

    Parameters
    ----------
    what : str
        What is waited for.
    describe : callable
        Asks AWS.
    status_key, detail_key : str
        Where the answer has the status, and more on it.
    done, failed : tuple of str
        Statuses that end the waiting.
    poll, timeout : float
        Seconds between two questions, and until it is given up.
    tell : callable, optional
        Gets every change as text.

    Returns
    -------
    dict
        The last answer.

    Raises
    ------
    JobFailedError
        If it failed; the message has AWS's reason.
    ServiceError
        If the time is over.
    """
    started, last = time.monotonic(), ""
    while True:
        answer = describe()
        status = str(answer.get(status_key))
        detail = str(answer.get(detail_key, "")) if detail_key else ""
        now = status if detail in ("", status) else f"{status} ({detail})"
        if now != last and tell is not None:
            tell(f"{what}: {now} after {time.monotonic() - started:.0f} s")
        last = now
        if status in done:
            return answer
        if status in failed:
            reason = answer.get("FailureReason") or "AWS gives no reason"
            raise JobFailedError(f"{what}: {now}: {reason}", status)
        if time.monotonic() - started > timeout:
            raise ServiceError(
                f"{what}: still {now} after {timeout:.0f} s; it goes on, wait again or stop it"
            )
        time.sleep(poll)
