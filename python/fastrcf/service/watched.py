"""What every request gets, whatever it asks: an identifier, a line in the log, a count."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastrcf.service.logs import request_id
from fastrcf.serving.asgi import respond
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fastrcf.service.cross_origin import CrossOrigin

log = logging.getLogger("fastrcf.service.access")
# What a client that left is counted as.
_GONE = 499
KEY = "fastrcf"


@dataclass(slots=True)
class Seen:
    """What is known of a request while it is answered.

    Attributes
    ----------
    headers : dict of str to str
        Names in lower case.
    request_id : str
    fields : dict
        What its line in the log has beside the usual.
    """

    headers: dict[str, str]
    request_id: str
    fields: dict[str, Any] = field(default_factory=dict)


class Watched:
    """An application around another one.

    Parameters
    ----------
    app : ASGI application
        Finds a :class:`Seen` in the scope.
    routes : collection of str
        Paths that are told apart; all others are one.
    cross_origin : CrossOrigin
    count : callable
        Told route, status and seconds of each request.
    access_log : bool
        Whether each request has a line in the log.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Collection[str],
        cross_origin: CrossOrigin,
        count: Callable[[str, int, float], None],
        *,
        access_log: bool,
    ) -> None:
        self._app = app
        self._routes = frozenset(routes)
        self._cross_origin = cross_origin
        self._count = count
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of ASGI."""
        began = perf_counter()
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        seen = Seen(headers, request_id(headers.get("x-request-id", ""), os.urandom(8).hex()))
        scope[KEY] = seen
        extra = {"x-request-id": seen.request_id, **self._cross_origin.headers(headers)}
        added = [(name.encode(), value.encode("latin-1")) for name, value in extra.items()]
        status = _GONE

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            if scope["method"] == "OPTIONS" and self._cross_origin:
                await self._preflight(headers, told)
            else:
                await self._app(scope, receive, told)
        finally:
            route = scope["path"] if scope["path"] in self._routes else "other"
            seconds = perf_counter() - began
            self._count(route, status, seconds)
            if self._access_log:
                self._note(scope["method"], route, status, seconds, seen)

    async def _preflight(self, headers: dict[str, str], send: Send) -> None:
        try:
            allowed = self._cross_origin.preflight(headers)
        except Problem as problem:
            await respond(send, problem.status, problem.body(), "application/json")
            return
        await respond(send, 204, b"", "text/plain", allowed)

    @staticmethod
    def _note(method: str, route: str, status: int, seconds: float, seen: Seen) -> None:
        told = {
            "method": method if method in ("GET", "HEAD", "POST", "OPTIONS") else "other",
            "route": route,
            "status": status,
            "ms": round(seconds * 1e3, 3),
            "request_id": seen.request_id,
            **seen.fields,
        }
        log.info("request", extra={"fields": told})
