"""Rows on their way from files to a model, and where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf._typing import Matrix

# The largest magnitude that a forest takes.
LARGEST = 1e30


@dataclass(frozen=True)
class Rows:
    """Some rows of a file.

    Attributes
    ----------
    values : numpy.ndarray of float32 or float64, shape (n, d)
        Finite, at most 1e30 in magnitude.
    labels : numpy.ndarray of bool, shape (n,), or None
        True for anomalies; None where there are none, or nobody asked.
    file : str
        Its name below the folder of channels.
    """

    values: Matrix
    labels: np.ndarray[Any, np.dtype[np.bool_]] | None
    file: str


def refused(
    file: str, what: str, *, row: int | None = None, line: int | None = None, column: Any = None
) -> InvalidInputError:
    """Give the error for something in a file; values themselves are never told.

    Rows and columns count from 0, lines from 1.
    """
    where = [f"row {row}" + (f" (line {line})" if line else "")] if row is not None else []
    where += [f"column {column!r}"] if column is not None else []
    return InvalidInputError(
        ": ".join([file, *([", ".join(where)] if where else []), what]), row=row
    )


def unusable(value: float) -> str:
    """Say why a number cannot be used."""
    if np.isfinite(value):
        return f"the value is beyond {LARGEST:g} in magnitude, the largest that a forest takes"
    return "the value is not finite"


def first_unusable(values: Matrix) -> tuple[int, int] | None:
    """Give row and column of the first value that a forest refuses, if there is one."""
    # Two passes without memory, which NaN does not get through; only then is it looked for.
    with np.errstate(invalid="ignore"):
        if not values.size or bool(values.max() <= LARGEST and values.min() >= -LARGEST):
            return None
        row, column = np.argwhere(~(np.abs(values) <= LARGEST))[0]
    return int(row), int(column)


def as_labels(
    values: np.ndarray[Any, Any], refuse: Callable[[int, str], InvalidInputError]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Give 0 and 1 as truth values.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
    refuse : callable
        Gives the error for a place in ``values`` and what is wrong there.

    Raises
    ------
    InvalidInputError
        If one is neither.
    """
    bad = np.flatnonzero((values != 0) & (values != 1))
    if len(bad):
        raise refuse(int(bad[0]), "the label is neither 0 nor 1")
    return np.asarray(values == 1)
