"""What runs on the workers when they read Parquet files themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from fastrcf import FastRCFError, InvalidInputError
from fastrcf_spark import _cache, _inputs, _part_files, _worker

# Numbers that a batch may hold: 16 MiB of float.
_VALUES = 1 << 22
_ROWS = (256, 1 << 16)
# Bytes of a column that are read at a time.
_BUFFER = 1 << 18


def score_pieces(plan: dict[str, Any], tasks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read and score the row groups of the tasks whose numbers come."""
    model = _cache.model(plan["model"], _worker.n_threads())
    for batch in tasks:
        for task in batch.column(0).to_pylist():
            yield from _score_task(model, plan, plan["tasks"][task])


def write_pieces(plan: dict[str, Any], tasks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write what :func:`score_pieces` gives as files, one a task, and tell of them."""
    alerts = bad = 0
    uris = pa.array(plan["uris"], pa.string())

    def tables() -> Iterator[pa.Table]:
        nonlocal alerts, bad
        for batch in score_pieces(plan, tasks):
            columns = batch.columns
            scores = columns[-1]
            bad += scores.null_count
            if plan["threshold"] is not None:
                alerts += pc.sum(pc.greater(scores, plan["threshold"])).as_py() or 0
            if plan["row_id"]:
                columns[0] = uris.take(columns[0])
            yield pa.Table.from_arrays(columns, schema=plan["schema"])

    for told in _part_files.written(plan["output"], tables()):
        yield pa.RecordBatch.from_arrays(
            [*told.columns, pa.array([alerts]), pa.array([bad])],
            names=[*told.schema.names, "alerts", "bad_rows"],
        )


def read_files(plan: dict[str, Any], tasks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read the files of the tasks whose numbers come."""
    for batch in tasks:
        for task in batch.column(0).to_pylist():
            with (
                plan["system"].open_input_file(plan["files"][task]) as file,
                pq.ParquetFile(file) as opened,
            ):
                for rows in opened.iter_batches(use_threads=False):
                    yield rows.rename_columns([f"r{i}" for i in range(rows.num_columns)])


def _score_task(
    model: Any, plan: dict[str, Any], pieces: list[tuple[int, int, int, int]]
) -> Iterator[pa.RecordBatch]:
    place, opened = -1, None
    try:
        for file, group, first, n_rows in pieces:
            if file != place:
                if opened is not None:
                    opened.close()
                place, opened = file, _opened(plan, file)
            yield from _score_group(model, plan, opened, (file, group, first, n_rows))
    finally:
        if opened is not None:
            opened.close()


def _opened(plan: dict[str, Any], file: int) -> pq.ParquetFile:
    system, path = plan["files"][file]
    system = plan["systems"][system]
    local = isinstance(system, fs.LocalFileSystem)
    try:
        return pq.ParquetFile(
            system.open_input_file(path),
            # One request for all columns of a row group, where requests are slow; else as little
            # as is decoded next, since a row group may be large.
            pre_buffer=not local,
            buffer_size=_BUFFER if local else 0,
            coerce_int96_timestamp_unit="us",
        )
    except FileNotFoundError:
        raise InvalidInputError(
            f"{path} is not there for this worker: has it been removed since, or is it a local "
            "path of another machine?"
        ) from None


def _score_group(
    model: Any, plan: dict[str, Any], opened: Any, piece: tuple[int, int, int, int]
) -> Iterator[pa.RecordBatch]:
    file, group, first, n_rows = piece
    path = plan["files"][file][1]
    metadata = opened.metadata
    if group >= metadata.num_row_groups or metadata.row_group(group).num_rows != n_rows:
        raise InvalidInputError(f"{path} has changed since its row groups were listed")
    low, high = _ROWS
    batches = opened.iter_batches(
        batch_size=max(low, min(high, _VALUES // max(1, len(plan["inputs"])))),
        row_groups=[group],
        columns=plan["read"],
        use_threads=False,
    )
    for batch in batches:
        try:
            scores = _scores(model, plan, batch, first)
        except InvalidInputError as error:
            raise _refused(error, plan, path, first) from None
        except FastRCFError as error:
            raise type(error)(f"{path}: {error}") from None
        yield _answer(plan, batch, file, first, scores)
        first += batch.num_rows


def _scores(model: Any, plan: dict[str, Any], batch: pa.RecordBatch, first: int) -> pa.Array:
    columns = [decoded(batch.column(name)) for name in plan["columns"]]
    rows, lie = _inputs.found(columns, plan["inputs"], plan["categories"], plan["named"])
    lie |= {"missing": plan["missing"], "key": []}
    if plan["missing"] == "error":
        try:
            return pa.array(model.score(_worker.inputs(lie, rows)), pa.float64())
        except InvalidInputError as error:
            if error.row is None:
                raise
            what = _worker.fault(error, lie, rows)
            raise InvalidInputError(
                f"row {error.row}: {what}", row=error.row, column=error.column
            ) from None
    return _worker.scored(model, lie, rows, first)


def decoded(column: pa.Array) -> pa.Array:
    """Give a column without a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _refused(
    error: InvalidInputError, plan: dict[str, Any], path: str, first: int
) -> InvalidInputError:
    if error.row is None:
        return InvalidInputError(f"{path}: {error}")
    _, _, what = str(error).partition(": ")
    column = "" if error.column is None else f", column {plan['inputs'][error.column]!r}"
    return InvalidInputError(
        f"{path}, row {first + error.row}{column}: {what}. missing='null' gives such rows no score"
    )


def _answer(
    plan: dict[str, Any], batch: pa.RecordBatch, file: int, first: int, scores: pa.Array
) -> pa.RecordBatch:
    n = batch.num_rows
    columns = []
    if plan["row_id"]:
        columns.append(pa.repeat(pa.scalar(file, pa.int32()), n))
        columns.append(pa.array(np.arange(first, first + n)))
    for name, kind in plan["kept"]:
        columns.append(decoded(batch.column(name)).cast(kind))
    columns.append(scores)
    return pa.RecordBatch.from_arrays(columns, names=[f"r{i}" for i in range(len(columns))])
