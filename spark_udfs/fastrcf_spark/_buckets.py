"""Rows to where they belong, as blocks: what a shuffle of Spark moves instead of single rows.

A shuffle of rows costs Spark some microseconds for every one: each is written, sorted and read
column by column, and made a row of Arrow at last. Here the workers cut their rows into blocks, one
for each bucket; Spark moves blocks, which it does not look into, and workers put them together.

A block is an Arrow stream, cut into pieces: Spark puts up to 10,000 rows into a batch, however
large they are, and a piece is a row to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

#: Rows that are cut into blocks together.
HELD = 1 << 18
#: Bytes of a piece: 10,000 of them are 320 MB.
PIECE = 1 << 15
#: Buckets for each task that receives them, so that a task holds a part of its rows at a time.
_A_TASK = 4
_LEAST, _MOST = 64, 8_192
#: A shuffle's rows: bucket, block, place of the piece in its block, and the piece.
FIELDS = "bucket int, block long, piece int, data binary"
_SCHEMA = pa.schema(
    [("bucket", pa.int32()), ("block", pa.int64()), ("piece", pa.int32()), ("data", pa.binary())]
)
#: Pieces of a batch that goes to Spark.
_PIECES = 256
#: Blocks of one task are numbered from its own number times this on.
_BLOCKS_A_TASK = 1 << 32


def number(spark: SparkSession) -> int:
    """Say how many buckets there are for as many tasks as a shuffle of this session has."""
    tasks = int(spark.conf.get("spark.sql.shuffle.partitions") or 200)
    return min(max(_A_TASK * tasks, _LEAST), _MOST)


def shuffled(blocks: DataFrame) -> DataFrame:
    """Bring the pieces of a bucket together, in order."""
    return blocks.repartition("bucket").sortWithinPartitions("bucket", "block", "piece")


def held(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Put batches together, until there are enough rows to be cut into blocks."""
    parts: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        parts.append(batch)
        rows += batch.num_rows
        if rows >= HELD:
            yield pa.Table.from_batches(parts)
            parts, rows = [], 0
    if parts:
        yield pa.Table.from_batches(parts)


class Cutter:
    """Cuts the tables of a task into blocks.

    They are compressed here: Spark would do so when it shuffles, but has to move them before.
    """

    def __init__(self) -> None:
        from pyspark import TaskContext

        context = TaskContext.get()
        # Outside of a task there is one only.
        self._options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._block = 0 if context is None else context.partitionId() * _BLOCKS_A_TASK

    def cut(self, table: pa.Table, bucket: Any) -> Iterator[pa.RecordBatch]:
        """Yield the pieces of a table's blocks, by the bucket of each row or of all."""
        bucket = np.broadcast_to(bucket, table.num_rows)
        order = np.argsort(bucket, kind="stable")
        ordered = table.combine_chunks().take(pa.array(order)).combine_chunks()
        numbers = bucket[order]
        bounds = np.append(np.flatnonzero(np.diff(numbers, prepend=-1)), len(numbers))
        rows: list[tuple[int, int, int]] = []
        pieces: list[memoryview] = []
        for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            data = self._written(ordered.slice(first, last - first))
            for at in range(0, len(data), PIECE):
                rows.append((int(numbers[first]), self._block, at // PIECE))
                pieces.append(data[at : at + PIECE])
            self._block += 1
            if len(rows) >= _PIECES:
                yield _batch(rows, pieces)
                rows, pieces = [], []
        if rows:
            yield _batch(rows, pieces)

    def _written(self, table: pa.Table) -> memoryview:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=self._options) as stream:
            stream.write_table(table)
        return memoryview(sink.getvalue())


def _batch(rows: list[tuple[int, int, int]], pieces: list[memoryview]) -> pa.RecordBatch:
    ends = np.zeros(len(pieces) + 1, np.int32)
    np.cumsum([len(piece) for piece in pieces], out=ends[1:])
    data = pa.py_buffer(b"".join(pieces))
    columns = [
        pa.array(values, field.type)
        for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=False)
    ]
    columns.append(
        pa.Array.from_buffers(pa.binary(), len(pieces), [None, pa.py_buffer(ends), data])
    )
    return pa.record_batch(columns, schema=_SCHEMA)


def blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """Put blocks together again: yields buckets and tables, those of a bucket in a row."""
    pieces: list[Any] = []
    now: tuple[int, int] | None = None
    for batch in batches:
        numbers = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        data = batch.column(3)
        for at, block in enumerate(numbers):
            if block != now:
                if now is not None:
                    yield now[0], _read(pieces)
                now, pieces = block, []
            pieces.append(data[at].as_buffer())
    if now is not None:
        yield now[0], _read(pieces)


def _read(pieces: list[Any]) -> pa.Table:
    whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    with pa.ipc.open_stream(whole) as stream:
        return stream.read_all()


def whole(
    batches: Iterable[pa.RecordBatch], rows: int, *, apart: int | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """Yield tables of whole buckets, of about so many rows, with their first bucket.

    Parameters
    ----------
    batches : iterable of RecordBatch
        Pieces, as :func:`shuffled` orders them.
    rows : int
        A table ends with the bucket that reaches them.
    apart : int, optional
        Buckets below this one and from it on are never in one table.
    """
    parts: list[pa.Table] = []
    held, begin, last = 0, -1, -1
    for bucket, table in blocks(batches):
        crossed = apart is not None and last < apart <= bucket
        if parts and bucket != last and (held >= rows or crossed):
            yield begin, pa.concat_tables(parts)
            parts, held = [], 0
        if not parts:
            begin = bucket
        parts.append(table)
        held += table.num_rows
        last = bucket
    if parts:
        yield begin, pa.concat_tables(parts)
