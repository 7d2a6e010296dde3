"""Pages of other origins: which may ask, by a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY = "*"
_METHODS = "GET, HEAD, POST, OPTIONS"
_HEADERS = (
    "accept, authorization, content-type, idempotency-key, model, x-amz-content-sha256, "
    "x-amz-date, x-amz-security-token, x-api-key, x-request-id"
)
_EXPOSED = "idempotent-replayed, retry-after, x-model-version, x-request-id"
_KEPT_SECONDS = "600"


class CrossOrigin:
    """Headers for pages of other origins.

    Parameters
    ----------
    origins : iterable of str
        As browsers send them: ``https://example.org``, without a slash at the end; ``*`` for
        any. None at all: browsers keep other origins' pages from reading answers.
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    def __bool__(self) -> bool:
        return bool(self._origins)

    def headers(self, asked: Mapping[str, str]) -> dict[str, str]:
        """Give what an answer to a request with these headers carries."""
        if not self._origins:
            return {}
        origin = asked.get("origin", "")
        # Caches must not give one origin's answer to another.
        told = {"vary": "origin"}
        if origin and (origin in self._origins or ANY in self._origins):
            told["access-control-allow-origin"] = origin
            told["access-control-expose-headers"] = _EXPOSED
        return told

    def preflight(self, asked: Mapping[str, str]) -> dict[str, str]:
        """Give what a browser asks before a request.

        Raises
        ------
        Problem
            403, if the origin may not ask.
        """
        origin = asked.get("origin", "")
        if not origin or not (origin in self._origins or ANY in self._origins):
            raise Problem(403, "origin_not_allowed", "pages of this origin may not ask")
        return {
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": _HEADERS,
            "access-control-max-age": _KEPT_SECONDS,
        }
