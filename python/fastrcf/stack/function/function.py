"""The function: an event in, a result out; then delivery, metrics and one line of log."""

from __future__ import annotations

import json
import logging
import math
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from fastrcf.errors import FastRCFError
from fastrcf.service.core import Response
from fastrcf.serving.problems import Problem, as_problem
from fastrcf.stack.function import cors, records
from fastrcf.stack.function.clients import Clients
from fastrcf.stack.function.delivery import Delivery, lines_of
from fastrcf.stack.function.endpoints import as_matrix
from fastrcf.stack.function.events import (
    is_proxy,
    request_of,
    request_of_bare,
    result_of,
    too_much,
)
from fastrcf.stack.function.held import Held
from fastrcf.stack.function.model_source import ModelSource, ModelUnavailable
from fastrcf.stack.function.models import service_maker, shadow_of
from fastrcf.stack.function.notes import Notes, metrics_of
from fastrcf.stack.function.settings import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf.service.core import Request, Service
    from fastrcf.stack.function.settings import Settings

log = logging.getLogger("fastrcf.function")
# Of the time that Lambda leaves, in seconds: what one call of Firehose may take that nobody
# answers, with the answer's way back; and the most that a caller waits for delivery.
_RESERVE, _DELIVERY = 4.5, 5.0
# What a shadow that does not answer may take: with less left it is not asked.
_SHADOW = 3.5
STORED = "x-fastrcf-stored"
_TRACE = "x-amzn-trace-id"
_ROOT = re.compile(r"(?<![^;])Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?![^;])")


class FunctionFailed(FastRCFError):
    """A direct invocation that may be tried again: Lambda then does so, or keeps the event.

    Its message holds nothing of what came.
    """


class Function:
    """Answers events.

    Parameters
    ----------
    settings : Settings
    clients : Clients, optional
        Of AWS; default: made when first needed.
    clock, sleep : callable
        Of :mod:`time`; tests have their own.
    write : callable
        Gets one line for each request, as a dict.
    """

    def __init__(
        self,
        settings: Settings,
        clients: Clients | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        write: Callable[[dict[str, Any]], None] = records.write,
    ) -> None:
        self.settings = settings
        self._clients = clients or Clients()
        self._write = write
        self._notes = Notes()
        make = service_maker(settings, self._clients, self._notes)
        self._held: Held[Service] | None = None
        if settings.model_uri:
            source = ModelSource(settings, self._clients)
            self._held = Held(source, make, settings.refresh_seconds, clock)
        else:
            self._only = make(None)
        self._shadow = shadow_of(settings, self._clients, clock)
        self._delivery: Delivery | None = None
        if settings.delivery_stream:
            self._delivery = Delivery(
                lambda: self._clients.firehose, settings.delivery_stream, sleep=sleep, clock=clock
            )
        # What the first request's line tells of the start.
        self.cold_start_ms: float | None = None

    def prepare(self) -> None:
        """Load the model. Without one, requests are answered with 503 and it is tried again."""
        try:
            self.load()
        except FastRCFError:
            # It is logged.
            return

    def load(self) -> None:
        """Load the model, if that has not been done.

        Raises
        ------
        FastRCFError
            If there is none; the message says what to do.
        """
        self._service()

    def __call__(self, event: Any, context: Any = None) -> Any:
        """Answer an event.

        Parameters
        ----------
        event : dict
            Of a REST API with Lambda's proxy integration, or ``{data, metadata, model}``.
        context : object
            Lambda's.

        Returns
        -------
        dict or list
            For a gateway status, headers and body. For a direct invocation what the
            contract answers and ``stored``, or ``status``, ``error`` and ``message`` of what
            is wrong with the event.

        Raises
        ------
        FunctionFailed
            For a direct invocation that may go well another time.
        """
        started = time.perf_counter()
        self._notes.clear()
        request_id = str(getattr(context, "aws_request_id", "") or "")
        direct, request = not is_proxy(event), None
        try:
            request = (request_of_bare if direct else request_of)(event, request_id)
            response = self._answer(request)
        except Exception as error:
            response = _failure(error)
        stored = self._deliver(context)
        trace = request.headers.get(_TRACE, "") if request else ""
        headers = {
            **response.headers,
            **(cors.headers_for(self.settings.cors_origins, request.headers) if request else {}),
            **({} if stored is None else {STORED: "true" if stored else "false"}),
            **({_TRACE: trace} if trace else {}),
        }
        if request is not None and request.request_id:
            headers["x-request-id"] = request.request_id
        self._tell(request, response, time.perf_counter() - started, trace, _left(context))
        response = Response(response.status, response.body, headers)
        return _direct(response, bool(stored)) if direct else result_of(response)

    def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return cors.preflight(self.settings.cors_origins, request.headers)
        return self._service().answer(request)

    def _service(self) -> Service:
        return self._only if self._held is None else self._held.get()

    def _deliver(self, context: Any) -> bool | None:
        """Store what was answered; None where nothing was scored."""
        answered = self._notes.answered
        if answered is None:
            return None
        if self._delivery is None:
            return False
        rows = as_matrix(self._notes.rows) if self.settings.deliver_features else None
        seconds = min(_DELIVERY, _left(context) - _RESERVE)
        stored = self._delivery.put(lines_of(answered, rows), seconds)
        self._notes.undelivered = len(stored) - int(stored.sum())
        return not self._notes.undelivered

    def _tell(
        self,
        request: Request | None,
        response: Response,
        seconds: float,
        trace: str,
        left: float,
    ) -> None:
        settings, answered = self.settings, self._notes.answered
        metrics: dict[str, float] = {"Requests": 1}
        told: dict[str, Any] = {
            "request_id": request.request_id if request else "",
            "method": request.method if request else "",
            "route": request.path if request and response.status != 404 else "",
            "status": response.status,
            "ms": round(seconds * 1000, 3),
        }
        if answered is not None:
            metrics |= metrics_of(answered, self._notes.rows)
            told["model_version"] = answered.model_version
            if self._delivery is not None:
                metrics["DeliveryFailures"] = self._notes.undelivered
            # Where only a classifier was asked, there is nothing to compare.
            if self._shadow is not None and len(answered.scores) and left > _SHADOW:
                apart = self._shadow.difference(self._notes.rows, answered.scores)
                if apart is not None:
                    metrics["ShadowDifference"] = apart
        # A client may send anything there.
        if found := _ROOT.search(trace):
            told["trace_id"] = found[0]
        if self.cold_start_ms is not None:
            metrics["ColdStartMs"], self.cold_start_ms = self.cold_start_ms, None
        self._write(records.embed(settings.metrics_namespace, settings.solution, metrics, told))


def _left(context: Any) -> float:
    """Seconds that Lambda leaves; without end where it does not say."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return math.inf if left is None else left() / 1000


def _failure(error: Exception) -> Response:
    if isinstance(error, ModelUnavailable):
        problem: Problem | None = Problem(
            503, "model_unavailable", str(error), headers={"retry-after": "5"}
        )
    else:
        problem = as_problem(error)
    if problem is None:
        log.exception("a defect")
        problem = Problem(500, "internal", "a defect of this function; its log has more")
    return Response(
        problem.status, problem.body(), {"content-type": "application/json", **problem.headers}
    )


def _direct(response: Response, stored: bool) -> Any:
    told = msgspec.json.decode(response.body)
    if response.status >= 500:
        raise FunctionFailed(f"{response.status} {told.get('error')}: {told.get('message')}")
    if response.status >= 400:
        return {"status": response.status, **told}
    if isinstance(told, list):
        rows = [{**entry, "stored": stored} for entry in told]
        # Lambda writes them as JSON of its own, with spaces: less than twice as long.
        if len(response.body) > PAYLOAD // 2 and len(json.dumps(rows)) > PAYLOAD:
            problem = too_much()
            return {"status": problem.status, **msgspec.json.decode(problem.body())}
        return rows
    return {**told, "stored": stored}
