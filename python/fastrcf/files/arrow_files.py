"""Parquet and Arrow IPC: columns have types, rows have numbers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from fastrcf.files.formats import STANDARD
from fastrcf.files.sources import Batch, Source, kind_of, numbered, open_bytes, share_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf.files.sources import Options


class ParquetSource(Source):
    """A Parquet file, row group by row group; only the columns asked for are read."""

    def __init__(self, path: str, options: Options) -> None:
        self.file = path
        self._options = options
        # Parquet is read from its end: a stream has to be held whole.
        self._parquet = pq.ParquetFile(_whole(path) if path == STANDARD else path)
        schema = self._parquet.schema_arrow
        self.names = list(schema.names)
        self.kinds = {field.name: kind_of(field.type) for field in schema}
        self._rows = self._parquet.metadata.num_rows
        self._done = 0

    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        batches = self._parquet.iter_batches(
            batch_size=self._options.batch_rows, columns=list(columns)
        )
        for batch in batches:
            table = pa.Table.from_batches([batch]).select(list(columns))
            yield Batch(table, self.file, numbered(self._done, table))
            self._done += table.num_rows

    def progress(self) -> float:
        """Share of the rows that have been read."""
        return float(self._done / max(1, self._rows))


class ArrowSource(Source):
    """An Arrow IPC file or stream."""

    def __init__(self, path: str, options: Options) -> None:
        self.file = path
        self._options = options
        self._raw, stream = open_bytes(path)
        self._reader: Any
        if stream is self._raw and path != STANDARD:
            # Mapped, not read: batches may be larger than what is asked for.
            self._raw = stream = pa.memory_map(path)
        try:
            self._reader = pa.ipc.open_stream(stream)
        except pa.ArrowInvalid:
            if not stream.seekable():
                stream = _whole(path)
            stream.seek(0)
            self._reader = pa.ipc.open_file(stream)
        self.names = list(self._reader.schema.names)
        self.kinds = {field.name: kind_of(field.type) for field in self._reader.schema}

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self._reader, pa.ipc.RecordBatchFileReader):
            for i in range(self._reader.num_record_batches):
                yield self._reader.get_batch(i)
        else:
            yield from self._reader

    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        done = 0
        for batch in self._batches():
            whole = pa.Table.from_batches([batch]).select(list(columns))
            for first in range(0, whole.num_rows, self._options.batch_rows):
                table = whole.slice(first, self._options.batch_rows)
                yield Batch(table, self.file, numbered(done, table))
                done += table.num_rows

    def progress(self) -> float:
        """Share of the file that has been read."""
        return share_read(self.file, self._raw)


def _whole(path: str) -> Any:
    _, stream = open_bytes(path)
    return pa.BufferReader(stream.read()) if path != STANDARD else io.BytesIO(stream.read())
