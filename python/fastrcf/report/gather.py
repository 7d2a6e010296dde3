"""All facts of a report, gathered in one pass over the rows."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from fastrcf._separation import Separation
from fastrcf.errors import InvalidInputError
from fastrcf.files import values
from fastrcf.report import drift, words
from fastrcf.report.columns import CategoryColumn, NumberColumn
from fastrcf.report.facts import (
    Alert,
    Cause,
    Course,
    DataFacts,
    Facts,
    Level,
    ModelFacts,
    ReasonFacts,
    ScoreFacts,
)
from fastrcf.report.labelled import Labelled
from fastrcf.report.sketches import BY_NUMBER, BY_ROW, BY_TIME, Highest, Line, Sample
from fastrcf.report.warned import warnings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fastrcf._typing import Floats, Integers
    from fastrcf.detector import Detector
    from fastrcf.report.facts import SetAside

# Rows that quantiles and histograms rest on: as many as a detector is fitted to, fewer where
# there are so many columns that they would take more than 32 MB.
_SAMPLED, _VALUES = 1 << 16, 1 << 22
_STRETCHES, _SPREAD = 200, 128
# Rows that a stretch has on average at least, for a picture to show more than chance.
_ROWS_EACH, _SCORES_EACH = 20, 5
# Alerts that a picture shows, and rows to look at where there is no alert.
_POINTS, _INSTEAD = 500, 10
# Columns, or sets of related ones, whose reasons are counted.
_CAUSES = 2000
_LEVELS = (0.5, 0.1, 0.01, 0.001, 0.0001)
# Fitted rows above a score below which its share is hardly known.
_FEW = 10


@dataclass(frozen=True)
class Chunk:
    """Some rows, with no more than some ten thousand of them.

    Attributes
    ----------
    table : pyarrow.Table
        The model's columns.
    origin : pyarrow.Table
        The same rows with the columns to keep, as they were.
    file : str
        Where they are from.
    rows : numpy.ndarray of int64, shape (n,)
        Their numbers there, from 0.
    labels : numpy.ndarray of bool, shape (n,), or None
    times : numpy.ndarray of datetime64[us] or float64, shape (n,), or None
    """

    table: Any
    origin: Any
    file: str
    rows: Integers
    labels: NDArray[np.bool_] | None = None
    times: NDArray[Any] | None = None


class Gatherer:
    """Takes rows chunk by chunk and says at the end what was found.

    Parameters
    ----------
    detector : Detector
        A fitted one.
    name : str
        What it is called.
    keep : sequence of str
        Columns whose values are shown for rows to look at.
    label, time : str or None
        What the columns of labels and times are called, if chunks have any.
    top : int
        Rows to look at, at most.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        name: str,
        keep: Sequence[str] = (),
        label: str | None = None,
        time: str | None = None,
        top: int = 50,
    ) -> None:
        self._detector, self._name = detector, name
        self._keep = tuple(name for name in dict.fromkeys(keep) if name not in (label, time))
        self._label, self._time, self._most = label, time, top
        core = detector._fitted()
        self._numbers: dict[str, NumberColumn] = {}
        self._categories: dict[str, CategoryColumn] = {}
        self._usual: dict[str, Sequence[float]] = {}
        for j, (column, scalings, kinds, quantiles) in enumerate(core.features()):
            if kinds >= 0:
                self._categories[column] = CategoryColumn(
                    column, kinds, partial(core.categories, j)
                )
            else:
                self._numbers[column] = NumberColumn(column, " + ".join(scalings), quantiles)
                self._usual[column] = quantiles
        width = 2 + len(self._numbers)
        self._sample = Sample(max(1024, min(_SAMPLED, _VALUES // width)), width)
        self._spread = Line(BY_NUMBER, _SPREAD)
        self._course: Line | None = None
        self._kind = "rows"
        self._top = Highest(max(top, _INSTEAD))
        self._points = Highest(_POINTS)
        self._labelled = None if label is None else Labelled()
        self._separation = Separation()
        self._causes: dict[str, list[Any]] = {}
        self._files: dict[str, int] = {}
        self._ends: tuple[float, float] | None = None
        self._scores = (np.inf, -np.inf)
        self._n = self._n_alerts = 0
        levels, self._tail = _thresholds(detector)
        self._levels = [(rate, score, [0]) for rate, score in levels]

    def add(self, chunk: Chunk) -> None:
        """Take rows.

        Raises
        ------
        InvalidInputError
            If the detector refuses one.
        """
        self._files.setdefault(chunk.file, 0)
        n = chunk.table.num_rows
        if n == 0:
            return
        found = self._detector.detect(chunk.table)
        score = found["score"].to_numpy()
        is_alert = found["is_anomaly"].to_numpy(zero_copy_only=False)
        reasons = dict(
            zip(
                np.flatnonzero(is_alert).tolist(),
                found.filter(found["is_anomaly"])["reasons"].to_pylist(),
                strict=True,
            )
        )
        at = self._places(chunk, n)
        self._count_scores(score, is_alert, at)
        self._count_columns(chunk, score, at, is_alert)
        self._count_reasons(reasons)
        alerts = np.flatnonzero(is_alert)
        self._points.add(score[alerts], lambda i: (at[alerts[i]], score[alerts[i]]))
        grade = found["grade"].to_numpy()
        self._top.add(
            score,
            lambda i: self._row(
                chunk, i, float(score[i]), float(grade[i]), bool(is_alert[i]), reasons.get(i)
            ),
        )
        if self._labelled is not None and chunk.labels is not None:
            self._labelled.add(score, at.astype(np.float64), is_alert, chunk.labels)
        self._files[chunk.file] += n
        self._n += n
        self._n_alerts += int(is_alert.sum())

    def _places(self, chunk: Chunk, n: int) -> NDArray[Any]:
        """Give the rows' places along the line: their times, or their numbers."""
        if chunk.times is None:
            kind, at = "rows", np.arange(self._n, self._n + n, dtype=np.int64)
        elif chunk.times.dtype.kind == "M":
            kind, at = "moments", chunk.times.astype("datetime64[us]").astype(np.int64)
        else:
            kind, at = "seconds", chunk.times.astype(np.float64)
        if self._course is None:
            ladders = {"rows": BY_ROW, "moments": BY_TIME, "seconds": BY_NUMBER}
            self._course, self._kind = Line(ladders[kind], _STRETCHES), kind
        if kind != self._kind:
            raise InvalidInputError(
                f"{chunk.file}: the times in {self._time!r} are {kind}, those before {self._kind}"
            )
        low, high = float(at.min()), float(at.max())
        before = self._ends or (low, high)
        self._ends = min(low, before[0]), max(high, before[1])
        return at

    def _count_scores(self, score: Floats, is_alert: NDArray[np.bool_], at: NDArray[Any]) -> None:
        self._spread.add(score, is_alert, score)
        if self._course is not None:
            self._course.add(at, is_alert, score)
        low, high = self._scores
        self._scores = min(low, float(score.min())), max(high, float(score.max()))
        for _, level, rows in self._levels:
            rows[0] += int(np.count_nonzero(score > level))

    def _count_columns(
        self, chunk: Chunk, score: Floats, at: NDArray[Any], is_alert: NDArray[np.bool_]
    ) -> None:
        import pyarrow as pa

        # Names are looked up one by one: a column may be of any type that the detector takes.
        numbers = [values.numbers(chunk.table[name]).array for name in self._numbers]
        for column, x in zip(self._numbers.values(), numbers, strict=True):
            column.add(x)
        parts = [score, at, *numbers]
        self._sample.add(len(score), lambda i: np.stack([part[i] for part in parts], axis=1))
        columns: dict[str, NDArray[Any]] = dict(zip(self._numbers, numbers, strict=True))
        for name, category in self._categories.items():
            texts = values.categories(chunk.table[name]).array
            category.add(texts, pa.array(is_alert))
            columns[name] = texts.to_numpy(zero_copy_only=False)
        if chunk.labels is not None:
            self._separation.add(columns, chunk.labels)

    def _count_reasons(self, reasons: Mapping[int, list[dict[str, Any]]]) -> None:
        for row in reasons.values():
            for i, reason in enumerate(row):
                name = reason["column"]
                if name not in self._causes and len(self._causes) >= _CAUSES:
                    continue
                cause = self._causes.setdefault(name, [0, 0, 0.0, {}])
                cause[0] += 1
                cause[1] += i == 0
                cause[2] += reason["share"]
                cause[3][reason["direction"]] = cause[3].get(reason["direction"], 0) + 1

    def _row(
        self,
        chunk: Chunk,
        i: int,
        score: float,
        grade: float,
        is_alert: bool,
        reasons: list[dict[str, Any]] | None,
    ) -> Alert:
        if reasons is None:
            # Not an alert: asked for only where it is among the highest rows.
            found = self._detector.explain(chunk.table.slice(i, 1))[0]
            reasons = [vars(reason) for reason in found]
        return Alert(
            file=chunk.file,
            row=int(chunk.rows[i]),
            kept=tuple(words.value(chunk.origin[name][i].as_py()) for name in self._keep),
            time=None if chunk.times is None else _shown(chunk.times[i]),
            label=None if chunk.labels is None else bool(chunk.labels[i]),
            score=score,
            grade=grade,
            is_alert=is_alert,
            reasons=tuple(self._reason(reason, chunk, i) for reason in reasons),
        )

    def _reason(self, reason: Mapping[str, Any], chunk: Chunk, i: int) -> ReasonFacts:
        """Take what is known of a reason; a detector may say more than is asked here."""
        name, value = reason["column"], reason.get("value")
        if value is not None:
            shown = words.number(value)
        elif name in chunk.table.column_names:
            shown = words.value(chunk.table[name][i].as_py())
        else:
            shown = ""
        low, high = reason.get("usual_low"), reason.get("usual_high")
        if (low is None or high is None) and name in self._usual:
            low, high = self._usual[name][2], self._usual[name][6]
        return ReasonFacts(
            column=name,
            share=float(reason["share"]),
            direction=str(reason["direction"]),
            value=shown,
            usual=_between(low, high),
            text=str(reason.get("text", "")),
            near=_between(reason.get("near_low"), reason.get("near_high")),
        )

    def facts(self, set_aside: tuple[SetAside, ...] = ()) -> Facts:
        """Say what was found.

        Parameters
        ----------
        set_aside : tuple of SetAside
            Rows that were not given, since they could not be used.

        Raises
        ------
        InvalidInputError
            If there were no rows.
        """
        if self._n == 0 or self._course is None:
            aside = sum(one.rows for one in set_aside)
            raise InvalidInputError(
                "there are no rows to report on"
                + (f": all {aside:,} were put aside" if aside else "")
            )
        detector, sampled = self._detector, self._sample.rows()
        n_fitted = detector.n_fitted
        apart = {column.name for column in self._separation.found()}
        numbers = tuple(
            column.facts(sampled[:, 2 + j], self._n, n_fitted, column.name in apart)
            for j, column in enumerate(self._numbers.values())
        )
        categories = tuple(
            column.facts(self._n, column.name in apart) for column in self._categories.values()
        )
        model = ModelFacts(
            name=self._name,
            notes=dict(detector.notes),
            n_fitted=n_fitted,
            n_streamed=detector.n_seen - n_fitted,
            columns=tuple(detector.columns),
            score_kind=detector.score_kind,
            alert_rate=detector.alert_rate,
            threshold=detector.threshold,
        )
        data = DataFacts(
            files=tuple(self._files.items()),
            n_rows=self._n,
            set_aside=set_aside,
            n_sampled=len(sampled),
            label=self._label,
            time=self._time,
            first=self._end(0),
            last=self._end(1),
        )
        labels = None
        if self._labelled is not None:
            time = None if self._time is None else self._kind
            labels = self._labelled.facts(detector.alert_rate, time)
        scores = self._score_facts(sampled)
        return Facts(
            made=datetime.now(UTC).replace(microsecond=0),
            versions={
                "fastrcf": fastrcf.__version__,
                "Python": platform.python_version(),
                "NumPy": np.__version__,
            },
            model=model,
            data=data,
            scores=scores,
            top=self._top_rows(),
            keep=self._keep,
            causes=self._cause_facts(),
            numbers=numbers,
            categories=categories,
            labels=labels,
            warnings=tuple(warnings(model, data, scores, numbers, categories)),
        )

    def _end(self, which: int) -> str | None:
        if self._time is None or self._ends is None:
            return None
        at = self._ends[which]
        return words.moment(at) if self._kind == "moments" else words.number(at)

    def _score_facts(self, sampled: Floats) -> ScoreFacts:
        rate, n_fitted = self._detector.alert_rate, self._detector.n_fitted
        least, largest = self._scores
        self._spread.thin_out(_SCORES_EACH)
        return ScoreFacts(
            alerts=_level(rate, self._detector.threshold, self._n_alerts, self._n, n_fitted),
            levels=tuple(
                _level(rate, score, rows[0], self._n, n_fitted)
                for rate, score, rows in self._levels
            ),
            fitted=tuple(self._tail),
            spread=self._spread.stretches(),
            least=least,
            median=float(np.median(sampled[:, 0])),
            largest=largest,
            course=self._course_facts(sampled),
        )

    def _course_facts(self, sampled: Floats) -> Course:
        assert self._course is not None
        self._course.thin_out(_ROWS_EACH)
        stretches = self._course.stretches()
        at = sampled[:, 1] if self._kind == "seconds" else sampled[:, 1].astype(np.int64)
        place = self._course.find(at)
        middle, high = (np.full(len(stretches.start), np.nan) for _ in range(2))
        order = np.argsort(place, kind="stable")
        where, first = np.unique(place[order], return_index=True)
        parts = np.split(sampled[order, 0], first[1:])
        for stretch, part in zip(where.tolist(), parts, strict=True):
            if stretch >= 0:
                middle[stretch], high[stretch] = np.quantile(part, [0.5, 0.95])
        points = np.array(self._points.items(), dtype=np.float64).reshape(-1, 2)
        return Course(self._kind, stretches, middle, high, points[:, 0], points[:, 1])

    def _top_rows(self) -> tuple[Alert, ...]:
        rows: list[Alert] = self._top.items()
        alerts = [row for row in rows if row.is_alert]
        return tuple(alerts[: self._most] if alerts else rows[: min(self._most, _INSTEAD)])

    def _cause_facts(self) -> tuple[Cause, ...]:
        causes = (
            Cause(name, alerts, first, share / self._n_alerts, dict(directions))
            for name, (alerts, first, share, directions) in self._causes.items()
        )
        return tuple(sorted(causes, key=lambda cause: -cause.share))


def _thresholds(
    detector: Detector,
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Give scores that known shares of the fitted rows are above.

    Returns
    -------
    levels, tail : list of (float, float)
        Shares and scores that rows are counted above; scores and shares of the
        whole tail.
    """
    fitted = min(detector.n_fitted, drift.FITTED_SAMPLE)
    twin = fastrcf.loads(bytes(detector))
    assert isinstance(twin, fastrcf.Detector)

    def score(rate: float) -> float:
        twin.alert_rate = rate
        return twin.threshold

    levels = [rate for rate in _LEVELS if rate == _LEVELS[0] or rate * fitted >= _FEW]
    shares = [0.5**k for k in range(1, 18) if k == 1 or 0.5**k * fitted >= 1]
    return [(rate, score(rate)) for rate in levels], [(score(rate), rate) for rate in shares]


def _level(rate: float, score: float, rows: int, n: int, n_fitted: int) -> Level:
    low, high = drift.interval(rows / n, drift.effective_rows(n, n_fitted))
    return Level(rate, score, rows, rows / n, low, high)


def _shown(time: Any) -> str:
    if isinstance(time, np.datetime64):
        return words.moment(float(time.astype("datetime64[us]").astype(np.int64)))
    return words.value(float(time))


def _between(low: float | None, high: float | None) -> str:
    """Say a range; nothing if it is not known."""
    if low is None or high is None:
        return ""
    least, greatest = words.number(low), words.number(high)
    return least if least == greatest else f"{least} to {greatest}"
