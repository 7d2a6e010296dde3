"""From whatever users hold to arrays that the engine reads without a copy.

The engine takes a matrix of float32 or float64 in C or Fortran order, or one
contiguous array per column. NumPy arrays of these kinds pass as they are;
other dtypes and strides are converted once, to float64. Data frames (pandas,
Polars, PyArrow, DuckDB relations: all that Narwhals knows) pass column by
column; Arrow's columns of plain floats do so without Narwhals.
"""

from __future__ import annotations

import reprlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Columns, Matrix

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# As Arrow writes the same.
_ARROW_FLOATS = ("float", "double")


def to_rows(x: Any, *, gaps: bool = False) -> Matrix | Columns:
    """Turn ``x`` into what the engine takes.

    Parameters
    ----------
    x : array-like or data frame
        Shape (n, d), or (d,) for one row.
    gaps : bool, default False
        Whether values may be missing: NaN, None, null or masked become NaN. The
        engine refuses NaN wherever it means nothing.

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
    # What has one face only is not asked for others: a row takes microseconds.
    if not isinstance(x, (np.ndarray, list, tuple)) and is_frame(x):
        return frame_columns(x, gaps)
    return matrix(as_array(x, gaps), gaps)


def matrix(x: np.ndarray[Any, Any], gaps: bool = False) -> Matrix:
    """Make a NumPy array a matrix that the engine takes."""
    x = unmasked(x, gaps)
    if x.ndim == 1:
        x = x.reshape(1, -1)
    if x.ndim != 2:
        raise InvalidInputError(
            f"expected shape (n, d), or (d,) for one row, found {x.ndim} dimensions"
        )
    if x.shape[1] == 0:
        raise InvalidInputError("the input has no columns")
    x = _numbers(x, gaps)
    contiguous = x.flags.c_contiguous or x.flags.f_contiguous
    if not contiguous or not x.flags.aligned:
        x = np.ascontiguousarray(x)
        if not x.flags.aligned:
            x = x.copy()
    return x


def unmasked(x: np.ndarray[Any, Any], gaps: bool = False) -> np.ndarray[Any, Any]:
    """Give the plain array; a masked value is no number, or a gap."""
    if isinstance(x, np.ma.MaskedArray):
        if gaps and x.dtype.kind in "fiubO":
            wide = x.astype(object if x.dtype.kind == "O" else np.float64)
            return np.asarray(np.ma.filled(wide, np.nan))
        masked = np.atleast_2d(np.ma.getmaskarray(x))
        if masked.ndim == 2 and masked.any():
            row, column = (int(i) for i in np.argwhere(masked)[0])
            raise InvalidInputError(
                f"row {row}, column {column}: the value is masked", row=row, column=column
            )
    return np.asarray(x)


def _numbers(x: np.ndarray[Any, Any], gaps: bool = False) -> Matrix:
    """Convert to a native floating-point dtype the engine takes."""
    if x.dtype in _FLOATS and x.dtype.isnative:
        return x
    kind = x.dtype.kind
    if kind in "fiub" and x.dtype.itemsize <= 16:
        # What is beyond double precision becomes infinite, which is refused.
        with np.errstate(over="ignore"):
            return x.astype(np.float64)
    if kind in "OUST":
        return _objects(x, gaps)
    raise InvalidInputError(f"expected numbers, found dtype {x.dtype}")


def _objects(x: np.ndarray[Any, Any], gaps: bool = False) -> Matrix:
    """Convert objects, one by one where need be, to name the culprit."""
    # NumPy would read numbers out of text, and take None for NaN.
    if not any(issubclass(kind, (str, bytes, type(None))) for kind in set(map(type, x.flat))):
        try:
            return x.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
    out = np.empty(x.shape)
    for index, value in np.ndenumerate(x):
        if gaps and is_missing(value):
            out[index] = np.nan
            continue
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            out[index] = float(value)
        except (TypeError, ValueError, OverflowError):
            row, column = (index[0], index[-1]) if len(index) > 1 else (index[0], 0)
            raise _no_number(value, row, column) from None
    return out


def is_missing(value: Any) -> bool:
    """Whether an object says that there is no value; NaN is a number to it."""
    return value is None or is_kind(value, "pandas.api.typing", "NAType", "NaTType")


def _no_number(value: Any, row: int, column: int) -> InvalidInputError:
    if isinstance(value, str):
        value = str(value)
    what = "the value is missing" if value is None else f"{reprlib.repr(value)} is not a number"
    return InvalidInputError(f"row {row}, column {column}: {what}", row=row, column=column)


def as_array(x: Any, gaps: bool = False) -> np.ndarray[Any, Any]:
    """Convert sequences, series and objects with an array face.

    Text stays beside numbers, as objects. A series is one row.
    """
    if isinstance(x, np.ndarray):
        return x
    if not isinstance(x, (list, tuple)) and is_series(x):
        return _series_row(x, gaps)
    if x is None or isinstance(x, (str, bytes, bytearray, dict)):
        raise InvalidInputError(f"expected rows of numbers, found {type(x).__name__}")
    if type(x).__module__.startswith("scipy.sparse"):
        raise InvalidInputError("expected rows of numbers, found a sparse matrix: use x.toarray()")
    if isinstance(x, (list, tuple)) and any(isinstance(row, np.ma.MaskedArray) for row in x):
        x = np.ma.stack(x)
    try:
        array = np.asanyarray(x)
    except ValueError as error:
        raise _ragged(x, error) from None
    if array.ndim == 0 and array.dtype.kind == "O":
        raise InvalidInputError(f"expected rows of numbers, found {type(x).__name__}")
    # NumPy has turned numbers beside text into text.
    return np.asarray(x, dtype=object) if array.dtype.kind in "US" else array


def _ragged(x: Any, error: ValueError) -> InvalidInputError:
    """Say which row is of another length, or which value is itself a sequence."""
    if not isinstance(x, (list, tuple)):
        return InvalidInputError(str(error))
    widths = [len(row) if hasattr(row, "__len__") else 0 for row in x]
    for i, width in enumerate(widths):
        if width != widths[0]:
            return InvalidInputError(f"row {i} has {width} values, row 0 has {widths[0]}", row=i)
    for i, row in enumerate(x):
        for j, value in enumerate(row if widths[i] else ()):
            if hasattr(value, "__len__") and not isinstance(value, (str, bytes)):
                return _no_number(value, i, j)
    return InvalidInputError(str(error))


def is_kind(x: Any, module: str, *names: str) -> bool:
    """Whether ``x`` is of a class of a module; what is not imported made nothing."""
    loaded = sys.modules.get(module)
    kinds = tuple(getattr(loaded, name) for name in names if hasattr(loaded, name))
    return bool(kinds) and isinstance(x, kinds)


def is_series(x: Any) -> bool:
    """Whether ``x`` is a series of pandas, Polars or Arrow, and no table in disguise."""
    if is_kind(x, "pyarrow", "Array", "ChunkedArray"):
        return not str(x.type).startswith("struct")
    return (
        is_kind(x, "pandas", "Series", "Index")
        or is_kind(x, "pandas.api.extensions", "ExtensionArray")
        or is_kind(x, "polars", "Series")
    )


def as_series(x: Any) -> Any:
    """Wrap a series of any kind as a Narwhals series."""
    nw = narwhals()
    if type(x).__module__.startswith("pandas") and not is_kind(x, "pandas", "Series"):
        import pandas as pd

        x = pd.Series(x)
    elif is_kind(x, "pyarrow", "Array"):
        import pyarrow as pa

        x = pa.chunked_array([x])
    return nw.from_native(x, series_only=True)


def _series_row(x: Any, gaps: bool = False) -> np.ndarray[Any, Any]:
    """Give a series as one row."""
    nw = narwhals()
    series = as_series(x)
    if series.dtype == nw.Object:
        return np.asarray(x, dtype=object)
    if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        raise InvalidInputError(f"expected a row of numbers, found a series of {series.dtype}")
    if series.null_count():
        if gaps:
            return as_floats(series)
        column = int(np.flatnonzero(series.is_null().to_numpy())[0])
        raise InvalidInputError(
            f"row 0, column {column}: the value is missing", row=0, column=column
        )
    return np.asarray(series.to_numpy())


def is_frame(x: Any) -> bool:
    """Whether ``x`` is a data frame of a kind that Narwhals or Arrow knows."""
    if isinstance(x, np.ndarray) or is_series(x):
        return False
    return any(
        hasattr(x, name)
        for name in (
            "__dataframe__",
            "__arrow_c_stream__",
            "__arrow_c_array__",
            "__narwhals_dataframe__",
            "__narwhals_lazyframe__",
        )
    ) or (type(x).__module__.partition(".")[0] in {"duckdb", "_duckdb", "polars", "pandas"})


def frame_columns(x: Any, gaps: bool = False) -> Columns:
    """Columns of a data frame, without copies where their memory allows it."""
    plain = arrow_floats(x)
    if plain is not None:
        return plain
    frame = as_frame(x)
    if not frame.columns:
        raise InvalidInputError("the input has no columns")
    return [series_to_array(j, series, gaps) for j, series in enumerate(frame.iter_columns())]


def arrow_floats(x: Any, names: Sequence[str] | None = None) -> Columns | None:
    """Columns of an Arrow table or batch, where all that is asked for are plain floats.

    Batches of a file come by the hundred, and to wrap and ask each of their
    columns takes twenty times as long as this, a good part of reading them.

    Parameters
    ----------
    x : anything
    names : sequence of str, optional
        Which columns, in which order; default: all.

    Returns
    -------
    list of numpy.ndarray or None
        Views of the columns; None where anything needs a second look: other
        types, missing values, several chunks, names that are unknown or twice.
    """
    if not is_kind(x, "pyarrow", "RecordBatch", "Table"):
        return None
    known = x.schema.names
    wanted = known if names is None else names
    if not wanted or len(set(known)) < len(known) or not set(wanted) <= set(known):
        return None
    out: Columns = []
    for name in wanted:
        column = x.column(name)
        if is_kind(column, "pyarrow", "ChunkedArray"):
            if column.num_chunks != 1:
                return None
            column = column.chunk(0)
        if str(column.type) not in _ARROW_FLOATS or column.null_count:
            return None
        out.append(column.to_numpy())
    return out


def narwhals() -> Any:
    """Import Narwhals, or say how to get it."""
    try:
        import narwhals as nw
    except ImportError:
        raise MissingExtraError(
            "data frames need Narwhals: pip install 'fastrcf[tables]'"
        ) from None
    return nw


def arrow_table(x: Any) -> Any:
    """Make an Arrow table of what has an Arrow face, or of columns by name."""
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError("tables need PyArrow: pip install 'fastrcf[tables]'") from None
    try:
        if hasattr(x, "__arrow_c_array__") and not hasattr(x, "__arrow_c_stream__"):
            return pa.Table.from_batches([pa.record_batch(x)])
        return pa.table(x)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise InvalidInputError(f"expected a table: {error}") from None


def as_frame(x: Any) -> Any:
    """Wrap a data frame of any kind as an eager Narwhals frame."""
    nw = narwhals()
    if is_kind(x, "pyarrow", "RecordBatch"):
        # Which Narwhals would refuse first.
        x = arrow_table(x)
    try:
        try:
            frame = nw.from_native(x)
        except TypeError:
            frame = nw.from_native(arrow_table(x))
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        names = list(frame.columns)
    except nw.exceptions.DuplicateError:
        raise InvalidInputError("two columns of the table have the same name") from None
    if len(set(names)) < len(names):
        raise InvalidInputError("two columns of the table have the same name")
    return frame


def _has_nulls(series: Any) -> bool:
    native = series.to_native()
    if is_kind(native, "pandas", "Series") and native.dtype in _FLOATS and len(native):
        # NaN is what is missing here; a minimum finds it in one fast pass.
        return bool(np.isnan(native.to_numpy().min()))
    return bool(series.null_count())


def as_floats(series: Any) -> np.ndarray[Any, Any]:
    """Give a series of numbers, null as NaN."""
    values = series.cast(narwhals().Float64).to_numpy()
    return np.ascontiguousarray(values, np.float64)


def series_to_array(j: int, series: Any, gaps: bool = False) -> Any:
    """Give a column as an array, without a copy where its memory allows it."""
    nw = narwhals()
    name, dtype = series.name, series.dtype
    if not (dtype.is_numeric() or dtype in (nw.Boolean, nw.Unknown)):
        raise InvalidInputError(
            f"column {j} ({name!r}) holds {dtype}, not numbers", row=0, column=j
        )
    if _has_nulls(series):
        if gaps:
            return as_floats(series)
        row = int(np.flatnonzero(series.is_null().to_numpy())[0])
        raise InvalidInputError(
            f"row {row}, column {j} ({name!r}): the value is missing", row=row, column=j
        )
    if dtype in (nw.Int128, nw.UInt128, nw.Unknown):
        # NumPy has no such integers; a column of unknown type has no rows.
        series = series.cast(nw.Float64)
    return np.ascontiguousarray(_numbers(series.to_numpy()))
