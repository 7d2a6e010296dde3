"""RecordIO-protobuf as a stream of rows, and RecordIO frames around objects."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.container.rows import Rows, as_labels, first_unusable, refused, unusable
from fastrcf.container.stopping import stop_if_asked
from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker.recordio import read_recordio

if TYPE_CHECKING:
    from collections.abc import Iterator

# The owner's own data, not a stranger's request: wider rows than a server would take.
_MOST_FEATURES = 1 << 17
_LARGEST_RECORD = 1 << 24

MAGIC = b"\x0a\x23\xd7\xce"
_PIECE = 1 << 20


class RecordRows:
    """The rows of one RecordIO-protobuf file or stream.

    Parameters
    ----------
    stream : binary file
    file : str
        Its name, for errors.
    keep_labels : bool
        Whether the labels are wanted; if not, they may be anything.
    """

    names: tuple[str, ...] | None = None

    def __init__(self, stream: Any, file: str, *, keep_labels: bool) -> None:
        self._stream, self._file, self._keep_labels = stream, file, keep_labels

    def __iter__(self) -> Iterator[Rows]:
        done, has_labels = 0, None
        batches = read_recordio(
            self._stream, max_record=_LARGEST_RECORD, max_features=_MOST_FEATURES
        )
        while True:
            stop_if_asked()
            try:
                found = next(batches, None)
            except InvalidInputError as error:
                raise InvalidInputError(f"{self._file}: {error}", row=error.row) from None
            if found is None:
                return
            values, labels = found
            if values.dtype.kind != "f":
                values = values.astype(np.float64)
            place = first_unusable(values)
            if place is not None:
                row, j = place
                raise refused(self._file, unusable(float(values[place])), row=done + row, column=j)
            marks = self._labels(labels, done) if self._keep_labels else None
            if has_labels is None:
                has_labels = marks is not None
            elif has_labels != (marks is not None):
                raise refused(self._file, "some records have labels and some have none", row=done)
            yield Rows(values, marks, self._file)
            done += len(values)

    def _labels(self, labels: Any, done: int) -> Any:
        if labels is None:
            return None
        if labels.ndim != 1:
            raise refused(
                self._file,
                f"a record has {labels.shape[1]} labels, where one is expected",
                row=done,
            )
        return as_labels(labels, lambda i, what: refused(self._file, what, row=done + i))


class Unwrapped(io.RawIOBase):
    """What RecordIO frames hold, one object of lines after the other.

    SageMaker puts each S3 object into a frame of its own if RecordWrapperType is
    RecordIO. A line end is added where an object has none at its end.

    Parameters
    ----------
    stream : binary file
    file : str
        Its name, for errors.
    """

    def __init__(self, stream: Any, file: str) -> None:
        self._stream, self._file = stream, file
        self._left = self._padding = self._frame = 0
        self._is_last = True
        self._end = b"\n"

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes, or a mark of four; nothing at the end alone."""
        while not self._left:
            if self._is_last and self._end != b"\n":
                self._end = b"\n"
                return b"\n"
            between = self._next_frame()
            if between is None:
                return b""
            if between:
                self._end = between[-1:]
                return between
        piece: bytes = self._stream.read(min(self._left, size if size > 0 else _PIECE))
        if not piece:
            raise self._cut()
        self._left -= len(piece)
        self._end = piece[-1:]
        if not self._left:
            self._exactly(self._padding)
        return piece

    def _next_frame(self) -> bytes | None:
        """Read a frame's head; gives what was between it and the one before, None at the end."""
        head = self._exactly(8, may_end=True)
        if not head:
            return None
        magic, length = head[:4], struct.unpack("<I", head[4:])[0]
        if magic != MAGIC:
            raise refused(
                self._file,
                f"frame {self._frame} does not begin as one of RecordIO; is RecordWrapperType set "
                "for a stream that is not wrapped?",
            )
        kind, self._left = length >> 29, length & (1 << 29) - 1
        if kind > 3:
            raise refused(self._file, f"frame {self._frame} is of a kind that does not exist")
        self._padding = -self._left % 4
        # An object in several frames was cut where it holds the mark of a frame.
        self._is_last = kind in (0, 3)
        self._frame += 1
        return MAGIC if kind in (2, 3) else b""

    def _exactly(self, n: int, may_end: bool = False) -> bytes:
        found = b""
        while len(found) < n:
            piece = self._stream.read(n - len(found))
            if not piece:
                if may_end and not found:
                    return b""
                raise self._cut()
            found += piece
        return found

    def _cut(self) -> InvalidInputError:
        return refused(self._file, f"the stream ends within frame {self._frame}")
