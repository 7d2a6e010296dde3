"""Logs as lines of JSON; no value of a row is in them, nor what a client may choose freely."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

from fastrcf.serving.problems import places

_encode = msgspec.json.Encoder(enc_hook=str).encode
_WAITING = 100_000
_ACCESS = "fastrcf.service.access"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=;-]{1,128}")


class Lines(logging.Formatter):
    """Formats records: time in UTC, level, logger, message, and the fields of ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """Give one line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            # The message of an error may hold what came; where it is from may not.
            told["error"] = record.exc_info[0].__name__
            told["at"] = places(record.exc_info[2])
        return _encode(told).decode()


def prepare(level: str = "info", stream: IO[str] | None = None) -> None:
    """Have all logs written as lines of JSON, to standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def request_id(given: str | None) -> str | None:
    """Give a client's identifier of a request if it is harmless."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None


class Access:
    """Writes a line for each request, as :class:`Lines` does, but many at a time.

    A logger takes a tenth of a millisecond a line, which is as long as a row's score.

    Parameters
    ----------
    stream : binary file, optional
        Default: standard error.
    every : float, default 0.25
        Seconds that lines wait at most.
    """

    def __init__(self, stream: IO[bytes] | None = None, every: float = 0.25) -> None:
        self._stream = stream or sys.stderr.buffer
        self._every = every
        # Where nobody takes lines, the last ones are kept.
        self._lines: deque[bytes] = deque(maxlen=_WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)

    def __call__(self, told: dict[str, Any]) -> None:
        """Note what is told of a request."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._lines.append(
            _encode({"time": now, "level": "info", "logger": _ACCESS, "message": "request", **told})
        )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left."""
        self._stop.set()
        self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._write()

    def _write(self) -> None:
        waiting = self._lines
        lines = [waiting.popleft() for _ in range(len(waiting))]
        if not lines:
            return
        try:
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads the log: that is no reason to stop answering.
            return
