"""``fastrcf stream``: score, then learn, line by line, for as long as lines come.

Lines are taken as they come: one alone at once, many that wait as one block.
The results are the same, since the forest's are.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np

from fastrcf.errors import InvalidInputError
from fastrcf.files import BadRow
from fastrcf.files.values import is_number, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastrcf import Detector, RandomCutForest
    from fastrcf.files import Options

_INPUT = "-"
_ADDED = ("score", "grade", "is_anomaly", "reasons")
_LARGEST = 1e30


class _Stopped(Exception):
    """A signal came while we waited for input."""


class _Lines:
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


class _Csv:
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


class _Json:
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


class _Engine:
    """A forest or a detector that answers rows and learns them."""

    def __init__(self, model: RandomCutForest | Detector, columns: Sequence[str]) -> None:
        from fastrcf import Detector

        self.model = model
        self._detects = isinstance(model, Detector)
        if isinstance(model, Detector):
            self.columns = model.columns
            self._categories = {n for n, kind in model.scaling.items() if kind == "category"}
        else:
            self.columns = list(columns)
            self._categories = set()

    @property
    def added(self) -> tuple[str, ...]:
        """Names of what an answer adds to a row."""
        return _ADDED if self._detects else _ADDED[:1]

    def values(self, row: dict[str, Any]) -> list[Any] | tuple[str, str]:
        """Give a row's values, or the column that cannot be used and why."""
        out: list[Any] = []
        for name in self.columns:
            value = row.get(name)
            if value is None or value == "":
                return name, "the value is missing"
            if name in self._categories:
                out.append(str(value))
                continue
            number = parse_number(value) if isinstance(value, str) else value
            if not isinstance(number, (int, float)) or math.isnan(number):
                return name, f"{value!r} is not a number"
            if not abs(number) <= _LARGEST:
                return name, f"{value} is not finite or larger than {_LARGEST:g}"
            out.append(float(number))
        return out

    def process(self, values: list[list[Any]]) -> list[dict[str, Any]]:
        """Answer rows in order, learning each."""
        if not self._detects:
            scores = self.model.process(np.array(values, dtype=np.float64)).tolist()
            return [{"score": None if math.isnan(s) else s} for s in scores]
        columns = dict(zip(self.columns, zip(*values, strict=True), strict=True))
        table = self.model.process({name: list(column) for name, column in columns.items()})
        rows: list[dict[str, Any]] = cast("Any", table).select(list(_ADDED)).to_pylist()
        return rows


def stream(
    make: Callable[[], RandomCutForest | Detector],
    *,
    read: Options,
    columns: Sequence[str],
    state: str | None,
    save_every: int | None,
    skip_seen: bool,
) -> None:
    """Answer standard input on standard output.

    Parameters
    ----------
    make : callable
        Gives the model to go on with where there is no saved state.
    read : Options
        How lines are read.
    columns : sequence of str
        Columns for a forest; default: all.
    state : str or None
        File to go on from if it is there, and to save to at the end, at a
        signal and at an error.
    save_every : int or None
        Rows between further savings.
    skip_seen : bool
        Whether the input starts with the rows that the state has seen.
    """
    import fastrcf

    resumed = state is not None and Path(state).exists()
    model = fastrcf.load(state) if resumed and state is not None else make()
    if isinstance(model, fastrcf.FrozenForest):
        raise InvalidInputError("the model is a frozen forest, which does not learn")
    to_skip = _streamed(model) if skip_seen else 0
    if skip_seen and not resumed:
        to_skip = 0
    lines = _Lines()
    flow = _Flow(_Json() if read.format == "jsonl" else _Csv(read), model, columns, read, to_skip)
    saved_at = flow.row
    try:
        for block in lines.blocks():
            flow.take(block)
            if state and save_every and flow.row - saved_at >= save_every:
                model.save(state)
                saved_at = flow.row
    finally:
        if state and model.n_seen:
            model.save(state)
            click.echo(f"{state}: saved after {_streamed(model):,} rows", err=True)
    if lines.stopped:
        raise KeyboardInterrupt


def _streamed(model: RandomCutForest | Detector) -> int:
    from fastrcf import Detector

    return model.n_seen - model.n_fitted if isinstance(model, Detector) else model.n_seen


class _Flow:
    """Rows on their way from input to output."""

    def __init__(
        self,
        lines: _Csv | _Json,
        model: RandomCutForest | Detector,
        columns: Sequence[str],
        read: Options,
        to_skip: int,
    ) -> None:
        self.row = 0
        self._lines = lines
        self._model = model
        self._columns = columns
        self._bad = read.bad
        self._to_skip = to_skip
        self._names: list[str] = []
        self._engine: _Engine | None = None

    def _begin(self, line: str) -> bool:
        self._names, is_header = self._lines.names(line)
        engine = _Engine(self._model, self._columns or self._names)
        missing = [name for name in engine.columns if name not in self._names]
        if missing:
            raise InvalidInputError(
                f"there is no column {missing[0]!r}; there are {', '.join(self._names[:12])}"
            )
        expected = self._model.n_features if hasattr(self._model, "n_features") else None
        if expected not in (None, len(engine.columns)):
            raise InvalidInputError(
                f"the forest takes {expected} columns and would get {len(engine.columns)}: "
                "choose with --columns"
            )
        self._engine = engine
        self._write(self._lines.header([*self._names, *engine.added]))
        return is_header

    def take(self, block: list[str]) -> None:
        """Answer a block of lines."""
        if not block:
            return
        if self._engine is None and self._begin(block[0]):
            block = block[1:]
        skipped = min(len(block), max(0, self._to_skip - self.row))
        self.row += skipped
        block = block[skipped:]
        if not block or self._engine is None:
            return
        good, values, refused = [], [], None
        for row in self._lines.rows(block, self._names):
            found = row if isinstance(row, str) else self._engine.values(row)
            if isinstance(found, list) and isinstance(row, dict):
                good.append(row)
                values.append(found)
            else:
                column, reason = found if isinstance(found, tuple) else (None, str(found))
                bad = BadRow(_INPUT, self.row, column, reason, row)
                try:
                    self._bad.take(bad)
                except InvalidInputError as error:
                    refused = error
                    break
            self.row += 1
        if values:
            answers = self._engine.process(values)
            self._write(
                "".join(
                    self._lines.answer(row, added) for row, added in zip(good, answers, strict=True)
                )
            )
        if refused is not None:
            raise refused

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
