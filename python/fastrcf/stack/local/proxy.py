"""Between HTTP and the events of a REST API (proxy integration, payload format 1.0)."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import uuid4

if TYPE_CHECKING:
    from starlette.types import Scope

ACCOUNT, API = "000000000000", "local"
# Bodies of these travel as base64: the template's binary media types.
BINARY = ("application/vnd.apache.arrow.stream", "application/x-recordio-protobuf")


class Answer(NamedTuple):
    """What goes out over HTTP."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]


class MalformedResult(Exception):
    """The function gave back what no gateway understands."""


def new_trace() -> str:
    """Make up X-Ray's header, as the gateway does for requests without one."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


def event_of(scope: Scope, body: bytes, *, stage: str, resource: str) -> dict[str, Any]:
    """Make the event of a request.

    Parameters
    ----------
    scope : dict
        ASGI's.
    body : bytes
    stage : str
        The stage that the path began with.
    resource : str
        The path behind it.
    """
    headers: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = text
        several.setdefault(name, []).append(text)
    if "x-amzn-trace-id" not in headers:
        headers["x-amzn-trace-id"] = trace = new_trace()
        several["x-amzn-trace-id"] = [trace]
    query: dict[str, list[str]] = {}
    for name, text in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        query.setdefault(name, []).append(text)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoded = kind in BINARY
    if not encoded:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            # A gateway replaces what is no text; the function shall see that it was none.
            encoded = True
    client = scope.get("client") or ("127.0.0.1", 0)
    now = datetime.now(UTC)
    return {
        "resource": resource,
        "path": resource,
        "httpMethod": scope["method"],
        "headers": headers,
        "multiValueHeaders": several,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "stage": stage,
            "path": f"/{stage}{resource}",
            "resourcePath": resource,
            "httpMethod": scope["method"],
            "protocol": "HTTP/1.1",
            "requestId": str(uuid4()),
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "identity": {"sourceIp": client[0], "userAgent": headers.get("user-agent")},
        },
        "body": (base64.b64encode(body).decode("ascii") if encoded else text) if body else None,
        "isBase64Encoded": encoded and bool(body),
    }


def answer_of(result: Any) -> Answer:
    """Read what the function gave back.

    Raises
    ------
    MalformedResult
        A gateway answers 502 then.
    """
    if not isinstance(result, dict) or not isinstance(result.get("statusCode"), int):
        raise MalformedResult("no statusCode")
    body = result.get("body") or ""
    if not isinstance(body, str) or not isinstance(result.get("headers") or {}, dict):
        raise MalformedResult("its body or headers")
    try:
        data = (
            base64.b64decode(body, validate=True)
            if result.get("isBase64Encoded")
            else body.encode()
        )
    except (binascii.Error, UnicodeEncodeError):
        raise MalformedResult("its body is not what it says") from None
    headers = [
        (str(name).lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in (result.get("headers") or {}).items()
    ]
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers += [(str(name).lower().encode(), str(value).encode()) for value in values]
    return Answer(result["statusCode"], data, headers)
