"""A REST API of API Gateway as an ASGI application, in front of a handler.

In the gateway's order: the resource, who calls, throttling, validation, the function. Its
own answers are those that the template has the gateway give.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastrcf.serving.asgi import Body, Gone, header
from fastrcf.serving.problems import Problem
from fastrcf.stack.function import cors
from fastrcf.stack.function.settings import PAYLOAD
from fastrcf.stack.local.authorization import Anyone, Denied
from fastrcf.stack.local.proxy import Answer, MalformedResult, answer_of, event_of
from fastrcf.stack.local.validation import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from fastrcf.serving.limits import Load
    from fastrcf.stack.local.authorization import Authorizer
    from fastrcf.stack.local.throttle import TokenBucket

log = logging.getLogger("fastrcf.local")
_JSON = (b"content-type", b"application/json")
# The gateway's limits: bytes of a body, seconds of an integration.
BODY, SECONDS = 10 << 20, 29.0
# The template's resources.
RESOURCES: dict[str, tuple[str, ...]] = {
    "/invocations": ("POST",),
    "/v1/score": ("POST",),
    "/v1/detect": ("POST",),
    "/v1/model": ("GET",),
    "/ping": ("GET",),
}
# The gateway's words for what it answers itself, and what the template has it say.
_WORDS = {
    408: ("REQUEST_TIMEOUT", "Request timed out"),
    413: ("REQUEST_TOO_LARGE", "Request Too Long"),
    429: ("THROTTLED", "Too Many Requests"),
    502: ("API_CONFIGURATION_ERROR", "Internal server error"),
    504: ("INTEGRATION_TIMEOUT", "Endpoint request timed out"),
}


@dataclass
class Context:
    """What Lambda tells a handler beside the event."""

    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    function_name: str = "fastrcf-local"
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1024"
    invoked_function_arn: str = "arn:aws:lambda:local:000000000000:function:fastrcf-local"

    def get_remaining_time_in_millis(self) -> int:
        """Tell how long the handler may still take."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Gateway:
    """The application.

    Parameters
    ----------
    handler : callable
        Takes an event and a context.
    load : Load
        Holds bodies and threads.
    authorizer : Authorizer
        Who may call.
    bucket : TokenBucket, optional
        Throttles; None: nothing is.
    stage : str
        What paths begin with.
    origins : tuple of str
        Pages that may read answers.
    seconds : float
        How long the handler may take; then 504.
    waits : bool, default True
        Whether the handler may wait for something outside of this process. One that never
        does answers small requests at once: to hand them to a thread takes as long as a row's
        score.
    """

    def __init__(
        self,
        handler: Callable[[dict[str, Any], Context], Any],
        load: Load,
        *,
        authorizer: Authorizer | None = None,
        bucket: TokenBucket | None = None,
        stage: str = "prod",
        origins: tuple[str, ...] = (),
        seconds: float = SECONDS,
        waits: bool = True,
    ) -> None:
        self._handler = handler
        self._load = load
        self._authorizer = authorizer or Anyone()
        self._bucket = bucket
        self._stage = stage
        self._origins = origins
        self._seconds = seconds
        self._waits = waits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of ASGI."""
        body = Body(self._load, scope, receive)
        try:
            answer = await self._answer(scope, body)
        except Gone:
            return
        finally:
            body.free()
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, body: Body) -> Answer:
        stage, _, rest = scope["path"].removeprefix("/").partition("/")
        resource, method = f"/{rest}", scope["method"]
        if stage != self._stage:
            return self._own(scope, 403, "ACCESS_DENIED", "Forbidden")
        methods = RESOURCES.get(resource)
        if methods is not None and method == "OPTIONS":
            return self._preflight(scope, methods)
        if methods is None or method not in methods:
            return self._own(
                scope, 403, "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token"
            )
        try:
            self._load.admit()
            data = await body.read()
            self._authorizer.check(scope, data)
        except Denied as denied:
            return self._own(scope, 403, denied.kind, str(denied))
        except Problem as problem:
            status = 429 if problem.status == 503 else problem.status
            return self._own(scope, status, *_WORDS[status])
        if self._bucket is not None and not self._bucket.admit():
            return self._own(scope, 429, *_WORDS[429])
        wrong = invalid(resource, header(scope, b"content-type"), data)
        if wrong:
            return self._own(scope, 400, "BadRequest", wrong)
        event = event_of(scope, data, stage=stage, resource=resource)
        if len(event["body"] or "") > PAYLOAD:
            # The gateway takes it, and Lambda does not.
            return self._own(scope, 413, *_WORDS[413])
        return await self._invoke(scope, event)

    async def _invoke(self, scope: Scope, event: dict[str, Any]) -> Answer:
        context = Context(time.monotonic() + self._seconds)
        try:
            if self._waits:
                async with asyncio.timeout(self._seconds):
                    result = await self._load.on_thread(self._handler, event, context)
            else:
                size = len(event["body"] or "")
                result = await self._load.work(size, self._handler, event, context)
            status, body, headers = answer_of(result)
        except TimeoutError:
            return self._own(scope, 504, *_WORDS[504])
        except MalformedResult as error:
            log.error("the function's result is malformed: %s", error)
            return self._own(scope, 502, *_WORDS[502])
        except Exception:
            log.exception("the function failed")
            return self._own(scope, 502, *_WORDS[502])
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        request_id = event["requestContext"]["requestId"].encode()
        return Answer(status, body, [*headers, (b"x-amzn-requestid", request_id)])

    def _preflight(self, scope: Scope, methods: tuple[str, ...]) -> Answer:
        told = cors.preflight(self._origins, {"origin": header(scope, b"origin")})
        if "access-control-allow-methods" in told.headers:
            told.headers["access-control-allow-methods"] = ",".join((*methods, "OPTIONS"))
        headers = [(name.encode(), value.encode()) for name, value in told.headers.items()]
        return Answer(told.status, b"", headers)

    def _own(self, scope: Scope, status: int, kind: str, message: str) -> Answer:
        told = cors.headers_for(self._origins, {"origin": header(scope, b"origin")})
        request_id = str(uuid4())
        headers = [_JSON, (b"x-amzn-requestid", request_id.encode())]
        headers += [(name.encode(), value.encode()) for name, value in told.items()]
        if status in (408, 413):
            # The rest of the body is not read.
            headers.append((b"connection", b"close"))
        body = {"error": kind, "message": message, "request_id": request_id}
        return Answer(status, json.dumps(body).encode(), headers)
