"""What a detector of sessions found on Spark: alerts, cases, kinds and reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark._features import column
from fastrcf_spark._sampling import collected
from fastrcf_spark.sessions import _checked

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl
    from pyspark.sql import DataFrame

    from fastrcf.telecom.detection import SessionDetector
    from fastrcf.telecom.findings import Findings

_NEEDED = ("score", "kind")


def detect_sessions(
    scored: DataFrame,
    features: DataFrame,
    detector: SessionDetector,
    *,
    quiet: pl.DataFrame | None = None,
    since: datetime | None = None,
) -> Findings:
    """Make alerts and cases of scored sessions, and say what each probably is; runs now.

    What ``SessionDetector.detect`` gives on one machine, by one threshold for all days. Only
    sessions above the threshold come to the driver, with their features.

    Parameters
    ----------
    scored : DataFrame
        Sessions as :func:`~fastrcf_spark.score_sessions` gives them. Read once; what was written
        to files is not scored again.
    features : DataFrame
        Features of these sessions, as they were scored.
    detector : SessionDetector
        The one that scored them.
    quiet : polars.DataFrame, optional
        As :func:`~fastrcf_spark.quiet_times` gives it. Without it, or with a detector that was
        fitted without sessions, nothing is said of silent SIMs.
    since : datetime, optional
        From when on sessions and silences are told; default: all.

    Returns
    -------
    Findings
        ``scored`` holds the sessions above the threshold alone, and ``threshold`` the detector's.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing.
    fastrcf.NotFittedError
        If the detector has not learnt anything.
    """
    import math

    import polars as pl

    from fastrcf.telecom import kinds
    from fastrcf.telecom.alerts import crowds, into_cases, open_alerts
    from fastrcf.telecom.findings import Findings, of_silence, summaries
    from fastrcf.telecom.silence import silences

    there = _checked(scored, ("start_ts",))
    for name in _NEEDED:
        if name not in there:
            raise fastrcf.InvalidInputError(f"the scored sessions have no column {name!r}")
    read = list(dict.fromkeys(["session_id", "family", *detector.features]))
    missing = [name for name in read if name not in features.columns]
    if missing:
        raise fastrcf.InvalidInputError(f"the features have no column {', '.join(missing)}")
    if math.isnan(detector.threshold):
        raise fastrcf.NotFittedError("fit the detector first, or load one")
    rule = detector.alert_rule
    # Microseconds are the same in whatever time zone the session is.
    told = scored.where(column("kind").isNotNull()).select(
        *(
            F.unix_micros(column(name)).alias(name) if name == "start_ts" else column(name)
            for name in there
        )
    )
    above = pl.DataFrame(collected(told))
    above = above.with_columns(pl.col("start_ts").cast(pl.Datetime("us", "UTC")))
    if since is not None:
        above = above.filter(pl.col("start_ts") >= since)
    above = above.with_columns(threshold=pl.lit(detector.threshold, pl.Float64))
    alerting = open_alerts(above, -math.inf, rule)
    alerts = summaries(alerting)
    explained = detector._explained(_features_of(above, features, read), alerting)
    named = [kinds.name(*explained[alert][1:]) for alert in alerts["alert"]]
    support = [each.get(kind, 0.0) for kind, each in named]
    attack = [each.get(kinds.Kind.BOTNET, 0.0) for _, each in named]
    alerts = alerts.with_columns(
        kind=pl.Series([str(kind) for kind, _ in named], dtype=pl.String),
        support=pl.Series(support, dtype=pl.Float64),
        attack=pl.Series(attack, dtype=pl.Float64),
    )
    if quiet is not None and not math.isnan(detector.silence_ratio):
        silent = silences(quiet, detector.silence_ratio, detector.silence_rule)
        if since is not None:
            silent = silent.filter(pl.col("opened") >= since)
        silent = of_silence(silent, len(alerts)).with_columns(attack=pl.lit(0.0))
        alerts = pl.concat([alerts, silent], how="diagonal")
    alerts = crowds(alerts, rule).drop("attack").with_columns(alike=kinds.alike("opened_as"))
    alerts = into_cases(alerts, rule, by=("alike",)).drop("alike")
    alerting = alerting.join(alerts.select("alert", "case"), on="alert", how="left")
    reasons = {alert: top for alert, (top, _, _) in explained.items()}
    return Findings(above, alerting, alerts, reasons, detector.threshold)


def _features_of(above: pl.DataFrame, features: DataFrame, read: list[str]) -> pl.DataFrame:
    """Bring the features of a few sessions."""
    import polars as pl

    wanted = features.sparkSession.createDataFrame(
        [(name,) for name in above["session_id"].to_list()], "session_id string"
    )
    some = features.select(*(column(name).alias(name) for name in read))
    return pl.DataFrame(collected(some.join(F.broadcast(wanted), "session_id", "left_semi")))
