"""What goes wrong with a request, as an HTTP status and a JSON message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fastrcf.errors import FastRCFError, InvalidInputError, NotReadyError

if TYPE_CHECKING:
    from types import TracebackType


class Problem(Exception):
    """A request that is not answered with scores.

    Attributes
    ----------
    status : int
        The HTTP status.
    kind : str
        A word that programs can tell it by.
    row, column : int or None
        Zero-based position of the first offending value, where there is one.
    headers : dict of str to str
        What the answer carries beside the usual.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        row: int | None = None,
        column: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.row = row
        self.column = column
        self.headers = headers or {}

    def body(self) -> bytes:
        """Write it as JSON: ``error``, ``message`` and, where there are any, row and column."""
        told: dict[str, Any] = {"error": self.kind, "message": str(self)}
        for name in ("row", "column"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        return msgspec.json.encode(told)


def places(trace: TracebackType | None) -> list[str]:
    """Give where an error is from, the outermost call first: file, line and function.

    What logs tell of a defect: its message may hold values of rows, which no log should.
    """
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found


def bad_input(message: str, row: int | None = None, column: int | None = None) -> Problem:
    """Give the problem of a body that cannot be read."""
    return Problem(400, "invalid_input", message, row=row, column=column)


def busy(message: str) -> Problem:
    """Give the problem of a server that has as much to do as it takes on."""
    return Problem(503, "busy", message, headers={"retry-after": "1"})


def as_problem(error: Exception) -> Problem | None:
    """Turn an error of the package into a problem; None for what is a defect of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, InvalidInputError):
        return bad_input(str(error), error.row, error.column)
    if isinstance(error, NotReadyError):
        return Problem(503, "not_ready", str(error))
    if isinstance(error, FastRCFError):
        return Problem(400, "invalid_request", str(error))
    if isinstance(error, MemoryError):
        return busy("no memory for this request at the moment")
    return None
