"""Rows of JSON and JSON lines, by name or by position.

The engine reads lists of plain numbers, and a typed decoder all else that is right. What they
refuse is read again and looked at cell by cell, which names the place.
"""

from __future__ import annotations

import re
import reprlib
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf._fastrcf import plain_rows
from fastrcf.service.columns import Columns, no_rows, problem, too_many
from fastrcf.serving import json_names
from fastrcf.serving.problems import bad_input

if TYPE_CHECKING:
    from fastrcf._typing import Floats

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_anything = msgspec.json.Decoder()
ROWS = "rows"
# What comes before a list of rows.
_BEFORE = re.compile(rb'\s*\{\s*"rows"\s*:')
# What JSON has to escape in a name.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


class JsonRows:
    """Reads rows of a model.

    Parameters
    ----------
    columns : Columns
    limit : int
        Most rows of a body.
    """

    def __init__(self, columns: Columns, limit: int) -> None:
        self._columns = columns
        self._limit = limit
        row = _row_of(columns.names)
        self._named = row
        # Typed: what comes out needs no further look but at its width.
        self._object = msgspec.json.Decoder(dict[str, float | list[list[float] | row]])  # type: ignore[valid-type]
        self._list = msgspec.json.Decoder(list[float | list[float] | row])  # type: ignore[valid-type]
        self._lines = msgspec.json.Decoder(list[float] | row)

    def json(self, body: bytes, *, extra: bool) -> Any:
        """Read ``{"rows": [...]}``, one row alone, or a list of rows.

        Parameters
        ----------
        body : bytes
        extra : bool
            Whether rows may have other columns than the model's.

        Returns
        -------
        numpy.ndarray of float64, or of objects where there are categories, shape (n, d)

        Raises
        ------
        Problem
        """
        if not body.strip():
            raise no_rows()
        if self._columns.plain and not extra:
            matrix = self._matrix(body)
            if matrix is not None:
                return matrix
            try:
                given = self._decoder(body).decode(body)
                rows = self._rows(given)
                return self._plain(rows, body.count(b'"') - 2 * _is_wrapped(given, rows))
            except (msgspec.MsgspecError, _Odd, UnicodeDecodeError, RecursionError):
                pass
        try:
            given = _anything.decode(body)
        except _BROKEN as error:
            raise json_names.broken(body, "JSON", error) from None
        rows = self._rows(given)
        if body.count(b'"') != _quotes(rows) + 2 * _is_wrapped(given, rows):
            _check_names(json_names.as_pairs(body)[0], wrapped=_is_wrapped(given, rows))
        return self._checked(rows, extra)

    def lines(self, body: bytes, *, extra: bool) -> Any:
        """Read a row from each line, as :meth:`json`."""
        if self._columns.plain and not extra:
            matrix = self._matrix_of_lines(body)
            if matrix is not None:
                return matrix
            try:
                return self._plain(self._lines.decode_lines(body), body.count(b'"'))
            except (msgspec.MsgspecError, _Odd, UnicodeDecodeError, RecursionError):
                pass
        try:
            rows = _anything.decode_lines(body)
        except _BROKEN as error:
            raise json_names.broken(body, "JSON lines", error) from None
        if body.count(b'"') != _quotes(rows):
            _check_names(json_names.as_pairs(body, "JSON lines"), wrapped=False)
        return self._checked(rows, extra)

    def _matrix(self, body: bytes) -> Floats | None:
        """Read rows by position, if they are of plain numbers."""
        before = _BEFORE.match(body)
        if before is not None:
            body = body.rstrip()
            if not body.endswith(b"}"):
                return None
            body = body[before.end() : -1]
        return self._of_lists(body)

    def _matrix_of_lines(self, body: bytes) -> Floats | None:
        """Read rows by position, one a line, if they are of plain numbers."""
        lines = body.strip()
        if not lines.startswith(b"["):
            return None
        listed = lines.replace(b"\n[", b",[")
        # Every line begins with a row and ends with it: two in a line are no lines, and a list
        # that goes over several is left to the decoder.
        if b"\n" in listed:
            return None
        matrix = self._of_lists(b"[%b]" % listed)
        if matrix is None or lines.count(b"\n") != len(matrix) - 1:
            return None
        return matrix

    def _of_lists(self, body: bytes) -> Floats | None:
        matrix = plain_rows(body, True)
        if matrix is None or matrix.shape[1] != len(self._columns) or len(matrix) > self._limit:
            return None
        return matrix

    def _decoder(self, body: bytes) -> msgspec.json.Decoder[Any]:
        return self._object if body.lstrip()[:1] == b"{" else self._list

    def _rows(self, given: Any) -> list[Any]:
        """Give a list of rows of what came."""
        if isinstance(given, dict):
            rows = given.get(ROWS)
            if not isinstance(rows, list):
                if rows is not None and ROWS not in self._columns.place:
                    raise bad_input(f'"{ROWS}": expected a list of rows')
                return [given]
            others = [name for name in given if name != ROWS]
            if others:
                raise bad_input(f'beside "{ROWS}" there is {others[0]!r}, which is not known')
            return rows
        if not isinstance(given, list):
            raise bad_input("expected an object or a list of rows")
        if given and not isinstance(given[0], (list, dict, self._named)):
            return [given]
        return given

    def _plain(self, rows: list[Any], quotes: int) -> Floats:
        """Make a matrix of rows of floats without a look at each.

        Parameters
        ----------
        rows : list
        quotes : int
            How many there are in their text: two for each name, unless one is there twice.

        Raises
        ------
        _Odd
            If that cannot be done; whatever is wrong is then looked for.
        """
        n, d = len(rows), len(self._columns)
        if not 0 < n <= self._limit:
            raise _Odd
        kinds = set(map(type, rows))
        if kinds == {dict}:
            # A row alone.
            (row,) = rows
            if len(row) != d or any(name not in row for name in self._columns.names):
                raise _Odd
            rows = [[row[name] for name in self._columns.names]]
        elif kinds == {self._named}:
            rows = list(map(msgspec.structs.astuple, rows))
        elif kinds != {list}:
            raise _Odd
        if set(map(len, rows)) != {d} or quotes != (0 if kinds == {list} else 2 * n * d):
            raise _Odd
        try:
            return np.fromiter(chain.from_iterable(rows), np.float64, n * d).reshape(n, d)
        except (TypeError, ValueError):
            # A list of one row among numbers, as [1, [2]].
            raise _Odd from None

    def _checked(self, rows: list[Any], extra: bool) -> Any:
        if not rows:
            raise no_rows()
        if len(rows) > self._limit:
            raise too_many(self._limit)
        return self._columns.array([self._row(i, row, extra) for i, row in enumerate(rows)])

    def _row(self, i: int, row: Any, extra: bool) -> list[Any]:
        columns = self._columns
        if isinstance(row, list):
            if len(row) != len(columns):
                raise columns.width(len(row), i)
            return [columns.cell(value, i, j) for j, value in enumerate(row)]
        if not isinstance(row, dict):
            raise problem("invalid_input", "expected an object or a list of values", i)
        if not extra:
            for name in row:
                if name not in columns.place:
                    raise columns.unknown(name, i)
        out = []
        for j, name in enumerate(columns.names):
            if name not in row and not columns.optional:
                raise columns.missing(name, i)
            out.append(columns.cell(row.get(name), i, j))
        return out


def _is_wrapped(given: Any, rows: list[Any]) -> bool:
    return isinstance(given, dict) and rows is given.get(ROWS)


def _quotes(rows: list[Any]) -> int:
    """Count the quotes of rows whose names are there once, and whose texts have none."""
    names = sum(len(row) for row in rows if isinstance(row, dict))
    cells = chain.from_iterable(
        row.values() if isinstance(row, dict) else row
        for row in rows
        if isinstance(row, (dict, list))
    )
    return 2 * (names + sum(isinstance(cell, str) for cell in cells))


def _check_names(given: Any, *, wrapped: bool) -> None:
    """Refuse rows with a name twice: which of its values counts nobody knows."""
    if wrapped:
        if given.twice() is not None:
            raise bad_input(f'"{ROWS}" is there twice')
        given = json_names.within(given, ROWS)
    rows = [given] if isinstance(given, json_names.Pairs) else given
    for i, row in enumerate(rows):
        name = row.twice() if isinstance(row, json_names.Pairs) else None
        if name is not None:
            raise problem("repeated_column", f"column {reprlib.repr(name)} is there twice", i)


def _row_of(names: list[str]) -> Any:
    """Give a type of rows by name: to read one takes two thirds of what a dict takes."""
    if any(_ESCAPED.search(name) for name in names):
        # msgspec has no fields of such names. One more than there are fits no row, so that those
        # by name are read cell by cell.
        names = [f"c{j}" for j in range(len(names) + 1)]
    fields = {f"c{j}": name for j, name in enumerate(names)}
    return msgspec.defstruct(
        "Row",
        [(field, float) for field in fields],
        rename=fields,
        forbid_unknown_fields=True,
        gc=False,
    )


class _Odd(Exception):
    """Rows that need a closer look."""
