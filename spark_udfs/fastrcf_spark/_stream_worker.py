"""What runs on the workers for streams: packets of rows in, packets of answers out.

Functions take a plan of plain values first, which ``_shipping.deferred`` sends along.
"""

from __future__ import annotations

import struct
import time
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import fastrcf
from fastrcf_spark import _worker
from fastrcf_spark._keyed_worker import readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# Rows and bytes that are gathered before they are put into packets.
GATHERED_ROWS = 1 << 16
GATHERED_BYTES = 1 << 26

# The bucket that no key is put into.
WATCHED = -1

# State: version, flags, the latest time of a row as an integer or a floating point number, the
# clock at the last use in milliseconds; then the forest.
_HEAD = struct.Struct("<BB8sq")
_VERSION = 1
_DEFLATED, _TIMED = 1, 2
# Where deflating saves less than this share of the bytes it is not tried again.
_WORTHWHILE = 0.2
# A key's last use is noted anew when this share of the time to live has passed; a bucket is
# searched for what is too old when the other has.
_NOTED, _SWEPT = 1 / 16, 1 / 4


def pack(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put the rows of each bucket into packets; a bucket of its own gets one without rows.

    Its number is ``WATCHED``: its state is how many buckets there are.
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
        packets = [packet for packet in batch.column("rows").to_pylist() if packet]
        if packets:
            yield _one(pa.concat_tables([_read(packet) for packet in packets]))


def process(
    plan: dict[str, Any],
    packets: Sequence[bytes],
    buckets: Any,
    states: Any,
    used: Any = None,
    swept: Any = None,
) -> bytes:
    """Score the rows of a bucket by their keys' forests, which learn them.

    Parameters
    ----------
    plan : dict
    packets : sequence of bytes
        The rows of a micro-batch.
    buckets : pyspark.sql.streaming.ValueState
        Into how many buckets keys are put: of the bucket that is watched for it.
    states : pyspark.sql.streaming.MapState
        Forests by key.
    used : pyspark.sql.streaming.MapState, optional
        When keys were last used, where they age.
    swept : pyspark.sql.streaming.ValueState, optional
        When those too old were last removed.

    Returns
    -------
    bytes
        Kept columns and answers; nothing for the bucket that has no rows.

    Raises
    ------
    fastrcf.InvalidParameterError
        If the checkpoint is one of another number of buckets.
    """
    if not any(packets):
        _same_buckets(plan["n_buckets"], buckets)
        return b""
    forests = _Forests(plan, states, used)
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
    return _written(_worker._beside(rows, plan["kept"], answers))


def _same_buckets(n_buckets: int, state: Any) -> None:
    """Refuse another number of buckets: keys would not find their forests in them."""
    if not state.exists():
        state.update((n_buckets,))
    elif state.get()[0] != n_buckets:
        raise fastrcf.InvalidParameterError(
            f"n_buckets: {n_buckets}; the checkpoint is one of {state.get()[0]} buckets, in which "
            "its forests are: keep that number, or start from a new checkpoint"
        )


def _of_key(
    plan: dict[str, Any],
    forests: _Forests,
    key: str,
    inputs: NDArray[Any],
    times: NDArray[Any] | None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score the good rows of one key in order; tell which are late."""
    state = forests.wake(key)
    forest = state.forest
    latest = None if times is None else state.latest(times.dtype)
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
            forests.rest(key, state, last)
    except fastrcf.FastRCFError as error:
        raise type(error)(f"the key {readable(key)}: {error}") from None
    return scores, late


class _State(NamedTuple):
    forest: fastrcf.RandomCutForest
    time: bytes | None = None
    """The latest time of a row."""
    noted: int | None = None
    """The last use that was noted, by the clock."""
    deflate: bool = True

    def latest(self, kind: np.dtype[Any]) -> Any:
        """Give the latest time that was learnt; None where rows had none."""
        return None if self.time is None else np.frombuffer(self.time, kind)[0]


class _Forests:
    """The forests of a bucket's keys, at rest in the state."""

    def __init__(self, plan: dict[str, Any], states: Any, used: Any) -> None:
        self._plan = plan
        self._states = states
        self._used = used
        self._ttl = plan["ttl"]
        self._now = int(time.time() * 1000)

    def wake(self, key: str) -> _State:
        """Give the forest of a key: a new one where there is none, or it is too old."""
        if self._states.containsKey((key,)):
            data = self._states.getValue((key,))[0]
            version, flags, latest, noted = _HEAD.unpack_from(data)
            if version != _VERSION:
                raise fastrcf.ModelFileError(
                    f"the state of the key {readable(key)} is of version {version}, not {_VERSION}"
                )
            if self._ttl is None or self._now - noted <= self._ttl:
                body, deflated = bytes(data[_HEAD.size :]), bool(flags & _DEFLATED)
                forest = fastrcf.loads(
                    zlib.decompress(body) if deflated else body, n_threads=_worker.n_threads()
                )
                if not isinstance(forest, fastrcf.RandomCutForest):
                    raise fastrcf.ModelFileError(
                        f"the state of the key {readable(key)} is a {type(forest).__name__}"
                    )
                return _State(forest, latest if flags & _TIMED else None, noted, deflated)
        return _State(
            fastrcf.RandomCutForest(**self._plan["forest"], n_threads=_worker.n_threads())
        )

    def rest(self, key: str, state: _State, latest: Any) -> None:
        """Put the forest of a key back, with the latest time of its rows.

        The bytes of young forests, of whole numbers and of windows are deflated; those of
        others would not become small, so that it would be a waste of time.
        """
        body = bytes(state.forest)
        flags, when = 0, bytes(8)
        if latest is not None:
            flags, when = _TIMED, latest.tobytes()
        if state.deflate:
            smaller = zlib.compress(body, 1)
            if len(smaller) <= (1 - _WORTHWHILE) * len(body):
                flags, body = flags | _DEFLATED, smaller
        noted = state.noted
        if self._ttl is None:
            noted = 0
        elif noted is None or self._now - noted >= _NOTED * self._ttl:
            noted = self._now
            self._used.updateValue((key,), (noted,))
        self._states.updateValue((key,), (_HEAD.pack(_VERSION, flags, when, noted) + body,))

    def sweep(self, swept: Any) -> None:
        """Remove the forests that are too old, if it is time to look for them."""
        if not swept.exists():
            swept.update((self._now,))
        elif self._now - swept.get()[0] >= _SWEPT * self._ttl:
            ages = [(key[0], self._now - when[0]) for key, when in self._used.iterator()]
            for key, age in ages:
                if age > self._ttl:
                    self._used.removeKey((key,))
                    self._states.removeKey((key,))
            swept.update((self._now,))


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


def _inputs(plan: dict[str, Any], rows: pa.RecordBatch) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Give the inputs as a matrix, and which rows of it are usable."""
    if plan["names"]:
        found = _worker.inputs(plan, rows)
        matrix = found if isinstance(found, np.ndarray) else _worker._matrix(found)
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
