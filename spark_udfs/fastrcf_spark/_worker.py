"""What runs on the workers: Arrow batches in, scores out.

Functions take a plan of plain values first, which ``_shipping.deferred`` sends along.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import TaskContext

from fastrcf import InvalidInputError
from fastrcf_spark import _cache, _numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    # A record batch of named columns, or a matrix of shape (n, d).
    Inputs: TypeAlias = Any

# What a forest takes: magnitudes above are refused.
_LARGEST = 1e30


def n_threads() -> int:
    """Threads that a task may take: those that Spark counts for it."""
    task = TaskContext.get()
    return 1 if task is None else max(1, task.cpus())


def score_batches(
    plan: dict[str, Any], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Score batches, and give kept columns with the score behind them."""
    model = _cache.model(plan["model"], n_threads())
    for first, batch in _counted(batches):
        scores = scored(model, plan, batch, first)
        yield _beside(batch, plan["kept"], [scores])


def detect_batches(
    plan: dict[str, Any], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Detect in batches, and give kept columns with what was found behind them."""
    model = _cache.model(plan["model"], n_threads())
    reasons = plan["reasons"]
    for first, batch in _counted(batches):

        def found(rows: Inputs) -> pa.Table:
            return _detection(model.detect(_table(rows, plan["names"])), reasons)

        yield _beside(batch, plan["kept"], _answers(plan, batch, first, found))


def scored(model: Any, plan: dict[str, Any], batch: pa.RecordBatch, first: int = 0) -> pa.Array:
    """Score a batch; null where a row cannot be scored and may be so."""
    if plan["missing"] == "impute":
        rows = inputs(plan, batch)
        if not isinstance(rows, np.ndarray):
            rows = _matrix(rows)
        if not np.isfinite(rows).all():
            rows = model.impute(rows).values
        return pa.array(model.score(rows)) if len(rows) else pa.array([], pa.float64())

    def found(rows: Inputs) -> list[pa.Array]:
        return [pa.array(model.score(rows), pa.float64())]

    return _answers(plan, batch, first, found)[0]


def _counted(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    first = 0
    for batch in batches:
        yield first, batch
        first += batch.num_rows


def inputs(plan: dict[str, Any], batch: pa.RecordBatch) -> Inputs:
    """Take a model's inputs out of a batch, missing numbers as NaN.

    Raises
    ------
    fastrcf.InvalidInputError
        Where an array is missing or of another length.
    """
    names = plan["names"]
    if plan["packed"] is not None:
        matrix = unpacked(batch.column(plan["packed"]), len(names) - len(plan["text"]))
        if not plan["text"]:
            return matrix
        numbers = iter(matrix.T)
        columns = [
            batch.column(name) if name in plan["text"] else pa.array(next(numbers))
            for name in plan["columns"]
        ]
    else:
        columns = [
            batch.column(name) if name in plan["text"] else floats(batch.column(name))
            for name in plan["columns"]
        ]
    return pa.RecordBatch.from_arrays(columns, names=names)


def floats(column: pa.Array) -> pa.Array:
    """Give a column of numbers as floating point; what is missing stays so."""
    return _numbers.floats(column)


def unpacked(column: pa.Array, width: int) -> NDArray[Any]:
    """Give a column of arrays as a matrix of shape (n, width), missing elements as NaN.

    Raises
    ------
    fastrcf.InvalidInputError
        If an array is missing or of another length; the row is named.
    """
    if len(column) == 0:
        return np.empty((0, width))
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise InvalidInputError(f"row {row}: the array is missing", row=row)
    lengths = np.diff(column.offsets.to_numpy())
    if (lengths != width).any():
        row = int(np.flatnonzero(lengths != width)[0])
        raise InvalidInputError(
            f"row {row}: the array has {lengths[row]} elements, the model {width} columns", row=row
        )
    flat = column.flatten()
    if flat.null_count:
        flat = flat.fill_null(float("nan"))
    matrix: NDArray[Any] = flat.to_numpy().reshape(len(column), width)
    return matrix


def _table(rows: Inputs, names: Sequence[str]) -> pa.RecordBatch:
    """Give a matrix its columns' names."""
    if isinstance(rows, np.ndarray):
        return pa.RecordBatch.from_arrays([pa.array(column) for column in rows.T], names=names)
    return rows


def _matrix(rows: pa.RecordBatch) -> Floats:
    columns = [column.cast(pa.float64()).fill_null(float("nan")) for column in rows.columns]
    return np.column_stack([column.to_numpy() for column in columns])


def _detection(found: pa.Table, reasons: bool) -> list[pa.Array]:
    names = ["score", "grade", "is_anomaly"] + (["reasons"] if reasons else [])
    return [found.column(name).combine_chunks() for name in names]


def _answers(
    plan: dict[str, Any],
    batch: pa.RecordBatch,
    first: int,
    ask: Callable[[Inputs], list[pa.Array]],
) -> list[pa.Array]:
    """Ask about a batch; refuse rows that cannot be asked about, or answer them with null."""
    if plan["missing"] == "error":
        try:
            return ask(inputs(plan, batch))
        except InvalidInputError as error:
            raise _refused(error, plan, batch, first) from None
    good = np.ones(batch.num_rows, dtype=bool)
    while True:
        # One pass finds nearly all that is bad; the engine names what it has missed.
        part = batch if good.all() else batch.filter(pa.array(good))
        places = np.flatnonzero(good)
        try:
            rows = inputs(plan, part)
            usable = _usable(rows)
            if not usable.all():
                good[places[~usable]] = False
                continue
            results = ask(rows)
        except InvalidInputError as error:
            if error.row is None:
                raise
            good[places[error.row]] = False
            continue
        break
    if good.all():
        return results
    indices = np.full(batch.num_rows, -1, dtype=np.int64)
    indices[good] = np.arange(good.sum())
    takers = pa.array(indices, mask=~good)
    return [pc.take(result, takers) for result in results]


def _usable(rows: Inputs) -> NDArray[np.bool_]:
    if isinstance(rows, np.ndarray):
        with np.errstate(invalid="ignore"):
            return np.asarray((np.abs(rows) <= _LARGEST).all(axis=1))
    good = np.ones(rows.num_rows, dtype=bool)
    for column in rows.columns:
        if pa.types.is_floating(column.type):
            values = column.to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                np.logical_and(good, np.abs(values) <= _LARGEST, out=good)
        else:
            good &= column.is_valid().to_numpy(zero_copy_only=False)
    return good


def _refused(
    error: InvalidInputError, plan: dict[str, Any], batch: pa.RecordBatch, first: int
) -> InvalidInputError:
    """Say which row it was in words that lead to it in the table."""
    if error.row is None:
        return error
    what = fault(error, plan, batch)
    task = TaskContext.get()
    where = [f"row {first + error.row} of partition {task.partitionId() if task else 0}"]
    for name, sent in plan["key"]:
        value = batch.column(sent)[error.row].as_py()
        where.append(f"{name}={value!r}")
    column = "" if error.column is None else f", column {_asked(plan)[error.column]!r}"
    return InvalidInputError(
        f"{', '.join(where)}{column}: {what}. missing='null' "
        "(handleInvalid='keep' in a pipeline) gives such rows no score",
        row=error.row,
        column=error.column,
    )


def fault(error: InvalidInputError, plan: dict[str, Any], batch: pa.RecordBatch) -> str:
    """Say what is wrong with a row, without where it is.

    It is looked up in the batch: the model is given NaN for what is missing in an array, and has
    advice for a fit where a column of the batch has no value at all.
    """
    if error.row is not None and error.column is not None:
        place = plan["names"].index(_asked(plan)[error.column])
        value = _value(plan, batch, error.row, place)
        if value is None:
            return "the value is missing"
        if isinstance(value, float) and math.isnan(value):
            return "NaN is not finite"
    _, _, what = str(error).partition(": ")
    return what


def _asked(plan: dict[str, Any]) -> Sequence[str]:
    """Name the inputs in the order in which the model counts them."""
    names: Sequence[str] = plan.get("asked", plan["names"])
    return names


def _value(plan: dict[str, Any], batch: pa.RecordBatch, row: int, place: int) -> Any:
    """Give a model's input as it was sent."""
    columns, text = plan["columns"], plan["text"]
    # One column may hold all inputs.
    name = columns[place] if place < len(columns) else None
    if plan["packed"] is None or name in text:
        return batch.column(name)[row].as_py()
    # The array holds the numbers alone.
    place -= sum(before in text for before in columns[:place])
    return batch.column(plan["packed"])[row].values[place].as_py()


def _beside(
    batch: pa.RecordBatch, kept: Sequence[str], results: Sequence[pa.Array]
) -> pa.RecordBatch:
    columns = [*(batch.column(name) for name in kept), *results]
    return pa.RecordBatch.from_arrays(columns, names=[f"r{i}" for i in range(len(columns))])
