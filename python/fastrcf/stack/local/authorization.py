"""Who may call: the gateway's two ways, and none for tests."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fastrcf.service.signatures import SignatureRefused, Signatures

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


# The gateway's words for what is wrong with a signature.
_KINDS = {
    "MissingAuthenticationTokenException": "MISSING_AUTHENTICATION_TOKEN",
    "UnrecognizedClientException": "ACCESS_DENIED",
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
        self._signatures = Signatures({keys.access_key: keys.secret_key}, region=keys.region)

    def check(self, scope: Scope, body: bytes) -> None:
        """Verify the signature."""
        query = scope["query_string"].decode("latin-1")
        raw = scope.get("raw_path") or scope["path"].encode()
        target = raw.decode("latin-1") + (f"?{query}" if query else "")
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        try:
            self._signatures.check(scope["method"], target, headers, body)
        except SignatureRefused as refused:
            raise Denied(_KINDS.get(refused.code, "INVALID_SIGNATURE"), str(refused)) from None
