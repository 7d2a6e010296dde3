"""Parquet files that workers write themselves.

Where rows have many columns, Spark takes longer to make rows of what workers give and to write
these than the workers took to compute them. They have it as columns, and can write it.

A task writes a file of its own below ``_fastrcf-<run>`` of the folder, where Spark looks for none,
and tells its name. What counts is what the driver was told: it moves these files up, and removes
what is left of tasks that failed or were tried twice. ``_SUCCESS`` comes last, as Spark has it.
"""

from __future__ import annotations

import posixpath
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fastrcf import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a task tells of its file.
FIELDS = "name string, rows long"
_SCHEMA = pa.schema([("name", pa.string()), ("rows", pa.int64())])


class Folder:
    """A folder that is made of files that workers write; on the driver.

    Parameters
    ----------
    system : pyarrow.fs.FileSystem
        Where workers reach it, too.
    path : str
        There.

    Raises
    ------
    fastrcf.InvalidParameterError
        If it is there already.
    """

    def __init__(self, system: fs.FileSystem, path: str) -> None:
        if system.get_file_info(path).type != fs.FileType.NotFound:
            raise InvalidParameterError(f"{path} is there already")
        self._system, self._path = system, path
        self._work = posixpath.join(path, f"_fastrcf-{uuid.uuid4().hex}")

    @property
    def plan(self) -> dict[str, Any]:
        """What :func:`written` is told."""
        return {"system": self._system, "folder": self._work}

    @contextmanager
    def making(self) -> Iterator[list[str]]:
        """Make the folder of the files that are named while this lasts, or no folder if it fails.

        What tasks wrote beside these files is removed.
        """
        self._system.create_dir(self._work, recursive=True)
        names: list[str] = []
        try:
            yield names
            for name in sorted(names):
                place = posixpath.join(self._work, name)
                self._system.move(place, posixpath.join(self._path, name))
            self._system.delete_dir(self._work)
            with self._system.open_output_stream(posixpath.join(self._path, "_SUCCESS")):
                pass
        except BaseException:
            self._system.delete_dir(self._path)
            raise


def written(output: dict[str, Any], tables: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Write tables of one schema into one file; yields its name and rows, if there are any."""
    first = next(tables, None)
    if first is None:
        return
    name = f"{_task()}-{uuid.uuid4().hex}.parquet"
    # A dictionary of single numbers takes time and saves nothing.
    texts = [field.name for field in first.schema if not pa.types.is_floating(field.type)]
    rows = 0
    with (
        output["system"].open_output_stream(posixpath.join(output["folder"], name)) as file,
        pq.ParquetWriter(
            file, first.schema, compression="lz4", use_dictionary=texts, write_statistics=texts
        ) as writer,
    ):
        table: pa.Table | None = first
        while table is not None:
            writer.write_table(table, row_group_size=len(table))
            rows += len(table)
            table = next(tables, None)
    yield pa.record_batch([[name], [rows]], schema=_SCHEMA)


def _task() -> str:
    """Name the file of this task."""
    from pyspark import TaskContext

    context = TaskContext.get()
    # Outside of a task there is one only.
    return f"part-{0 if context is None else context.partitionId():05d}"
