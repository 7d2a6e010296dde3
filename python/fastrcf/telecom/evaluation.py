"""How well alerts find incidents, where it is known what happened.

Sessions of one incident come and go together, and so do those of one SIM: an incident is found or
it is not, whatever the number of its sessions, and intervals draw whole SIMs, not sessions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fastrcf._parameters import wilson
from fastrcf.errors import InvalidInputError
from fastrcf.evaluation import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrcf._typing import Floats
    from fastrcf.telecom.findings import Findings

_DRAWS = 200


@dataclass(frozen=True)
class KindResult:
    """How well incidents of a kind are found.

    Attributes
    ----------
    kind : str
        The kind.
    incidents, found : int
        Incidents in the time that is judged, and those of them that an alert is part of.
    recall : Estimate
        ``found / incidents``, with Wilson's interval of 95 %.
    sessions, sessions_found : int
        Their sessions, and those of them above the threshold.
    delay_hours : float or None
        Median time from an incident's onset to its first alerting session, of those found.
    delays_hours : tuple of float
        That time of each that was found, the shortest first.
    """

    kind: str
    incidents: int
    found: int
    recall: Estimate
    sessions: int
    sessions_found: int
    delay_hours: float | None
    delays_hours: tuple[float, ...] = ()


@dataclass(frozen=True)
class IncidentEvaluation:
    """What :func:`evaluate_alerts` finds.

    Attributes
    ----------
    sessions, labelled : int
        Sessions that were judged, and those of incidents.
    alerts, true_alerts : int
        Alerts, and those that an incident is part of.
    cases, true_cases : int or None
        The same of cases, where alerts have any.
    alert_rate : float
        Alerts a session.
    precision : Estimate
        Share of alerts that an incident is part of; Wilson's interval.
    average_precision : Estimate
        Of sessions by their scores; the interval draws SIMs.
    kinds : tuple of KindResult
        One for each kind, by name.
    """

    sessions: int
    labelled: int
    alerts: int
    true_alerts: int
    cases: int | None
    true_cases: int | None
    alert_rate: float
    precision: Estimate
    average_precision: Estimate
    kinds: tuple[KindResult, ...]

    @property
    def recall(self) -> float | None:
        """Share of all incidents that were found."""
        total = sum(kind.incidents for kind in self.kinds)
        return sum(kind.found for kind in self.kinds) / total if total else None

    def table(self) -> pl.DataFrame:
        """Give a row for each kind, to be shown.

        Returns
        -------
        DataFrame
            ``kind``, ``incidents``, ``found``, ``recall`` with ``low`` and ``high``, ``sessions``,
            ``sessions_found``, ``delay_hours``.
        """
        types = {
            "kind": pl.String,
            "incidents": pl.Int64,
            "found": pl.Int64,
            "recall": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "sessions": pl.Int64,
            "sessions_found": pl.Int64,
            "delay_hours": pl.Float64,
        }
        rows = [
            (
                one.kind,
                one.incidents,
                one.found,
                one.recall.value,
                one.recall.low,
                one.recall.high,
                one.sessions,
                one.sessions_found,
                one.delay_hours,
            )
            for one in self.kinds
        ]
        return pl.DataFrame(rows, schema=types, orient="row")

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain dicts, lists, numbers and None, for JSON."""
        return {**asdict(self), "kinds": [asdict(kind) for kind in self.kinds]}


def evaluate_findings(
    findings: Findings,
    incidents: pl.DataFrame,
    *,
    n_bootstrap: int = _DRAWS,
    random_state: int = 0,
) -> IncidentEvaluation:
    """Judge what a detector found, silent SIMs and all.

    Parameters
    ----------
    findings : Findings
        As ``SessionDetector.detect`` gives them, of features with ``label`` and ``incident``.
    incidents, n_bootstrap, random_state
        As :func:`evaluate_alerts` takes them.

    Raises
    ------
    InvalidInputError
        If the sessions do not say which incident they are part of.
    """
    missing = [name for name in ("label", "incident") if name not in findings.scored.columns]
    if missing:
        raise InvalidInputError(
            f"the sessions have no column {' and no column '.join(missing)}: what happened is not "
            "known of them"
        )
    return evaluate_alerts(
        findings.scored,
        findings.alerting,
        findings.alerts.filter(pl.col("score").is_null()),
        incidents,
        n_bootstrap=n_bootstrap,
        random_state=random_state,
    )


def evaluate_alerts(
    scored: pl.DataFrame,
    alerting: pl.DataFrame,
    silences: pl.DataFrame,
    incidents: pl.DataFrame,
    *,
    n_bootstrap: int = _DRAWS,
    random_state: int = 0,
) -> IncidentEvaluation:
    """Judge alerts by what is known to have happened.

    Parameters
    ----------
    scored : DataFrame
        All sessions of the time that is judged: ``sim_id``, ``start_ts``, ``score``, ``label``,
        ``incident``.
    alerting : DataFrame
        Those above the threshold, with ``alert`` (and ``case``).
    silences : DataFrame
        Alerts of SIMs that are silent: ``alert``, ``sim_id``, ``opened`` (and ``case``).
    incidents : DataFrame
        ``incident``, ``label``, ``onset``, ``end`` and ``sim_ids``, a list of SIMs. Only incidents
        with a session in the time, or a silent SIM, are judged.
    n_bootstrap : int
        Draws behind the interval of the average precision; 0 for none.
    random_state : int
        Seed of the draws.

    Notes
    -----
    An incident is found if one of its sessions is above the threshold, or one of its SIMs has an
    alert for silence between its onset and its end.
    """
    since, until = scored["start_ts"].min(), scored["start_ts"].max()
    by_session = (
        alerting.filter(pl.col("incident").is_not_null())
        .group_by("incident")
        .agg(first=pl.col("start_ts").min())
    )
    silent = _silent(silences, incidents)
    by_silence = silent.group_by("incident").agg(first=pl.col("opened").min())
    first = pl.concat([by_session, by_silence]).group_by("incident").agg(pl.col("first").min())
    of_incidents = (
        scored.filter(pl.col("incident").is_not_null())
        .group_by("incident")
        .agg(sessions=pl.len())
        .join(
            alerting.filter(pl.col("incident").is_not_null())
            .group_by("incident")
            .agg(sessions_found=pl.len()),
            on="incident",
            how="left",
        )
    )
    judged = (
        incidents.select("incident", pl.col("label").cast(pl.String), "onset", "end")
        .join(of_incidents, on="incident", how="left")
        .join(first, on="incident", how="left")
        .filter(
            pl.col("sessions").is_not_null()
            | ((pl.col("label") == "silent_device") & pl.col("onset").is_between(since, until))
        )
        .with_columns(pl.col("sessions", "sessions_found").fill_null(0))
        .with_columns(delay=(pl.col("first") - pl.col("onset")).dt.total_seconds() / 3600)
        .sort("label")
    )
    true = set(alerting.filter(pl.col("incident").is_not_null())["alert"]) | set(silent["alert"])
    opened = [alerting.select("alert"), silences.select("alert")]
    n_alerts = pl.concat(opened)["alert"].n_unique()
    cases = true_cases = None
    if "case" in alerting.columns and "case" in silences.columns:
        both = pl.concat([alerting.select("alert", "case"), silences.select("alert", "case")])
        cases = both["case"].n_unique()
        true_cases = both.filter(pl.col("alert").is_in(list(true)))["case"].n_unique()
    return IncidentEvaluation(
        sessions=len(scored),
        labelled=int(scored["incident"].is_not_null().sum()),
        alerts=n_alerts,
        true_alerts=len(true),
        cases=cases,
        true_cases=true_cases,
        alert_rate=n_alerts / max(1, len(scored)),
        precision=_share(len(true), n_alerts),
        average_precision=average_precision(scored, n_bootstrap, random_state),
        kinds=tuple(
            KindResult(
                kind=str(kind),
                incidents=len(part),
                found=int(part["first"].is_not_null().sum()),
                recall=_share(int(part["first"].is_not_null().sum()), len(part)),
                sessions=int(part["sessions"].sum()),
                sessions_found=int(part["sessions_found"].sum()),
                delay_hours=_median(part["delay"]),
                delays_hours=tuple(part["delay"].drop_nulls().sort()),
            )
            for (kind,), part in judged.group_by("label", maintain_order=True)
        ),
    )


def _silent(silences: pl.DataFrame, incidents: pl.DataFrame) -> pl.DataFrame:
    """Find the alerts for silence of SIMs that had gone silent."""
    gone = (
        incidents.filter(pl.col("label").cast(pl.String) == "silent_device")
        .select("incident", "onset", "end", sim_id="sim_ids")
        .explode("sim_id")
    )
    return silences.join(gone, on="sim_id").filter(
        (pl.col("opened") >= pl.col("onset")) & (pl.col("opened") <= pl.col("end")).fill_null(True)
    )


def _share(n: int, of: int) -> Estimate:
    if of == 0:
        return Estimate(None)
    low, high = wilson(n / of, of)
    return Estimate(n / of, low, high)


def _median(values: pl.Series) -> float | None:
    median = values.drop_nulls().median()
    return None if median is None else float(median)  # type: ignore[arg-type]


def average_precision(scored: pl.DataFrame, n_bootstrap: int, random_state: int) -> Estimate:
    """Compute the average precision of sessions, with an interval that draws SIMs.

    Parameters
    ----------
    scored : DataFrame
        ``sim_id``, ``score``, ``incident``.
    n_bootstrap, random_state : int
        Draws, and their seed.
    """
    ordered = scored.select(
        pl.col("sim_id").cast(pl.Categorical).to_physical().alias("sim"),
        "score",
        bad=pl.col("incident").is_not_null(),
    ).sort("score", descending=True)
    score, bad = ordered["score"].to_numpy(), ordered["bad"].to_numpy()
    if not bad.any():
        return Estimate(None)
    _, sim = np.unique(ordered["sim"].to_numpy(), return_inverse=True)
    # Sessions of one score count together: where each such group ends.
    ends = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    some = np.flatnonzero(np.diff(np.r_[0, np.cumsum(bad)[ends]]) > 0)
    value = _weighted(np.ones(len(score)), bad, ends, some)
    if not n_bootstrap:
        return Estimate(value)
    rng = np.random.Generator(np.random.PCG64(random_state))
    sims = int(sim.max()) + 1
    draws = [
        _weighted(np.bincount(rng.integers(0, sims, sims), minlength=sims)[sim], bad, ends, some)
        for _ in range(n_bootstrap)
    ]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _weighted(weight: Any, bad: NDArray[np.bool_], ends: Any, some: Any) -> float:
    """Compute the average precision of sessions that count by weights."""
    above: Floats = np.cumsum(weight)[ends].astype(float)
    caught: Floats = np.cumsum(weight * bad)[ends].astype(float)
    total = caught[-1]
    if total == 0:
        return float("nan")
    gained = caught[some] - np.where(some > 0, caught[np.maximum(some - 1, 0)], 0.0)
    with np.errstate(invalid="ignore"):
        return float(np.nansum(gained / total * (caught[some] / above[some])))
