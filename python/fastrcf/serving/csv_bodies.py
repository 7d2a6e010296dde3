"""CSV as the managed service takes it: numbers, no header.

Arrow reads large bodies, and a decoder of JSON those in between: lines of plain numbers are
JSON but for the brackets. What these refuse is read again in Python, which names the place or
knows better; so they need not agree on what is refused.
"""

from __future__ import annotations

import csv
import reprlib
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf.serving.problems import bad_input

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.serving.problems import Problem

# From here on Arrow's readers are quicker than they are slow to start.
_LARGE = 1 << 18
# Below, one pass of Python takes no longer.
_SMALL = 1 << 12
_numbers = msgspec.json.Decoder(list[list[float]])


def decode(body: bytes, names: list[str], n_labels: int = 0) -> Any:
    """Read rows of numbers.

    Parameters
    ----------
    body : bytes
        Lines of as many numbers as there are names, after ``n_labels`` that are passed over.
    names : list of str
        What the columns are called.
    n_labels : int, default 0
        Columns before them.

    Returns
    -------
    numpy.ndarray of float64, shape (n, len(names)), or Arrow table of these columns

    Raises
    ------
    Problem
        400, with row and column.
    """
    if len(body) >= _LARGE and b'"' not in body:
        table = _by_arrow(body, names, n_labels)
        if table is not None:
            return table
    elif len(body) >= _SMALL:
        rows = _by_decoder(body, n_labels + len(names))
        if rows is not None:
            return rows[:, n_labels:]
    return _by_line(body, n_labels + len(names))[:, n_labels:]


def _by_arrow(body: bytes, names: list[str], n_labels: int) -> Any:
    arrow = _arrow()
    if arrow is None:
        return None
    pa, reader = arrow
    places = [str(i) for i in range(n_labels + len(names))]
    try:
        table = reader.read_csv(
            pa.py_buffer(body),
            # One block has one array for each column; its columns are converted side by side.
            read_options=reader.ReadOptions(column_names=places, block_size=len(body) + 1),
            parse_options=reader.ParseOptions(quote_char=False),
            convert_options=reader.ConvertOptions(
                column_types=dict.fromkeys(places, pa.float64()), null_values=[]
            ),
        )
    except pa.ArrowException:
        return None
    if not table.num_rows:
        return None
    return table.select(places[n_labels:]).rename_columns(names)


def _by_decoder(body: bytes, n_columns: int) -> Floats | None:
    # A bracket of its own could end a row within a line.
    if b"[" in body:
        return None
    try:
        rows = _numbers.decode(b"[[" + body.strip().replace(b"\n", b"],[") + b"]]")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if set(map(len, rows)) != {n_columns}:
        return None
    numbers = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * n_columns)
    return numbers.reshape(-1, n_columns)


def prepare() -> None:
    """Import what large bodies need, before one comes."""
    _arrow()


@cache
def _arrow() -> tuple[Any, Any] | None:
    """Give Arrow, which a small installation (a Lambda function) may do without."""
    try:
        import pyarrow
        import pyarrow.csv
    except ImportError:
        return None
    return pyarrow, pyarrow.csv


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
                why = "; there is no header in this format" if i == 0 else ""
                return bad_input(f"row {i}, column {j}: {shown} is no number{why}", i, j)
    return bad_input("the body is no CSV of numbers")
