"""Three simple rules of the trade, to compare detectors with.

Each is what operators set by hand: a limit for volumes, one for how often a SIM connects, and a
watch for SIMs that turn up in another device or abroad. Each gives a session a score, the larger
the more suspicious, and a threshold of its own; a score below the threshold is no alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_SIM = "sim_id"
_BYTES = pl.col("bytes_up") + pl.col("bytes_down")


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes
    ----------
    name : str
        Its name, of the column with its score too.
    meaning : str
        What it says, in words.
    threshold : float
        The least score that is an alert.
    score : callable
        Gives a table, sorted by SIM and start, its score as an expression; told which sessions
        what is usual may be learnt from.
    """

    name: str
    meaning: str
    threshold: float
    score: Callable[[pl.Expr], pl.Expr]


def _volume(known: pl.Expr) -> pl.Expr:
    """Bytes of the SIM's last 24 hours over those of a usual day of its family.

    The usual day is the mean over all known SIMs and days of the family, as bills have it.
    """
    last_day = _BYTES.rolling_sum_by("start_ts", "24h").over(_SIM)
    start = pl.col("start_ts").filter(known)
    days = (start.max() - start.min()).dt.total_seconds() / 86_400
    total = _BYTES.filter(known).sum().over("family")
    sims = pl.col(_SIM).filter(known).n_unique().over("family")
    usual = total / (sims * days.clip(lower_bound=1))
    return last_day / usual.clip(lower_bound=1)


def _rate(_: pl.Expr) -> pl.Expr:
    """Sessions that the SIM began in the last hour."""
    one = pl.col("start_ts").is_not_null().cast(pl.Int64)
    return one.rolling_sum_by("start_ts", "1h").over(_SIM).cast(pl.Float64)


def _change(_: pl.Expr) -> pl.Expr:
    """Newly seen device (1) and newly seen network (1) of a SIM that has been seen before."""
    seen = pl.col("start_ts").cum_count().over(_SIM) > 1

    def new(name: str) -> pl.Expr:
        value = pl.col(name)
        return value.is_not_null() & pl.struct(_SIM, value).is_first_distinct()

    both = new("device_id").cast(pl.Int32) + new("visited_plmn").cast(pl.Int32)
    return pl.when(seen).then(both).otherwise(0).cast(pl.Float64)


#: The rules.
RULES: Final = (
    Rule(
        "volume",
        "the SIM's bytes of 24 hours are more than 20 times its family's usual day",
        20.0,
        _volume,
    ),
    Rule("rate", "the SIM began more than 15 sessions within an hour", 16.0, _rate),
    Rule("change", "the SIM is in a device or a network where it was never seen", 1.0, _change),
)


def scores(sessions: pl.DataFrame, until: datetime | None = None) -> pl.DataFrame:
    """Score sessions by each rule.

    Parameters
    ----------
    sessions : polars.DataFrame
        Session records in any order.
    until : datetime, optional
        What is usual is learnt from sessions that begin before it; default: from all.

    Returns
    -------
    polars.DataFrame
        The records sorted by SIM and start, with a column ``rule_NAME`` for each rule.
    """
    ordered = sessions.sort(_SIM, "start_ts", "session_id")
    start = pl.col("start_ts")
    known = start.is_not_null() if until is None else start < until
    return ordered.with_columns(rule.score(known).alias(f"rule_{rule.name}") for rule in RULES)
