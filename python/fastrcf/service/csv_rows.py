"""Rows of CSV, with a line of names or without."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from fastrcf._fastrcf import plain_rows
from fastrcf.service.columns import Columns, no_rows, too_many
from fastrcf.serving import csv_bodies
from fastrcf.serving.media import HEADERS
from fastrcf.serving.problems import Problem, bad_input

if TYPE_CHECKING:
    from collections.abc import Mapping


class CsvRows:
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

    def read(self, body: bytes, parameters: Mapping[str, str], *, extra: bool) -> Any:
        """Read the rows of a body.

        Parameters
        ----------
        body : bytes
            UTF-8.
        parameters : mapping of str to str
            Of the content type: ``header`` is ``present`` or ``absent``. Without it the first
            line is one of names if it has one of the model's, and a value that is no number.
        extra : bool
            Whether there may be other columns than the model's.

        Returns
        -------
        numpy.ndarray of shape (n, d)

        Raises
        ------
        Problem
        """
        if not body.strip():
            raise no_rows()
        start, end = _first_line(body)
        found = self._names(_text(body[start:end]), parameters.get("header", ""))
        # Half a megabyte is not copied for a line of names that is not there.
        rest = body if found is None else body[end + 1 :]
        order = None
        if found is not None and found != self._columns.names:
            order = self._columns.order(found, extra=extra)
        rows = None
        if self._columns.plain and order is None:
            rows = plain_rows(rest, False)
        if rows is None or rows.shape[1] != len(self._columns):
            rows = self._slowly(rest, order)
        if len(rows) > self._limit:
            raise too_many(self._limit)
        return rows

    def _slowly(self, body: bytes, order: list[int] | None) -> Any:
        # A blank line counts here, and one of names: what is near the limit is counted again.
        if body.count(b"\n") > 2 * self._limit + 2:
            raise too_many(self._limit)
        if self._columns.plain and order is None:
            try:
                return csv_bodies.decode(body, len(self._columns))
            except Problem:
                # Read again: here problems have names of columns.
                pass
        return self._by_cell(body, order)

    def _names(self, line: str, told: str) -> list[str] | None:
        """Give the names of a first line, None if it has none."""
        if told and told not in HEADERS:
            raise bad_input(f"header={told}: {' or '.join(HEADERS)}")
        if told == "absent":
            return None
        cells = [cell.strip() for cell in _cells([line])[0]]
        if told == "present":
            return cells
        # A forest calls its columns by numbers, and a row may hold the same.
        if any(cell in self._columns.place for cell in cells) and not all(map(_number, cells)):
            return cells
        return None

    def _by_cell(self, body: bytes, order: list[int] | None) -> Any:
        """Read values one by one; of those columns alone, where there was a line of names."""
        columns, rows = self._columns, []
        for i, cells in enumerate(_cells(_text(body).split("\n"))):
            if i == self._limit:
                raise too_many(self._limit)
            if order is None:
                if len(cells) != len(columns):
                    raise columns.width(len(cells), i)
            elif len(cells) <= max(order):
                raise columns.width(len(cells), i)
            else:
                cells = [cells[place] for place in order]
            rows.append([columns.text_cell(cell, i, j) for j, cell in enumerate(cells)])
        if not rows:
            raise no_rows()
        return columns.array(rows)


def _first_line(body: bytes) -> tuple[int, int]:
    """Give where the first line that is not empty begins and ends."""
    start = 0
    while body[start : start + 1] in (b"\r", b"\n"):
        start += 1
    end = body.find(b"\n", start)
    return start, len(body) if end < 0 else end


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_input(f"the body is no UTF-8: {error.reason} at byte {error.start}") from None


def _cells(lines: list[str]) -> list[list[str]]:
    try:
        return [row for row in csv.reader((line + "\n" for line in lines), strict=True) if row]
    except csv.Error as error:
        raise bad_input(f"the body is no CSV: {error}") from None


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
