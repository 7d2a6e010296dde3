"""Rows as a Parquet file, made once and kept in build/."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benches.engines.protocol import Rows

FOLDER = Path(__file__).resolve().parent.parent / "build" / "parquet"
# What PyArrow writes by default, said here so that the file stays the same.
ROW_GROUP = 1 << 20
COMPRESSION = "snappy"


class Files:
    """Files of rows, named by what is in them.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first file is.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._last: tuple[Rows, Path] | None = None

    def of(self, rows: Rows) -> Path:
        """Give the file that holds these rows, written now if there is none.

        Parameters
        ----------
        rows : numpy.ndarray of float32, shape (n, d)
            Become columns ``x0``, ``x1`` and so on, in row groups of a million rows.
        """
        # All lanes of all rounds ask for the same rows: they are looked through once.
        if self._last is None or self._last[0] is not rows:
            n, d = rows.shape
            said = f"{n}x{d}-{zlib.crc32(np.ascontiguousarray(rows).data):08x}.parquet"
            path = self._folder / said
            if not path.exists():
                write(rows, path)
            self._last = (rows, path)
        return self._last[1]


def write(rows: Rows, path: Path) -> None:
    """Write rows as a Parquet file, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"x{j}" for j in range(rows.shape[1])]
    schema = pa.schema([(name, pa.float32()) for name in names])
    writing = path.with_suffix(".writing")
    with pq.ParquetWriter(writing, schema, compression=COMPRESSION) as file:
        for first in range(0, len(rows), ROW_GROUP):
            # A column of a row group at a time is made contiguous: gigabytes need no copy.
            group = np.asfortranarray(rows[first : first + ROW_GROUP])
            columns = [pa.array(group[:, j]) for j in range(rows.shape[1])]
            file.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)
    writing.replace(path)
