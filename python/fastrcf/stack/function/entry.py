"""What Lambda calls: one function for each process, made of the environment."""

from __future__ import annotations

import logging
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

from fastrcf.errors import InvalidParameterError
from fastrcf.service.core import Response
from fastrcf.serving.problems import Problem
from fastrcf.stack.function import records
from fastrcf.stack.function.events import is_proxy, result_of
from fastrcf.stack.function.function import Function
from fastrcf.stack.function.settings import Settings

log = logging.getLogger("fastrcf.function")


def handler(event: Any, context: Any = None) -> Any:
    """Answer an event of API Gateway, or a direct invocation.

    See :class:`fastrcf.stack.function.function.Function`.
    """
    made = _made()
    if isinstance(made, InvalidParameterError):
        problem = Problem(500, "misconfigured", f"the function's settings: {made}")
        if not is_proxy(event):
            raise made
        headers = {"content-type": "application/json"}
        return result_of(Response(problem.status, problem.body(), headers))
    return made(event, context)


def start() -> None:
    """Load the model before the first request comes; failures are logged, not raised."""
    made = _made()
    if isinstance(made, Function):
        made.prepare()
        made.cold_start_ms = _process_ms()


@cache
def _made() -> Function | InvalidParameterError:
    """Give the function, or what is wrong with its settings: the same for each request."""
    records.log_as_json("INFO")
    try:
        settings = Settings.of(os.environ)
    except InvalidParameterError as error:
        log.error("the function's settings: %s", error)
        return error
    records.log_as_json(settings.log_level)
    return Function(settings)


def _process_ms() -> float | None:
    """How long this process has run, in steps of 10 ms; None where Linux does not tell."""
    try:
        # The 22nd field, in ticks since the machine started; the second may hold spaces.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        return round((now - ticks / os.sysconf("SC_CLK_TCK")) * 1000)
    except (OSError, ValueError, IndexError, AttributeError):
        return None
