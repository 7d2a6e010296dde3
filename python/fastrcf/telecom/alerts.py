"""From scored sessions to alerts that a person can work through.

A SIM in trouble has hundreds of sessions above the threshold: that is one thing to look at. So the
first of them opens an **alert**, and those that follow join it until the SIM has been quiet for a
day. Alerts of one fleet that open shortly after one another and are of the same kind are one
**case**: a firmware fault of two hundred meters is one letter to one customer.

Neither looks ahead: an alert opens, and a case takes an alert in, by what came before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.kinds import CROWD, SENDING, Kind, alike

if TYPE_CHECKING:
    from collections.abc import Sequence

# How near the threshold comes to the last that keeps the budget, in sessions: one in so many.
_STEPS: Final = 30
# All sessions open less than this share of the most cases: alerts of fleets have grown together.
_GROWN: Final = 0.75
#: Columns that alerts are made from.
NEEDED: Final = ("session_id", "sim_id", "start_ts", "score")


@dataclass(frozen=True)
class AlertRule:
    """How sessions become alerts, and alerts cases.

    Parameters
    ----------
    quiet : timedelta, default 24 hours
        An alert is over once its SIM had no session above the threshold for so long.
    together : timedelta, default 2 hours
        A case takes in what opens within so long of the last alert that it took in.
    fleet : str, default "customer"
        The column that says whose SIMs can share a case.
    """

    quiet: timedelta = timedelta(hours=24)
    together: timedelta = timedelta(hours=2)
    fleet: str = "customer"

    def __post_init__(self) -> None:
        for name in ("quiet", "together"):
            if not getattr(self, name) > timedelta(0):
                raise InvalidParameterError(f"{name}: {getattr(self, name)} is not above 0")


def open_alerts(scored: pl.DataFrame, threshold: float | pl.Expr, rule: AlertRule) -> pl.DataFrame:
    """Make alerts of the sessions that score above a threshold.

    Parameters
    ----------
    scored : DataFrame
        Sessions with ``score``, in any order.
    threshold : float or expression
        Sessions above it alert.
    rule : AlertRule
        How long an alert lasts.

    Returns
    -------
    DataFrame
        A row for each alerting session: the columns of ``scored``, ``alert`` (number of its alert,
        in the order in which they open) and ``opens`` (whether it opens it).
    """
    missing = [name for name in NEEDED if name not in scored.columns]
    if missing:
        raise InvalidInputError(f"scored sessions have no column {', '.join(missing)}")
    order = ["start_ts", "session_id"]
    above = scored.filter(pl.col("score") > threshold).sort("sim_id", *order)
    since = pl.col("start_ts").diff().over("sim_id")
    above = above.with_columns(opens=(since > rule.quiet).fill_null(True))
    episode = pl.col("opens").cum_sum()
    above = above.with_columns(episode=episode).sort(order)
    opened = above.filter("opens").select("episode", alert=pl.int_range(pl.len(), dtype=pl.UInt32))
    return above.join(opened, on="episode", how="left", maintain_order="left").drop("episode")


def cases_of(alerting: pl.DataFrame, rule: AlertRule) -> pl.DataFrame:
    """Give the alerts of alerting sessions with their cases, by what their first session was.

    Parameters
    ----------
    alerting : DataFrame
        As :func:`open_alerts` gives it, with ``kind`` of each session.
    rule : AlertRule
        What belongs together.
    """
    first = alerting.filter("opens").with_columns(opened=pl.col("start_ts"))
    if "kind" not in first.columns:
        return into_cases(first, rule)
    return into_cases(first.with_columns(alike=alike("kind")), rule, by=("alike",)).drop("alike")


def threshold_for(
    ranked: pl.DataFrame, n_cases: float, rule: AlertRule, *, whole: bool = False
) -> float | None:
    """Find how low a threshold may be so that no more than so many cases open.

    Parameters
    ----------
    ranked : DataFrame
        The sessions with the highest scores, of a time like the one to come, with ``kind``.
    n_cases : float
        Cases that may open in that time.
    rule : AlertRule
        What alerts and cases are.
    whole : bool, default False
        Whether these are all sessions of that time.

    Returns
    -------
    float or None
        The threshold; None if even the lowest of these scores does not spend the budget.

    Notes
    -----
    Twice as many sessions are let in until the budget is overspent; then the last step is halved
    until it is a thirtieth. A lower threshold may open fewer cases again, once those of a fleet
    grow together: it is not looked for. One that lets all sessions in may so keep a budget that
    none can spend; of all sessions it is then the threshold with the most cases.
    """
    ranked = ranked.sort("score", descending=True)
    scores = ranked["score"].to_numpy()

    def below(taken: int) -> float:
        """Give the threshold that lets at most so many sessions in: equal scores go together."""
        if taken == 0:
            return math.inf
        return float(scores[taken] if taken < len(scores) else np.nextafter(scores[-1], -np.inf))

    def opened(taken: int) -> int:
        threshold = below(taken)
        above = ranked.filter(pl.col("score") > threshold)
        return cases_of(open_alerts(above, threshold, rule), rule)["case"].n_unique()

    kept, taken = 0, min(1, len(scores))
    most, most_at = 0, 0
    while (cases := opened(taken)) <= n_cases:
        if cases >= most:
            most, most_at = cases, taken
        if taken == len(scores):
            return below(most_at) if whole and cases < _GROWN * most else None
        kept, taken = taken, min(len(scores), 2 * taken)
    while taken - kept > max(1, kept // _STEPS):
        middle = (kept + taken) // 2
        kept, taken = (kept, middle) if opened(middle) > n_cases else (middle, taken)
    return below(kept)


def into_cases(
    alerts: pl.DataFrame, rule: AlertRule, by: Sequence[str] = ("kind",)
) -> pl.DataFrame:
    """Give each alert the number of its case.

    Parameters
    ----------
    alerts : DataFrame
        A row for each alert, with ``opened`` (when), the fleet's column and those of ``by``.
    rule : AlertRule
        What belongs together.
    by : sequence of str
        What alerts of a case share beside the fleet.

    Returns
    -------
    DataFrame
        The alerts in the order in which they opened, with ``case``: a number in the order in which
        cases open.
    """
    keys = [name for name in (rule.fleet, *by) if name in alerts.columns]
    ordered = alerts.sort("opened", "alert")
    if not keys:
        return ordered.with_columns(case=pl.int_range(pl.len(), dtype=pl.UInt32))
    since = pl.col("opened").diff().over(keys)
    first = (since > rule.together).fill_null(True)
    # Without a fleet nobody can tell that two alerts have to do with one another.
    alone = pl.any_horizontal(pl.col(name).is_null() for name in keys)
    ordered = ordered.with_columns(first=first | alone)
    ordered = ordered.with_columns(
        case=pl.when("first").then(pl.col("first").cum_sum() - 1).otherwise(None)
    )
    return ordered.with_columns(case=pl.col("case").forward_fill().over(keys).cast(pl.UInt32)).drop(
        "first"
    )


def crowds(alerts: pl.DataFrame, rule: AlertRule) -> pl.DataFrame:
    """Name alerts of many SIMs of a fleet that begin to send at once a botnet.

    A leak or an abuse is of one device or two; malware is of many at once. What one SIM's
    sessions look like cannot tell them apart.

    Parameters
    ----------
    alerts : DataFrame
        A row for each alert, with ``alert``, ``sim_id``, ``opened``, ``kind``, ``support`` (of
        the kind), ``attack`` (support of a botnet) and the fleet's column.
    rule : AlertRule
        How long is at once: ``together``.

    Returns
    -------
    DataFrame
        The alerts, with ``kind`` and ``support`` changed where at least
        :data:`~fastrcf.telecom.kinds.CROWD` SIMs have alerts of
        :data:`~fastrcf.telecom.kinds.SENDING` kinds at once, a botnet having at least half of the
        support of each one's kind.
    """
    if rule.fleet not in alerts.columns:
        return alerts
    sending = alerts.filter(
        pl.col("kind").is_in(sorted(SENDING))
        & (pl.col("attack") >= 0.5 * pl.col("support"))
        & pl.col(rule.fleet).is_not_null()
    ).sort("opened", "alert")
    many: set[int] = set()
    for _, part in sending.group_by(rule.fleet, maintain_order=True):
        rows = part.select("opened", "sim_id", "alert").rows()
        first = 0
        for last, (opened, _, _) in enumerate(rows):
            while opened - rows[first][0] > rule.together:
                first += 1
            here = rows[first : last + 1]
            if len({sim for _, sim, _ in here}) >= CROWD:
                many.update(alert for _, _, alert in here)
    crowded = pl.col("alert").is_in(sorted(many))
    return alerts.with_columns(
        kind=pl.when(crowded).then(pl.lit(str(Kind.BOTNET))).otherwise("kind"),
        support=pl.when(crowded).then("attack").otherwise("support"),
    )
