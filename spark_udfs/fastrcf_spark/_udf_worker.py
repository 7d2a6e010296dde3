"""What a user-defined function runs on the workers: columns in, scores out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from fastrcf_spark import _cache, _inputs, _worker


def score_arrays(plan: dict[str, Any], batches: Iterator[Any]) -> Iterator[pa.Array]:
    """Score batches of one Arrow array, or of a tuple of them."""
    model = _cache.model(plan["model"], _worker.n_threads())
    first = 0
    for given in batches:
        columns = given if isinstance(given, tuple) else (given,)
        batch, lie = _inputs.found(columns, plan["inputs"], plan["categories"], plan["named"])
        yield _worker.scored(model, plan | lie, batch, first)
        first += batch.num_rows


def score_series(plan: dict[str, Any], batches: Iterator[Any]) -> Iterator[Any]:
    """Score batches of one pandas series or frame, or of a tuple of them."""

    def arrays() -> Iterator[tuple[pa.Array, ...]]:
        for given in batches:
            columns = given if isinstance(given, tuple) else (given,)
            yield tuple(_array(column) for column in columns)

    for scores in score_arrays(plan, arrays()):
        yield scores.to_pandas()


def _array(column: Any) -> pa.Array:
    """Give a series, or a frame for a struct, as Arrow; missing values are null."""
    import pandas as pd

    if isinstance(column, pd.DataFrame):
        fields = [_array(column.iloc[:, j]) for j in range(column.shape[1])]
        return pa.StructArray.from_arrays(fields, names=[str(name) for name in column.columns])
    if column.dtype == object and len(column):
        place = column.first_valid_index()
        if place is not None and hasattr(column[place], "toArray"):
            # Vectors, dense or sparse.
            column = column.map(lambda vector: None if vector is None else vector.toArray())
    array = pa.Array.from_pandas(column)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
