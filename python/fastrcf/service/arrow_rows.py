"""Rows of Arrow's streams. Arrow itself is imported once one comes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.service.columns import Columns, no_rows, problem, too_many
from fastrcf.serving.problems import Problem, bad_input

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fields of Arrow's flatbuffers (Message.fbs), by their place in the table.
_HEADER_TYPE, _HEADER, _COMPRESSION = 1, 2, 3
_RECORD_BATCH = 3


class ArrowRows:
    """Reads rows of a model.

    Parameters
    ----------
    columns : Columns
    limit : int
        Most rows of a body.
    """

    def __init__(self, columns: Columns, limit: int) -> None:
        self._columns = columns
        self._limit = limit

    def read(self, body: bytes, *, extra: bool) -> Any:
        """Read the rows of a stream of record batches.

        Returns
        -------
        numpy.ndarray of float64, or of objects where there are categories, shape (n, d)

        Raises
        ------
        Problem
            415 without Arrow, and for compressed streams: a few bytes of those may be any
            number of rows.
        """
        pa = _arrow()
        try:
            return self._read(pa, body, extra)
        except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, OverflowError) as error:
            raise bad_input(f"the body is no stream of Arrow: {_short(error)}") from None

    def _read(self, pa: Any, body: bytes, extra: bool) -> Any:
        columns = self._columns
        source = pa.py_buffer(body)
        with pa.ipc.open_stream(source) as reader:
            schema = reader.schema
        order = columns.order(schema.names, extra=extra)
        for j, place in enumerate(order):
            _check_kind(pa, schema.field(place).type, columns, j)
        for place, field in enumerate(schema):
            if place not in order and not _is_flat(pa, field.type):
                raise problem("invalid_input", f"column {field.name!r} is of type {field.type}")
        if any(map(_is_compressed, _messages(pa, source))):
            raise Problem(
                415, "unsupported_media_type", "compressed streams of Arrow are not read here"
            )
        batches, n = [], 0
        whole = pa.BufferReader(source)
        with pa.ipc.open_stream(whole) as reader:
            for batch in reader:
                n += batch.num_rows
                if n > self._limit:
                    raise too_many(self._limit)
                batch.validate(full=True)
                batches.append(batch)
            end = whole.tell()
        if end != len(body):
            raise bad_input(
                f"the stream of Arrow ends at byte {end}, and {len(body) - end} more come behind "
                "it; send each stream as a body of its own"
            )
        if not n:
            raise no_rows()
        table = pa.Table.from_batches(batches, schema)
        return self._array(pa, [table.column(place) for place in order])

    def _array(self, pa: Any, found: list[Any]) -> Any:
        columns, n = self._columns, len(found[0])
        # A column after the other, as they come: each is written once, and in one piece.
        kind = object if columns.categories else np.float64
        rows = np.empty((len(found), n), kind).T
        for j, column in enumerate(found):
            is_category = columns.names[j] in columns.categories
            if column.null_count and not (columns.optional and not is_category):
                raise columns.lacking(int(np.flatnonzero(column.is_null().to_numpy())[0]), j)
            start = 0
            for chunk in column.chunks:
                end = start + len(chunk)
                if is_category:
                    rows[start:end, j] = chunk.to_pylist()
                else:
                    rows[start:end, j] = _numbers(pa, chunk)
                start = end
        return rows


def _numbers(pa: Any, chunk: Any) -> Any:
    """Give numbers of any kind as NumPy's; those that are missing are NaN."""
    if chunk.null_count:
        chunk = chunk.cast(pa.float64(), safe=False)
    return chunk.to_numpy(zero_copy_only=False)


def _arrow() -> Any:
    """Give Arrow, which a small installation (a Lambda function) may do without."""
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise Problem(
            415, "unsupported_media_type", "streams of Arrow need pyarrow, which is not here"
        ) from None
    return pyarrow


def _check_kind(pa: Any, kind: Any, columns: Columns, j: int) -> None:
    name = columns.names[j]
    types = pa.types
    number = types.is_integer(kind) or types.is_floating(kind)
    if name in columns.categories:
        if types.is_dictionary(kind):
            kind = kind.value_type
        if number or any(is_(kind) for is_ in (types.is_string, types.is_large_string)):
            return
        if types.is_boolean(kind):
            return
        raise problem("not_a_category", f"column {name!r} is of type {kind}, no category", None, j)
    if not number:
        raise problem("not_a_number", f"column {name!r} is of type {kind}, no number", None, j)


def _is_flat(pa: Any, kind: Any) -> bool:
    """Whether a column that is passed over takes about as much memory as it has bytes."""
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_temporal(kind)
        or types.is_decimal(kind)
    )


def _messages(pa: Any, source: Any) -> Iterator[bytes]:
    """Give the flatbuffer of each message."""
    reader = pa.ipc.MessageReader.open_stream(source)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        yield message.metadata.to_pybytes()


def _is_compressed(metadata: bytes) -> bool:
    """Whether a message is a record batch with compressed buffers.

    What cannot be followed is taken for one: such a message is none that Arrow writes.
    """
    try:
        (root,) = struct.unpack_from("<I", metadata, 0)
        kind = _field(metadata, root, _HEADER_TYPE)
        if kind is None or metadata[kind] != _RECORD_BATCH:
            return False
        place = _field(metadata, root, _HEADER)
        if place is None:
            return True
        (offset,) = struct.unpack_from("<I", metadata, place)
        return _field(metadata, place + offset, _COMPRESSION) is not None
    except (struct.error, IndexError):
        return True


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Give where a field of a flatbuffer's table is; None where it has none."""
    (back,) = struct.unpack_from("<i", metadata, table)
    start = table - back
    (size,) = struct.unpack_from("<H", metadata, start)
    place = 4 + 2 * number
    if place + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", metadata, start + place)
    return table + offset if offset else None


def _short(error: Exception) -> str:
    return str(error).split("\n")[0][:200]
