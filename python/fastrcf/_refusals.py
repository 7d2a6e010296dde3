"""Input that the engine refuses by number, named as users know it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def named_columns(names: list[str], first_row: int = 0) -> Iterator[None]:
    """Name the column, and count rows over all batches, where input is refused.

    Parameters
    ----------
    names : list of str
        The columns, in the order that the engine has them.
    first_row : int
        Rows of batches before this one.
    """
    try:
        yield
    except InvalidInputError as error:
        if error.row is None or error.column is None:
            raise
        row, name = error.row + first_row, names[error.column]
        _, _, what = str(error).partition(": ")
        raise InvalidInputError(
            f"row {row}, column {name!r}: {what}", row=row, column=error.column
        ) from None
