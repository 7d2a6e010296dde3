"""Input that the engine refuses by number, named as users know it."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from fastrcf._tables import Table


def refuse_untyped(table: Table, elsewhere: Container[str | None]) -> None:
    """Refuse to guess whether a column that holds nothing is one of numbers.

    Columns of objects that are all numbers have no type either. They are left out, which
    is told.

    Parameters
    ----------
    table : Table
        Rows of which all columns that hold numbers are to be looked at.
    elsewhere : container of str
        Columns that are not looked at as numbers, whatever they hold.

    Raises
    ------
    InvalidInputError
        Names the first such column.

    Warns
    -----
    UserWarning
        Names the columns of objects.
    """
    for name in table.untyped():
        if name not in elsewhere:
            raise InvalidInputError(
                f"column {name!r} has no value at all in rows {table.first_row} to "
                f"{table.first_row + table.n_rows - 1}: leave it out (columns= names those to "
                "look at)"
            )
    for name in table.unconverted():
        if name not in elsewhere:
            warnings.warn(
                f"column {name!r} holds numbers as objects and is left out: convert it, as by "
                "astype(float), or name the columns to look at (columns=)",
                UserWarning,
                # Of those who call fit or process, which chose columns by this.
                stacklevel=4,
            )


@contextmanager
def named_columns(
    names: list[str], first_row: int = 0, table: Table | None = None
) -> Iterator[None]:
    """Name the column, and count rows over all batches, where input is refused.

    A column of the table that holds no value at all is named as such, since its first
    row says less than that.

    Parameters
    ----------
    names : list of str
        The columns, in the order that the engine has them.
    first_row : int
        Rows of batches before this one.
    table : Table, optional
        The rows: for columns without a value.
    """
    try:
        yield
    except InvalidInputError as error:
        if error.row is None or error.column is None:
            raise
        name = names[error.column]
        if table is not None and table.has_no_value(name):
            raise InvalidInputError(
                f"column {name!r} has no value at all in rows {table.first_row} to "
                f"{table.first_row + table.n_rows - 1}: leave it out of the fit (columns= names "
                "those to look at)",
                row=table.first_row,
                column=error.column,
            ) from None
        row = error.row + first_row
        _, _, what = str(error).partition(": ")
        raise InvalidInputError(
            f"row {row}, column {name!r}: {what}", row=row, column=error.column
        ) from None
