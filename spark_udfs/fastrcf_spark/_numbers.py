"""Arrow columns of numbers as floating point, each value the nearest that there is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Digits of whole numbers, and powers of ten, that floating point holds exactly.
_EXACT_DIGITS = 15
_EXACT_POWER = 22


def is_number(kind: pa.DataType) -> bool:
    """Whether columns of a type hold numbers; truth values are 0 and 1."""
    return bool(
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether columns of a type hold text."""
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def floats(column: pa.Array) -> pa.Array:
    """Give a column of numbers as floating point; what is missing stays so.

    Float and double stay what they are, all else becomes double as Spark's ``cast`` makes it.
    """
    kind = column.type
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return column
    if pa.types.is_decimal(kind):
        return _decimals(column)
    # Integers beyond 2^53 are rounded, as everywhere.
    return pc.cast(column, pa.float64(), safe=False)


def _decimals(column: pa.Array) -> pa.Array:
    """Round decimals to the nearest double; Arrow's own cast is often the one beside it."""
    kind = column.type
    if not len(column):
        return pa.array([], pa.float64())
    if kind.precision > _EXACT_DIGITS or not 0 <= kind.scale <= _EXACT_POWER:
        return column.cast(pa.string()).cast(pa.float64())
    whole = pa.decimal128(kind.precision, kind.scale)
    column = column if kind == whole else column.cast(whole)
    # Low words of 128-bit integers: a division of two exact numbers is rounded once.
    words = np.frombuffer(column.buffers()[1], dtype=np.int64)[::2]
    values = words[column.offset : column.offset + len(column)] / 10.0**kind.scale
    if not column.null_count:
        return pa.array(values)
    return pa.array(values, mask=column.is_null().to_numpy(zero_copy_only=False))


def float_lists(column: pa.Array) -> pa.Array:
    """Give a column of arrays of numbers as arrays of floating point."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        column = column.cast(pa.list_(kind.value_type))
    if pa.types.is_float32(kind.value_type) or pa.types.is_float64(kind.value_type):
        return column
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return lists(lengths, floats(column.flatten()), column.is_null())


def lists(lengths: np.ndarray, values: pa.Array, missing: pa.Array) -> pa.Array:
    """Make arrays of given lengths out of the values that they hold one after another."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    mask = missing if pc.any(missing).as_py() else None
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask)
