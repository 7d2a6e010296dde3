"""The description of the interface, with the columns of the model that answers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastrcf

if TYPE_CHECKING:
    from fastrcf.service.columns import Columns


@cache
def _text() -> bytes:
    # importlib.resources would take a tenth of a Lambda function's start.
    return Path(__file__).with_name("openapi.json").read_bytes()


def described(columns: Columns, *, classified: bool) -> bytes:
    """Give the description as JSON.

    Parameters
    ----------
    columns : Columns
        The model's: they become the properties of a row.
    classified : bool
        Whether there is a classifier beside the model.
    """
    told = json.loads(_text())
    told["info"]["version"] = fastrcf.__version__
    schemas = told["components"]["schemas"]
    cells = [_cell(name, columns) for name in columns.names]
    schemas["NamedRow"]["properties"] = dict(zip(columns.names, cells, strict=True))
    schemas["NamedRow"]["required"] = [
        name for name in columns.names if name in columns.categories or not columns.optional
    ]
    placed = schemas["PlacedRow"]
    placed["prefixItems"] = cells
    placed["minItems"] = placed["maxItems"] = len(cells)
    if not classified:
        schemas["Invocation"]["properties"]["model"]["enum"].remove("fraud_classifier")
    return json.dumps(told, separators=(",", ":")).encode()


def _cell(name: str, columns: Columns) -> dict[str, Any]:
    if name in columns.categories:
        return {"type": ["string", "number", "boolean"]}
    # The engine works in single precision, and refuses what is near its end.
    number: dict[str, Any] = {"minimum": -1e30, "maximum": 1e30}
    return {"type": ["number", "null"] if columns.optional else "number", **number}
