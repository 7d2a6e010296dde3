"""Which pages of other origins may read answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrcf.service.core import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METHODS = "GET,POST,OPTIONS"
HEADERS = (
    "content-type,accept,authorization,x-amz-date,x-amz-security-token,x-amz-content-sha256,"
    "x-api-key,idempotency-key,model"
)
# What pages may read beside the content type.
EXPOSED = "x-fastrcf-stored,x-request-id"


def headers_for(origins: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Give the headers that an answer needs.

    Parameters
    ----------
    origins : sequence of str
        Those that are allowed; ``*`` for all.
    given : dict of str to str
        The request's headers.
    """
    if not origins:
        return {}
    if "*" in origins:
        return {"access-control-allow-origin": "*", "access-control-expose-headers": EXPOSED}
    # Caches have to keep answers to different origins apart, also one without the header.
    told = {"vary": "Origin"}
    if given.get("origin") in origins:
        told["access-control-allow-origin"] = given["origin"]
        told["access-control-expose-headers"] = EXPOSED
    return told


def preflight(origins: Sequence[str], given: Mapping[str, str]) -> Response:
    """Answer what a browser asks before it sends the request itself."""
    told = headers_for(origins, given)
    if "access-control-allow-origin" in told:
        told |= {
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": HEADERS,
            "access-control-max-age": "600",
        }
    return Response(204, b"", {"content-type": "application/json", **told})
