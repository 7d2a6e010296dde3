"""Features of sessions: a table in, a table out."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Literal

import polars as pl

from fastrcf.errors import InvalidParameterError
from fastrcf.telecom import catalogue, needs
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.timeline import KEYS, Timeline, canonical
from fastrcf.telecom.windows import row_facts, sim_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fastrcf.telecom.feature import Feature
    from fastrcf.telecom.timeline import Chunk

#: Records whose facts are in memory together, unless a SIM has more.
CHUNK: Final = 131_072


def session_features(
    sessions: pl.DataFrame | pl.LazyFrame,
    *,
    timezone: str = "UTC",
    peers: PeerTable | Literal["fit"] | None = "fit",
    group: Sequence[str] = ("customer", "family"),
    features: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Compute the features of sessions of whole SIMs.

    Parameters
    ----------
    sessions : polars.DataFrame or LazyFrame
        Records with the columns of :mod:`fastrcf.telecom.schema`, in any order; of a SIM all that
        features may look at.
    timezone : str, default "UTC"
        IANA name of the zone whose hours and days count.
    peers : PeerTable, "fit" or None, default "fit"
        What is known of peers and places; "fit": what these sessions say of completed earlier
        days, quarters and hours; None: without the features that need it.
    group : sequence of str, default ("customer", "family")
        What makes a group of peers, for "fit".
    features : sequence of str, optional
        Which; default: all.

    Returns
    -------
    polars.DataFrame
        Ordered by sim_id, start_ts, end_ts and session_id: session_id, sim_id, start_ts, family,
        customer, cell, and label and incident where they are there; then the features as Float32,
        none null or NaN.

    Raises
    ------
    InvalidInputError
        If a column lacks or is not as the schema has it.
    InvalidParameterError
        If the zone, the group or a feature is unknown.
    """
    records = canonical(sessions)
    table = fitted(records, peers, timezone, group)
    wanted = catalogue.chosen(None if features is None else list(features), peers=table is not None)
    parts = list(compute(records, timezone, table, wanted))
    if parts:
        return pl.concat(parts)
    keys = records.select(name for name in KEYS if name in records.columns)
    return keys.with_columns(pl.lit(None, pl.Float32).alias(f.name) for f in wanted)


def fitted(
    records: pl.DataFrame,
    peers: PeerTable | Literal["fit"] | None,
    timezone: str,
    group: Sequence[str],
) -> PeerTable | None:
    """Give the table of peers that is asked for.

    Raises
    ------
    InvalidParameterError
        If it has the days of another zone.
    """
    if isinstance(peers, PeerTable):
        if peers.timezone != timezone:
            raise InvalidParameterError(
                f"peers: the table has days of {peers.timezone}, not of {timezone}"
            )
        return peers
    if peers is None:
        return None
    if peers != "fit":
        raise InvalidParameterError(f"peers: {peers!r} is neither a table, 'fit' nor None")
    return PeerTable.fit(records, timezone=timezone, group=group)


def compute(
    records: pl.DataFrame,
    timezone: str,
    table: PeerTable | None,
    features: Sequence[Feature],
    *,
    rows: int = CHUNK,
    n_threads: int | None = None,
) -> Iterator[pl.DataFrame]:
    """Give features of whole SIMs in order, about ``rows`` records at a time."""
    found = of_timelines(
        [Timeline(records)], timezone, table, features, rows=rows, n_threads=n_threads
    )
    return (part for _, part in found)


def of_timelines(
    timelines: Iterable[Timeline],
    timezone: str,
    table: PeerTable | None,
    features: Sequence[Feature],
    *,
    rows: int = CHUNK,
    n_threads: int | None = None,
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Give features as :func:`compute` does, each with the number of its timeline.

    Threads go from one timeline to the next without waiting for one another.
    """
    if table is not None:
        table.lookup()
    chunks = (
        (number, chunk)
        for number, timeline in enumerate(timelines)
        for chunk in timeline.chunks(rows)
    )
    n_threads = n_threads or pl.thread_pool_size()
    if n_threads == 1:
        for number, chunk in chunks:
            yield number, of_chunk(chunk, timezone, table, features)
        return
    # Most of a chunk's time is spent outside of the interpreter's lock, one array at a time.
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[tuple[int, Future[pl.DataFrame]]] = deque()
        for number, chunk in chunks:
            waiting.append((number, pool.submit(of_chunk, chunk, timezone, table, features)))
            if len(waiting) > n_threads:
                number, first = waiting.popleft()
                yield number, first.result()
        for number, last in waiting:
            yield number, last.result()


def of_chunk(
    chunk: Chunk, timezone: str, table: PeerTable | None, features: Sequence[Feature]
) -> pl.DataFrame:
    """Compute the features of whole SIMs in order."""
    wanted = needs.facts(features)
    row = row_facts(timezone, chunk.records, wanted)
    facts = sim_facts(chunk, row, wanted)
    if table is not None:
        found: dict[str, Any] = table.lookup().facts(chunk.records, row["day"], wanted)
        facts = facts.with_columns(pl.Series(name, values) for name, values in found.items())
    computed = facts.lazy().select(feature.expression for feature in features).collect()
    keys = chunk.records.select(name for name in KEYS if name in chunk.records.columns)
    return keys.with_columns(pl.col("sim_id").cast(pl.String)).hstack(computed)
