"""Firehose as files: what it is given lies in a folder, by date and hour, as in S3."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastrcf.stack.function.delivery import CALL_BYTES, RECORD_BYTES, RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from io import FileIO


class FirehoseFiles:
    """The part of Firehose's client that the function uses.

    Parameters
    ----------
    folder : path
        Gets ``date=YYYY-MM-DD/hour=HH/STREAM-ID.jsonl`` in UTC, as the template has it.
    stream : str
        The one stream that there is.
    fails : callable, optional
        Told the number of a record since the start; gives an error's code if it shall fail,
        else None. For tests.
    clock : callable
        Of :mod:`time`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        stream: str,
        *,
        fails: Callable[[int], str | None] = lambda number: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = Path(folder)
        self._stream = stream
        self._fails = fails
        self._clock = clock
        self._lock = threading.Lock()
        self._name = f"{stream}-{uuid4().hex[:12]}.jsonl"
        self._hour = -1
        self._file: FileIO | None = None
        self._count = 0

    def put_record_batch(
        self, *, DeliveryStreamName: str, Records: Sequence[Mapping[str, bytes]]
    ) -> dict[str, Any]:
        """Store records, within Firehose's limits.

        Raises
        ------
        botocore.exceptions.ClientError
            As Firehose's client does: for another stream, and for what is beyond the limits.
        """
        if DeliveryStreamName != self._stream:
            raise _error("ResourceNotFoundException", f"Firehose {DeliveryStreamName} not found.")
        if not 1 <= len(Records) <= RECORDS:
            raise _error("ValidationException", f"{len(Records)} records in a call")
        sizes = [len(record["Data"]) for record in Records]
        if max(sizes) > RECORD_BYTES:
            raise _error("ValidationException", f"a record of {max(sizes)} bytes")
        if sum(sizes) > CALL_BYTES:
            raise _error("InvalidArgumentException", f"{sum(sizes)} bytes in a call")
        answers: list[dict[str, str]] = []
        with self._lock:
            kept = []
            for record in Records:
                code = self._fails(self._count)
                self._count += 1
                if code:
                    answers.append({"ErrorCode": code, "ErrorMessage": "as it was asked to"})
                else:
                    answers.append({"RecordId": uuid4().hex})
                    kept.append(record["Data"])
            if kept:
                # In one write: whoever reads the file sees whole lines.
                self._open().write(b"".join(kept))
        return {
            "FailedPutCount": len(Records) - len(kept),
            "Encrypted": False,
            "RequestResponses": answers,
        }

    def _open(self) -> FileIO:
        now = self._clock()
        hour = int(now // 3600)
        if self._file is None or hour != self._hour:
            self.close()
            at = datetime.fromtimestamp(now, UTC)
            place = self._folder / at.strftime("date=%Y-%m-%d") / at.strftime("hour=%H")
            place.mkdir(parents=True, exist_ok=True)
            self._file = (place / self._name).open("ab", buffering=0)
            self._hour = hour
        return self._file

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _error(code: str, message: str) -> Exception:
    from botocore.exceptions import ClientError

    told = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    error: Exception = ClientError(told, "PutRecordBatch")
    return error
