"""Who may ask: anybody, holders of a key, or who signs as for AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fastrcf.service.signatures import target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope

    from fastrcf.service.keys import ApiKeys
    from fastrcf.service.signatures import Signatures

    # Given the body, gives the caller's name.
    Entry = Callable[[bytes], str]


class Auth(Protocol):
    """Decides by a request's head, and then by its body."""

    def __call__(self, scope: Scope, headers: Mapping[str, str]) -> Entry:
        """Refuse a head, or give what has still to be asked of the body.

        Raises
        ------
        Problem
            401 or 403; so may what it gives.
        """


class Open:
    """Anybody may ask."""

    def __call__(self, scope: Scope, headers: Mapping[str, str]) -> Entry:
        """Let anybody in."""
        return _nobody


class ByKey:
    """Who has a key may ask.

    Attributes
    ----------
    keys : ApiKeys
        May be replaced while requests come.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self.keys = keys

    def __call__(self, scope: Scope, headers: Mapping[str, str]) -> Entry:
        """Look at the key."""
        name = self.keys.head(headers)
        return lambda body: name


class BySignature:
    """Who signs with a secret that is known may ask."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures

    def __call__(self, scope: Scope, headers: Mapping[str, str]) -> Entry:
        """Look at the signature; whether it is right depends on the body."""
        target = target_of(scope["raw_path"], scope["query_string"])
        ticket = self._signatures.head(scope["method"], target, headers)
        return lambda body: self._signatures.body(ticket, body)


def _nobody(body: bytes) -> str:
    return ""
