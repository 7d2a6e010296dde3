"""Results as JSON lines to Firehose, with what failed sent again.

Delivery is at least once: an answer that was lost on its way may have stored what is then
sent again. ``request_id`` and ``row`` tell such lines.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrcf.service.core import Answered

log = logging.getLogger("fastrcf.function")
_json = msgspec.json.Encoder()

# Firehose's limits: records and bytes of a call, bytes of a record.
RECORDS, CALL_BYTES, RECORD_BYTES = 500, 4 << 20, 1_024_000
# Each record is charged as a multiple of 5 kB, so lines share one.
_PACK = 60_000
# What ends a line.
_END = ord("\n")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
# Errors of a whole call that another call may not meet.
_PASSING = (
    "ServiceUnavailableException",
    "ThrottlingException",
    "LimitExceededException",
    "InternalFailure",
    "RequestTimeout",
)


def lines_of(answered: Answered, rows: Any = None) -> bytes:
    """Write a JSON line for each row that was scored.

    What all lines share is written once, and what differs column by column: a line of its own
    for each row, from an object, takes twice as long.

    Parameters
    ----------
    answered : Answered
        What the service answered.
    rows : numpy.ndarray of shape (n, d), optional
        The rows, if they shall be stored too.

    Returns
    -------
    bytes
        Lines with their ends; none has the end of a line within it.
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
    woven = _Woven(n)
    woven.same(b'{"time":%b,"request_id":%b,"row":' % (_text(now), _text(answered.request_id)))
    woven.own(_texts(list(range(n))))
    version, metadata = _text(answered.model_version), _text(answered.metadata)
    woven.same(b',"model_version":%b,"metadata":%b' % (version, metadata))
    for name, values in (
        (b',"score":', answered.scores),
        (b',"grade":', answered.grades),
        (b',"is_anomaly":', answered.alerts),
    ):
        woven.same(name)
        if values is None or not len(values):
            woven.same(b"null")
        else:
            woven.own(_texts(values.tolist()))
    if len(classes) == n and any(found is not None for found in classes):
        told = zip(classes, _texts(classes), strict=True)
        woven.own([b"" if c is None else b',"fraud_classifier":' + text for c, text in told])
    if rows is not None:
        woven.same(b',"features":')
        woven.own(_texts(rows.tolist()))
    woven.same(b"}\n")
    return woven.text()


class _Woven:
    """Lines of which some parts are the same in all, and others each line's own."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._parts: list[list[bytes]] = []
        self._same = b""

    def same(self, part: bytes) -> None:
        """Put a part at the end of every line."""
        self._same += part

    def own(self, parts: list[bytes]) -> None:
        """Put to each line's end its own part."""
        self._parts += [[self._same] * self._n, parts]
        self._same = b""

    def text(self) -> bytes:
        """Give all lines, one after the other."""
        parts = [*self._parts, [self._same] * self._n]
        woven = [b""] * (len(parts) * self._n)
        for i, part in enumerate(parts):
            woven[i :: len(parts)] = part
        return b"".join(woven)


def _text(value: Any) -> bytes:
    return _json.encode(value)


def _texts(values: list[Any]) -> list[bytes]:
    """Write each value as JSON."""
    # No text of JSON has the end of a line within it.
    return _json.encode_lines(values).splitlines()


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

    def put(self, lines: bytes, seconds: float) -> NDArray[np.bool_]:
        """Store lines.

        Parameters
        ----------
        lines : bytes
            Each with its end.
        seconds : float
            How long it may take; what has failed is sent again within this time. With none
            left nothing is sent: a function that is cut off loses its scores too.

        Returns
        -------
        numpy.ndarray of bool, shape (n,)
            Which lines are stored for certain. Nothing is raised: the caller has its scores.
        """
        n, records = _records(lines)
        stored = np.zeros(n, bool)
        deadline = self._clock() + seconds
        for call in _calls(records):
            if self._clock() < deadline:
                self._put(call, stored, deadline)
        missing = n - int(np.count_nonzero(stored))
        if missing:
            log.error("%d of %d results are not stored", missing, n)
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


def _records(lines: bytes) -> tuple[int, list[tuple[slice, bytes]]]:
    """Count lines, and pack them into records; those that no record holds are left out."""
    records: list[tuple[slice, bytes]] = []
    ends = np.frombuffer(lines, np.uint8) == _END
    first = begin = 0
    while begin < len(lines):
        # As many as fit; one that is larger than all stands alone.
        end = lines.rfind(b"\n", begin, begin + _PACK) + 1 or lines.index(b"\n", begin) + 1
        last = first + int(np.count_nonzero(ends[begin:end]))
        if end - begin > RECORD_BYTES:
            log.error("a result of %d bytes is more than a record of Firehose holds", end - begin)
        else:
            records.append((slice(first, last), lines[begin:end]))
        first, begin = last, end
    return first, records


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
