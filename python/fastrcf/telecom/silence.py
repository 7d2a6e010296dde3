"""SIMs that have stopped: what no session tells.

A session that never comes cannot be scored. A SIM is held to the longest gap that it had lately:
once it has been quiet for some times as long, that is an alert, at the moment when it becomes one.
How many times follows from a budget, as the threshold of scores does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from fastrcf.errors import InvalidParameterError

_WEEK: Final = "7d"


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
    """

    least: timedelta = timedelta(hours=2)
    least_gaps: int = 10
    least_seen: timedelta = timedelta(days=2)

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
        it then was quiet; and ``ratio``, ``quiet / usual_gap``.
    """
    sim = "sim_id"
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
    return (
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


def ratio_for(quiet: pl.DataFrame, n_alerts: float) -> float:
    """Find the ratio above which so many times SIMs were silent.

    Parameters
    ----------
    quiet : DataFrame
        As :func:`quiet_times` gives it, of a time like the one to come.
    n_alerts : float
        Alerts that may open in that time.

    Returns
    -------
    float
        At least 1.
    """
    ratios = quiet["ratio"].sort(descending=True)
    return max(1.0, float(ratios[int(n_alerts)])) if len(ratios) > int(n_alerts) else 1.0


def silences(quiet: pl.DataFrame, ratio: float) -> pl.DataFrame:
    """Make alerts of the SIMs that were quiet for more than ``ratio`` times their usual gap.

    Parameters
    ----------
    quiet : DataFrame
        As :func:`quiet_times` gives it.
    ratio : float
        Above it a SIM is silent.

    Returns
    -------
    DataFrame
        The rows of ``quiet`` that are alerts, with ``opened``: when that could be said.
    """
    opened = pl.col("quiet_from") + (pl.col("usual_gap") * ratio)
    return quiet.filter(pl.col("ratio") > ratio).with_columns(opened=opened).sort("opened")
