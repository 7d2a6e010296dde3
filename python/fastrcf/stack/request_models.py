"""What the gateway asks of a body before it calls the function, as JSON schemas (draft 4).

The template's request models are these. They tell JSON of the right shape from what is no
request at all, and no more: the gateway's own words for what is wrong within a body name a
type or a length, but not the field, and with a choice of contracts not even that. Fields,
rows and columns are the function's to name, which it does before an endpoint is asked or
anything is written.
"""

from __future__ import annotations

from typing import Any

DRAFT = "http://json-schema.org/draft-04/schema#"
INVOCATION: dict[str, Any] = {"$schema": DRAFT, "title": "Invocation", "type": "object"}
ROWS: dict[str, Any] = {"$schema": DRAFT, "title": "Rows", "type": ["object", "array"]}
# By resource. Other formats than JSON are not looked into.
MODELS: dict[str, dict[str, Any]] = {
    "/invocations": INVOCATION,
    "/v1/score": ROWS,
    "/v1/detect": ROWS,
}
# What the template has the gateway say of a body that is refused: the same of each.
REFUSAL = "the body: expected JSON, an object or for /v1/score and /v1/detect a list"
