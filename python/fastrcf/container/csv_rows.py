"""CSV as a stream: numbers between commas, a line each."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from fastrcf.container.rows import LARGEST, Rows, as_labels, refused, unusable
from fastrcf.container.stopping import stop_if_asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf._typing import Floats
    from fastrcf.errors import InvalidInputError

_CHUNK = 4 << 20
# A line of 10,000 columns takes a quarter of a megabyte.
_LONGEST_LINE = 64 << 20
_BOM = b"\xef\xbb\xbf"


class CsvRows:
    """The rows of one CSV file or stream, in memory that does not grow with it.

    Parameters
    ----------
    stream : binary file
    file : str
        Its name, for errors.
    label_size : {0, 1}
        Whether the first column is a label.
    keep_labels : bool
        Whether the labels are wanted; if not, they may hold anything.
    header : bool
        Whether the first line names the columns. A further line that is equal to it,
        where a pipe goes from one object to the next, is passed over.

    Attributes
    ----------
    names : tuple of str or None
        Those of the columns without the label, once the first rows have been given.
    """

    def __init__(
        self, stream: Any, file: str, *, label_size: int, keep_labels: bool, header: bool
    ) -> None:
        self.names: tuple[str, ...] | None = None
        self._stream, self._file = stream, file
        self._label_size, self._keep_labels = label_size, keep_labels
        self._wants_header = header
        self._header: list[str] | None = None
        self._width: int | None = None
        self._row, self._line = 0, 1

    def __iter__(self) -> Iterator[Rows]:
        for chunk in self._chunks():
            stop_if_asked()
            if self._wants_header and self._header is None:
                chunk = self._take_header(chunk)
            if not chunk.strip():
                self._line += _lines(chunk)
                continue
            if self._width is None:
                self._width = len(_fields(_first_line(chunk)))
            if self._width <= self._label_size:
                raise refused(self._file, "there is no column beside the label")
            labels, values = self._parsed(chunk)
            if len(values):
                yield Rows(values, labels, self._file)

    def _chunks(self) -> Iterator[bytes]:
        """Cut the stream behind line ends."""
        rest: list[bytes] = []
        held = 0
        first = True
        while piece := self._stream.read(_CHUNK):
            if first:
                piece, first = piece.removeprefix(_BOM), False
            head, newline, tail = piece.rpartition(b"\n")
            if newline:
                yield b"".join([*rest, head, newline])
                rest, held = [tail], len(tail)
            else:
                rest.append(piece)
                held += len(piece)
            if held > _LONGEST_LINE:
                raise refused(
                    self._file,
                    f"a line is longer than {_LONGEST_LINE >> 20} MiB; is this CSV?",
                    row=self._row,
                    line=self._line,
                )
        yield b"".join(rest)

    def _take_header(self, chunk: bytes) -> bytes:
        line = _first_line(chunk)
        if not line:
            return chunk
        names = [name.strip() for name in _fields(line)]
        if all(not math.isnan(_number(name)) for name in names):
            raise refused(
                self._file,
                "csv_header is true, but the first line holds numbers: it would be lost",
                line=1,
            )
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise refused(self._file, f"two columns are named {twice!r}")
        self._header, self._width = names, len(names)
        self.names = tuple(names[self._label_size :])
        before, _, rest = chunk.partition(line.encode())
        rest = rest.removeprefix(b"\r")
        self._line += _lines(before) + _lines(rest[:1])
        return rest[1:]

    def _parsed(self, chunk: bytes) -> tuple[Any, Floats]:
        width = self._width or 0
        names = [f"f{j}" for j in range(width)]
        wanted = names if self._keep_labels else names[self._label_size :]
        if chunk.count(b'"') % 2:
            # Arrow closes a quote that is open at the end.
            return self._one_by_one(chunk)
        try:
            table = pacsv.read_csv(
                pa.BufferReader(chunk),
                read_options=pacsv.ReadOptions(
                    use_threads=False, column_names=names, block_size=len(chunk) + 1
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types={name: pa.float64() for name in wanted},
                    include_columns=wanted,
                    null_values=[],
                ),
            )
        except pa.ArrowInvalid:
            return self._one_by_one(chunk)
        columns = [column.to_numpy() for column in table.columns]
        first = self._label_size if self._keep_labels else 0
        values = np.column_stack(columns[first:])
        if values.size and not (values.max() <= LARGEST and values.min() >= -LARGEST):
            return self._one_by_one(chunk)
        labels = None
        if first:
            if not np.isin(columns[0], (0, 1)).all():
                return self._one_by_one(chunk)
            labels = columns[0] == 1
        self._row += len(values)
        self._line += _lines(chunk)
        return labels, values

    def _one_by_one(self, chunk: bytes) -> tuple[Any, Floats]:
        """Read line by line, to name the culprit; what is none stays."""
        label_size = self._label_size
        found, marks = [], []
        for text in _split(chunk):
            fields = _fields(text)
            if fields and [field.strip() for field in fields] != self._header:
                self._check_fields(fields)
                found.append([self._value(fields, j) for j in range(label_size, len(fields))])
                if label_size and self._keep_labels:
                    marks.append(_number(fields[0]))
                    as_labels(np.array(marks[-1:]), lambda _, what: self._refused(what, 0))
                self._row += 1
            self._line += 1
        # The text behind the last line end is no line.
        self._line -= 1
        values = np.array(found).reshape(len(found), (self._width or 0) - label_size)
        return np.array(marks) == 1 if marks else None, values

    def _check_fields(self, fields: list[str]) -> None:
        numbers = [_number(field) for field in fields]
        is_text = all(map(math.isnan, numbers)) and not any(map(_is_nan, fields))
        if self._row == 0 and self._header is None and is_text and any(map(str.strip, fields)):
            hint = "; are there other delimiters than commas?" if len(fields) == 1 else ""
            raise self._refused(
                "the line holds text and no number: CSV has no line of names here, as for the "
                "managed service; remove it, or set the hyperparameter csv_header to true" + hint
            )
        if len(fields) != self._width:
            raise self._refused(f"expected {self._width} fields, found {len(fields)}")

    def _value(self, fields: list[str], j: int) -> float:
        number = _number(fields[j])
        if abs(number) <= LARGEST:
            return number
        if not fields[j].strip():
            raise self._refused("the value is missing", j)
        if math.isnan(number) and not _is_nan(fields[j]):
            raise self._refused("the text is not a number", j)
        raise self._refused(unusable(number), j)

    def _refused(self, what: str, column: int | None = None) -> InvalidInputError:
        named = self._header is not None and column is not None and column < len(self._header)
        name = self._header[column] if named else column  # type: ignore[index]
        return refused(self._file, what, row=self._row, line=self._line, column=name)


def _split(chunk: bytes) -> list[str]:
    text = chunk.removeprefix(_BOM).decode("utf-8", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _lines(chunk: bytes) -> int:
    return chunk.count(b"\n") or chunk.count(b"\r")


def _first_line(chunk: bytes) -> str:
    """Give the first line that is not blank, as it stands there."""
    return next((line for line in _split(chunk) if line.strip()), "")


def _fields(line: str) -> list[str]:
    if not line.strip():
        return []
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        # A quote that is not closed, or a field of more than a hundred thousand characters.
        return [line]


def _number(text: str) -> float:
    """Read a number; NaN where there is none."""
    if "_" in text or not text.isascii():
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_nan(text: str) -> bool:
    return text.strip().lower().lstrip("+-") == "nan"
