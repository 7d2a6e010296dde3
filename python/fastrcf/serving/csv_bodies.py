"""CSV as the managed service takes it: numbers, and no header unless the content type says so.

The engine reads lines of plain numbers. What it leaves is read again in Python, which names
the place of what is wrong, or knows better.
"""

from __future__ import annotations

import csv
import reprlib
from typing import TYPE_CHECKING

import numpy as np

from fastrcf._fastrcf import plain_rows
from fastrcf.serving.problems import bad_input

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.serving.problems import Problem

_NO_HEADER = "; there is no line of names unless the content type says header=present"


def decode(body: bytes, n_columns: int, n_labels: int = 0) -> Floats:
    """Read rows of numbers.

    Parameters
    ----------
    body : bytes
        Lines of ``n_columns`` numbers, after ``n_labels`` that are passed over.
    n_columns : int
    n_labels : int, default 0

    Returns
    -------
    numpy.ndarray of float64, shape (n, n_columns)

    Raises
    ------
    Problem
        400, with row and column.
    """
    rows = plain_rows(body, False)
    if rows is None or rows.shape[1] != n_labels + n_columns:
        rows = _by_line(body, n_labels + n_columns)
    return rows[:, n_labels:]


def without_header(body: bytes, names: list[str], n_labels: int = 0) -> bytes:
    """Take the line of names away that the content type tells of.

    Columns count by their place, whatever they are called: only where a line has the model's
    own names in other places would scores be wrong.

    Parameters
    ----------
    body : bytes
    names : list of str
        The model's columns.
    n_labels : int, default 0
        Columns before them.

    Raises
    ------
    Problem
        400, if the line is one of numbers, or has a column of the model in another place.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    line, _, rest = body.partition(b"\n")
    try:
        found = next(csv.reader([line.decode().rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad_input(f"the first line is no line of names: {error}") from None
    cells = [cell.strip() for cell in found[n_labels:]]
    # A forest calls its columns by numbers: a line of just those is one of names.
    if cells and cells != names and all(map(_is_number, cells)):
        raise bad_input(
            "header=present, but the first line holds numbers: it would be lost; leave the "
            "parameter out where there is no line of names"
        )
    for j, cell in enumerate(cells):
        if cell in names and (j >= len(names) or names[j] != cell):
            raise bad_input(
                f"column {cell!r} is column {j + n_labels} of the line of names and column "
                f"{names.index(cell)} of the model: columns count by their place here; send "
                "them in the model's order"
            )
    return rest


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _by_line(body: bytes, n_columns: int) -> Floats:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_input(f"the body is no UTF-8: {error.reason} at byte {error.start}") from None
    lines = text.split("\n")
    try:
        cells = (
            [row for row in csv.reader(lines, strict=True) if row]
            if '"' in text
            else [line.split(",") for line in lines if line.strip()]
        )
    except csv.Error as error:
        raise bad_input(f"the body is no CSV: {error}") from None
    if not cells:
        raise bad_input("the body has no rows")
    for i, row in enumerate(cells):
        if len(row) != n_columns:
            raise bad_input(f"row {i}: {len(row)} values, where {n_columns} are expected", row=i)
    try:
        if "_" in text:
            raise ValueError
        return np.array([[float(cell) for cell in row] for row in cells])
    except ValueError:
        raise _no_number(cells) from None


def _no_number(cells: list[list[str]]) -> Problem:
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            try:
                if "_" in cell:
                    raise ValueError
                float(cell)
            except ValueError:
                shown = reprlib.repr(cell.strip())
                why = _NO_HEADER if i == 0 else ""
                return bad_input(f"row {i}, column {j}: {shown} is no number{why}", i, j)
    return bad_input("the body is no CSV of numbers")
