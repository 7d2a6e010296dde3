"""SIMs that have stopped: what no session tells.

A session that never comes cannot be scored. A SIM is held to the longest gap that it had lately:
once it has been quiet for some times as long, that is an alert, at the moment when it becomes one.
How many times follows from a budget, as the threshold of scores does.

Where many SIMs of a fleet are quiet at once, shops are closed or a network is down: no single SIM
is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from fastrcf.errors import InvalidParameterError

_WEEK: Final = "7d"
_STEP: Final = 1.05


@dataclass(frozen=True)
class SilenceRule:
    """When a SIM is silent.

    Parameters
    ----------
    least : timedelta, default 2 hours
        Gaps below it count as so long.
    least_gaps : int, default 10
        Gaps in seven days that a SIM must have had before anything is said of it.
    least_seen : timedelta, default 2 days
        Time that it must have been seen for in them.
    peers : tuple of str, default ("customer", "family")
        What SIMs of a fleet share.
    most_peers : float, default 0.05
        Share of a fleet that may be quiet for longer than usual when a SIM is told, itself with
        them unless it is alone.
    """

    least: timedelta = timedelta(hours=2)
    least_gaps: int = 10
    least_seen: timedelta = timedelta(days=2)
    peers: tuple[str, ...] = ("customer", "family")
    most_peers: float = 0.05

    def __post_init__(self) -> None:
        if not self.least > timedelta(0):
            raise InvalidParameterError(f"least: {self.least} is not above 0")
        if self.least_gaps < 1:
            raise InvalidParameterError(f"least_gaps: {self.least_gaps} is below 1")


def quiet_times(
    sessions: pl.DataFrame, until: datetime, rule: SilenceRule = SilenceRule()
) -> pl.DataFrame:
    """Find how long each SIM was quiet after each of its sessions.

    Parameters
    ----------
    sessions : DataFrame
        ``session_id``, ``sim_id``, ``start_ts``, ``end_ts``, and what is to be passed on.
    until : datetime
        How far the sessions reach: a SIM's last gap ends there.
    rule : SilenceRule
        Which SIMs are known well enough.

    Returns
    -------
    DataFrame
        Sessions after which something can be said: with ``quiet_from``, when the SIM's last
        session ended; ``usual_gap``, its longest gap in the seven days before; ``quiet``, how long
        it then was quiet; ``ratio``, ``quiet / usual_gap``; and ``fleet_sims``, the SIMs of its
        fleet.
    """
    sim = "sim_id"
    fleet = _fleet(sessions, rule)
    ordered = sessions.sort(sim, "start_ts", "end_ts", "session_id").with_columns(
        quiet_from=pl.col("end_ts").cum_max().over(sim)
    )
    gap = (pl.col("start_ts") - pl.col("quiet_from").shift().over(sim)).clip(lower_bound=0)
    ordered = ordered.with_columns(gap=gap)
    longest = (
        pl.col("gap").cast(pl.Int64).rolling_max_by("start_ts", _WEEK, min_samples=1).over(sim)
    )
    seen = pl.col("start_ts") - pl.col("start_ts").rolling_min_by("start_ts", _WEEK).over(sim)
    gaps = pl.col("gap").is_not_null().cast(pl.Int64).rolling_sum_by("start_ts", _WEEK).over(sim)
    following = pl.col("start_ts").shift(-1).over(sim).fill_null(pl.lit(until))
    quiet = (
        ordered.with_columns(
            usual_gap=longest.cast(pl.Duration("us")).clip(lower_bound=rule.least),
            seen=seen,
            gaps=gaps,
            quiet=following - pl.col("quiet_from"),
        )
        .filter(
            (pl.col("gaps") >= rule.least_gaps)
            & (pl.col("seen") >= rule.least_seen)
            & (pl.col("quiet") > pl.col("usual_gap"))
        )
        .with_columns(ratio=pl.col("quiet") / pl.col("usual_gap"))
        .drop("gap", "seen", "gaps")
    )
    sizes = sessions.group_by(fleet).agg(fleet_sims=pl.col(sim).n_unique())
    if not fleet:
        return quiet.with_columns(fleet_sims=pl.lit(sessions[sim].n_unique(), pl.UInt32))
    return quiet.join(sizes, on=fleet, how="left", nulls_equal=True)


def _fleet(sessions: pl.DataFrame, rule: SilenceRule) -> list[str]:
    return [name for name in rule.peers if name in sessions.columns]


def ratio_for(quiet: pl.DataFrame, n_alerts: float, rule: SilenceRule = SilenceRule()) -> float:
    """Find the least ratio above which no more than so many alerts open.

    Parameters
    ----------
    quiet : DataFrame
        As :func:`quiet_times` gives it, of a time like the one to come.
    n_alerts : float
        Alerts that may open in that time.
    rule : SilenceRule
        Which of them are told.

    Returns
    -------
    float
        One of a row of numbers from 1 on, each a twentieth more than the one before.
    """
    most = max(1.0, float(quiet["ratio"].max() or 1.0))  # type: ignore[arg-type]
    steps = math.ceil(math.log(most) / math.log(_STEP))
    ratio = _STEP**steps
    for step in reversed(range(steps)):
        if len(silences(quiet, _STEP**step, rule)) > n_alerts:
            break
        ratio = _STEP**step
    return ratio


def silences(quiet: pl.DataFrame, ratio: float, rule: SilenceRule = SilenceRule()) -> pl.DataFrame:
    """Make alerts of the SIMs that were quiet for more than ``ratio`` times their usual gap.

    Parameters
    ----------
    quiet : DataFrame
        As :func:`quiet_times` gives it.
    ratio : float
        Above it a SIM is silent; at least 1.
    rule : SilenceRule
        How much of its fleet may be quiet with it.

    Returns
    -------
    DataFrame
        The rows of ``quiet`` that are alerts, with ``opened``: when that could be said; and
        ``peers_quiet``: SIMs of its fleet, itself with them, that were quiet for longer than usual
        then.
    """
    fleet = _fleet(quiet, rule)
    opened = pl.col("quiet_from") + pl.col("usual_gap") * ratio
    told = quiet.filter(pl.col("ratio") > ratio).with_columns(opened=opened).sort("opened")
    # Who was quiet for longer than usual at a moment: those who began to be, less those who ended.
    begun = _counted(quiet, pl.col("quiet_from") + pl.col("usual_gap"), fleet, "begun")
    ended = _counted(quiet, pl.col("quiet_from") + pl.col("quiet"), fleet, "ended")
    for moments in (begun, ended):
        told = told.join_asof(
            moments, left_on="opened", right_on="at", by=fleet or None, check_sortedness=False
        ).drop("at", strict=False)
    together = pl.col("begun").fill_null(0) - pl.col("ended").fill_null(0)
    told = told.with_columns(peers_quiet=together).drop("begun", "ended")
    few = pl.col("peers_quiet") <= pl.col("fleet_sims") * rule.most_peers
    return told.filter((pl.col("peers_quiet") <= 1) | few)


def _counted(quiet: pl.DataFrame, at: pl.Expr, fleet: list[str], name: str) -> pl.DataFrame:
    """Give each fleet's moments in order, and how many there are up to each."""
    count = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    moments = quiet.select(*fleet, at=at).sort("at")
    return moments.with_columns((count.over(fleet) if fleet else count).alias(name))
