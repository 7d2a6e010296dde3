"""Validation of bodies by the template's request models, as the gateway does it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from fastrcf.errors import MissingExtraError
from fastrcf.stack.request_models import MODELS, REFUSAL


def invalid(resource: str, content_type: str, body: bytes) -> str:
    """Say what is wrong with a body, in the template's words; empty if nothing is.

    Parameters
    ----------
    resource : str
        The path behind the stage.
    content_type : str
        Its header. Only JSON has a model; without a header it is taken for that.
    body : bytes
    """
    kind = content_type.partition(";")[0].strip().lower()
    if resource not in MODELS or kind not in ("", "application/json"):
        return ""
    try:
        _compiled(resource)(json.loads(body))
    except (ValueError, RecursionError):
        # What the library raises for a body that does not fit is a ValueError too.
        return REFUSAL
    return ""


@cache
def _compiled(resource: str) -> Any:
    try:
        import fastjsonschema
    except ImportError:
        raise MissingExtraError(
            "the local cloud needs fastjsonschema: pip install 'fastrcf[serve]'"
        ) from None
    return fastjsonschema.compile(MODELS[resource])


def prepare() -> None:
    """Compile the models before the first request comes."""
    for resource in MODELS:
        _compiled(resource)
