"""Validation of bodies by the template's request models, as the gateway does it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from fastrcf.errors import MissingExtraError
from fastrcf.stack.request_models import MODELS


def invalid(resource: str, content_type: str, body: bytes) -> str:
    """Say what is wrong with a body; empty if nothing is.

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
    check, refusal = _compiled(resource)
    try:
        check(json.loads(body))
    except (ValueError, RecursionError) as error:
        # The library's own error is a ValueError too; its message holds no value.
        return _words(str(error)) if isinstance(error, refusal) else "it is no JSON"
    return ""


def _words(message: str) -> str:
    return "body" + message[4:] if message.startswith("data") else message


@cache
def _compiled(resource: str) -> tuple[Any, type[Exception]]:
    try:
        import fastjsonschema
    except ImportError:
        raise MissingExtraError(
            "the local cloud needs fastjsonschema: pip install 'fastrcf[serve]'"
        ) from None
    return fastjsonschema.compile(MODELS[resource]), fastjsonschema.JsonSchemaException


def prepare() -> None:
    """Compile the models before the first request comes."""
    for resource in MODELS:
        _compiled(resource)
