"""Vectors of Spark's machine learning as Arrow has them: structs of what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fastrcf_spark import _numbers

_FIELDS = ["type", "size", "indices", "values"]
_DENSE = 1


def is_vector(kind: pa.DataType) -> bool:
    """Whether a type is that of vectors."""
    return (
        pa.types.is_struct(kind)
        and [kind.field(i).name for i in range(kind.num_fields)] == _FIELDS
        and pa.types.is_list(kind.field("values").type)
    )


def as_lists(column: pa.Array, width: int) -> pa.Array:
    """Give vectors, dense and sparse, as arrays of all their elements.

    Parameters
    ----------
    column : pyarrow.StructArray
    width : int
        Elements that vectors should have. Sparse ones of another size, which may be huge, are
        given as one element more or less, so that they are seen to be wrong.
    """
    missing = column.is_null()
    kind, size, indices, values = (_field(column, name) for name in _FIELDS)
    sizes = size.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    sparse = kind.fill_null(_DENSE).to_numpy(zero_copy_only=False) != _DENSE
    held = _lengths(values)
    flat = values.flatten().to_numpy(zero_copy_only=False)
    if not sparse.any():
        return _numbers.lists(held, pa.array(flat), missing)
    wrong = sizes != width
    lengths = np.where(sparse, np.where(wrong, np.minimum(sizes, width + 1), width), held)
    out = np.zeros(int(lengths.sum()))
    starts, first = np.cumsum(lengths) - lengths, np.cumsum(held) - held
    # Where each value that is held goes: one after another, or where its index says.
    row = np.repeat(np.arange(len(held)), held)
    place = np.arange(len(flat)) - first[row]
    of_sparse = sparse[row]
    place[of_sparse] = indices.flatten().to_numpy(zero_copy_only=False)
    good = place < lengths[row]
    out[(starts[row] + place)[good]] = flat[good]
    return _numbers.lists(lengths, pa.array(out), missing)


def _field(column: pa.Array, name: str) -> Any:
    """Give a field, missing where the struct is."""
    return column.flatten()[_FIELDS.index(name)]


def _lengths(column: pa.Array) -> Any:
    return column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
