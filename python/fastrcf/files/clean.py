"""From a file's rows to those that a model takes: every bad one is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from fastrcf.errors import InvalidInputError
from fastrcf.files import values
from fastrcf.files.bad_rows import BadRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrcf._typing import Integers
    from fastrcf.files.bad_rows import BadRows
    from fastrcf.files.sources import Batch

# What a column is for.
Role = Literal["number", "category", "time", "label"]

_MAKERS: dict[Role, Callable[[Any], values.Values]] = {
    "number": values.numbers,
    "category": values.categories,
    "time": values.times,
    "label": values.categories,
}


@dataclass(frozen=True)
class Clean:
    """Good rows.

    Attributes
    ----------
    table : pyarrow.Table
        Columns in the order of their roles: numbers as float64, categories and
        labels as strings, times as timestamps or float64.
    origin : pyarrow.Table
        The same rows with all columns that were read, as they were.
    file : str
        The file's name.
    rows : numpy.ndarray of int64, shape (n,)
        Zero-based numbers of the rows in the file.
    empty : tuple of str
        Columns in which no row that came had a value, the bad ones included.
    """

    table: pa.Table
    origin: pa.Table
    file: str
    rows: Integers
    empty: tuple[str, ...] = ()


def clean(batch: Batch, roles: Mapping[str, Role], bad: BadRows) -> Clean:
    """Convert columns to what their roles need, and take bad rows out.

    Parameters
    ----------
    batch : Batch
        Rows of a file with all columns of ``roles``.
    roles : mapping of str to Role
        What columns are for; others are not looked at.
    bad : BadRows
        Gets the bad rows, in order, each with its first bad column.

    Returns
    -------
    Clean
        The good rows.

    Raises
    ------
    InvalidInputError
        If a column's type cannot serve its role, ``bad`` refuses a row, or stops at the
        first and a column has no value in any of several.
    """
    columns: dict[str, Any] = {}
    reasons: dict[int, tuple[str, str]] = {}
    empty: list[str] = []
    for name, role in roles.items():
        try:
            made = _MAKERS[role](batch.table[name])
        except InvalidInputError as error:
            raise InvalidInputError(f"{batch.file}: column {name!r} {error}") from None
        columns[name] = made.array
        if not made.has_value(batch.table.num_rows):
            empty.append(name)
        for row, reason in made.bad.items():
            reasons.setdefault(row, (name, reason))
    if empty and len(batch.rows) > 1 and bad.stops:
        rows = f"rows {batch.rows[0]} to {batch.rows[-1]}"
        raise no_value(batch.file, empty[0], roles[empty[0]], rows)
    found = list(batch.malformed)
    for row, (name, reason) in reasons.items():
        content = batch.table.slice(row, 1).to_pylist()[0]
        found.append(BadRow(batch.file, int(batch.rows[row]), name, reason, content))
    for one in sorted(found, key=lambda one: one.row):
        bad.take(one)
    made_ready = pa.table(columns)
    if not reasons:
        return Clean(made_ready, batch.table, batch.file, batch.rows, tuple(empty))
    keep = np.ones(len(batch.rows), dtype=bool)
    keep[list(reasons)] = False
    kept = pa.array(keep)
    good = batch.rows[keep]
    return Clean(made_ready.filter(kept), batch.table.filter(kept), batch.file, good, tuple(empty))


def no_value(file: str, name: str, role: Role, rows: str) -> InvalidInputError:
    """Say that a column is empty, rather than that its first row is bad."""
    hint = ": leave it out of the training (--drop)" if role in ("number", "category") else ""
    return InvalidInputError(f"{file}: column {name!r} has no value at all in {rows}{hint}")
