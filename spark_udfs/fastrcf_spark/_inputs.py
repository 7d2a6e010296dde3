"""A model's inputs among Arrow columns whose types only the workers see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from fastrcf import InvalidInputError
from fastrcf_spark import _numbers, _vectors

# What the batch calls the one column that holds all inputs.
PACKED = "x"


def found(
    columns: Sequence[pa.Array], names: Sequence[str], categories: Sequence[str], named: bool
) -> tuple[pa.RecordBatch, dict[str, Any]]:
    """Make a batch of a model's inputs, and say how they lie in it.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        One a model's input, in its order; or one that holds all as an array, a struct or a
        vector.
    names : sequence of str
        What the inputs are called.
    categories : sequence of str
        Those that are categories.
    named : bool
        Whether a struct's fields are found by these names; else they are in order.

    Returns
    -------
    pyarrow.RecordBatch
    dict
        ``names``, ``columns``, ``text`` and ``packed``, as ``_worker.inputs`` takes them.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are too few, too many or of a wrong type.
    """
    if len(columns) == 1:
        kind = columns[0].type
        if _vectors.is_vector(kind):
            return _packed(_vectors.as_lists(columns[0], len(names)), names, categories)
        if _is_list(kind):
            if pa.types.is_null(kind.value_type):
                columns = [columns[0].cast(pa.list_(pa.float64()))]
                kind = columns[0].type
            if not _numbers.is_number(kind.value_type):
                raise InvalidInputError(f"the array holds {kind.value_type}, not numbers")
            return _packed(_numbers.float_lists(columns[0]), names, categories)
        if pa.types.is_struct(kind):
            columns = _fields(columns[0], names, named)
        elif pa.types.is_null(kind):
            # All of them are missing, whatever would have held them.
            columns = list(columns) * len(names)
    if len(columns) != len(names):
        raise InvalidInputError(
            f"the model takes {len(names)} columns ({some(names)}), or one array, struct or "
            f"vector of them; found {len(columns)}"
        )
    pairs = zip(names, columns, strict=True)
    columns = [_typed(column, name in categories) for name, column in pairs]
    for name, column in zip(names, columns, strict=True):
        if not _numbers.is_number(column.type) and not (
            name in categories and _numbers.is_text(column.type)
        ):
            raise InvalidInputError(f"column {name!r} holds {column.type}, not numbers")
    sent = [f"c{i}" for i in range(len(names))]
    text = [place for place, name in zip(sent, names, strict=True) if name in categories]
    batch = pa.RecordBatch.from_arrays(columns, names=sent)
    return batch, {"names": list(names), "columns": sent, "text": text, "packed": None}


def _typed(column: pa.Array, text: bool) -> pa.Array:
    """Give NULL in a query, and nothing but nulls of pandas, the type that they lack."""
    if not pa.types.is_null(column.type):
        return column
    return column.cast(pa.string() if text else pa.float64())


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _packed(
    column: pa.Array, names: Sequence[str], categories: Sequence[str]
) -> tuple[pa.RecordBatch, dict[str, Any]]:
    if categories:
        raise InvalidInputError(
            f"column {categories[0]!r} is a category, which an array of numbers cannot hold: give "
            "columns or a struct"
        )
    batch = pa.RecordBatch.from_arrays([column], names=[PACKED])
    return batch, {"names": list(names), "columns": [PACKED], "text": [], "packed": PACKED}


def _fields(column: pa.Array, names: Sequence[str], named: bool) -> list[pa.Array]:
    """Take a struct apart; fields are missing where it is."""
    fields = [column.type.field(i).name for i in range(column.type.num_fields)]
    values = column.flatten()
    if not named:
        return list(values)
    for name in names:
        if fields.count(name) != 1:
            raise InvalidInputError(f"the struct has no field {name!r}; it has {some(fields)}")
    return [values[fields.index(name)] for name in names]


def some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
