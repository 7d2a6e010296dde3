"""Parquet, row group by row group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fastrcf.container.rows import Rows, as_labels, first_unusable, refused, unusable
from fastrcf.container.stopping import stop_if_asked
from fastrcf.errors import InvalidInputError
from fastrcf.files.sources import kind_of
from fastrcf.files.values import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BATCH = 1 << 16
# Values of a batch: wide tables come in fewer rows.
_BATCH_VALUES = 1 << 22


class ParquetRows:
    """The rows of one Parquet file.

    Parameters
    ----------
    path : Path
    file : str
        Its name, for errors.
    label_size : {0, 1}
        Whether the first column is a label.
    keep_labels : bool
        Whether the labels are wanted; if not, they may be of any kind.
    order : sequence of str or None
        Names of the columns in the order that is wanted, of a file before this one.

    Attributes
    ----------
    names : tuple of str
        Those of the columns without the label.

    Raises
    ------
    InvalidInputError
        If it is no Parquet file, its columns are others than those before, or one holds
        no numbers.
    """

    def __init__(
        self,
        path: Path,
        file: str,
        *,
        label_size: int,
        keep_labels: bool,
        order: tuple[str, ...] | None,
    ) -> None:
        self._file = file
        try:
            self._parquet = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise refused(file, f"this is no Parquet file: {_told(error)}") from None
        schema = self._parquet.schema_arrow
        given = tuple(schema.names)
        if len(set(given)) != len(given):
            raise refused(file, "two columns have the same name")
        self._label = given[0] if label_size and given else None
        self.names = tuple(name for name in given if name != self._label)
        if not self.names:
            raise refused(file, "there is no column" + (" beside the label" if given else ""))
        if order is not None:
            self.names = _ordered(file, self.names, order, self._label)
        if not keep_labels:
            self._label = None
        for name in (*self.names, *([self._label] if self._label else [])):
            dtype = schema.field(name).type
            if kind_of(dtype) != "number":
                raise refused(
                    file,
                    f"it holds {dtype}, not numbers; write it as numbers or leave it out",
                    column=name,
                )

    def __iter__(self) -> Iterator[Rows]:
        columns = [*([self._label] if self._label else []), *self.names]
        size = max(1, min(_BATCH, _BATCH_VALUES // len(columns)))
        done = 0
        batches = self._parquet.iter_batches(batch_size=size, columns=columns)
        while True:
            stop_if_asked()
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise refused(
                    self._file, f"the file is damaged: {_told(error)}", row=done
                ) from None
            if batch is None:
                return
            table = pa.Table.from_batches([batch])
            if table.num_rows:
                yield self._rows(table, done)
            done += table.num_rows

    def _rows(self, table: pa.Table, done: int) -> Rows:
        values = np.column_stack([self._numbers(table, name) for name in self.names])
        place = first_unusable(values)
        if place is not None:
            row, j = place
            missing = not table[self.names[j]][row].is_valid
            what = "the value is missing" if missing else unusable(float(values[place]))
            raise refused(self._file, what, row=done + row, column=self.names[j])
        labels = None
        if self._label is not None:
            label = self._label
            labels = as_labels(
                self._numbers(table, label),
                lambda i, what: refused(self._file, what, row=done + i, column=label),
            )
        return Rows(values, labels, self._file)

    def _numbers(self, table: pa.Table, name: str) -> Any:
        try:
            return numbers(table[name]).array
        except InvalidInputError as error:
            raise refused(self._file, str(error), column=name) from None


def _ordered(
    file: str, names: tuple[str, ...], order: tuple[str, ...], label: str | None
) -> tuple[str, ...]:
    for name in order:
        if name == label:
            raise refused(
                file,
                "it is the first one, which is taken for the label, and no label in files before "
                "this one; labels come first, and ContentType with ;label_size=0 has none",
                column=name,
            )
        if name not in names:
            raise refused(file, "the column is missing; files before this one have it", column=name)
    for name in names:
        if name not in order:
            raise refused(file, "files before this one have no such column", column=name)
    return order


def _told(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
