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
import pyarrow.compute as pc

from fastrcf.telecom import catalogue, features, kinds, peers
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.timeline import Timeline, canonical
from fastrcf.telecom.windows import row_facts
from fastrcf_spark import _cache
from fastrcf_spark._worker import n_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

# Rows of a batch that goes back.
_BATCH = 20_000
_TIMES = ("start_ts", "end_ts")
# The last table of peers that a task asked for, by what is in it.
_known: dict[str, peers.PeerTable] = {}
# The same of detectors of sessions.
_detectors: dict[str, SessionDetector] = {}


def compute(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give the kept columns of records with their features."""
    table = None if plan["peers"] is None else _table(plan["peers"])
    wanted = catalogue.chosen(plan["features"], peers=table is not None)
    for rows in _sims(batches, plan["columns"]["sim_id"]):
        timeline = Timeline(_records(rows, plan))
        found = [
            features.of_chunk(chunk, plan["timezone"], table, wanted)
            for chunk in timeline.chunks(features.CHUNK)
        ]
        computed = pl.concat(found).select(feature.name for feature in wanted).to_arrow()
        kept = rows.select(plan["kept"]).take(pa.array(timeline.order))
        columns = [*kept.columns, *computed.columns]
        answer = pa.table(columns, names=[f"r{i}" for i in range(len(columns))])
        yield from answer.combine_chunks().to_batches(max_chunksize=_BATCH)


def count(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Count peers and places of a partition's SIMs."""
    found: list[pl.DataFrame] = []
    for rows in _sims(batches, plan["columns"]["sim_id"]):
        records = _records(rows, plan)
        found.append(peers.counted(records, row_facts(plan["timezone"], records), plan["group"]))
        if len(found) > 16:
            found = [peers.added(found)]
    if found:
        texts = pl.col("kind", "a", "b").cast(pl.String)
        table = peers.added(found).with_columns(texts).to_arrow().cast(_schema())
        yield from table.combine_chunks().to_batches(max_chunksize=_BATCH)


def judge(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give the kept columns of sessions with their score, and of those above a threshold the kind.

    Columns of the plan are what a detector of sessions reads, those that are kept come behind.
    """
    detector = _detector(plan["detector"])
    names = plan["columns"]
    for rows in _sims(batches, names["sim_id"]):
        frame = pl.from_arrow(rows.select(list(names.values())))
        assert isinstance(frame, pl.DataFrame)
        frame = frame.select(
            pl.col(sent).cast(pl.Datetime("us", "UTC")).alias(name)
            if name in _TIMES
            else pl.col(sent).alias(name)
            for name, sent in names.items()
        )
        score = detector.score(frame)["score"]
        above = (score > plan["threshold"]).arg_true()
        named = [str(kinds.name([why])[0]) for why in detector.explain(frame[above])]
        kind: list[str | None] = [None] * len(frame)
        for at, one in zip(above, named, strict=True):
            kind[at] = one
        columns = [
            *rows.select(plan["kept"]).columns,
            pa.array(score.to_numpy()),
            pa.array(kind, pa.string()),
        ]
        answer = pa.table(columns, names=[f"r{i}" for i in range(len(columns))])
        yield from answer.combine_chunks().to_batches(max_chunksize=_BATCH)


def _detector(reference: Any) -> SessionDetector:
    digest = reference["digest"]
    if digest not in _detectors:
        made = SessionDetector.loads(_cache._bytes(reference), n_threads=n_threads())
        _detectors.clear()
        _detectors[digest] = made
    return _detectors[digest]


def _schema() -> pa.Schema:
    """Give the table of peers as Spark's types have it: no large strings."""
    kinds = {pl.Categorical(): pa.string(), pl.Int32(): pa.int32(), pl.Int64(): pa.int64()}
    return pa.schema([(name, kinds[kind]) for name, kind in peers.SCHEMA.items()])


def _table(reference: Any) -> peers.PeerTable:
    digest = reference["digest"]
    if digest not in _known:
        table = peers.PeerTable.from_bytes(_cache._bytes(reference))
        _known.clear()
        _known[digest] = table
    return _known[digest]


def _records(rows: pa.Table, plan: dict[str, Any]) -> pl.DataFrame:
    """Bring rows to the schema; columns travel by number, times as microseconds."""
    names = plan["columns"]
    frame = pl.from_arrow(rows.select(list(names.values())))
    assert isinstance(frame, pl.DataFrame)
    return canonical(
        frame.select(
            pl.col(sent).cast(pl.Datetime("us", "UTC")).alias(name)
            if name in _TIMES
            else pl.col(sent).alias(name)
            for name, sent in names.items()
        )
    )


def _sims(batches: Iterator[pa.RecordBatch], sim: str) -> Iterator[pa.Table]:
    """Cut batches, ordered by SIM, into tables of whole SIMs: some large SIM, or many."""
    parts: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        parts.append(batch)
        held += batch.num_rows
        if held < features.CHUNK:
            continue
        whole = pa.Table.from_batches(parts)
        names = whole.column(sim)
        same = pc.equal(names, names[-1])
        # The last SIM may go on in the next batch.
        first = pc.index(same, True).as_py()
        if first > 0:
            yield whole.slice(0, first)
            rest = whole.slice(first).combine_chunks()
            parts = rest.to_batches()
            held = rest.num_rows
        else:
            # One SIM alone: look again when as much has come as there is.
            parts, held = whole.combine_chunks().to_batches(), 0
    if parts:
        yield pa.Table.from_batches(parts)
