"""JSON lines: one object a line."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pajson

from fastrcf.errors import InvalidInputError
from fastrcf.files.bad_rows import BadRow
from fastrcf.files.sources import Batch, Source, open_bytes, share_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf._typing import Integers
    from fastrcf.files.sources import Kind, Options

_PIECE = 4 << 20
_FIRST_LINES = 1000


class JsonLinesSource(Source):
    """A file or stream of JSON objects, a line each; empty lines are no rows.

    A key that a row lacks is a missing value. Lists and objects pass as their JSON.
    """

    def __init__(self, path: str, options: Options) -> None:
        self.file = path
        self._options = options
        self._raw, self._stream = open_bytes(path)
        self._rest = b""
        self._piece = self._read_piece()
        seen: dict[str, list[bool]] = {}
        for line in self._piece[:_FIRST_LINES]:
            row = _parse(line)
            for name, value in row.items() if isinstance(row, dict) else ():
                numbers = seen.setdefault(name, [])
                if value is not None:
                    numbers.append(isinstance(value, (int, float)))
        self.kinds = {name: _guess(numbers) for name, numbers in seen.items()}
        self.names = list(self.kinds)
        if not self.names:
            raise InvalidInputError(f"{path}: no line of the first ones holds a JSON object")

    def _read_piece(self) -> list[bytes]:
        """Read about a piece, to the end of a line."""
        piece = self._stream.read(_PIECE)
        text = self._rest + piece
        whole, newline, rest = text.rpartition(b"\n") if piece else (text, b"", b"")
        while piece and not newline:
            piece = self._stream.read(_PIECE)
            text += piece
            whole, newline, rest = text.rpartition(b"\n") if piece else (text, b"", b"")
        self._rest = rest
        return [line for line in whole.split(b"\n") if line.strip()]

    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        done = 0
        lines, self._piece = self._piece, []
        while lines:
            for first in range(0, len(lines), self._options.batch_rows):
                part = lines[first : first + self._options.batch_rows]
                yield self._batch(part, done, columns)
                done += len(part)
            lines = self._read_piece()

    def _batch(self, lines: list[bytes], first: int, columns: Sequence[str]) -> Batch:
        numbers = np.arange(first, first + len(lines), dtype=np.int64)
        kinds = {name: self.kinds[name] for name in columns}
        if set(kinds.values()) <= {"number", "text", "empty"}:
            schema = pa.schema(
                [
                    (name, pa.float64() if kind == "number" else pa.string())
                    for name, kind in kinds.items()
                ]
            )
            options = pajson.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            )
            data = b"\n".join(lines)
            try:
                table = pajson.read_json(
                    io.BytesIO(data),
                    # One block: rows must not be cut.
                    read_options=pajson.ReadOptions(use_threads=False, block_size=len(data) + 1),
                    parse_options=options,
                )
            except pa.ArrowInvalid:
                pass
            else:
                if table.num_rows == len(lines):
                    return Batch(table.select(list(columns)), self.file, numbers)
        return self._line_by_line(lines, numbers, columns)

    def _line_by_line(self, lines: list[bytes], numbers: Integers, columns: Sequence[str]) -> Batch:
        """Read lines of which some are not as expected."""
        good, malformed = [], []
        rows: list[dict[str, Any]] = []
        for i, line in enumerate(lines):
            row = _parse(line)
            if isinstance(row, dict):
                good.append(i)
                rows.append(row)
            else:
                content = line.decode(errors="replace")
                reason = "it is no JSON object"
                malformed.append(BadRow(self.file, int(numbers[i]), None, reason, content))
        table = pa.table(
            {
                name: pa.array([_text(row.get(name)) for row in rows], pa.string())
                for name in columns
            }
        )
        return Batch(table, self.file, numbers[good], tuple(malformed))

    def progress(self) -> float:
        """Share of the file that has been read."""
        return share_read(self.file, self._raw)


def _guess(numbers: list[bool]) -> Kind:
    """Tell what a column holds: numbers if most of its first values are."""
    if not numbers:
        return "empty"
    return "number" if 2 * sum(numbers) > len(numbers) else "text"


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    """Write a value as CSV would hold it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    return json.dumps(value)
