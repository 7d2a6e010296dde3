"""From sessions and alerts to SIMs, fleets and cells, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fastrcf._parameters import wilson
from fastrcf.errors import InvalidInputError, InvalidParameterError

if TYPE_CHECKING:
    from fastrcf.telecom.findings import Findings

#: What findings can be rolled up to, with the column that says which one a session is of.
LEVELS: Final = {
    "sim": "sim_id",
    "sim_id": "sim_id",
    "fleet": "customer",
    "customer": "customer",
    "cell": "cell",
}


def rolled_up(findings: Findings, level: str) -> pl.DataFrame:
    """Give a row for each SIM, fleet or cell; the rule is that of :meth:`Findings.by`.

    Parameters
    ----------
    findings : Findings
        Of the judged sessions.
    level : str
        One of :data:`LEVELS`.

    Raises
    ------
    InvalidParameterError
        If there is no such level.
    InvalidInputError
        If the sessions do not say which one they are of.
    """
    if level not in LEVELS:
        raise InvalidParameterError(f"{level!r} is none of {', '.join(LEVELS)}")
    column = LEVELS[level]
    scored, alerts = findings.scored, findings.alerts
    if column not in scored.columns:
        raise InvalidInputError(f"the sessions have no column {column}: they are of no {level}")
    if column not in alerts.columns:
        alerts = alerts.with_columns(pl.lit(None, pl.String).alias(column))
    named = pl.col(column).cast(pl.String)
    own, opened = (each.filter(named.is_not_null()) for each in (scored, alerts))
    of_sessions = own.group_by(named).agg(
        score=pl.col("score").max(), sessions=pl.len().cast(pl.Int64)
    )
    of_alerts = opened.group_by(named).agg(
        alerts=pl.len().cast(pl.Int64),
        cases=pl.col("case").n_unique().cast(pl.Int64),
        silent=pl.col("score").is_null().sum().cast(pl.Int64),
        first=pl.col("opened").min(),
        last=pl.col("last").max(),
    )
    # A SIM that is silent has no judged session, but an alert.
    rolled = of_sessions.join(of_alerts, on=column, how="full", coalesce=True).with_columns(
        pl.col("sessions", "alerts", "cases", "silent").fill_null(0)
    )
    order = ["alerts", "score", column]
    if column != "sim_id":
        rolled = rolled.join(_shares(own, opened, named, column), on=column, how="left")
        order = ["share_low", *order]
    return rolled.select(
        column,
        "score",
        *(name for name in ("sims", "sims_alerting", "share", "share_low") if name in rolled),
        *("sessions", "alerts", "cases", "silent", "first", "last"),
    ).sort(order, descending=[*[True] * (len(order) - 1), False], nulls_last=True)


def _shares(own: pl.DataFrame, opened: pl.DataFrame, named: pl.Expr, column: str) -> pl.DataFrame:
    """Count SIMs, and those with an alert; with the least share that they let suppose."""
    which = (named, pl.col("sim_id").cast(pl.String))
    alerting = opened.select(which).unique()
    there = pl.concat([own.select(which).unique(), alerting]).unique()
    counts = (
        there.group_by(column)
        .agg(sims=pl.len().cast(pl.Int64))
        .join(
            alerting.group_by(column).agg(sims_alerting=pl.len().cast(pl.Int64)),
            on=column,
            how="left",
        )
        .with_columns(pl.col("sims_alerting").fill_null(0))
        .with_columns(share=pl.col("sims_alerting") / pl.col("sims"))
    )
    low = [wilson(share, n)[0] for share, n in counts.select("share", "sims").iter_rows()]
    return counts.with_columns(share_low=pl.Series(low, dtype=pl.Float64))
