"""Lines of a stream as rows, and rows as lines."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidInputError
from fastrcf.files.values import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf.files import Options


class _Stopped(Exception):
    """A signal came while we waited for input."""


class Lines:
    """Standard input, as blocks of whole lines, until it ends or a signal comes."""

    def __init__(self) -> None:
        self._waiting = False
        self._rest = b""
        self.stopped = False

    def _signalled(self, number: int, frame: Any) -> None:
        self.stopped = True
        if self._waiting:
            raise _Stopped

    def blocks(self) -> Iterator[list[str]]:
        """Yield the lines that have come since the last time."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        while not self.stopped:
            data = self._read()
            text, newline, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest
            if not data and not self.stopped:
                # The last line may lack its end.
                text, self._rest, newline = rest, b"", b"\n"
            if newline:
                lines = text.decode("utf-8", errors="replace").split("\n")
                yield [line.rstrip("\r") for line in lines if line.strip()]
            if not data:
                return

    def _read(self) -> bytes:
        self._waiting = True
        try:
            return b"" if self.stopped else os.read(sys.stdin.fileno(), 1 << 16)
        except _Stopped:
            return b""
        finally:
            self._waiting = False


class Csv:
    """Lines of CSV."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._delimiter = options.delimiter or ","

    def names(self, line: str) -> tuple[list[str], bool]:
        """Name the columns; returns whether the line is a header."""
        (fields,) = csv.reader([line.removeprefix("\ufeff")], delimiter=self._delimiter)
        if not self._options.header:
            return list(self._options.names) or [f"x{j}" for j in range(len(fields))], False
        numbers = [name for name in fields if is_number(name)]
        if numbers:
            raise InvalidInputError(
                f"the first line should name the columns but holds the number {numbers[0]}; "
                "if there is no header, say so with --no-header"
            )
        return fields, True

    def rows(self, lines: list[str], names: list[str]) -> list[dict[str, Any] | str]:
        """Read lines; one that is no row gives the reason."""
        read = csv.reader(lines, delimiter=self._delimiter)
        return [
            dict(zip(names, fields, strict=True))
            if len(fields) == len(names)
            else f"{len(fields)} fields instead of {len(names)}"
            for fields in read
        ]

    def header(self, names: list[str]) -> str:
        """Begin the output."""
        return self._line(names)

    def answer(self, row: dict[str, Any], added: dict[str, Any]) -> str:
        """Write a row with what is new."""
        return self._line([*row.values(), *map(_field, added.values())])

    def _line(self, fields: Sequence[Any]) -> str:
        out = io.StringIO()
        csv.writer(out, delimiter=self._delimiter, lineterminator="\n").writerow(fields)
        return out.getvalue()


class Json:
    """Lines that are JSON objects."""

    def names(self, line: str) -> tuple[list[str], bool]:
        """Name the columns; no line is a header."""
        (row,) = self.rows([line], [])
        if isinstance(row, str):
            raise InvalidInputError(f"row 0: {row}")
        return list(row), False

    def rows(self, lines: list[str], names: list[str]) -> list[dict[str, Any] | str]:
        """Read lines; one that is no row gives the reason."""
        out: list[dict[str, Any] | str] = []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            out.append(row if isinstance(row, dict) else "it is no JSON object")
        return out

    def header(self, names: list[str]) -> str:
        """There is none."""
        return ""

    def answer(self, row: dict[str, Any], added: dict[str, Any]) -> str:
        """Write a row with what is new."""
        return json.dumps({**row, **added}) + "\n"


def _field(value: Any) -> Any:
    """Write a value as CSV holds it: nothing for none, words for reasons."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "; ".join(part["text"] for part in value)
    return repr(value) if isinstance(value, float) else value
