"""Series of whatever kind as columns of numbers that may be missing, times and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._columns import day_numbers, seconds
from fastrcf._frames import series_to_array
from fastrcf._input import as_array, as_series, is_frame, is_series, numbers
from fastrcf._parameters import is_unicode
from fastrcf._tables import Table, as_table
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from fastrcf._typing import Columns, Floats

DAY = 86_400.0
# Name of the one column of a series that has none.
UNNAMED = "value"


def as_rows(x: Any) -> Table:
    """See a series, one value a row, or anything table-like as a table."""
    if is_series(x):
        return as_table(_frame(x))
    if not isinstance(x, Mapping) and not is_frame(x):
        x = as_array(x)
        if x.ndim == 1:
            x = x.reshape(-1, 1)
    return as_table(x)


def _frame(x: Any) -> Any:
    series = as_series(x)
    if type(x).__module__.startswith("pandas"):
        return series.to_native().to_frame(series.name or UNNAMED)
    return series.alias(series.name or UNNAMED).to_frame().to_native()


def values(table: Table, names: list[str]) -> Columns:
    """Give columns as the engine takes them, NaN where a value is missing.

    Raises
    ------
    InvalidInputError
        If a column holds no numbers; named.
    """
    return [_column(table, j, name) for j, name in enumerate(names)]


def _column(table: Table, j: int, name: str) -> Floats:
    column = table.column(name)
    if table.frame is not None:
        import narwhals as nw

        if not column.dtype.is_numeric() and 0 < len(column) == column.null_count():
            # Numbers may come later.
            return np.full(len(column), np.nan)
        if column.dtype == nw.Unknown or not column.dtype.is_numeric():
            # Truth values may be missing as numbers may.
            found = series_to_array(j, column, gaps=True)
            return np.ascontiguousarray(found, dtype=np.float64)
        column = column.cast(nw.Float64)
        if column.null_count():
            column = column.fill_null(float("nan"))
        return np.ascontiguousarray(column.to_numpy(), dtype=np.float64)
    try:
        found = numbers(column.reshape(-1, 1), gaps=True)[:, 0]
    except InvalidInputError as error:
        _, _, what = str(error).partition(": ")
        raise InvalidInputError(
            f"row {error.row}, column {name!r}: {what or error}", row=error.row, column=j
        ) from None
    return np.ascontiguousarray(found, dtype=np.float64)


def times(table: Table, name: str, has_days: bool) -> Floats:
    """Give a column of times in seconds.

    Those that days are told by are refused where they count something smaller.
    """
    column = table.column(name)
    found = seconds(name, column if table.frame is None else column.to_native())
    if has_days:
        day_numbers(name, found, DAY)
    return found


def keys(table: Table, name: str) -> list[str]:
    """Give a column of keys as texts; a missing one is refused."""
    column = table.column(name)
    if table.frame is not None:
        if column.null_count():
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise InvalidInputError(f"row {row}, column {name!r}: the key is missing", row=row)
        column = column.to_list()
    else:
        column = column.tolist()
    for row, key in enumerate(column):
        if key is None or key != key:
            raise InvalidInputError(f"row {row}, column {name!r}: the key is missing", row=row)
    named = [key_name(key) for key in column]
    for row, key in enumerate(named):
        if not key.isascii() and not is_unicode(key):
            raise InvalidInputError(
                f"row {row}, column {name!r}: the key {key!r} holds half a character", row=row
            )
    return named


def key_name(key: Any) -> str:
    """Name a key alike whatever table it comes from: 7 and 7.0 are one."""
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)
