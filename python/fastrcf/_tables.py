"""Tables of any kind as columns by name, and results in the same kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf import _layout
from fastrcf._frames import arrow_rows, is_number_of_pandas, pandas_block, series_column
from fastrcf._input import (
    array_rows,
    arrow_table,
    as_array,
    as_frame,
    as_series,
    is_frame,
    is_kind,
    is_missing,
    is_series,
    matrix,
    shaped,
    unmasked,
    with_gaps,
)
from fastrcf._parameters import is_unicode
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf._typing import Columns, Integers, Rows

    Encode = Callable[[int, list[str]], list[float]]


@dataclass
class Table:
    """One table, seen as named columns.

    Attributes
    ----------
    names : list of str
        All columns.
    n_rows : int
        Rows.
    frame : narwhals.DataFrame or None
        The frame, or None where the table is an array.
    array : numpy.ndarray or None
        The array, shape (n, d), its columns named x0, x1 and so on.
    native : object
        What the user gave.
    first_row : int
        Rows of the batches before this one, by which errors count.
    """

    names: list[str]
    n_rows: int
    frame: Any = None
    array: Any = None
    native: Any = None
    first_row: int = 0

    def numeric(self) -> list[str]:
        """Name the columns that hold numbers."""
        if self.frame is None:
            return self.names
        kinds = zip(self.names, self.frame.schema.values(), strict=True)
        return [
            name
            for name, kind in kinds
            if kind.is_numeric() or kind == _boolean() or self._is_unknown_number(name, kind)
        ]

    def _is_unknown_number(self, name: str, kind: Any) -> bool:
        """Whether a column holds numbers of pandas that Narwhals does not know."""
        import narwhals as nw

        return kind == nw.Unknown and is_number_of_pandas(self.column(name).to_native())

    def unconverted(self) -> list[str]:
        """Name the columns of objects that are all numbers, of which no type says so."""
        if self.frame is None:
            return []
        import narwhals as nw

        kinds = zip(self.names, self.frame.schema.values(), strict=True)
        objects = [name for name, kind in kinds if kind == nw.Object]
        return [name for name in objects if _are_numbers(self.column(name).to_list())]

    def untyped(self) -> list[str]:
        """Name the columns that have no value, and so no type: they may hold anything."""
        if self.frame is None or not self.n_rows:
            return []
        return [
            name
            for name in self.names
            if _may_be_untyped(self.column(name)) and self.column(name).null_count() == self.n_rows
        ]

    def has_no_value(self, name: str) -> bool:
        """Whether all of several rows lack a value in a column; one row is no column."""
        if self.n_rows < 2:
            return False
        column = self.column(name)
        if self.frame is None:
            if column.dtype.kind == "f":
                return bool(np.isnan(column).all())
            return column.dtype.kind == "O" and all(
                is_missing(value) or (isinstance(value, float) and np.isnan(value))
                for value in column
            )
        if column.null_count() == self.n_rows:
            return True
        return bool(column.dtype.is_float() and np.isnan(with_gaps(column)).all())

    def is_text(self, name: str) -> bool:
        """Whether a column holds text, or objects that are not all numbers."""
        column = self.column(name)
        if self.frame is None:
            return column.dtype.kind in "UST" or (
                column.dtype.kind == "O" and any(isinstance(value, str) for value in column)
            )
        import narwhals as nw

        if column.dtype == nw.Object:
            return not _are_numbers(column.to_list())
        return column.dtype in (nw.String, nw.Categorical, nw.Enum)

    def has_order(self, name: str) -> bool:
        """Whether a column may hold times of which all tools know the first and the last."""
        column = self.column(name)
        if self.frame is None:
            return not self.is_text(name)
        import narwhals as nw

        known = (nw.Datetime, nw.Date, nw.Boolean, nw.Object)
        return bool(column.dtype.is_numeric() or column.dtype in known)

    def column(self, name: str) -> Any:
        """Give a column as a Narwhals series or an array."""
        place = self._place_of.get(name)
        if place is None:
            raise InvalidInputError(f"the table has no column {name!r}; it has {_some(self.names)}")
        # By place: the frame's own names need not be text.
        return self.array[:, place] if self.frame is None else self._series[place]

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _series(self) -> list[Any]:
        # All at once: to ask a frame for one names all of its columns, each time.
        return list(self.frame.iter_columns())

    def texts(self, name: str) -> tuple[list[str], Integers]:
        """Give the categories of a column by their names, and for each row which one it is."""
        known: list[str] = []

        def encode(_: int, names: list[str]) -> list[float]:
            known.extend(names)
            return [float(i) for i in range(len(names))]

        (codes,) = self.columns([name], {name}, encode)
        return known, codes.astype(np.int64)

    def columns(self, names: list[str], categorical: set[str], encode: Encode) -> Any:
        """Give the columns as the engine takes them, categories as numbers."""
        try:
            return self._columns(names, categorical, encode)
        except InvalidInputError as error:
            if error.row is None or error.column is None:
                raise
            row, name = error.row + self.first_row, names[error.column]
            _, _, what = str(error).partition(": ")
            raise InvalidInputError(
                f"row {row}, column {name!r}: {what or error}", row=row, column=error.column
            ) from None

    def _columns(self, names: list[str], categorical: set[str], encode: Encode) -> Any:
        if self.frame is None and names == self.names and not categorical:
            return array_rows(self.array)
        if self.frame is not None and not categorical:
            native = self.frame.to_native()
            seen: Rows | None = arrow_rows(native, names)
            if seen is None and names == self.names:
                seen = pandas_block(native)
            if seen is not None:
                return seen
        out: Columns = []
        for j, name in enumerate(names):
            column = self.column(name)
            if name in categorical:
                try:
                    out.append(_category_numbers(j, column, encode))
                except UnicodeEncodeError:
                    raise _half(j, column) from None
            elif self.frame is None:
                out.append(_number_column(j, column))
            else:
                out.append(series_column(j, column))
        return out


def _may_be_untyped(column: Any) -> bool:
    """Whether a type says nothing: null of Arrow and Polars, objects of pandas."""
    import narwhals as nw

    # Narwhals takes objects for text, if they are none or text.
    return column.dtype in (nw.Unknown, nw.Object) or (
        column.dtype == nw.String and str(getattr(column.to_native(), "dtype", "")) == "object"
    )


def _are_numbers(values: list[Any]) -> bool:
    """Whether objects are numbers, or missing, and at least one is a number."""
    numbers = (Real, Decimal, np.bool_)
    return all(isinstance(value, numbers) or is_missing(value) for value in values) and any(
        isinstance(value, numbers) and value == value for value in values
    )


def _boolean() -> Any:
    import narwhals as nw

    return nw.Boolean


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _number_column(j: int, column: Any) -> Any:
    """Give a column of an array as the engine takes it."""
    if _layout.is_read(column.dtype):
        return _layout.column(column)
    try:
        return np.ascontiguousarray(matrix(column.reshape(-1, 1))[:, 0])
    except InvalidInputError as error:
        _, _, what = str(error).partition(": ")
        raise InvalidInputError(
            f"row {error.row}, column {j}: {what or error}", row=error.row, column=j
        ) from None


def _category_numbers(j: int, column: Any, encode: Encode) -> Any:
    if isinstance(column, np.ndarray):
        return _array_categories(j, column, encode)
    import narwhals as nw

    if column.null_count():
        raise _missing(j, int(np.flatnonzero(column.is_null().to_numpy())[0]))
    kind: Any = getattr(column.to_native(), "dtype", None)
    if is_kind(kind, "pandas", "CategoricalDtype"):
        # What it says depends on what the categories are.
        column = as_series(column.to_native().astype(kind.categories.dtype))
    if column.dtype == nw.Boolean or column.dtype.is_float():
        # Engines write these in ways of their own.
        return _array_categories(j, column.to_numpy(), encode)
    if not len(column):
        return np.empty(0)
    texts = (nw.String, nw.Categorical, nw.Enum)
    if column.dtype not in texts and not column.dtype.is_numeric():
        # So they do of times, lists and objects, or cannot; Python writes them one way.
        names = [_category(value) for value in column.to_list()]
        return _array_categories(j, np.array(names, dtype=str), encode)
    text = column.cast(nw.String)
    names = sorted(text.unique().to_list())
    numbers = text.replace_strict(names, encode(j, names), return_dtype=nw.Float64)
    return np.ascontiguousarray(numbers.to_numpy())


def _array_categories(j: int, column: Any, encode: Encode) -> Any:
    if column.dtype.kind == "O":
        # NaN is not itself, and NA does not say what it is.
        missing = [
            value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
            for value in column
        ]
        places, column = (
            np.flatnonzero(missing),
            np.array([_category(v) for v in column], dtype=str),
        )
    else:
        places = np.flatnonzero(column != column)
    if len(places):
        raise _missing(j, int(places[0]))
    values, inverse = np.unique(column, return_inverse=True)
    return np.asarray(encode(j, [_category(value) for value in values]), dtype=float)[inverse]


def _missing(j: int, row: int) -> InvalidInputError:
    return InvalidInputError(f"row {row}, column {j}: the value is missing", row=row, column=j)


def _half(j: int, column: Any) -> InvalidInputError:
    values = column.tolist() if isinstance(column, np.ndarray) else column.to_list()
    texts = [str(value) for value in values]
    row = next(i for i, text in enumerate(texts) if not is_unicode(text))
    what = f"{texts[row]!r} holds half a character"
    return InvalidInputError(f"row {row}, column {j}: {what}", row=row, column=j)


def _category(value: Any) -> str:
    """Name a category alike whatever table it comes from."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, timedelta):
        # That of pandas writes itself in a way of its own.
        value = timedelta(value.days, value.seconds, value.microseconds)
    return str(value)


def as_table(x: Any) -> Table:
    """See anything table-like as a table.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    if isinstance(x, Table):
        return x
    if isinstance(x, np.ndarray):
        return _array_table(x, x)
    if isinstance(x, Mapping) and not is_frame(x):
        x = arrow_table(dict(x))
    elif is_kind(x, "pandas", "Series"):
        # A row of a frame knows its columns' names.
        x = x.to_frame().T.infer_objects()
    if is_frame(x):
        frame = as_frame(x)
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            raise InvalidInputError("two columns of the table have the same name")
        for name in names:
            if not name.isascii() and not is_unicode(name):
                raise InvalidInputError(f"the name {name!r} of a column holds half a character")
        return Table(names, len(frame), frame=frame, native=x)
    return _array_table(as_array(x), x)


def _array_table(array: np.ndarray[Any, Any], native: Any) -> Table:
    array = unmasked(array)
    if array.dtype.kind in "OUSTiub" and array.ndim in (1, 2) and array.shape[-1]:
        # Kept as it is: some columns may be categories.
        array = np.atleast_2d(array)
    elif _layout.is_read(array.dtype):
        array = shaped(array)
    else:
        array = matrix(array)
    return Table(_places(array.shape[1]).copy(), len(array), array=array, native=native)


@lru_cache(maxsize=64)
def _places(width: int) -> list[str]:
    """Name columns by their places; kept, since a row takes microseconds."""
    return [f"x{j}" for j in range(width)]


def as_batches(x: Any) -> Iterator[Table]:
    """See a table, or batches of tables, as batches; their rows count on."""
    first_row, width = 0, None
    for table in _batches(x):
        if table.frame is None:
            # Columns without names are told apart by their place alone.
            if table.array.shape[1] != (width or table.array.shape[1]):
                raise InvalidInputError(
                    f"row {first_row}: expected {width} columns, found {table.array.shape[1]}",
                    row=first_row,
                )
            width = table.array.shape[1]
        table.first_row = first_row
        first_row += table.n_rows
        yield table


def _batches(x: Any) -> Iterator[Table]:
    if is_kind(x, "pyarrow", "RecordBatchReader"):
        # Never the whole of it at once.
        for batch in x:
            yield as_table(batch)
        return
    if is_frame(x) or is_series(x) or isinstance(x, (np.ndarray, Mapping)):
        yield as_table(x)
        return
    if isinstance(x, (list, tuple)) and not (x and (is_frame(x[0]) or _is_matrix(x[0]))):
        yield as_table(x)
        return
    if isinstance(x, Iterable):
        for batch in x:
            yield as_table(batch)
        return
    yield as_table(x)


def _is_matrix(x: Any) -> bool:
    return isinstance(x, Mapping) or (isinstance(x, np.ndarray) and x.ndim == 2)
