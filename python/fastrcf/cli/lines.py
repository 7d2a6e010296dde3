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
        if "\r" in line:
            raise InvalidInputError(
                "lines end in carriage returns alone, as on old Macs: convert them"
            )
        fields = self._fields(line.removeprefix("\ufeff"))
        if isinstance(fields, str):
            raise InvalidInputError(f"the first line: {fields}")
        if not self._options.header:
            given = list(self._options.names) or [f"x{j}" for j in range(len(fields))]
            return _apart(given), False
        numbers = [name for name in fields if is_number(name)]
        if numbers:
            raise InvalidInputError(
                f"the first line should name the columns but holds the number {numbers[0]}; "
                "if there is no header, say so with --no-header"
            )
        return _apart(fields), True

    def rows(self, lines: list[str], names: list[str]) -> list[dict[str, Any] | str]:
        """Read lines; one that is no row gives the reason."""
        return [self._row(line, names) for line in lines]

    def _row(self, line: str, names: list[str]) -> dict[str, Any] | str:
        fields = self._fields(line)
        if isinstance(fields, str):
            return fields
        if len(fields) != len(names):
            return f"{len(fields)} fields instead of {len(names)}"
        return dict(zip(names, fields, strict=True))

    def _fields(self, line: str) -> list[str] | str:
        """Split a line by itself: a quote that is not closed must not swallow the next."""
        if '"' not in line:
            return line.split(self._delimiter)
        try:
            (fields,) = csv.reader([line], delimiter=self._delimiter, strict=True)
        except csv.Error as error:
            return f"its quotes are not those of CSV: {error}"
        return fields

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
            except (ValueError, RecursionError):
                row = None
            out.append(row if isinstance(row, dict) else "it is no JSON object")
        return out

    def header(self, names: list[str]) -> str:
        """There is none."""
        return ""

    def answer(self, row: dict[str, Any], added: dict[str, Any]) -> str:
        """Write a row with what is new."""
        return json.dumps({**row, **added}) + "\n"


def _apart(names: list[str]) -> list[str]:
    """Refuse a name that two columns have: one of them would be lost."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"two columns are named {twice!r}")
    return names


def _field(value: Any) -> Any:
    """Write a value as CSV holds it: nothing for none, words for reasons."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "; ".join(part["text"] for part in value)
    return repr(value) if isinstance(value, float) else value
