"""One detector over the sessions of all SIMs, and the alerts that follow from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

import fastrcf
from fastrcf.errors import (
    InvalidInputError,
    InvalidParameterError,
    ModelFileError,
    NotFittedError,
)
from fastrcf.telecom import kinds
from fastrcf.telecom.alerts import AlertRule, into_cases, open_alerts, threshold_for
from fastrcf.telecom.silence import SilenceRule, quiet_times, ratio_for, silences

if TYPE_CHECKING:
    from os import PathLike

    from fastrcf.detection import Reason

#: What a detector of sessions looks at; docs/telecom.md says why these.
COLUMNS: Final = (
    "log_bytes_up",
    "log_bytes_down",
    "log_duration",
    "up_share",
    "zero_bytes",
    "is_abnormal_end",
    "is_abroad",
    "gap_ratio",
    "log_overlap",
    "log_speed",
    "device_new",
    "plmn_new",
    "apn_new",
    "sessions_1h",
    "sessions_ratio_1h",
    "sessions_ratio_24h",
    "bytes_ratio_1h",
    "bytes_ratio_24h",
    "bytes_up_ratio_24h",
    "night_up_ratio_24h",
    "failed_share_24h",
    "zero_share_24h",
    "concurrency_24h",
    "devices_24h",
    "plmns_24h",
    "sms_mo_24h",
)
#: Features whose values below 0 count as 0: less than usual is no fraud, and silence has a rule of
#: its own.
ONE_SIDED: Final = frozenset(
    {
        "gap_ratio",
        "sessions_ratio_1h",
        "sessions_ratio_24h",
        "bytes_ratio_1h",
        "bytes_ratio_24h",
        "bytes_up_ratio_24h",
        "night_up_ratio_24h",
        "sms_mo_ratio_24h",
        "bytes_z",
        "sessions_z",
        "gap_z",
    }
)
#: Sessions of an alert that its kind and its reasons are told by: the first, and the highest.
EXPLAINED: Final = 6
# Passed on from features to scores.
_KEYS: Final = (
    "session_id",
    "sim_id",
    "start_ts",
    "family",
    "customer",
    "cell",
    "label",
    "incident",
)
_NOTE: Final = "telecom"


@dataclass(frozen=True)
class Findings:
    """What a detector of sessions found.

    Attributes
    ----------
    scored : DataFrame
        Every session: what it is, and its ``score``.
    alerting : DataFrame
        Sessions above the threshold: also ``alert``, ``opens`` and ``case``.
    alerts : DataFrame
        A row for each alert in the order in which they opened: ``alert``, ``case``, ``sim_id``,
        ``customer``, ``family``, ``cell``, ``opened``, ``last``, ``sessions``, ``score`` (the
        highest), ``kind``, ``support``. Alerts of silent SIMs have no score and no sessions,
        but ``quiet_from``, ``usual_gap``, ``ratio``, ``fleet_sims`` and ``peers_quiet``.
    reasons : dict of int to list of Reason
        Of each alert, the largest part first: of the session with the highest score.
    threshold : float
        Sessions with higher scores alert; NaN where it is not known.
    """

    scored: pl.DataFrame
    alerting: pl.DataFrame
    alerts: pl.DataFrame
    reasons: dict[int, list[Reason]]
    threshold: float = float("nan")


class SessionDetector:
    """Finds sessions that are unlike all others, and makes alerts of them.

    Parameters
    ----------
    columns : sequence of str, default COLUMNS
        Features to look at.
    alerts_per_thousand : float, default 1.0
        Alerts a thousand sessions, above 0 and at most 100.
    silence_share : float, default 0.1
        Share of the alerts that may be of silent SIMs, in [0, 1).
    alert_rule : AlertRule
        When an alert opens and closes, and what is a case.
    silence_rule : SilenceRule
        When a SIM is silent.
    **detector
        Of the forest: ``n_trees``, ``sample_size``, ``scaling``, ``score``, ``random_state``,
        ``n_threads``, as for :class:`fastrcf.Detector`.
    """

    def __init__(
        self,
        columns: Any = COLUMNS,
        *,
        alerts_per_thousand: float = 1.0,
        silence_share: float = 0.1,
        alert_rule: AlertRule | None = None,
        silence_rule: SilenceRule | None = None,
        **detector: Any,
    ) -> None:
        if not 0 < alerts_per_thousand <= 100:
            raise InvalidParameterError(
                f"alerts_per_thousand: {alerts_per_thousand} is not above 0 and at most 100"
            )
        if not 0 <= silence_share < 1:
            raise InvalidParameterError(f"silence_share: {silence_share} is not in [0, 1)")
        self.columns = list(columns)
        self.alerts_per_thousand = float(alerts_per_thousand)
        self.silence_share = float(silence_share)
        self.alert_rule = alert_rule or AlertRule()
        self.silence_rule = silence_rule or SilenceRule()
        self._detector = fastrcf.Detector(
            self.columns, alert_rate=min(0.5, alerts_per_thousand / 1000), **detector
        )
        self.threshold = float("nan")
        self.silence_ratio = float("nan")

    def fit(self, features: pl.DataFrame, sessions: pl.DataFrame | None = None) -> SessionDetector:
        """Learn what sessions are like, and where alerts begin.

        Parameters
        ----------
        features : DataFrame
            Features of sessions of some days, as ``session_features`` gives them.
        sessions : DataFrame, optional
            The sessions themselves; without them nothing is said of silent SIMs.
        """
        self._detector.fit(self._seen(features))
        scored = self.score(features)
        budget = self.alerts_per_thousand / 1000 * len(features)
        share = 0.0 if sessions is None else self.silence_share
        self.threshold = threshold_for(scored, budget * (1 - share), self.alert_rule)
        if sessions is not None and share:
            quiet = quiet_times(sessions, _last(sessions), self.silence_rule)
            self.silence_ratio = ratio_for(quiet, budget * share, self.silence_rule)
        return self

    def _seen(self, features: pl.DataFrame) -> pl.DataFrame:
        """Give the columns as the forest looks at them."""
        missing = [name for name in self.columns if name not in features.columns]
        if missing:
            raise InvalidInputError(f"there are no features {', '.join(missing)}")
        return features.select(
            pl.col(name).clip(lower_bound=0) if name in ONE_SIDED else pl.col(name)
            for name in self.columns
        )

    def score(self, features: pl.DataFrame) -> pl.DataFrame:
        """Give what sessions are, each with its ``score``."""
        scores = self._detector.score(self._seen(features))
        keys = features.select(name for name in _KEYS if name in features.columns)
        return keys.with_columns(score=pl.Series(scores))

    def detect(
        self,
        features: pl.DataFrame,
        sessions: pl.DataFrame | None = None,
        *,
        since: datetime | None = None,
    ) -> Findings:
        """Score sessions, make alerts and cases of them, and say what each probably is.

        Parameters
        ----------
        features : DataFrame
            Features of the sessions to judge.
        sessions : DataFrame, optional
            Sessions, with those of some days before: without them nothing is said of silent SIMs.
        since : datetime, optional
            Silences that were there before are not told; default: the first session's start.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if np.isnan(self.threshold):
            raise NotFittedError("fit the detector first, or load one")
        scored = self.score(features)
        alerting = open_alerts(scored, self.threshold, self.alert_rule)
        alerts = _summaries(alerting)
        explained = self._explained(features, alerting)
        named = {alert: kinds.name(each) for alert, (_, each) in explained.items()}
        alerts = alerts.with_columns(
            kind=pl.Series([str(named[a][0]) for a in alerts["alert"]], dtype=pl.String),
            support=pl.Series(
                [named[a][1].get(named[a][0], 0.0) for a in alerts["alert"]], dtype=pl.Float64
            ),
        )
        if sessions is not None and not np.isnan(self.silence_ratio):
            first = since or features["start_ts"].min()
            quiet = quiet_times(sessions, _last(sessions), self.silence_rule)
            found = silences(quiet, self.silence_ratio, self.silence_rule).filter(
                pl.col("opened") >= first
            )
            alerts = pl.concat([alerts, _silent(found, len(alerts))], how="diagonal")
        alerts = into_cases(alerts, self.alert_rule)
        alerting = alerting.join(alerts.select("alert", "case"), on="alert", how="left")
        tops = {alert: top for alert, (top, _) in explained.items()}
        return Findings(scored, alerting, alerts, tops, self.threshold)

    def _explained(
        self, features: pl.DataFrame, alerting: pl.DataFrame
    ) -> dict[int, tuple[list[Reason], list[list[Reason]]]]:
        """Explain of each alert its first session and its highest: the highest one's, and all."""
        by_score = pl.col("score").rank("ordinal", descending=True).over("alert")
        told = alerting.with_columns(place=by_score).filter(
            pl.col("opens") | (pl.col("place") < EXPLAINED)
        )
        rows = told.select("session_id", "alert", "place").join(
            features.select("session_id", *self.columns), on="session_id", how="left"
        )
        out: dict[int, tuple[list[Reason], list[list[Reason]]]] = {}
        reasons = self._detector.explain(self._seen(rows))
        for alert, place, why in zip(rows["alert"], rows["place"], reasons, strict=True):
            top, each = out.get(alert, ([], []))
            out[alert] = (why if place == 1 else top, [*each, why])
        return out

    def save(self, path: str | PathLike[str]) -> None:
        """Write the detector into one model file, its rules into its notes."""
        rules = {
            "threshold": self.threshold,
            "silence_ratio": None if np.isnan(self.silence_ratio) else self.silence_ratio,
            "alerts_per_thousand": self.alerts_per_thousand,
            "silence_share": self.silence_share,
            "alert_rule": _plain(self.alert_rule),
            "silence_rule": _plain(self.silence_rule),
        }
        self._detector.notes = {**self._detector.notes, _NOTE: json.dumps(rules)}
        self._detector.save(path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> SessionDetector:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ModelFileError
            If the file is no such model.
        """
        model = fastrcf.load(path)
        if not isinstance(model, fastrcf.Detector) or _NOTE not in model.notes:
            raise ModelFileError(f"{path}: not a detector of sessions")
        try:
            rules = json.loads(model.notes[_NOTE])
            made = cls(
                model.columns,
                alerts_per_thousand=rules["alerts_per_thousand"],
                silence_share=rules["silence_share"],
                alert_rule=AlertRule(**_timed(rules["alert_rule"])),
                silence_rule=SilenceRule(**_timed(rules["silence_rule"])),
            )
            made.threshold = float(rules["threshold"])
            ratio = rules["silence_ratio"]
            made.silence_ratio = float("nan") if ratio is None else float(ratio)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                f"{path}: its rules for sessions cannot be read: {error}"
            ) from None
        made._detector = model
        return made


def _last(sessions: pl.DataFrame) -> datetime:
    last = sessions["start_ts"].max()
    if not isinstance(last, datetime):
        raise InvalidInputError("there are no sessions")
    return last


def _summaries(alerting: pl.DataFrame) -> pl.DataFrame:
    """Give each alert in a row: what its first session is, and what came after."""
    names = [name for name in ("customer", "family", "cell") if name in alerting.columns]
    return (
        alerting.sort("start_ts", "session_id")
        .group_by("alert", maintain_order=True)
        .agg(
            pl.col("sim_id").first(),
            *(pl.col(name).first().cast(pl.String) for name in names),
            opened=pl.col("start_ts").first(),
            last=pl.col("start_ts").last(),
            sessions=pl.len().cast(pl.Int64),
            score=pl.col("score").max(),
            session_id=pl.col("session_id").sort_by("score").last(),
        )
        .sort("alert")
    )


def _silent(found: pl.DataFrame, first: int) -> pl.DataFrame:
    """Give silences as alerts, numbered from ``first``."""
    names = [name for name in ("customer", "family", "cell") if name in found.columns]
    return found.select(
        (pl.int_range(pl.len(), dtype=pl.UInt32) + first).alias("alert"),
        "sim_id",
        *(pl.col(name).cast(pl.String) for name in names),
        "opened",
        last=pl.col("quiet_from") + pl.col("quiet"),
        sessions=pl.lit(0, pl.Int64),
        kind=pl.lit(str(kinds.Kind.SILENT_DEVICE)),
        quiet_from=pl.col("quiet_from"),
        usual_gap=pl.col("usual_gap"),
        ratio=pl.col("ratio"),
        fleet_sims=pl.col("fleet_sims"),
        peers_quiet=pl.col("peers_quiet"),
    )


def _plain(rule: AlertRule | SilenceRule) -> dict[str, Any]:
    """Write times as seconds."""
    return {
        name: {"seconds": value.total_seconds()} if isinstance(value, timedelta) else value
        for name, value in asdict(rule).items()
    }


def _timed(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        name: timedelta(seconds=value["seconds"]) if isinstance(value, dict) else value
        for name, value in rule.items()
    }
