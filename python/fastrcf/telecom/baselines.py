"""What others find in the same sessions, at the same budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom import rules as simple
from fastrcf.telecom.alerts import cases_of, open_alerts, threshold_for
from fastrcf.telecom.evaluation import IncidentEvaluation, evaluate_alerts
from fastrcf.telecom.timeline import KEYS

if TYPE_CHECKING:
    from datetime import datetime

    from fastrcf._typing import Floats
    from fastrcf.telecom.alerts import AlertRule


def isolation_forest(
    features: pl.DataFrame, columns: list[str], until: datetime, random_state: int
) -> Floats:
    """Score sessions by scikit-learn's IsolationForest, fitted to those before ``until``.

    Parameters
    ----------
    features : DataFrame
        Sessions with their features.
    columns : list of str
        What it looks at.
    until : datetime
        Where its training ends.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of float64, shape (sessions from ``until`` on,)
        Higher is more unusual.
    """
    from sklearn.ensemble import IsolationForest

    train = features.filter(pl.col("start_ts") < until).select(columns).to_numpy()
    judged = features.filter(pl.col("start_ts") >= until).select(columns).to_numpy()
    forest = IsolationForest(n_estimators=100, random_state=random_state).fit(train)
    scores: Floats = -forest.score_samples(judged)
    return scores


def rules(sessions: pl.DataFrame, until: datetime) -> dict[str, pl.DataFrame]:
    """Score sessions by the simple rules of the trade (``rules.py``).

    Parameters
    ----------
    sessions : DataFrame
        All sessions, with those before ``until``: rules count what a SIM did before.
    until : datetime
        From when on sessions are judged; what is usual is learnt from those before.

    Returns
    -------
    dict of str to DataFrame
        By the rule's name: the judged sessions, as :func:`judged` takes them. Below the rule's own
        threshold the score is -inf; among equal scores chance decides, by a hash of the session.
    """
    found = simple.scores(sessions, until).filter(pl.col("start_ts") >= until)
    keys = found.select(name for name in KEYS if name in found.columns)
    chance = found["session_id"].hash(7) / 2.0**64
    out = {}
    for rule in simple.RULES:
        score = found[f"rule_{rule.name}"]
        # Chance decides among equals alone: whole numbers and bytes of a day lie further apart.
        told = pl.select(
            pl.when(score >= rule.threshold).then(score + 1e-6 * chance).otherwise(-math.inf)
        ).to_series()
        out[rule.name] = keys.with_columns(score=told)
    return out


def judged(
    scored: pl.DataFrame,
    incidents: pl.DataFrame,
    rule: AlertRule,
    n_cases: float,
    *,
    n_bootstrap: int = 200,
) -> IncidentEvaluation:
    """Judge scores that give no reasons: alerts of a fleet that open together are one case.

    Parameters
    ----------
    scored : DataFrame
        The judged sessions with ``score``, ``label`` and ``incident``.
    incidents : DataFrame
        What happened, as for :func:`evaluate_alerts`.
    rule : AlertRule
        What alerts and cases are.
    n_cases : float
        Cases that these scores may open: the threshold is the best for them, found on the judged
        sessions themselves.
    n_bootstrap : int
        Draws behind the interval of the average precision.
    """
    ranked = scored.sort("score", descending=True).with_columns(kind=pl.lit("any"))
    n = min(len(ranked), int(8 * n_cases) + 1)
    threshold = threshold_for(ranked.head(n), n_cases, rule, whole=n == len(ranked))
    while threshold is None and n < len(ranked):
        n = min(len(ranked), 2 * n)
        threshold = threshold_for(ranked.head(n), n_cases, rule, whole=n == len(ranked))
    alerting = open_alerts(ranked, -float("inf") if threshold is None else threshold, rule)
    alerting = alerting.join(
        cases_of(alerting, rule).select("alert", "case"), on="alert", how="left"
    )
    none = pl.DataFrame(
        schema={
            "alert": pl.UInt32,
            "case": pl.UInt32,
            "sim_id": pl.String,
            "opened": pl.Datetime("us", "UTC"),
        }
    )
    return evaluate_alerts(scored, alerting, none, incidents, n_bootstrap=n_bootstrap)
