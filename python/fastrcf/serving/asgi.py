"""The few parts of ASGI that a scoring endpoint needs: a body, its limits, an answer.

Starlette routes to them. Its requests and responses are objects for every request, which
cost a third of what one row takes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fastrcf.serving.problems import Problem, as_problem, busy, places

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from fastrcf.serving.limits import Load

    # Reads the request's body.
    Read = Callable[[], Awaitable[bytes]]
    # A status, a body and its content type; and further headers, where there are any.
    Answer = tuple[int, bytes, str] | tuple[int, bytes, str, dict[str, str]]
    Handler = Callable[[Scope, Read], Awaitable[Answer]]

log = logging.getLogger("fastrcf.serving")
_JSON = "application/json"


class Door:
    """A path's application: admits, has answered by method, tells what went wrong.

    Parameters
    ----------
    handlers : dict of str to coroutine function
        By method. A handler takes the scope and a function that reads the body, so that
        it can refuse what the headers say before the body has come.
    load : Load
        What the server has taken on.
    always : bool, default False
        Whether requests are admitted however many wait.
    """

    def __init__(self, handlers: dict[str, Handler], load: Load, *, always: bool = False) -> None:
        self._handlers = handlers
        self._load = load
        self._always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of ASGI."""
        body = Body(self._load, scope, receive)
        try:
            handler = self._handlers.get(scope["method"])
            if handler is None:
                raise _no_method(scope["method"], self._handlers)
            if not self._always:
                self._load.admit()
            status, answer, kind, *more = await handler(scope, body.read)
        except Gone:
            return
        except asyncio.CancelledError:
            # A server that stops cuts what has not ended; nothing else does.
            problem = _told(scope, busy("the server stops"))
            await respond(send, problem.status, problem.body(), _JSON, problem.headers)
            return
        except Exception as error:
            problem = _told(scope, error)
            await respond(send, problem.status, problem.body(), _JSON, problem.headers)
            return
        finally:
            body.free()
        await respond(send, status, answer, kind, *more)


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for a path that does not exist."""
    problem = Problem(404, "not_found", "there is nothing at this path")
    # A path that a client made up may hold anything.
    log.info("%s: %d %s", scope["method"], problem.status, problem.kind)
    await respond(send, problem.status, problem.body(), _JSON)


def _no_method(method: str, handlers: dict[str, Handler]) -> Problem:
    allowed = ", ".join(handlers)
    return Problem(
        405, "method_not_allowed", f"{method}: {allowed} is taken here", headers={"allow": allowed}
    )


def _told(scope: Scope, error: Exception) -> Problem:
    """Make a problem of an error, and log it."""
    problem = as_problem(error)
    if problem is None:
        where = " > ".join(places(error.__traceback__))
        log.error("%s: a defect: %s at %s", scope["method"], type(error).__name__, where)
        return Problem(500, "internal", "a defect of this server; its log has more")
    # Messages may hold values of rows, which no log should.
    place = "" if problem.row is None else f" row={problem.row}"
    place += "" if problem.column is None else f" column={problem.column}"
    log.info("%s %r: %d %s%s", scope["method"], scope["path"], problem.status, problem.kind, place)
    return problem


class Gone(Exception):
    """The client went away before its request had come."""


class Body:
    """A request's body as it comes, counted while it is held."""

    def __init__(self, load: Load, scope: Scope, receive: Receive) -> None:
        self._load = load
        self._scope = scope
        self._receive = receive
        self._size = 0

    async def read(self) -> bytes:
        """Give the whole body.

        Raises
        ------
        Problem
            413 beyond the limit, 408 if it comes too slowly, 503 if bodies take all memory.
        Gone
        """
        announced = header(self._scope, b"content-length")
        if announced.isdigit():
            self._load.check_size(int(announced))
        try:
            async with asyncio.timeout(self._load.limits.body_seconds):
                return await self._parts()
        except TimeoutError:
            seconds = self._load.limits.body_seconds
            raise Problem(
                408,
                "too_slow",
                f"the body did not come within {seconds:g} seconds",
                headers={"connection": "close"},
            ) from None

    async def _parts(self) -> bytes:
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            self._load.hold(len(part))
            self._size += len(part)
            self._load.check_size(self._size)
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def free(self) -> None:
        """Count the body off."""
        self._load.release(self._size)
        self._size = 0


def header(scope: Scope, name: bytes) -> str:
    """Give a header's value, empty where it is absent."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


async def respond(
    send: Send, status: int, body: bytes, kind: str, extra: dict[str, str] | None = None
) -> None:
    """Send an answer."""
    headers = [
        (b"content-type", kind.encode("latin-1")),
        (b"content-length", str(len(body)).encode()),
    ]
    headers += [(name.encode(), value.encode()) for name, value in (extra or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
