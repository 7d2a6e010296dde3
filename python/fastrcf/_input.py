"""From whatever users hold to arrays that the engine reads without a copy.

The engine takes a matrix of float32 or float64 in C or Fortran order, or one
contiguous array per column. NumPy arrays of these kinds pass as they are;
other dtypes and strides are converted once, to float64. Data frames (pandas,
Polars, PyArrow, DuckDB relations: all that Narwhals knows) pass column by
column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from fastrcf._typing import Columns, Matrix

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def to_rows(x: Any) -> Matrix | Columns:
    """Turn ``x`` into what the engine takes.

    Parameters
    ----------
    x : array-like or data frame
        Shape (n, d), or (d,) for one row.

    Returns
    -------
    numpy.ndarray or list of numpy.ndarray
        A matrix of float32 or float64, contiguous in either order, or one
        contiguous array per column.

    Raises
    ------
    InvalidInputError
        If ``x`` is not one or two-dimensional, has no columns or holds what is
        no number; row and column are named where there are any.
    """
    if isinstance(x, np.ndarray):
        return matrix(x)
    if is_frame(x):
        return frame_columns(x)
    return matrix(_as_array(x))


def matrix(x: np.ndarray[Any, Any]) -> Matrix:
    """Make a NumPy array a matrix that the engine takes."""
    if x.ndim == 1:
        x = x.reshape(1, -1)
    if x.ndim != 2:
        raise InvalidInputError(
            f"expected shape (n, d), or (d,) for one row, found {x.ndim} dimensions"
        )
    if x.shape[1] == 0:
        raise InvalidInputError("the input has no columns")
    x = _numbers(x)
    contiguous = x.flags.c_contiguous or x.flags.f_contiguous
    if not contiguous or not x.flags.aligned:
        x = np.ascontiguousarray(x)
        if not x.flags.aligned:
            x = x.copy()
    return x


def _numbers(x: np.ndarray[Any, Any]) -> Matrix:
    """Convert to a native floating-point dtype the engine takes."""
    if x.dtype in _FLOATS and x.dtype.isnative:
        return x
    kind = x.dtype.kind
    if kind in "fiub" and x.dtype.itemsize <= 16:
        return x.astype(np.float64)
    if kind in "OUST":
        return _objects(x)
    raise InvalidInputError(f"expected numbers, found dtype {x.dtype}")


def _objects(x: np.ndarray[Any, Any]) -> Matrix:
    """Convert objects one by one where need be, to name the culprit."""
    if x.dtype.kind == "O":
        try:
            return x.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
    for index, value in np.ndenumerate(x):
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            float(value)
        except (TypeError, ValueError, OverflowError):
            row, column = (index[0], index[-1]) if len(index) > 1 else (index[0], 0)
            raise InvalidInputError(
                f"row {row}, column {column}: {value!r} is not a number", row=row, column=column
            ) from None
    return x.astype(np.float64)


def _as_array(x: Any) -> np.ndarray[Any, Any]:
    """Convert sequences and objects with an array face."""
    if x is None or isinstance(x, (str, bytes, dict)):
        raise InvalidInputError(f"expected rows of numbers, found {type(x).__name__}")
    try:
        return np.asarray(x)
    except ValueError:
        widths = [len(row) if hasattr(row, "__len__") else 0 for row in x]
        odd = next((i for i, width in enumerate(widths) if width != widths[0]), 0)
        raise InvalidInputError(
            f"row {odd} has {widths[odd]} values, row 0 has {widths[0]}", row=odd
        ) from None


def is_frame(x: Any) -> bool:
    """Whether ``x`` is a data frame of a kind that Narwhals knows."""
    return any(
        hasattr(x, name)
        for name in ("__dataframe__", "__arrow_c_stream__", "__narwhals_dataframe__")
    ) or (type(x).__module__.partition(".")[0] in {"duckdb", "_duckdb", "polars", "pandas"})


def frame_columns(x: Any) -> Columns:
    """Columns of a data frame, without copies where their memory allows it."""
    frame = as_frame(x)
    if not frame.columns:
        raise InvalidInputError("the input has no columns")
    return [series_to_array(j, series) for j, series in enumerate(frame.iter_columns())]


def as_frame(x: Any) -> Any:
    """Wrap a data frame of any kind as an eager Narwhals frame."""
    try:
        import narwhals as nw
    except ImportError:
        raise MissingExtraError(
            "data frames need Narwhals: pip install 'fastrcf[tables]'"
        ) from None
    try:
        frame = nw.from_native(x)
    except TypeError:
        import pyarrow as pa

        frame = nw.from_native(pa.table(x))
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return frame


def series_to_array(j: int, series: Any) -> Any:
    """Give a column as an array, without a copy where its memory allows it."""
    name = series.name
    if not (series.dtype.is_numeric() or str(series.dtype) == "Boolean"):
        raise InvalidInputError(
            f"column {j} ({name!r}) holds {series.dtype}, not numbers", row=0, column=j
        )
    if series.null_count():
        row = int(np.flatnonzero(series.is_null().to_numpy())[0])
        raise InvalidInputError(
            f"row {row}, column {j} ({name!r}): the value is missing", row=row, column=j
        )
    return np.ascontiguousarray(_numbers(series.to_numpy()))
