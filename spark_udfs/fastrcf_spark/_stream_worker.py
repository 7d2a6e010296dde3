"""What runs on the workers for streams: packets of rows in, packets of answers out.

Functions take a plan of plain values first, which ``_shipping.deferred`` sends along.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

import fastrcf
from fastrcf_spark import _worker
from fastrcf_spark._keyed_worker import readable
from fastrcf_spark._stream_state import Forests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# Rows and bytes that are gathered before they are put into packets.
GATHERED_ROWS = 1 << 16
GATHERED_BYTES = 1 << 26

# The bucket that no key is put into.
WATCHED = -1


def pack(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put the rows of each bucket into packets; a bucket of its own gets one without rows.

    Its number is ``WATCHED``: its state is how many buckets there are, and what they are of.
    """
    gathered: list[pa.RecordBatch] = []
    for batch in batches:
        gathered.append(batch)
        full = sum(part.num_rows for part in gathered) >= GATHERED_ROWS
        if full or sum(part.nbytes for part in gathered) >= GATHERED_BYTES:
            yield from _packets(plan, gathered)
            gathered = []
    yield from _packets(plan, gathered)


def _packets(plan: dict[str, Any], batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    batches = [batch for batch in batches if batch.num_rows]
    if not batches:
        return
    rows = _one(pa.Table.from_batches(batches))
    buckets = rows.column(plan["bucket"]).to_numpy()
    order = np.argsort(buckets, kind="stable")
    rows = rows.take(pa.array(order)).drop_columns([plan["bucket"]])
    buckets = buckets[order]
    starts = np.append(0, np.flatnonzero(buckets[1:] != buckets[:-1]) + 1)
    ends = np.append(starts[1:], len(buckets))
    packets = [
        _written(rows.slice(start, end - start))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    yield pa.RecordBatch.from_arrays(
        [
            pa.array([*buckets[starts], WATCHED], pa.int32()),
            pa.array([*packets, b""], pa.binary()),
        ],
        names=["bucket", "rows"],
    )


def unpack(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Take answers out of their packets."""
    for batch in batches:
        packets = batch.column("rows").to_pylist()
        if packets:
            yield _one(pa.concat_tables([_read(packet) for packet in packets]))


def process(plan: dict[str, Any], packets: Sequence[bytes], *states: Any) -> Iterator[pd.DataFrame]:
    """Score the rows of a bucket, as :func:`scored`, for Spark's stateful operator.

    Yields
    ------
    pandas.DataFrame
        Columns of Arrow data, where these are plain; else a packet of them.
    """
    rows = scored(plan, packets, *states)
    if rows is None:
        return
    if not plan["plain"]:
        yield pd.DataFrame({"rows": [_written(rows)]})
    else:
        columns = zip(rows.schema, rows.columns, strict=True)
        yield pd.DataFrame(
            {f.name: pd.Series(column, dtype=pd.ArrowDtype(f.type)) for f, column in columns}
        )


def scored(
    plan: dict[str, Any],
    packets: Sequence[bytes],
    buckets: Any,
    of: Any,
    logs: Any,
    bases: Any,
    used: Any = None,
    swept: Any = None,
) -> pa.RecordBatch | None:
    """Score the rows of a bucket by their keys' forests, which learn them.

    Parameters
    ----------
    plan : dict
    packets : sequence of bytes
        The rows of a micro-batch.
    buckets : pyspark.sql.streaming.ValueState
        Into how many buckets keys are put: of the bucket that is watched for it.
    of : pyspark.sql.streaming.ValueState
        What forests, keys and times are made of, as JSON: of that bucket, too.
    logs, bases : pyspark.sql.streaming.MapState
        Forests by key, as :class:`Forests` has them.
    used : pyspark.sql.streaming.MapState, optional
        When keys were last used, where they age.
    swept : pyspark.sql.streaming.ValueState, optional
        When those too old were last removed.

    Returns
    -------
    pyarrow.RecordBatch
        Kept columns and answers; none for the bucket that has no rows.

    Raises
    ------
    fastrcf.InvalidParameterError
        If the checkpoint is one of another number of buckets, or of other columns.
    """
    if not any(packets):
        _same_buckets(plan["n_buckets"], buckets)
        _same_columns(plan["of"], of)
        return None
    forests = Forests(plan, logs, bases, used)
    if swept is not None:
        forests.sweep(swept)
    rows = _one(pa.concat_tables([_read(packet) for packet in packets]))
    times = _times(plan, rows)
    keys = rows.column(plan["key"]).dictionary_encode()
    places = keys.indices.to_numpy()
    order = rows.column(plan["order"]).to_numpy()
    sorted_ = np.lexsort((order, places) if times is None else (order, times.values, places))
    rows, places = rows.take(pa.array(sorted_)), places[sorted_]
    times = None if times is None else _Times(times.values[sorted_], times.known[sorted_])
    inputs, good = _inputs(plan, rows)
    if times is not None:
        good &= times.known
    if plan["missing"] == "error" and not good.all():
        raise _refused(plan, rows, inputs, good)
    scores = np.full(len(places), np.nan)
    late = np.zeros(len(places), dtype=bool)
    starts = np.append(0, np.flatnonzero(places[1:] != places[:-1]) + 1)
    ends = np.append(starts[1:], len(places))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        key = keys.dictionary[int(places[start])].as_py()
        mine = start + np.flatnonzero(good[start:end])
        if len(mine):
            when = None if times is None else times.values[mine]
            scores[mine], late[mine] = _of_key(plan, forests, key, inputs[mine], when)
    answers = [pa.array(scores, mask=np.isnan(scores))]
    if times is not None:
        answers.append(pa.array(late, mask=~times.known))
    return _worker._beside(rows, plan["kept"], answers)


def _same_buckets(n_buckets: int, state: Any) -> None:
    """Refuse another number of buckets: keys would not find their forests in them."""
    if not state.exists():
        state.update((n_buckets,))
    elif state.get()[0] != n_buckets:
        raise fastrcf.InvalidParameterError(
            f"n_buckets: {n_buckets}; the checkpoint is one of {state.get()[0]} buckets, in which "
            "its forests are: keep that number, or start from a new checkpoint"
        )


def _same_columns(now: dict[str, Any], state: Any) -> None:
    """Refuse what the forests and times of a checkpoint would be taken for something else by.

    Checkpoints from before this was noted, and what they do not tell, are taken as they are.
    """
    before = json.loads(state.get()[0]) if state.exists() else {}
    for what, made in now.items():
        if what in before and before[what] != made:
            raise fastrcf.InvalidParameterError(
                f"{what}: {_said(made)}; the checkpoint was made with {_said(before[what])}, and "
                "its forests are of that: keep it, in this order, or start from a new checkpoint"
            )
    if before | now != before:
        state.update((json.dumps(before | now),))


def _said(made: str | list[str]) -> str:
    return made if isinstance(made, str) else ", ".join(map(repr, made)) or "none"


def _of_key(
    plan: dict[str, Any],
    forests: Forests,
    key: str,
    inputs: NDArray[Any],
    times: NDArray[Any] | None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score the good rows of one key in order; tell which are late."""
    living = forests.wake(key)
    forest = living.forest
    latest = None if times is None else living.latest(times.dtype)
    late = np.zeros(len(inputs), dtype=bool)
    if times is not None and latest is not None:
        late = times < latest
    scores = np.full(len(inputs), np.nan)
    learnt = ~late if plan["late"] == "score" else np.ones(len(inputs), dtype=bool)
    try:
        if not learnt.all() and forest.is_ready:
            scores[~learnt] = forest.score(inputs[~learnt], kind=plan["kind"])
        if learnt.any():
            scores[learnt] = forest.process(inputs[learnt], kind=plan["kind"])
            last = None
            if times is not None:
                last = times[-1] if latest is None else max(latest, times[-1])
            forests.rest(key, living, inputs[learnt], last)
        else:
            forests.keep(key, living)
    except fastrcf.FastRCFError as error:
        raise type(error)(f"the key {readable(key)}: {error}") from None
    return scores, late


class _Times(NamedTuple):
    values: NDArray[Any]
    """As int64 or float64."""
    known: NDArray[np.bool_]


def _times(plan: dict[str, Any], rows: pa.RecordBatch) -> _Times | None:
    if plan["time"] is None:
        return None
    column = rows.column(plan["time"])
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.int32()).cast(pa.int64())
    elif pa.types.is_timestamp(kind) or pa.types.is_integer(kind):
        column = column.cast(pa.int64())
    else:
        column = column.cast(pa.float64())
    known = column.is_valid().to_numpy(zero_copy_only=False)
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        known &= np.isfinite(values)
    return _Times(values, known)


def _inputs(
    plan: dict[str, Any], rows: pa.RecordBatch
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give the inputs as a matrix, and which rows of it are usable."""
    if plan["names"]:
        found = _worker.inputs(plan, rows)
        matrix = found if isinstance(found, np.ndarray) else _worker._matrix(found)
        matrix = matrix.astype(np.float64, copy=False)
        return matrix, _worker._usable(matrix)
    arrays = rows.column(plan["packed"])
    lengths = pc.fill_null(pc.list_value_length(arrays), 0).to_numpy(zero_copy_only=False)
    # A stream's arrays are all of one length; what is of another is bad.
    width = int(np.bincount(lengths).argmax())
    good = (lengths == width) & arrays.is_valid().to_numpy(zero_copy_only=False)
    matrix = np.full((len(arrays), width), np.nan)
    matrix[good] = _worker.unpacked(arrays.filter(pa.array(good)), width)
    return matrix, _worker._usable(matrix) & good


def _refused(
    plan: dict[str, Any], rows: pa.RecordBatch, inputs: NDArray[Any], good: NDArray[np.bool_]
) -> fastrcf.InvalidInputError:
    row = int(np.flatnonzero(~good)[0])
    key = readable(rows.column(plan["key"])[row].as_py())
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(np.abs(inputs[row]) <= _worker._LARGEST))
    where = "the time is missing"
    if len(bad):
        names = plan["names"] or [f"element {j}" for j in range(inputs.shape[1])]
        where = f"column {names[bad[0]]!r}: the value is null, NaN, infinite or beyond 1e30"
    return fastrcf.InvalidInputError(
        f"a row of the key {key}, {where}. missing='null' gives such rows no score"
    )


def _one(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _written(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue())


def _read(packet: bytes) -> pa.Table:
    return pa.ipc.open_stream(packet).read_all()
