"""What runs on the workers for sessions: whole SIMs in, features or scores out.

Functions take a plan of plain values first, which ``_shipping.deferred`` sends along.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Spark counts one core for a task; Polars would take all, and reads this when it is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl
import pyarrow as pa

from fastrcf.telecom import catalogue, features, peers
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.durations import timed_rule
from fastrcf.telecom.silence import SilenceRule, quiet_times
from fastrcf.telecom.timeline import Timeline, canonical, local
from fastrcf.telecom.windows import row_facts
from fastrcf_spark import _buckets, _cache, _part_files
from fastrcf_spark._worker import n_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Rows of a batch that goes back.
_BATCH = 20_000
_TIMES = ("start_ts", "end_ts")
_TIME = pa.timestamp("us", "UTC")
_KIND = pl.col("kind").cast(pl.Categorical)
# Records whose peers are counted together, and counts that wait to be added up.
_COUNTED = 1 << 18
_MOST_COUNTS = 1 << 20
# The last table of peers that a task asked for, by what is in it.
_known: dict[str, peers.PeerTable] = {}
# The same of detectors of sessions.
_detectors: dict[str, SessionDetector] = {}


def gather(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut records into blocks by the bucket of their SIM."""
    cutter = _buckets.Cutter()
    for rows in _buckets.held(batches):
        yield from cutter.cut(rows.drop_columns("bucket"), rows["bucket"].to_numpy())


def compute(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give the kept columns of records with their features."""
    for answer in _computed(plan, batches):
        names = [f"r{i}" for i in range(answer.num_columns)]
        yield from answer.rename_columns(names).to_batches(max_chunksize=_BATCH)


def write(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write what :func:`compute` gives into a file of this task; tells the file."""
    return _part_files.written(plan["output"], _computed(plan, batches))


def _computed(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    table = None if plan["peers"] is None else _table(plan["peers"])
    wanted = catalogue.chosen(plan["features"], peers=table is not None)
    for _, rows in _buckets.whole(batches, features.CHUNK):
        timeline = Timeline(_records(rows, plan["columns"]))
        found = [
            features.of_chunk(chunk, plan["timezone"], table, wanted)
            for chunk in timeline.chunks(features.CHUNK)
        ]
        computed = pl.concat(found).select(feature.name for feature in wanted).to_arrow()
        kept = rows.select(plan["kept"]).combine_chunks().take(pa.array(timeline.order))
        columns = [
            # Times travel as microseconds.
            column.cast(_TIME) if place in plan["times"] else column
            for place, column in enumerate(kept.columns)
        ]
        names = [*plan["names"], *plan["features"]]
        yield pa.table([*columns, *computed.columns], names=names).combine_chunks()


def lines(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut what is counted of SIMs into blocks; count what is not, before it is cut."""
    cutter = _buckets.Cutter()
    n = plan["buckets"]
    found: list[pl.DataFrame] = []
    for rows in _buckets.held(batches):
        records = _records(rows, plan["columns"], peers.read(plan["group"]), peers.COUNTED)
        counting = peers.lines(records, row_facts(plan["timezone"], records), plan["group"])
        of_sims = counting.select(peers.OF_SIMS).with_columns(sim=records["sim_id"])
        yield from cutter.cut(_arrow(of_sims), rows["bucket"].to_numpy())
        found += peers.of_places(counting.lazy())
        if sum(map(len, found)) > _MOST_COUNTS:
            found = [peers.added(found)]
            # Where most counts are of places of their own, they may travel as they are.
            if len(found[0]) > _MOST_COUNTS // 2:
                yield from _counts(cutter, found, n)
                found = []
    if found:
        yield from _counts(cutter, found, n)


def _counts(cutter: _buckets.Cutter, found: list[pl.DataFrame], n: int) -> Iterator[pa.RecordBatch]:
    """Cut counts into blocks by their names, in buckets after those of SIMs."""
    counts = pl.concat(found)
    bucket = (counts["a"].cast(pl.String).hash(seed=0) % n).cast(pl.Int32) + n
    yield from cutter.cut(_arrow(counts), bucket.to_numpy())


def count(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Count peers of whole SIMs, and add up counts of places."""
    cutter = _buckets.Cutter()
    found: list[pl.DataFrame] = []
    names = pl.col("a", "b").cast(pl.Categorical)
    for bucket, rows in _buckets.whole(batches, _COUNTED, apart=plan["buckets"]):
        frame = _frame(rows)
        if bucket < plan["buckets"]:
            counting = frame.with_columns(names, sim=local(frame["sim"]).to_physical())
            found += peers.of_sims(counting.lazy())
        else:
            found.append(peers.added([frame.with_columns(names, kind=_KIND)]))
        if sum(map(len, found)) > _MOST_COUNTS:
            # The driver reads one block, and the next.
            yield from cutter.cut(_arrow(peers.added(found)), 0)
            found = []
    if found:
        yield from cutter.cut(_arrow(peers.added(found)), 0)


def judge(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give the kept columns of sessions with their score, and of those above a threshold the kind.

    Columns of the plan are what a detector of sessions reads, those that are kept come behind.
    """
    detector = _detector(plan["detector"])
    names = plan["columns"]
    for _, rows in _buckets.whole(batches, features.CHUNK):
        frame = _named(rows, names)
        score = detector.score(frame)["score"]
        above = (score > plan["threshold"]).arg_true()
        named = detector.kinds(frame[above])
        kind: list[str | None] = [None] * len(frame)
        for at, one in zip(above, named, strict=True):
            kind[at] = one
        columns = [
            *rows.select(plan["kept"]).combine_chunks().columns,
            pa.array(score.to_numpy()),
            pa.array(kind, pa.string()),
        ]
        answer = pa.table(columns, names=[f"r{i}" for i in range(len(columns))])
        yield from answer.combine_chunks().to_batches(max_chunksize=_BATCH)


def quiet(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut into blocks how long whole SIMs were quiet, without the sizes of fleets."""
    cutter = _buckets.Cutter()
    rule = SilenceRule(**timed_rule(plan["rule"]))
    until = pl.Series([plan["until"]]).cast(pl.Datetime("us", "UTC"))[0]
    for _, rows in _buckets.whole(batches, features.CHUNK):
        found = quiet_times(_named(rows, plan["columns"]), until, rule).drop("fleet_sims")
        yield from cutter.cut(_arrow(found), 0)


def _detector(reference: Any) -> SessionDetector:
    digest = reference["digest"]
    if digest not in _detectors:
        made = SessionDetector.loads(_cache._bytes(reference), n_threads=n_threads())
        _detectors.clear()
        _detectors[digest] = made
    return _detectors[digest]


def _table(reference: Any) -> peers.PeerTable:
    digest = reference["digest"]
    if digest not in _known:
        table = peers.PeerTable.from_bytes(_cache._bytes(reference))
        _known.clear()
        _known[digest] = table
    return _known[digest]


def _records(rows: pa.Table, names: dict[str, str], *only: Sequence[str]) -> pl.DataFrame:
    """Bring rows to the schema; columns travel by number, times as microseconds."""
    return canonical(_named(rows, names), *only)


def _named(rows: pa.Table, names: dict[str, str]) -> pl.DataFrame:
    """Give columns that travelled by number their names, and times their type."""
    return _frame(rows.select(list(names.values()))).select(
        pl.col(sent).cast(pl.Datetime("us", "UTC")).alias(name)
        if name in _TIMES
        else pl.col(sent).alias(name)
        for name, sent in names.items()
    )


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _arrow(frame: pl.DataFrame) -> pa.Table:
    """Give a table whose texts are plain ones."""
    texts = pl.selectors.by_dtype(pl.Categorical()).cast(pl.String)
    return frame.with_columns(texts).to_arrow(compat_level=pl.CompatLevel.oldest())
