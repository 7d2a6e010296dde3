"""Events of API Gateway's REST API (proxy, payload 1.0), and bare ones, as requests.

An event of the gateway has ``httpMethod``; whoever invokes the function directly sends
``{data, metadata, model}`` alone, as the original's clients did.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from fastrcf.service.core import Request, Response
from fastrcf.serving.problems import Problem, bad_input
from fastrcf.stack.function.settings import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is text in an answer; all else travels as base64.
_TEXT = ("text/", "application/json", "application/jsonlines", "application/x-ndjson")
BARE = ("data", "metadata", "model")


def is_proxy(event: Any) -> bool:
    """Whether an event comes from a gateway, which wants a status and a body back."""
    return isinstance(event, dict) and ("httpMethod" in event or "requestContext" in event)


def request_of(event: Mapping[str, Any], request_id: str) -> Request:
    """Read an event of the gateway.

    Parameters
    ----------
    event : dict
        Fields that are missing or null are taken as empty.
    request_id : str
        Lambda's, for events without one of the gateway's.

    Raises
    ------
    Problem
        400, if a field is of another type than the gateway's.
    """
    if "httpMethod" not in event:
        raise bad_input(
            "the event: it has no httpMethod; only events of a REST API (payload format 1.0) "
            "are read"
        )
    context = _mapping(event, "requestContext")
    return Request(
        method=str(event["httpMethod"]).upper(),
        path=_path(event),
        headers=_headers(event),
        body=_body(event),
        query=_query(event),
        request_id=str(context.get("requestId") or request_id),
    )


def request_of_bare(event: Any, request_id: str) -> Request:
    """Make a request to ``/invocations`` of a direct invocation.

    Raises
    ------
    Problem
        400, if the event has none of the contract's fields, or cannot be JSON.
    """
    if not isinstance(event, dict) or not any(name in event for name in BARE):
        raise bad_input("the event: expected {data, metadata, model}, or an event of a REST API")
    given = dict(event)
    # So that the core knows the contract by it, and tells that it is missing.
    given.setdefault("data", None)
    try:
        body = msgspec.json.encode(given)
    except (TypeError, ValueError, RecursionError):
        raise bad_input("the event: it holds what JSON cannot") from None
    return Request(
        method="POST",
        path="/invocations",
        headers={"content-type": "application/json", "accept": "application/json"},
        body=body,
        query={},
        request_id=request_id,
    )


def result_of(response: Response) -> dict[str, Any]:
    """Write a response as what the gateway expects of the function.

    Parameters
    ----------
    response : Response
        One that is larger than Lambda gives back becomes a 413.
    """
    kind = response.headers.get("content-type", "")
    is_text = kind.startswith(_TEXT) or not response.body
    body = response.body.decode() if is_text else base64.b64encode(response.body).decode("ascii")
    # Quotation marks within the body are escaped once more: the result is JSON itself.
    if len(body) + body.count('"') + body.count("\\") + body.count("\n") > PAYLOAD - 4096:
        problem = too_much()
        body, is_text, status = problem.body().decode(), True, problem.status
        headers = {**response.headers, "content-type": "application/json"}
    else:
        headers, status = response.headers, response.status
    return {
        "statusCode": status,
        "headers": dict(headers),
        "body": body,
        "isBase64Encoded": not is_text,
    }


def too_much() -> Problem:
    """Give the problem of an answer that Lambda does not give back."""
    return Problem(
        413,
        "too_large",
        f"the answer has more than the {PAYLOAD >> 20} MiB that a function gives back; "
        "send fewer rows a request",
    )


def _mapping(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise bad_input(f"the event: {name} is no object")
    return found


def _path(event: Mapping[str, Any]) -> str:
    # Behind a domain of one's own the path begins with what that maps; the resource does not.
    resource = event.get("resource")
    if isinstance(resource, str) and resource.startswith("/") and "{" not in resource:
        return resource
    return str(event.get("path") or "/")


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        str(name).lower(): str(value)
        for name, value in _mapping(event, "headers").items()
        if value is not None
    }
    for name, values in _mapping(event, "multiValueHeaders").items():
        if isinstance(values, list) and values:
            headers[str(name).lower()] = ", ".join(map(str, values))
    return headers


def _query(event: Mapping[str, Any]) -> dict[str, str]:
    # Of several values the last counts, as in "queryStringParameters".
    query = {
        str(name): str(value)
        for name, value in _mapping(event, "queryStringParameters").items()
        if value is not None
    }
    for name, values in _mapping(event, "multiValueQueryStringParameters").items():
        if isinstance(values, list) and values:
            query[str(name)] = str(values[-1])
    return query


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise bad_input("the event: body is no text")
    if not event.get("isBase64Encoded"):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise bad_input("the body is no UTF-8") from None
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise bad_input("the event: its body says that it is base64, and is not") from None
