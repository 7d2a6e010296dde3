"""One detector over the sessions of all SIMs, and the alerts that follow from it.

A session's **score** is the sum of two surprises (``surprise.py``). The first is how rare the
session is within its family: what the forest says of it, or what a view of a few features says
(``evidence.py``), whichever is more. The second is how rare it is in its family that so much has
come together on the SIM (``together.py``) in six hours, or in what goes on slowly in 36.
A single odd session of a quiet SIM and a hundred slightly odd ones weigh alike.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

import fastrcf
from fastrcf._parameters import names, number
from fastrcf.errors import (
    InvalidInputError,
    InvalidParameterError,
    ModelFileError,
    NotFittedError,
)
from fastrcf.telecom import kinds
from fastrcf.telecom.alerts import AlertRule, crowds, into_cases, open_alerts, threshold_for
from fastrcf.telecom.budget import USUAL, Budget
from fastrcf.telecom.checked import frames, known, moment
from fastrcf.telecom.durations import plain_rule, timed_rule
from fastrcf.telecom.evidence import SLOW, VIEWS, Evidence, merged
from fastrcf.telecom.findings import Findings, of_silence, summaries
from fastrcf.telecom.looked_at import COLUMNS, ONE_SIDED
from fastrcf.telecom.silence import SilenceRule, quiet_times, ratio_for, silences
from fastrcf.telecom.surprise import Tails
from fastrcf.telecom.timeline import KEYS, local
from fastrcf.telecom.together import SLOWLY, TOGETHER, come_together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from fastrcf._typing import Floats
    from fastrcf.detection import Reason
    from fastrcf.telecom.surprise import Integers

#: Sessions of an alert that its kind and its reasons are told by: the first, and the highest.
EXPLAINED: Final = 6
#: The days without a past are not learnt from.
WARM_UP: Final = timedelta(days=1)
_NOTE: Final = "telecom"
_FOREST: Final = "forest"
# Who has less of a session's surprise is not asked for its reasons.
_LEAST_PART: Final = 0.05
_MOMENT: Final = timedelta(microseconds=1)


class SessionDetector:
    """Finds sessions that are unlike all others, and makes alerts of them.

    Parameters
    ----------
    columns : sequence of str, default COLUMNS
        Features to look at.
    alerts_per_thousand : float, optional
        Cases a thousand sessions, above 0 and at most 100: alerts, those that one fleet has at a
        time counted as one. Default: 1.
    alerts_per_day : float, optional
        Cases a day instead, above 0.
    silence_share : float, default 0.1
        Share of them that may be of silent SIMs, in [0, 1).
    alert_rule : AlertRule
        When an alert opens and closes, and what is a case.
    silence_rule : SilenceRule
        When a SIM is silent.
    calibration : timedelta, default 1 day
        The threshold is that of so long a time: at first of the last that was learnt from; then,
        day after day, of what came before that day, so that it follows the world.
    warm_up : timedelta, default 1 day
        Time at the beginning of the sessions that nothing is learnt from: features of a SIM that
        has no history yet are unlike those of later days.
    views : mapping of str to sequence of str, default ``evidence.VIEWS``
        Features that are also looked at a few together, by view.
    **detector
        Of the forest: ``n_trees``, ``sample_size``, ``scaling``, ``score``, ``random_state``,
        ``n_threads``, as for :class:`fastrcf.Detector`.
    """

    def __init__(
        self,
        columns: Any = COLUMNS,
        *,
        alerts_per_thousand: float | None = None,
        alerts_per_day: float | None = None,
        silence_share: float = 0.1,
        alert_rule: AlertRule | None = None,
        silence_rule: SilenceRule | None = None,
        calibration: timedelta = timedelta(days=1),
        warm_up: timedelta = WARM_UP,
        views: Mapping[str, Sequence[str]] = VIEWS,
        **detector: Any,
    ) -> None:
        self.budget = Budget(alerts_per_thousand, alerts_per_day)
        self.alerts_per_thousand = self.budget.alerts_per_thousand
        self.alerts_per_day = self.budget.alerts_per_day
        self.silence_share = number("silence_share", silence_share)
        if not 0 <= self.silence_share < 1:
            raise InvalidParameterError(f"silence_share: {silence_share} is not in [0, 1)")
        self.columns = names("columns", columns)
        self.views = {name: tuple(of) for name, of in views.items()}
        self.alert_rule = alert_rule or AlertRule()
        self.silence_rule = silence_rule or SilenceRule()
        self.calibration = calibration
        self.warm_up = warm_up
        self._share = 1.0
        # Of the forest alone, whose own threshold is not used: a day's sessions are not known yet.
        rate = (self.budget.alerts_per_thousand or USUAL) / 1000
        self._detector = fastrcf.Detector(self.columns, alert_rate=rate, **detector)
        self._evidence: dict[str, Evidence] = {}
        #: Of the forest, of the session, and of what has come together soon and slowly.
        self._tails: dict[str, Tails] = {}
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

        Raises
        ------
        InvalidInputError
            If a feature lacks, or the sessions end before the detector is warm.
        """
        frames(features=features, sessions=sessions)
        warm = known(features["start_ts"].min()) + self.warm_up
        features = features.filter(pl.col("start_ts") >= warm)
        if features.is_empty():
            raise InvalidInputError(
                f"no session begins {self.warm_up} after the first: nothing to learn from"
            )
        self._check(features)
        self._detector.fit(self._seen(features))
        sims = local(features["sim_id"]).to_physical().cast(pl.Int64).to_numpy()
        self._evidence = {name: Evidence.fit(features, of, sims) for name, of in self.views.items()}
        self._tails = {}
        scored = self._scored(features, learn=sims)
        share = 0.0 if sessions is None else self.silence_share
        self._share = 1 - share
        last = known(features["start_ts"].max()) + _MOMENT
        self.threshold = self._threshold(scored, features, last)
        learnt = last - known(features["start_ts"].min())
        budget = self.budget.cases(len(features), learnt)
        if sessions is not None and share:
            quiet = quiet_times(sessions, known(sessions["start_ts"].max()), self.silence_rule)
            self.silence_ratio = ratio_for(quiet, budget * share, self.silence_rule)
        return self

    def _threshold(self, scored: pl.DataFrame, features: pl.DataFrame, until: datetime) -> float:
        """Find the score above which sessions of the days before open as many cases as may be."""
        before = pl.col("start_ts").is_between(until - self.calibration, until, closed="left")
        ranked = scored.with_row_index("row").filter(before).sort("score", descending=True)
        time = min(self.calibration, until - known(scored["start_ts"].min()))
        n_cases = self.budget.cases(len(ranked), time) * self._share
        kinds_so_far: list[str] = []
        n = min(len(ranked), math.ceil(8 * n_cases) + 1)
        while True:
            kinds_so_far += self.kinds(features[ranked[len(kinds_so_far) : n]["row"]])
            some = ranked.head(n).with_columns(kind=pl.Series(kinds_so_far, dtype=pl.String))
            threshold = threshold_for(some, n_cases, self.alert_rule, whole=n == len(ranked))
            if threshold is not None or n == len(ranked):
                return -math.inf if threshold is None else threshold
            n = min(len(ranked), 2 * n)

    def _thresholds(
        self, scored: pl.DataFrame, features: pl.DataFrame, since: datetime
    ) -> pl.DataFrame:
        """Give days their thresholds: the first the fitted one, each later one that of its past."""
        days = scored.filter(pl.col("start_ts") >= since)["start_ts"].dt.truncate("1d")
        days = days.unique().sort()
        found = [self.threshold if day - self.calibration < since else None for day in days]
        found = [
            self._threshold(scored, features, day) if threshold is None else threshold
            for day, threshold in zip(days, found, strict=True)
        ]
        return pl.DataFrame(
            {"day": days, "threshold": found}, schema_overrides={"threshold": pl.Float64}
        )

    def kinds(self, features: pl.DataFrame) -> list[str]:
        """Name sessions, each by its own reasons and marks.

        Parameters
        ----------
        features : DataFrame
            As for :meth:`explain`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        told = zip(self.explain(features), kinds.marked(features), strict=True)
        return [str(kinds.name([why], [row])[0]) for why, row in told]

    def _reasons(self, features: pl.DataFrame) -> list[list[Reason]]:
        """Give the reasons of sessions: of the forest and the views, by how much each says."""
        if features.is_empty():
            return []
        says = self._say(features)
        weights = np.array(list(says.values()))
        # The forest has half at least: it alone sees what the views leave out.
        weights[0] = np.maximum(weights[0], weights[1:].sum(axis=0))
        weights /= np.maximum(weights.sum(axis=0), 1e-9)
        told: list[list[tuple[float, list[Reason]]]] = [[] for _ in range(len(features))]
        for name, weight in zip(says, weights, strict=True):
            rows = np.flatnonzero(weight >= _LEAST_PART)
            part = features[rows]
            if name == _FOREST:
                found = self._detector.explain(self._seen(part)) if len(rows) else []
            else:
                found = self._evidence[name].reasons(part)
            for row, why in zip(rows.tolist(), found, strict=True):
                told[row].append((float(weight[row]), why))
        return [merged(each) for each in told]

    @property
    def features(self) -> list[str]:
        """All features that are looked at."""
        views = (name for of in self.views.values() for name in of)
        return list(dict.fromkeys([*self.columns, *views]))

    def _check(self, features: pl.DataFrame) -> None:
        frames(features=features)
        missing = [name for name in self.features if name not in features.columns]
        if missing:
            raise InvalidInputError(f"there are no features {', '.join(missing)}")

    def _say(self, features: pl.DataFrame, forest: Floats | None = None) -> dict[str, Floats]:
        """Give the surprise of sessions by the forest and by each view."""
        if forest is None:
            forest = self._detector.score(self._seen(features))
        said = {_FOREST: self._tails[_FOREST].surprise(forest, features["family"])}
        return said | {name: of.surprise(features) for name, of in self._evidence.items()}

    def _scored(self, features: pl.DataFrame, learn: Integers | None = None) -> pl.DataFrame:
        """Score sessions; with their SIMs, learn on the way how rare each part of a score is."""
        families = features["family"]

        def rare(name: str, values: Floats) -> Floats:
            if learn is not None:
                self._tails[name] = Tails.fit(values, families, learn)
            return self._tails[name].surprise(values, families)

        forest = self._detector.score(self._seen(features))
        if learn is not None:
            self._tails[_FOREST] = Tails.fit(forest, families, learn)
        says = self._say(features, forest)
        alone = rare("alone", np.max(list(says.values()), axis=0))
        together = rare("together", come_together(features, alone, TOGETHER))
        if SLOW in says:
            slow = come_together(features, says[SLOW], SLOWLY, adding=True)
            together = np.maximum(together, rare("slowly", slow))
        keys = features.select(name for name in KEYS if name in features.columns)
        return keys.with_columns(score=pl.Series(alone + together))

    def _seen(self, features: pl.DataFrame) -> pl.DataFrame:
        """Give the columns as the forest looks at them."""
        return features.select(
            pl.col(name).clip(lower_bound=0) if name in ONE_SIDED else pl.col(name)
            for name in self.columns
        )

    def score(self, features: pl.DataFrame) -> pl.DataFrame:
        """Give what sessions are, each with its ``score``.

        Parameters
        ----------
        features : DataFrame
            Of sessions of whole SIMs: those of the 36 hours before a session count too.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if not self._tails:
            raise NotFittedError("fit the detector first, or load one")
        self._check(features)
        return self._scored(features)

    @property
    def look_back(self) -> timedelta:
        """How long before a session what happened on its SIM counts."""
        return max(TOGETHER, SLOWLY)

    def explain(self, features: pl.DataFrame) -> list[list[Reason]]:
        """Say why sessions are unusual: of each the largest part of its score first.

        Parameters
        ----------
        features : DataFrame
            Of any sessions: each is explained by itself.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if not self._tails:
            raise NotFittedError("fit the detector first, or load one")
        self._check(features)
        return self._reasons(features)

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
            Features of the sessions to judge, and of some hours before.
        sessions : DataFrame, optional
            Sessions, with those of some days before: without them nothing is said of silent SIMs.
        since : datetime, optional
            From when on sessions are judged; default: all.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        frames(features=features, sessions=sessions)
        earliest = known(features["start_ts"].min())
        first = earliest if since is None else moment("since", since)
        # What is longer ago has no part in what is judged.
        features = features.filter(pl.col("start_ts") > first - max(TOGETHER, SLOWLY))
        scored = self.score(features)
        scored = (
            scored.with_columns(day=pl.col("start_ts").dt.truncate("1d"))
            .join(self._thresholds(scored, features, first), on="day", how="left")
            .filter(pl.col("start_ts") >= first)
            .drop("day")
        )
        alerting = open_alerts(scored, pl.col("threshold"), self.alert_rule)
        found = features.join(alerting.select("session_id"), on="session_id", how="semi")
        named = found.select("session_id").with_columns(
            kind=pl.Series(self.kinds(found), dtype=pl.String)
        )
        alerting = alerting.join(named, on="session_id", how="left", maintain_order="left")
        alerts = summaries(alerting)
        explained = self._explained(features, alerting)
        told = {alert: kinds.name(each, rows) for alert, (_, each, rows) in explained.items()}
        alerts = alerts.with_columns(
            kind=pl.Series([str(told[a][0]) for a in alerts["alert"]], dtype=pl.String),
            support=pl.Series(
                [told[a][1].get(told[a][0], 0.0) for a in alerts["alert"]], dtype=pl.Float64
            ),
        )
        if sessions is not None and not math.isnan(self.silence_ratio):
            quiet = quiet_times(sessions, known(sessions["start_ts"].max()), self.silence_rule)
            silent = silences(quiet, self.silence_ratio, self.silence_rule)
            silent = silent.filter(pl.col("opened") >= first)
            alerts = pl.concat([alerts, of_silence(silent, len(alerts))], how="diagonal")
        attack = [
            told[a][1].get(kinds.Kind.BOTNET, 0.0) if a in told else 0.0 for a in alerts["alert"]
        ]
        alerts = crowds(alerts.with_columns(attack=pl.Series(attack)), self.alert_rule)
        alerts = alerts.drop("attack").with_columns(alike=kinds.alike("opened_as"))
        alerts = into_cases(alerts, self.alert_rule, by=("alike",)).drop("alike")
        alerting = alerting.join(alerts.select("alert", "case"), on="alert", how="left")
        reasons = {alert: top for alert, (top, _, _) in explained.items()}
        lowest = float(scored["threshold"].to_numpy().min(initial=math.inf))
        return Findings(scored, alerting, alerts, reasons, lowest)

    def _explained(
        self, features: pl.DataFrame, alerting: pl.DataFrame
    ) -> dict[int, tuple[list[Reason], list[list[Reason]], list[dict[str, float | None]]]]:
        """Explain of each alert its first session and its highest: the highest one's, and all."""
        by_score = pl.col("score").rank("ordinal", descending=True).over("alert")
        told = alerting.with_columns(place=by_score).filter(
            pl.col("opens") | (pl.col("place") < EXPLAINED)
        )
        rows = told.select("session_id", "alert", "place").join(
            features.select("session_id", "family", *self.features), on="session_id", how="left"
        )
        out: dict[int, tuple[list[Reason], list[list[Reason]], list[dict[str, float | None]]]] = {}
        each = zip(
            rows["alert"], rows["place"], self._reasons(rows), kinds.marked(rows), strict=True
        )
        for alert, place, why, marks in each:
            top, reasons, marked = out.get(alert, ([], [], []))
            out[alert] = (why if place == 1 else top, [*reasons, why], [*marked, marks])
        return out

    def save(self, path: str | PathLike[str]) -> None:
        """Write the detector into one model file, its rules into its notes."""
        self._noted().save(path)

    def __bytes__(self) -> bytes:
        """Give the model file."""
        return bytes(self._noted())

    def _noted(self) -> fastrcf.Detector:
        """Write all rules into the notes of the forest's detector, and give that."""
        if not self._tails:
            raise NotFittedError("fit the detector first")
        rules = {
            "threshold": self.threshold,
            "silence_ratio": None if math.isnan(self.silence_ratio) else self.silence_ratio,
            **asdict(self.budget),
            "silence_share": self.silence_share,
            "alert_rule": plain_rule(self.alert_rule),
            "silence_rule": plain_rule(self.silence_rule),
            "calibration": self.calibration.total_seconds(),
            "warm_up": self.warm_up.total_seconds(),
            "share": self._share,
            "tails": {name: tails.to_dict() for name, tails in self._tails.items()},
            "evidence": {name: of.to_dict() for name, of in self._evidence.items()},
        }
        self._detector.notes = {**self._detector.notes, _NOTE: json.dumps(rules)}
        return self._detector

    @classmethod
    def load(cls, path: str | PathLike[str]) -> SessionDetector:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ModelFileError
            If the file is no such model.
        """
        return cls._of(fastrcf.load(path), str(path))

    @classmethod
    def loads(cls, data: bytes, *, n_threads: int | None = None) -> SessionDetector:
        """Read the bytes of a model file.

        Parameters
        ----------
        data : bytes
            What ``bytes(detector)`` gave.
        n_threads : int, optional
            As for :func:`fastrcf.loads`.

        Raises
        ------
        ModelFileError
            If they are no such model.
        """
        return cls._of(fastrcf.loads(data, n_threads=n_threads), "the model")

    @classmethod
    def _of(cls, model: object, path: str) -> SessionDetector:
        if not isinstance(model, fastrcf.Detector) or _NOTE not in model.notes:
            raise ModelFileError(f"{path}: not a detector of sessions")
        try:
            rules = json.loads(model.notes[_NOTE])
            made = cls(
                model.columns,
                alerts_per_thousand=rules["alerts_per_thousand"],
                # Files of before have none.
                alerts_per_day=rules.get("alerts_per_day"),
                silence_share=rules["silence_share"],
                alert_rule=AlertRule(**timed_rule(rules["alert_rule"])),
                silence_rule=SilenceRule(**timed_rule(rules["silence_rule"])),
            )
            made.calibration = timedelta(seconds=rules["calibration"])
            made._share = float(rules["share"])
            made.warm_up = timedelta(seconds=rules["warm_up"])
            made._tails = {name: Tails(tails) for name, tails in rules["tails"].items()}
            made._evidence = {name: Evidence.of_dict(of) for name, of in rules["evidence"].items()}
            made.views = {name: of.columns for name, of in made._evidence.items()}
            parts = {_FOREST, "alone", "together", *(["slowly"] if SLOW in made.views else [])}
            if set(made._tails) != parts:
                raise ValueError("not all tails are there")
            made.threshold = float(rules["threshold"])
            ratio = rules["silence_ratio"]
            made.silence_ratio = float("nan") if ratio is None else float(ratio)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                f"{path}: its rules for sessions cannot be read: {error}"
            ) from None
        made._detector = model
        return made
