"""Hours of cells and operators, each against what is usual there: the aggregates of sessions.

A place is a cell, or an operator: a visited network and a radio technology. What is counted of it
in an hour is in a table of peers (``peers.py``), so hours are the same for a folder of files and
for Spark, and cost no look at sessions. An hour is compared with hours before it alone.

Counts differ from what is expected by about their square root whatever is wrong or right, so it is
differences of square roots that are looked at: three sessions more are nothing in a large cell,
and much in one that has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fastrcf._typing import Floats
    from fastrcf.telecom.peers import PeerTable

    Integers = NDArray[np.int64]

#: Kinds of places, by the kind of their counts in a table of peers.
LEVELS: Final = ("cell", "operator")
#: What is looked at of an hour, against what is usual: sessions that began, abnormal ends (both as
#: differences of square roots) and bytes a second of busy time (a difference of logarithms). Fewer
#: failures and more speed than usual count as usual: one large transfer is no fault of a place.
COLUMNS: Final = ("sessions", "failures", "throughput")
#: Hours before that say what is usual: a week.
HOURS: Final = 168
#: Hours before that a place has at least when it is judged: so each hour of a day was seen once.
LEAST_HOURS: Final = 24
#: Sessions a day that it had in them at least: with fewer there is nothing to compare.
LEAST_A_DAY: Final = 24.0
_DAY: Final = 24
# Days of a place's mean hour that the same hours of earlier days are taken together with.
_PRIOR_DAYS: Final = 2.0
# Usual sessions that an hour's bytes and times are taken together with: few sessions say little.
_PRIOR: Final = 5.0
# Hours of places that are laid out at once.
_BLOCK: Final = 1 << 20
_COUNTS: Final = ("n", "failed", "bytes", "busy_ms")
_HOUR_US: Final = 3_600_000_000
#: Columns of :func:`hours`.
SCHEMA: Final = pl.Schema(
    {
        "place": pl.String(),
        "hour": pl.Datetime("us", "UTC"),
        **dict.fromkeys(("sessions", "failed", "bytes", "busy_ms"), pl.Int64()),
        **dict.fromkeys(("usual_sessions", "usual_failed_share", "usual_throughput"), pl.Float64()),
        **{f"x_{name}": pl.Float64() for name in COLUMNS},
    }
)


def hours(peers: PeerTable, level: str, since: datetime | None = None) -> pl.DataFrame:
    """Give hours of places with what is usual there.

    Parameters
    ----------
    peers : PeerTable
        Counts of sessions.
    level : {"cell", "operator"}
    since : datetime, optional
        Hours that begin before it are left out; default: none.

    Returns
    -------
    DataFrame
        Ordered by place and hour: ``place``, ``hour`` (UTC, when it began), ``sessions``,
        ``failed``, ``bytes``, ``busy_ms``; ``usual_sessions``, ``usual_failed_share`` and
        ``usual_throughput`` (bytes a second of busy time) by the :data:`HOURS` before; and ``x_``
        with each name of :data:`COLUMNS`. Empty hours are there too. Hours are not there before
        which their place had fewer than :data:`LEAST_HOURS`, or :data:`LEAST_A_DAY` sessions a day.

    Raises
    ------
    InvalidParameterError
        If there is no such level.
    """
    if level not in LEVELS:
        raise InvalidParameterError(f"{level!r} is none of {', '.join(LEVELS)}")
    name = pl.concat_str(pl.col("a", "b").cast(pl.String), separator=" ").str.strip_chars()
    counts = peers.counts.filter(pl.col("kind") == level).select(
        "time", *_COUNTS, place=name.replace("", None)
    )
    counts = counts.drop_nulls("place")
    if since is not None:
        # What is longer ago than a week before them has no part in any.
        first = int((since - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() // 3600)
        counts = counts.filter(pl.col("time") >= first - HOURS)
    if counts.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    axis = np.arange(int(counts["time"].min()), int(counts["time"].max()) + 1)  # type: ignore[arg-type]
    whole, there = np.zeros(len(axis)), np.zeros(len(axis))
    for block in _blocks(counts, axis):
        whole += (block.counts["n"] * (block.hours_before > 0)).sum(axis=0)
        there += block.mean("n").sum(axis=0)
    # How high all places are now against their own means: most of a day's shape is of all.
    shape = np.where(there > 0, whole / np.maximum(there, 1e-9), 1.0)
    found = pl.concat(_laid_out(block, shape) for block in _blocks(counts, axis))
    return found if since is None else found.filter(pl.col("hour") >= since)


@dataclass(frozen=True)
class _Block:
    """Counts of some places, a row for each, along all hours.

    Attributes
    ----------
    places : list of str
    axis : ndarray of int, shape (hours,)
        Hours since 1970.
    counts : dict of str to ndarray, shape (places, hours)
    hours_before : ndarray, shape (places, hours)
        Hours since the place's first, :data:`HOURS` at most.
    """

    places: list[str]
    axis: Integers
    counts: dict[str, Floats]
    hours_before: Floats

    def before(self, what: str) -> Floats:
        """Sum what was counted in the week before each hour."""
        running = np.cumsum(np.pad(self.counts[what], ((0, 0), (1, 0))), axis=1)
        since = np.maximum(np.arange(len(self.axis)) - HOURS, 0)
        out: Floats = running[:, :-1] - running[:, since]
        return out

    def mean(self, what: str) -> Floats:
        """Give the mean of an hour in the week before each."""
        out: Floats = self.before(what) / np.maximum(self.hours_before, 1.0)
        return out


def _blocks(counts: pl.DataFrame, axis: Integers) -> Iterator[_Block]:
    names = counts["place"].unique().sort()
    step = max(1, _BLOCK // len(axis))
    for at in range(0, len(names), step):
        some = names[at : at + step]
        part = counts.join(
            pl.DataFrame({"place": some}).with_row_index("at"), on="place", how="inner"
        )
        cells = part["at"].to_numpy(), part["time"].to_numpy() - axis[0]
        grids = {name: np.zeros((len(some), len(axis))) for name in _COUNTS}
        for name, grid in grids.items():
            np.add.at(grid, cells, part[name].to_numpy().astype(float))
        first = np.full(len(some), len(axis))
        np.minimum.at(first, *cells)
        since = np.clip(np.arange(len(axis)) - first[:, None], 0, HOURS)
        yield _Block(some.to_list(), axis, grids, since.astype(float))


def _expected(block: _Block, shape: Floats) -> Floats:
    """Give the sessions that an hour usually has: those of the same hour on earlier days.

    Two days of the place's mean hour, in the shape that all places have now, are among them.
    """
    n = block.counts["n"]
    same, days = np.zeros_like(n), np.zeros_like(n)
    for back in range(_DAY, min(HOURS + 1, n.shape[1]), _DAY):
        same[:, back:] += n[:, :-back]
        days[:, back:] += block.hours_before[:, back:] >= back
    out: Floats = (same + _PRIOR_DAYS * block.mean("n") * shape) / (days + _PRIOR_DAYS)
    return out


def _rooted(found: Any, usual: Any) -> Any:
    """Compare counts: twice the difference of square roots, which by chance is about 1."""
    return 2 * (np.sqrt(found + 0.375) - np.sqrt(usual + 0.375))


def _laid_out(block: _Block, shape: Floats) -> pl.DataFrame:
    """Give the hours of some places as rows."""
    sessions_before = block.before("n")
    enough = sessions_before * _DAY >= LEAST_A_DAY * np.maximum(block.hours_before, 1.0)
    row, column = np.nonzero(enough & (block.hours_before >= LEAST_HOURS))
    n, failed, volume, busy = (block.counts[name][row, column] for name in _COUNTS)
    many, failed_before, volume_before, busy_before = (
        block.before(name)[row, column] for name in _COUNTS
    )
    usual = _expected(block, shape)[row, column]
    failed_share = failed_before / many
    usual_rate = 1000 * volume_before / np.maximum(busy_before, 1.0)
    # An hour of few sessions is held by some usual ones.
    held_volume = volume + _PRIOR * volume_before / many
    held_busy = busy + _PRIOR * busy_before / many
    rate = 1000 * held_volume / np.maximum(held_busy, 1.0)
    columns = {
        "place": pl.Series(block.places, dtype=pl.String).gather(row.astype(np.uint32)),
        "hour": block.axis[column] * _HOUR_US,
        "sessions": n,
        "failed": failed,
        "bytes": volume,
        "busy_ms": busy,
        "usual_sessions": usual,
        "usual_failed_share": failed_share,
        "usual_throughput": usual_rate,
        "x_sessions": _rooted(n, usual),
        "x_failures": np.maximum(_rooted(failed, failed_share * n), 0.0),
        "x_throughput": np.minimum(np.log(rate + 1.0) - np.log(usual_rate + 1.0), 0.0),
    }
    return pl.DataFrame(columns).cast(SCHEMA)
