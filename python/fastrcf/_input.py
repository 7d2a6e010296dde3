"""From whatever users hold to arrays that the engine reads without a copy.

``_layout`` says what the engine takes. NumPy arrays of floats and integers pass
as they are; other dtypes are converted once, to float64. A pandas frame of one
block passes as a matrix, Arrow's numbers chunk by chunk (``_frames``); other
data frames (all that Narwhals knows) pass column by column.
"""

from __future__ import annotations

import reprlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf import _layout
from fastrcf.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from fastrcf._typing import Matrix, Rows


def to_rows(x: Any, *, gaps: bool = False) -> Rows:
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
    numpy.ndarray, list or tuple
        What the engine takes; see :mod:`fastrcf._layout`.

    Raises
    ------
    InvalidInputError
        If ``x`` is not one or two-dimensional, has no columns or holds what is
        no number; row and column are named where there are any.
    """
    # What has one face only is not asked for others: a row takes microseconds.
    if not isinstance(x, (np.ndarray, list, tuple)) and is_frame(x):
        from fastrcf._frames import frame_rows

        return frame_rows(x, gaps)
    return array_rows(as_array(x, gaps), gaps)


def to_matrix(x: Any) -> Matrix:
    """Turn ``x`` into one matrix of float32 or float64, for those who compute with it."""
    return _layout.dense(to_rows(x))


def array_rows(x: np.ndarray[Any, Any], gaps: bool = False) -> Rows:
    """Turn a NumPy array into what the engine takes."""
    x = shaped(x, gaps)
    return _layout.matrix_rows(x if _layout.is_read(x.dtype) else numbers(x, gaps))


def shaped(x: np.ndarray[Any, Any], gaps: bool = False) -> np.ndarray[Any, Any]:
    """Give an array two dimensions; nothing of it is masked."""
    x = unmasked(x, gaps)
    if x.ndim == 1:
        x = x.reshape(1, -1)
    if x.ndim != 2:
        raise InvalidInputError(
            f"expected shape (n, d), or (d,) for one row, found {x.ndim} dimensions"
        )
    if x.shape[1] == 0:
        raise InvalidInputError("the input has no columns")
    return x


def matrix(x: np.ndarray[Any, Any], gaps: bool = False) -> Matrix:
    """Make a NumPy array a matrix of floats, contiguous in either order."""
    x = numbers(shaped(x, gaps), gaps)
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


def numbers(x: np.ndarray[Any, Any], gaps: bool = False) -> Matrix:
    """Convert to float32 or float64, native; what is so already stays as it is."""
    if x.dtype in _layout.FLOATS and x.dtype.isnative:
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
    what = "the value is missing" if is_missing(value) else f"{reprlib.repr(value)} is not a number"
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
            return with_gaps(series)
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
        columns = x if type(x) is dict else {}
        single = [
            name
            for name, value in columns.items()
            if isinstance(value, str) or not hasattr(value, "__iter__")
        ]
        if single:
            raise InvalidInputError(
                f"expected a table: {single[0]!r} is one value and no column of them; rows as "
                "dictionaries become a table by pandas.DataFrame(rows)"
            ) from None
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


def with_gaps(series: Any) -> np.ndarray[Any, Any]:
    """Give a series of numbers, null as NaN."""
    values = series.cast(narwhals().Float64).to_numpy()
    return np.ascontiguousarray(values, np.float64)
