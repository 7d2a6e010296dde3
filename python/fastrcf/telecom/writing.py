"""Columns of the generator to Arrow without a copy, and to Parquet whole or not at all."""

from __future__ import annotations

import base64
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from fastrcf.telecom.schema import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: The columns of a generated record.
SCHEMA: Final = arrow_schema(truth=True)
#: Columns whose values repeat, so that a page holds them once.
_REPEATED: Final = (
    "sim_id",
    "device_id",
    "service",
    "sms_mo",
    "sms_mt",
    "apn",
    "rat",
    "visited_plmn",
    "home_plmn",
    "cell",
    "cell_lat",
    "cell_lon",
    "end_cause",
    "tariff",
    "cost",
    "customer",
    "family",
    "firmware",
    "label",
    "incident",
)
#: Columns whose values are near each other, or small, by their differences; texts of one length.
_CLOSELY: Final = {
    "session_id": "DELTA_LENGTH_BYTE_ARRAY",
    "start_ts": "DELTA_BINARY_PACKED",
    "end_ts": "DELTA_BINARY_PACKED",
    "bytes_up": "DELTA_BINARY_PACKED",
    "bytes_down": "DELTA_BINARY_PACKED",
}
#: Columns that compression takes longer for than it is worth, encoded as they are.
_AS_ENCODED: Final = (
    "start_ts",
    "end_ts",
    "bytes_up",
    "bytes_down",
    "apn",
    "cell_lat",
    "cell_lon",
    "cost",
    "customer",
)
_COMPRESSED: Final = tuple(name for name in SCHEMA.names if name not in _AS_ENCODED)
#: Columns whose least and greatest value let a reader skip row groups.
_RANGES: Final = ("start_ts", "end_ts")


def strings(offsets: Any, data: Any) -> pa.Array:
    """Make texts from where each begins and their bytes."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.StringArray.from_buffers(len(offsets) - 1, buffers[1], buffers[2])


def numbers(values: Any, dtype: pa.DataType, mask: pa.Buffer | None = None, nulls: int = 0) -> Any:
    """Make an array of numbers over the same memory."""
    buffers = [mask, pa.py_buffer(values)]
    return pa.Array.from_buffers(dtype, len(values), buffers, null_count=nulls)


def record_table(columns: dict[str, Any]) -> pa.Table:
    """Make a table of what ``SessionBlock.day`` returns; texts that repeat are dictionaries."""
    n_rows = len(columns["start_ts"])
    mask, nulls = pa.py_buffer(columns["labelled"]), n_rows - columns["n_labelled"]
    arrays = []
    for field in SCHEMA:
        values = columns[field.name]
        hidden = (mask, nulls) if field.name in ("label", "incident") else (None, 0)
        if field.name == "session_id":
            array = strings(*values)
        elif isinstance(values, tuple):
            codes, offsets, data = values
            indices = numbers(codes, pa.int32(), *hidden)
            array = pa.DictionaryArray.from_arrays(indices, strings(offsets, data), safe=False)
        else:
            array = numbers(values, field.type, *hidden)
        arrays.append(array)
    fields = [pa.field(f.name, a.type, f.nullable) for f, a in zip(SCHEMA, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


#: What tells readers the types of the record, whatever was handed to the writer.
_STORED: Final = {b"ARROW:schema": base64.b64encode(SCHEMA.serialize().to_pybytes())}


def write_records(table: pa.Table, path: Path) -> int:
    """Write a day's records of a block; the file is there as a whole or not at all.

    Returns
    -------
    int
        Its size in bytes.
    """
    options = {
        "compression": dict.fromkeys(_COMPRESSED, "zstd") | dict.fromkeys(_AS_ENCODED, "none"),
        "compression_level": dict.fromkeys(_COMPRESSED, 1),
        "use_dictionary": list(_REPEATED),
        "column_encoding": _CLOSELY,
        "write_statistics": list(_RANGES),
        "store_schema": False,
    }
    with whole(path) as unfinished:
        with pq.ParquetWriter(unfinished, table.schema, **options) as writer:
            writer.write_table(table, row_group_size=1 << 20)
            writer.add_key_value_metadata(_STORED)
        return unfinished.stat().st_size


def write_tables(tables: Iterable[pa.Table], path: Path) -> None:
    """Write tables of one schema, at least one, to one file, one after the other."""
    rest = iter(tables)
    first = next(rest)
    with whole(path) as unfinished, pq.ParquetWriter(unfinished, first.schema) as writer:
        writer.write_table(first)
        for table in rest:
            writer.write_table(table)


def write_text(text: str, path: Path) -> None:
    """Write a small file."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a place to write to, which becomes ``path`` if all goes well and is removed if not."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
