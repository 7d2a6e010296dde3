"""Results as JSON lines to Firehose, with what failed sent again.

Delivery is at least once: an answer that was lost on its way may have stored what is then
sent again. ``request_id`` and ``row`` tell such lines.
"""

from __future__ import annotations

import logging
import random
import time
from bisect import bisect_right
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fastrcf.service.core import Answered

log = logging.getLogger("fastrcf.function")
_json = msgspec.json.Encoder()

# Firehose's limits: records and bytes of a call, bytes of a record.
RECORDS, CALL_BYTES, RECORD_BYTES = 500, 4 << 20, 1_024_000
# Each record is charged as a multiple of 5 kB, so lines share one.
_PACK = 60_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# Errors of a whole call that another call may not meet.
_PASSING = (
    "ServiceUnavailableException",
    "ThrottlingException",
    "LimitExceededException",
    "InternalFailure",
    "RequestTimeout",
)


class _Line(msgspec.Struct, gc=False, omit_defaults=True):
    """A row's line. As a struct it takes a third of the time of a dict."""

    time: str
    request_id: str
    row: int
    model_version: str
    metadata: msgspec.Raw
    score: float | None
    grade: float | None
    is_anomaly: bool | None
    fraud_classifier: Any = msgspec.UNSET
    features: Any = msgspec.UNSET


def lines_of(answered: Answered, rows: Any = None) -> list[bytes]:
    """Write a JSON line for each row that was scored.

    Parameters
    ----------
    answered : Answered
        What the service answered.
    rows : numpy.ndarray of shape (n, d), optional
        The rows, if they shall be stored too.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    output: Any = answered.output
    # What the seed's contract answers is an object, of several rows a list of such.
    classes = [
        entry.get("fraud_classifier") if isinstance(entry, dict) else None
        for entry in (output if isinstance(output, list) else [output])
    ]
    # Where only the classifier was asked, there are no scores.
    n = len(answered.scores) or len(classes)
    scores, grades, alerts = (
        [None] * n if values is None or not len(values) else values.tolist()
        for values in (answered.scores, answered.grades, answered.alerts)
    )
    # What all lines share is written once.
    metadata = msgspec.Raw(_json.encode(answered.metadata))
    request_id, version = answered.request_id, answered.model_version
    lines = [
        _Line(now, request_id, i, version, metadata, score, grade, alert)
        for i, (score, grade, alert) in enumerate(zip(scores, grades, alerts, strict=True))
    ]
    if len(classes) == n:
        for line, found in zip(lines, classes, strict=True):
            if found is not None:
                line.fraud_classifier = found
    if rows is not None:
        for line, row in zip(lines, rows.tolist(), strict=True):
            line.features = row
    # No text of JSON has the end of a line within it.
    return _json.encode_lines(lines).splitlines(keepends=True)


class Delivery:
    """Puts lines into a stream of Firehose.

    Parameters
    ----------
    client : callable
        Gives Firehose's client.
    stream : str
        The stream's name.
    sleep, clock : callable
        Of :mod:`time`; tests have their own.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        stream: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._stream = stream
        self._sleep = sleep
        self._clock = clock

    def put(self, lines: Sequence[bytes], seconds: float) -> NDArray[np.bool_]:
        """Store lines.

        Parameters
        ----------
        lines : sequence of bytes
            Each with its end.
        seconds : float
            How long it may take; what has failed is sent again within this time. With none
            left nothing is sent: a function that is cut off loses its scores too.

        Returns
        -------
        numpy.ndarray of bool, shape (len(lines),)
            Which are stored for certain. Nothing is raised: the caller has its scores.
        """
        stored = np.zeros(len(lines), bool)
        deadline = self._clock() + seconds
        for call in _calls(_records(lines)):
            if self._clock() < deadline:
                self._put(call, stored, deadline)
        missing = len(lines) - int(stored.sum())
        if missing:
            log.error("%d of %d results are not stored", missing, len(lines))
        return stored

    def _put(
        self, records: list[tuple[slice, bytes]], stored: NDArray[np.bool_], deadline: float
    ) -> None:
        attempt = 0
        while True:
            records, again = self._once(records, stored)
            if not records or not again:
                return
            # Full jitter, so that functions do not come back together.
            pause = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))
            attempt += 1
            if self._clock() + pause >= deadline:
                return
            self._sleep(pause)

    def _once(
        self, records: list[tuple[slice, bytes]], stored: NDArray[np.bool_]
    ) -> tuple[list[tuple[slice, bytes]], bool]:
        """Send records; give those that failed, and whether to send them again."""
        try:
            answer = self._client().put_record_batch(
                DeliveryStreamName=self._stream, Records=[{"Data": data} for _, data in records]
            )
        except Exception as error:
            # Whatever it is: the rows are scored, and the answer says that they are not stored.
            code = _code(error)
            log.warning("Firehose: %s", code)
            return records, _passes(error, code)
        entries = answer["RequestResponses"]
        failed = []
        for record, entry in zip(records, entries, strict=True):
            if entry.get("ErrorCode"):
                failed.append(record)
            else:
                stored[record[0]] = True
        if failed:
            log.warning("Firehose: %d of %d records failed", len(failed), len(records))
        return failed, True


def _records(lines: Sequence[bytes]) -> list[tuple[slice, bytes]]:
    """Pack lines into records; those that no record holds are left out."""
    records: list[tuple[slice, bytes]] = []
    ends = list(accumulate(map(len, lines)))
    first, before = 0, 0
    while first < len(lines):
        # As many as fit; one that is larger than all stands alone.
        last = max(bisect_right(ends, before + _PACK), first + 1)
        size = ends[last - 1] - before
        if size > RECORD_BYTES:
            log.error("a result of %d bytes is more than a record of Firehose holds", size)
        else:
            records.append((slice(first, last), b"".join(lines[first:last])))
        first, before = last, ends[last - 1]
    return records


def _calls(records: list[tuple[slice, bytes]]) -> list[list[tuple[slice, bytes]]]:
    calls: list[list[tuple[slice, bytes]]] = []
    size = 0
    for record in records:
        n = len(record[1])
        if not calls or len(calls[-1]) == RECORDS or size + n > CALL_BYTES:
            calls.append([])
            size = 0
        calls[-1].append(record)
        size += n
    return calls


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def _passes(error: Exception, code: str) -> bool:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code in _PASSING or status >= 500
    # Nobody answered: connections, timeouts. What is missing here will be missing again.
    return not isinstance(error, (ImportError, KeyError, TypeError, ValueError)) and not (
        code.endswith("CredentialsError") or code in ("NoRegionError", "ParamValidationError")
    )
