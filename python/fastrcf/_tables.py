"""Tables of any kind as columns by name, and results in the same kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._input import as_frame, is_frame, matrix, series_to_array, to_rows
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf._typing import Columns

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
    """

    names: list[str]
    n_rows: int
    frame: Any = None
    array: Any = None
    native: Any = None

    def numeric(self) -> list[str]:
        """Name the columns that hold numbers."""
        if self.frame is None:
            return self.names
        schema = self.frame.schema
        return [
            name for name in self.names if schema[name].is_numeric() or schema[name] == _boolean()
        ]

    def is_text(self, name: str) -> bool:
        """Whether a column holds text."""
        if self.frame is None:
            column = self.array[:, self.names.index(name)]
            return column.dtype.kind in "UST" or (
                column.dtype.kind == "O" and any(isinstance(value, str) for value in column)
            )
        import narwhals as nw

        return self.frame.schema[name] in (nw.String, nw.Categorical, nw.Enum, nw.Object)

    def column(self, name: str) -> Any:
        """Give a column as a Narwhals series or an array."""
        if name not in self.names:
            raise InvalidInputError(f"the table has no column {name!r}; it has {_some(self.names)}")
        if self.frame is None:
            return self.array[:, self.names.index(name)]
        return self.frame[name]

    def columns(self, names: list[str], categorical: set[str], encode: Encode) -> Any:
        """Give the columns as the engine takes them, categories as numbers."""
        if self.frame is None and names == self.names and not categorical:
            return self.array
        out: Columns = []
        for j, name in enumerate(names):
            column = self.column(name)
            if name in categorical:
                out.append(_category_numbers(j, name, column, encode))
            elif self.frame is None:
                out.append(np.ascontiguousarray(column))
            else:
                out.append(series_to_array(j, column))
        return out


def _boolean() -> Any:
    import narwhals as nw

    return nw.Boolean


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _category_numbers(j: int, name: str, column: Any, encode: Encode) -> Any:
    if isinstance(column, np.ndarray):
        values, inverse = np.unique(column.astype(str), return_inverse=True)
        return np.asarray(encode(j, [str(v) for v in values]))[inverse]
    import narwhals as nw

    if column.null_count():
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InvalidInputError(
            f"row {row}, column {name!r}: the value is missing", row=row, column=j
        )
    if len(column) == 0:
        return np.zeros(0)
    text = column.cast(nw.String)
    names = sorted(text.unique().to_list())
    numbers = text.replace_strict(names, encode(j, names), return_dtype=nw.Float64)
    return np.ascontiguousarray(numbers.to_numpy())


def as_table(x: Any) -> Table:
    """See anything table-like as a table.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    if isinstance(x, Table):
        return x
    if isinstance(x, Mapping) and not is_frame(x):
        x = _from_mapping(x)
    if is_frame(x):
        frame = as_frame(x)
        return Table(list(frame.columns), len(frame), frame=frame, native=x)
    array = x if isinstance(x, np.ndarray) else None
    if array is not None and array.dtype.kind in "OUST" and array.ndim == 2:
        # Kept as it is: some columns may be categories.
        names = [f"x{j}" for j in range(array.shape[1])]
        return Table(names, len(array), array=array, native=x)
    rows = to_rows(x)
    array = matrix(np.column_stack(rows)) if isinstance(rows, list) else rows
    return Table([f"x{j}" for j in range(array.shape[1])], len(array), array=array, native=x)


def _from_mapping(x: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    return pa.table(dict(x))


def as_batches(x: Any) -> Iterator[Table]:
    """See a table, or batches of tables, as batches."""
    if is_frame(x) or isinstance(x, (np.ndarray, Mapping)):
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
