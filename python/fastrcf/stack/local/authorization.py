"""Who may call: the gateway's two ways, and none for tests."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fastrcf.service.signatures import Secret, Signatures, target_of
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from starlette.types import Scope


class Denied(Exception):
    """A request that is answered with 403.

    Attributes
    ----------
    kind : str
        The gateway's word for it; the message is the gateway's too.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


# The gateway's words for what is wrong with a signature; for all else INVALID_SIGNATURE.
_KINDS = {
    "no_signature": "MISSING_AUTHENTICATION_TOKEN",
    "unknown_key": "UNRECOGNIZED_CLIENT",
    "expired": "EXPIRED_TOKEN",
}


class Authorizer(Protocol):
    """Lets requests through or raises :class:`Denied`."""

    def check(self, scope: Scope, body: bytes) -> None:
        """Check a request with its whole body."""


class Anyone:
    """Lets every request through."""

    def check(self, scope: Scope, body: bytes) -> None:
        """Let it through."""


class ApiKey:
    """Takes requests with a key in ``x-api-key``.

    Parameters
    ----------
    key : str
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def check(self, scope: Scope, body: bytes) -> None:
        """Compare the key, in a time that does not tell how much of it is right."""
        for name, value in scope["headers"]:
            if name == b"x-api-key" and hmac.compare_digest(value, self._key):
                return
        raise Denied("INVALID_API_KEY", "Forbidden")


class LocalKeys(NamedTuple):
    """Credentials as of an IAM user."""

    access_key: str
    secret_key: str
    region: str


class Signed:
    """Takes requests that are signed for ``execute-api`` with these credentials.

    Parameters
    ----------
    keys : LocalKeys

    Raises
    ------
    MissingExtraError
        Without botocore.
    """

    def __init__(self, keys: LocalKeys) -> None:
        secrets = {keys.access_key: Secret("local", keys.secret_key)}
        self._signatures = Signatures(secrets, keys.region)

    def check(self, scope: Scope, body: bytes) -> None:
        """Verify the signature."""
        target = target_of(scope.get("raw_path") or scope["path"].encode(), scope["query_string"])
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            ticket = self._signatures.head(scope["method"], target, headers)
            self._signatures.body(ticket, body)
        except Problem as problem:
            kind = _KINDS.get(problem.kind, "INVALID_SIGNATURE")
            message = "Missing Authentication Token" if kind.startswith("MISSING") else str(problem)
            raise Denied(kind, message) from None
