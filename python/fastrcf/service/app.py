"""The service as an ASGI application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import Route, Router

from fastrcf.service import page
from fastrcf.service.auth import Auth, Open
from fastrcf.service.core import Request
from fastrcf.service.cross_origin import CrossOrigin
from fastrcf.service.watched import KEY, Watched
from fastrcf.serving.asgi import Door, header, nowhere
from fastrcf.serving.problems import Problem, bad_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Scope

    from fastrcf.service.core import Response, Service
    from fastrcf.service.messages import Answered
    from fastrcf.service.metrics import Metrics
    from fastrcf.serving.asgi import Answer, Handler, Read
    from fastrcf.serving.limits import Load

SCORING = ("/v1/score", "/v1/detect", "/invocations")
# What balancers and people look at before they have a key.
_OPEN = ("/ping", "/health", "/openapi.json")
_FIELDS = 32
_FORGOTTEN = 4096


@dataclass(frozen=True)
class Options:
    """How an application answers.

    Attributes
    ----------
    auth : Auth
    cross_origin : CrossOrigin
    seconds : float
        How long an answer may take once the body is there; then 504.
    ordered : bool
        Whether requests are worked on one by one in order of arrival, as those that are
        learnt must be.
    access_log : bool
    public_metrics : bool
        Whether ``/metrics`` is for all.
    """

    auth: Auth = field(default_factory=Open)
    cross_origin: CrossOrigin = field(default_factory=CrossOrigin)
    seconds: float = 60.0
    ordered: bool = False
    access_log: bool = True
    public_metrics: bool = False


class Rows:
    """An observer: how many rows a request had, for its line in the log."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Any]] = {}

    def __call__(self, answered: Answered) -> None:
        """Note rows and alerts."""
        # Of requests that nobody waited for.
        if len(self._told) > _FORGOTTEN:
            self._told.clear()
        told: dict[str, Any] = {"rows": len(answered.scores), "model": answered.model_version}
        if answered.alerts is not None:
            told["alerts"] = int(answered.alerts.sum())
        self._told[answered.request_id] = told

    def take(self, request_id: str) -> dict[str, Any]:
        """Give what was noted of a request, once."""
        return self._told.pop(request_id, {})


def application(
    service: Service,
    load: Load,
    options: Options | None = None,
    *,
    answer: Callable[[Request], Response] | None = None,
    metrics: Metrics | None = None,
    rows: Rows | None = None,
) -> ASGIApp:
    """Make the application.

    Parameters
    ----------
    service : Service
    load : Load
        What the server has taken on.
    options : Options, optional
    answer : callable, optional
        Answers rather than the service: that of a :class:`fastrcf.service.learning.Learner`.
    metrics : Metrics, optional
        What ``/metrics`` tells.
    rows : Rows, optional
        An observer of the service, whose figures go to the log.
    """
    options = options or Options()
    answer = answer or service.answer
    taken = rows.take if rows is not None else _nothing

    async def work(size: int, request: Request) -> Response:
        if size == 0 and not options.ordered:
            return answer(request)
        try:
            async with asyncio.timeout(options.seconds):
                if options.ordered:
                    return await load.on_thread(answer, request)
                return await load.work(size, answer, request)
        except TimeoutError:
            raise Problem(
                504, "timeout", f"there was no answer within {options.seconds:g} seconds"
            ) from None

    async def scored(scope: Scope, read: Read) -> Answer:
        seen = scope[KEY]
        enter = options.auth(scope, seen.headers)
        request = _request(scope, b"")
        service.check(request)
        body = await read()
        seen.fields["bytes"] = len(body)
        _admit(seen.fields, enter(body))
        response = await work(len(body), _request(scope, body))
        seen.fields |= taken(seen.request_id)
        return _told(response, seen.fields)

    async def opened(scope: Scope, read: Read) -> Answer:
        return _told(service.answer(_request(scope, b"")), scope[KEY].fields)

    async def asked(scope: Scope, read: Read) -> Answer:
        seen = scope[KEY]
        _admit(seen.fields, options.auth(scope, seen.headers)(b""))
        return _told(await work(0, _request(scope, b"")), seen.fields)

    async def measured(scope: Scope, read: Read) -> Answer:
        if not options.public_metrics:
            _admit(scope[KEY].fields, options.auth(scope, scope[KEY].headers)(b""))
        assert metrics is not None
        body, kind = metrics.page(header(scope, b"accept"))
        return 200, body, kind

    async def shown(scope: Scope, read: Read) -> Answer:
        return 200, page.HTML, "text/html; charset=utf-8", page.HEADERS

    def door(handler: Handler, *, always: bool = True) -> Door:
        handler = _noted(handler)
        return Door({"GET": handler, "HEAD": handler}, load, always=always)

    routes = [Route(path, Door({"POST": _noted(scored)}, load)) for path in SCORING]
    routes += [Route(path, door(opened)) for path in _OPEN]
    routes += [Route("/v1/model", door(asked, always=False)), Route("/", door(shown))]
    if metrics is not None:
        routes.append(Route("/metrics", door(measured)))
    router = Router(routes, default=nowhere, redirect_slashes=False)
    count = _uncounted if metrics is None else metrics.answered
    paths = [route.path for route in routes]
    return Watched(router, paths, options.cross_origin, count, access_log=options.access_log)


def _noted(handler: Handler) -> Handler:
    """Note in the log what a handler raises for."""

    async def noted(scope: Scope, read: Read) -> Answer:
        try:
            return await handler(scope, read)
        except Problem as problem:
            scope[KEY].fields |= _problem(problem.body())
            raise

    return noted


def _request(scope: Scope, body: bytes) -> Request:
    seen = scope[KEY]
    query = scope["query_string"]
    return Request(
        scope["method"],
        scope["path"],
        seen.headers,
        body,
        _query(query) if query else {},
        seen.request_id,
    )


def _query(text: bytes) -> dict[str, str]:
    try:
        return dict(
            parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS)
        )
    except ValueError:
        raise bad_input(f"the query has more than {_FIELDS} parameters") from None


def _told(response: Response, fields: dict[str, Any]) -> Answer:
    if response.status >= 400:
        fields |= _problem(response.body)
    kind = response.headers["content-type"]
    more = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-type", "x-request-id")
    }
    return response.status, response.body, kind, more


def _problem(body: bytes) -> dict[str, Any]:
    """Give of a problem what a log may have: not its message, which may have values of rows."""
    told = msgspec.json.decode(body)
    return {name: told[name] for name in ("error", "row", "column") if name in told}


def _admit(fields: dict[str, Any], caller: str) -> None:
    if caller:
        fields["caller"] = caller


def _nothing(request_id: str) -> dict[str, Any]:
    return {}


def _uncounted(route: str, status: int, seconds: float) -> None:
    pass
