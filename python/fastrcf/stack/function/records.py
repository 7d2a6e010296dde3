"""What the function writes to its log: JSON lines, one a request, which are metrics too.

CloudWatch makes metrics of lines in its embedded metric format (EMF), so there is no call
for them. No line holds values of rows, metadata or keys.

The format: Amazon CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from fastrcf.serving.problems import places

if TYPE_CHECKING:
    from collections.abc import Mapping

_json = msgspec.json.Encoder()
# Each with its unit.
METRICS = {
    "Requests": "Count",
    "Rows": "Count",
    "Alerts": "Count",
    "AlertShare": "None",
    "ScoreP50": "None",
    "ScoreP99": "None",
    "MissingShare": "None",
    "DeliveryFailures": "Count",
    "ShadowDifference": "None",
    "ColdStartMs": "Milliseconds",
}


def encode(line: Mapping[str, Any]) -> bytes:
    """Write a line as JSON, with its end."""
    return _json.encode(line) + b"\n"


def write(line: Mapping[str, Any]) -> None:
    """Write a line to standard output, where Lambda reads it."""
    sys.stdout.write(encode(line).decode())
    sys.stdout.flush()


def embed(
    namespace: str, solution: str, metrics: Mapping[str, float], told: Mapping[str, Any]
) -> dict[str, Any]:
    """Give a request's line, with its metrics.

    Parameters
    ----------
    namespace, solution : str
        Where CloudWatch keeps them, and their one dimension.
    metrics : dict of str to float
        Some of :data:`METRICS`.
    told : dict
        What else the line says.
    """
    return {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [["Solution"]],
                    "Metrics": [{"Name": name, "Unit": METRICS[name]} for name in metrics],
                }
            ],
        },
        "Solution": solution,
        **metrics,
        **told,
    }


class JsonLines(logging.Formatter):
    """Writes records of :mod:`logging` as JSON lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one."""
        line: dict[str, Any] = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            # The message of an error may hold what came; where it is from may not.
            line["error"] = record.exc_info[0].__name__
            line["at"] = places(record.exc_info[2])
        return _json.encode(line).decode()


def log_as_json(level: str) -> None:
    """Have this package's log written as JSON lines to standard output, once."""
    logger = logging.getLogger("fastrcf")
    logger.setLevel(level)
    if not any(isinstance(handler.formatter, JsonLines) for handler in logger.handlers):
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
    # Lambda's own handler would write each a second time.
    logger.propagate = False
