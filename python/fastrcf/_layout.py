"""Arrays as the engine reads them where they lie: strides, integers, chunks.

The engine takes

* a matrix of float32 or float64, contiguous in either order,
* a list of columns, each a contiguous array of floats or integers, or an array
  and the distance between the column's values in it,
* a tuple of such lists, tables whose rows follow each other.

What lies otherwise (negative or no distances, foreign byte orders, values that
are not aligned) is copied, and so is what is too small to be worth a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fastrcf._typing import Columns, Matrix, Rows

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# What the engine reads, as NumPy abbreviates it: floats, truth values, integers.
_READ = frozenset("fd?bBhHiIlLqQ")
# Rows from which on a strided view is seen as columns: to see a column takes
# microseconds, in which thousands of values are copied.
_SEEN_FROM = 1 << 13


def is_read(dtype: np.dtype[Any]) -> bool:
    """Whether the engine reads numbers of this kind by itself."""
    return dtype.char in _READ and dtype.isnative


def matrix_rows(x: np.ndarray[Any, Any]) -> Matrix | Columns:
    """See a matrix of a kind that the engine reads as what it takes.

    Parameters
    ----------
    x : numpy.ndarray of floats, integers or bool, shape (n, d)

    Returns
    -------
    numpy.ndarray of float32 or float64, or list
        A matrix, or columns; a copy only where the module says so.
    """
    if x.dtype.kind == "b":
        x = x.view(np.uint8)
    is_float = x.dtype in FLOATS
    if is_float and x.flags.aligned and (x.flags.c_contiguous or x.flags.f_contiguous):
        return x
    if len(x) < _SEEN_FROM or not _is_seen(x):
        copy = x.astype(x.dtype if is_float else np.float64, order="C")
        return np.require(copy, requirements="A")
    n, size = len(x), x.itemsize
    step, across = (stride // size for stride in x.strides)
    if step == 1:
        return [x[:, j] for j in range(x.shape[1])]
    flat = _flat(x, (n - 1) * step + (x.shape[1] - 1) * across + 1)
    # Up to the end where rows do not overlap: so the engine sees that all of a row's values
    # lie in the first column's array.
    apart = (x.shape[1] - 1) * across < step
    last = len(flat) if apart else (n - 1) * step + 1
    return [(flat[j * across : j * across + last], step) for j in range(x.shape[1])]


def column(x: np.ndarray[Any, Any]) -> Any:
    """See one column, of a kind that the engine reads, as what it takes.

    Parameters
    ----------
    x : numpy.ndarray of floats, integers or bool, shape (n,)

    Returns
    -------
    numpy.ndarray, or tuple of numpy.ndarray and int
        A copy only where the module says so.
    """
    if x.dtype.kind == "b":
        x = x.view(np.uint8)
    if x.flags.c_contiguous and x.flags.aligned:
        return x
    if len(x) < _SEEN_FROM or not _is_seen(x):
        return np.require(x.copy(), requirements="A")
    step = x.strides[0] // x.itemsize
    return _flat(x, (len(x) - 1) * step + 1), step


def _is_seen(x: np.ndarray[Any, Any]) -> bool:
    """Whether values lie at whole, positive distances."""
    return x.flags.aligned and all(stride > 0 and stride % x.itemsize == 0 for stride in x.strides)


def _flat(x: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Give all that lies between the first value and the last."""
    return np.lib.stride_tricks.as_strided(x, (length,), (x.itemsize,), writeable=False)


def shape(rows: Rows) -> tuple[int, int]:
    """Rows and columns of what the engine takes."""
    if isinstance(rows, np.ndarray):
        return rows.shape[0], rows.shape[1]
    if isinstance(rows, tuple):
        return sum(shape(part)[0] for part in rows), len(rows[0])
    first = rows[0]
    n = -(-len(first[0]) // first[1]) if isinstance(first, tuple) else len(first)
    return n, len(rows)


def dense(rows: Rows) -> Matrix:
    """Give what the engine takes as one matrix, float64 where it holds integers."""
    if isinstance(rows, np.ndarray):
        return rows
    if isinstance(rows, tuple):
        whole: Matrix = np.concatenate([dense(part) for part in rows])
        return whole
    return np.column_stack([_plain(values) for values in rows])


def _plain(values: Any) -> np.ndarray[Any, Any]:
    if isinstance(values, tuple):
        values = values[0][:: values[1]]
    array: np.ndarray[Any, Any] = values
    return array if array.dtype in FLOATS else array.astype(np.float64)
