"""AWS's signatures of version 4, verified here: what API Gateway does, for local use.

The secret keys are in the environment or a file.
"""

from __future__ import annotations

import configparser
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastrcf._sigv4 import ALGORITHM, TIME, Scope
from fastrcf.errors import FastRCFError, MissingExtraError
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

_PARTS = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),?\s*SignedHeaders=([^,\s]+),?\s*"
    r"Signature=([0-9a-f]{64})"
)
# As AWS has it for most of its services.
SKEW = 300.0
_MUST_SIGN = ("host", "x-amz-date")


@dataclass(frozen=True)
class Secret:
    """What a caller signs with."""

    name: str
    key: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A signature whose body has not come yet."""

    caller: str
    secret: Secret
    signature: str
    method: str
    target: str
    headers: dict[str, str]


class Signatures:
    """Verifies signed requests.

    Parameters
    ----------
    secrets : mapping of str to Secret
        By access key; at least one.
    region : str
    service : str, default "execute-api"
        API Gateway's, which callers sign for.
    now : callable, optional
        Gives seconds since 1970.

    Raises
    ------
    MissingExtraError
        Without botocore.
    """

    def __init__(
        self,
        secrets: Mapping[str, Secret],
        region: str,
        service: str = "execute-api",
        now: Callable[[], float] | None = None,
    ) -> None:
        try:
            import botocore.utils  # noqa: F401
        except ImportError:
            raise MissingExtraError(
                "signatures need botocore: pip install 'fastrcf[sagemaker]'"
            ) from None
        if not secrets:
            raise FastRCFError(
                "there are no credentials to verify signatures with: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or give --credentials"
            )
        self._secrets = dict(secrets)
        self._scope = Scope(region, service)
        self._now = now or (lambda: datetime.now(UTC).timestamp())

    def head(self, method: str, target: str, headers: Mapping[str, str]) -> Ticket:
        """Refuse what is wrong whatever the body is.

        Parameters
        ----------
        method : str
        target : str
            The path and the query as they came, percent-encoded.
        headers : mapping of str to str
            Names in lower case.

        Raises
        ------
        Problem
            401 without a signature, 403 for one of another region, service, time or caller.
        """
        text = headers.get("authorization", "")
        if not text.startswith(ALGORITHM):
            raise Problem(
                401,
                "no_signature",
                "a signature of AWS, version 4, is asked for",
                headers={"www-authenticate": ALGORITHM},
            )
        found = _PARTS.fullmatch(text)
        if found is None:
            raise _refused("the header Authorization has no credential, headers and signature")
        credential = found[1].split("/")
        if len(credential) != 5 or credential[4] != "aws4_request":
            raise _refused("the credential is not KEY/DATE/REGION/SERVICE/aws4_request")
        access_key, day, region, service, _ = credential
        scope = self._scope
        if region != scope.region:
            raise _refused(f"it is signed for another region than {scope.region}", "wrong_region")
        if service != scope.service:
            raise _refused(f"it is signed for another service than {scope.service}")
        date = headers.get("x-amz-date", "")
        self._check_time(date, day)
        signed = tuple(found[2].split(";"))
        for name in _MUST_SIGN:
            if name not in signed:
                raise _refused(f"the header {name} is not signed")
        for name in headers:
            if name.startswith("x-amz-") and name not in signed:
                raise _refused(f"the header {name} is not signed")
        secret = self._secrets.get(access_key)
        if secret is None:
            raise _refused("the access key is not known", "unknown_key")
        if secret.token is not None and not hmac.compare_digest(
            headers.get("x-amz-security-token", "").encode(), secret.token.encode()
        ):
            raise _refused("the session's token is not there, or another")
        kept = {name: headers.get(name, "") for name in signed}
        return Ticket(secret.name, secret, found[3], method, target, kept)

    def _check_time(self, date: str, day: str) -> None:
        try:
            told = _moment(date)
        except ValueError:
            raise _refused("the header x-amz-date has no time as 20261129T120000Z") from None
        if date[:8] != day:
            raise _refused("the credential is of another day than x-amz-date")
        late = self._now() - told
        if late > SKEW:
            raise _refused(f"it was signed more than {SKEW:g} seconds ago", "expired")
        if late < -SKEW:
            raise _refused("it is signed in the future: a clock is wrong", "expired")

    def body(self, ticket: Ticket, body: bytes) -> str:
        """Verify a signature, and give the caller's name.

        Raises
        ------
        Problem
            403, if it is not of this request and this body.
        """
        hashed = sha256(body).hexdigest()
        told = ticket.headers.get("x-amz-content-sha256", hashed)
        if not hmac.compare_digest(told.encode(), hashed.encode()):
            raise _refused("the body is not the one that was signed", "wrong_body")
        made = self._scope.signature(
            ticket.secret.key, ticket.method, ticket.target, ticket.headers, hashed
        )
        if not hmac.compare_digest(made, ticket.signature):
            raise _refused("the signature is not of this request, or of another secret")
        return ticket.caller


# Requests of one second have the same.
@lru_cache(16)
def _moment(date: str) -> float:
    return datetime.strptime(date, TIME).replace(tzinfo=UTC).timestamp()


def of_environment(environment: Mapping[str, str]) -> dict[str, Secret]:
    """Give the secret of the environment's credentials, if there are any."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return {}
    return {key: Secret("environment", secret, environment.get("AWS_SESSION_TOKEN") or None)}


def of_file(path: str | PathLike[str]) -> dict[str, Secret]:
    """Give the secrets of a file of credentials, as AWS's own tools have them, by profile.

    Raises
    ------
    FastRCFError
        If it is none; nothing of it is shown.
    OSError
    """
    parser = configparser.RawConfigParser()
    secrets: dict[str, Secret] = {}
    with open(path, encoding="utf-8") as file:
        try:
            parser.read_file(file)
        except configparser.Error:
            raise FastRCFError(f"{path} is no file of AWS credentials") from None
    for profile in parser.sections():
        key = parser.get(profile, "aws_access_key_id", fallback="")
        secret = parser.get(profile, "aws_secret_access_key", fallback="")
        token = parser.get(profile, "aws_session_token", fallback="")
        if key and secret:
            secrets[key] = Secret(profile, secret, token or None)
    return secrets


def target_of(raw_path: bytes, query: bytes) -> str:
    """Give a request's target as a caller signs it."""
    path = raw_path.partition(b"?")[0].decode("latin-1") or "/"
    path = quote(path, safe="/%~!$&'()*+,;=:@-._")
    return f"{path}?{query.decode('latin-1')}" if query else path


def _refused(what: str, kind: str = "wrong_signature") -> Problem:
    return Problem(403, kind, what)
