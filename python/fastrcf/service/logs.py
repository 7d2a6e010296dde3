"""Logs as lines of JSON; no value of a row is in them, nor what a client may choose freely."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

_encode = msgspec.json.Encoder(enc_hook=str).encode
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
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return _encode(told).decode()


def prepare(level: str = "info", stream: IO[str] | None = None) -> None:
    """Have all logs written as lines of JSON, to standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def request_id(given: str, made: str) -> str:
    """Give a client's identifier of a request if it is harmless, else the one made here."""
    return given if _REQUEST_ID.fullmatch(given) else made
