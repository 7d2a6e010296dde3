"""What the gateway asks of a body before it calls the function, as JSON schemas (draft 4).

The template's request models are these. They are loose: whether rows fit the model, the
function says, which names row and column. They keep out what is no request at all, before
the function is paid for.
"""

from __future__ import annotations

from typing import Any

DRAFT = "http://json-schema.org/draft-04/schema#"
INVOCATION: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "Invocation",
    "type": "object",
    "anyOf": [{"required": ["data", "metadata"]}, {"required": ["instances"]}],
    "properties": {
        "data": {"type": ["string", "array"], "minLength": 1, "minItems": 1},
        "metadata": {"type": "array", "minItems": 1},
        "model": {"type": "string", "enum": ["anomaly_detector", "fraud_classifier"]},
        "instances": {"type": "array", "minItems": 1},
    },
}
ROWS: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "Rows",
    "type": ["object", "array"],
    "minProperties": 1,
    "minItems": 1,
    "properties": {"rows": {"type": "array", "minItems": 1}},
}
# By resource. Other formats than JSON are not looked into.
MODELS: dict[str, dict[str, Any]] = {
    "/invocations": INVOCATION,
    "/v1/score": ROWS,
    "/v1/detect": ROWS,
}
