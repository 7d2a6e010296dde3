"""Data frames as what the engine takes: blocks, chunks, columns.

A pandas frame that is one block passes as a matrix. Numbers of Arrow pass chunk
by chunk, without Narwhals and without joining the chunks; so do those of Polars
where there are several. All else passes column by column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf import _layout
from fastrcf._input import array_rows, as_frame, is_kind, narwhals, numbers, with_gaps
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Columns, Rows

_BITS = (8, 16, 32, 64)
# As either writes its kinds of numbers.
_ARROW_NUMBERS = frozenset(
    ("float", "double", *(f"{sign}int{bits}" for sign in ("", "u") for bits in _BITS))
)
_POLARS_NUMBERS = frozenset(
    ("Float32", "Float64", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in _BITS))
)
# Rows that a chunk should have: to see those of a smaller one takes longer than
# to copy them.
_LEAST_CHUNK = 1024
# Values from which on a frame of several blocks is not worth joining.
_LARGE = 1 << 15


def frame_rows(x: Any, gaps: bool = False) -> Rows:
    """Turn a data frame into what the engine takes, without copies where it can be."""
    seen: Rows | None = arrow_rows(x)
    if seen is None:
        seen = pandas_block(x, gaps)
    if seen is not None:
        return seen
    frame = as_frame(x)
    if not frame.columns:
        raise InvalidInputError("the input has no columns")
    native = frame.to_native()
    # What had another face may be Arrow's.
    seen = None if native is x else arrow_rows(native)
    if seen is not None:
        return seen
    return [series_column(j, series, gaps) for j, series in enumerate(frame.iter_columns())]


def arrow_rows(x: Any, names: Sequence[str] | None = None) -> Columns | tuple[Columns, ...] | None:
    """Columns of an Arrow table or batch, where all that is asked for are plain numbers.

    Batches of a file come by the hundred, and to wrap and ask each of their
    columns takes twenty times as long as this, a good part of reading them.

    Parameters
    ----------
    x : anything
        Polars frames of several chunks are seen as Arrow's.
    names : sequence of str, optional
        Which columns, in which order; default: all.

    Returns
    -------
    list of numpy.ndarray, tuple of such lists, or None
        Views of the columns, those of several chunks one after the other, cut
        where any column is; joined where the chunks are small. None where
        anything needs a second look: other types, missing values, no rows,
        names that are unknown or twice.
    """
    x = _chunked_polars(x, names)
    if not is_kind(x, "pyarrow", "RecordBatch", "Table"):
        return None
    known = x.schema.names
    wanted = known if names is None else names
    if not wanted or len(set(known)) < len(known) or not set(wanted) <= set(known):
        return None
    columns = [x.column(name) for name in wanted]
    if any(str(column.type) not in _ARROW_NUMBERS or column.null_count for column in columns):
        return None
    if is_kind(x, "pyarrow", "RecordBatch"):
        return _views(columns)
    if any(column.num_chunks != 1 for column in columns):
        return _parts(x.select(wanted))
    return _views([column.chunk(0) for column in columns])


def _views(columns: Sequence[Any]) -> Columns:
    return [_layout.column(column.to_numpy()) for column in columns]


def _parts(table: Any) -> Columns | tuple[Columns, ...] | None:
    """See chunks as tables that follow each other; Arrow cuts them at all bounds."""
    batches = [batch for batch in table.to_batches() if batch.num_rows]
    if not batches:
        return None
    if table.num_rows < _LEAST_CHUNK * len(batches):
        batches = table.combine_chunks().to_batches()
    parts = tuple(_views(batch.columns) for batch in batches)
    return parts if len(parts) > 1 else parts[0]


def _chunked_polars(x: Any, names: Sequence[str] | None) -> Any:
    """Give a Polars frame of numbers in several chunks as Arrow's, all else as it is."""
    if not is_kind(x, "polars", "DataFrame") or max(x.n_chunks("all"), default=0) < 2:
        return x
    wanted = x.columns if names is None else list(names)
    schema = x.schema
    if not all(str(schema.get(name)) in _POLARS_NUMBERS for name in wanted):
        return x
    return x.select(wanted).to_arrow()


def pandas_block(x: Any, gaps: bool = False) -> Rows | None:
    """See a pandas frame that is one block of plain numbers as a matrix.

    Returns
    -------
    what the engine takes, or None
        None where anything needs a second look: several blocks, other types,
        missing values (unless they may be), no rows, names that are twice.
    """
    if not is_kind(x, "pandas", "DataFrame") or not x.size or not x.columns.is_unique:
        return None
    kind, *others = set(x.dtypes)
    if others or not isinstance(kind, np.dtype) or not _layout.is_read(kind):
        return None
    if x.size >= _LARGE:
        # Blocks are joined into a copy; of one row, whether they would be is seen at once.
        row = x.iloc[:1]
        if not np.may_share_memory(row.to_numpy(), row.iloc[:, 0].to_numpy()):
            return None
    values = x.to_numpy()
    # NaN is what is missing here; a minimum finds it in one fast pass.
    if kind.kind == "f" and not gaps and np.isnan(values.min()):
        return None
    return array_rows(values)


def is_number_of_pandas(native: Any) -> bool:
    """Whether a series is one of pandas of numbers that Narwhals does not know.

    They are those that store few of their values, and long doubles.
    """
    dtype: Any = getattr(native, "dtype", None)
    if is_kind(dtype, "pandas", "SparseDtype"):
        dtype = dtype.subtype
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub"


def _has_nulls(series: Any) -> bool:
    native = series.to_native()
    if is_kind(native, "pandas", "Series") and native.dtype in _layout.FLOATS and len(native):
        return bool(np.isnan(native.to_numpy().min()))
    return bool(series.null_count())


def series_column(j: int, series: Any, gaps: bool = False) -> Any:
    """Give column ``j`` as the engine takes it, without a copy where it can be.

    Raises
    ------
    InvalidInputError
        If it holds no numbers, or a value is missing that may not be.
    """
    values = series_to_array(j, series, gaps)
    return _layout.column(values if _layout.is_read(values.dtype) else numbers(values))


def series_to_array(j: int, series: Any, gaps: bool = False) -> np.ndarray[Any, Any]:
    """Give column ``j`` as an array of whatever numbers, without a copy where it can be."""
    nw = narwhals()
    name, dtype = series.name, series.dtype
    if dtype == nw.Object:
        return _numbers_of_objects(j, series, gaps)
    if not (dtype.is_numeric() or dtype in (nw.Boolean, nw.Unknown)):
        raise InvalidInputError(
            f"column {j} ({name!r}): holds {dtype}, not numbers", row=0, column=j
        )
    if dtype == nw.Unknown:
        _refuse_others(j, series)
    if _has_nulls(series):
        if gaps:
            return with_gaps(series)
        row = int(np.flatnonzero(series.is_null().to_numpy())[0])
        raise InvalidInputError(
            f"row {row}, column {j} ({name!r}): the value is missing", row=row, column=j
        )
    if dtype in (nw.Int128, nw.UInt128, nw.Unknown):
        # NumPy has no such integers; a column of unknown type has no rows.
        series = series.cast(nw.Float64)
    values: np.ndarray[Any, Any] = series.to_numpy()
    # Decimals come as objects.
    return numbers(values) if values.dtype.kind == "O" else values


def _numbers_of_objects(j: int, series: Any, gaps: bool) -> np.ndarray[Any, Any]:
    """Give a column of objects, such as decimals, that all have to be numbers."""
    values = np.fromiter(series.to_list(), dtype=object, count=len(series))
    try:
        return numbers(values.reshape(-1, 1), gaps)[:, 0]
    except InvalidInputError as error:
        _, _, what = str(error).partition(": ")
        raise InvalidInputError(
            f"row {error.row}, column {j} ({series.name!r}): {what or error}",
            row=error.row,
            column=j,
        ) from None


def _refuse_others(j: int, series: Any) -> None:
    """Refuse what is no number, or one of which a cast would drop a part."""
    native = series.to_native()
    kind = getattr(native, "dtype", getattr(native, "type", None))
    if not len(series) or series.null_count() == len(series) or is_number_of_pandas(native):
        return
    raise InvalidInputError(
        f"column {j} ({series.name!r}): expected numbers, found dtype {kind}",
        row=0,
        column=j,
    )
