"""Models that learn each row after they have scored it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.detection import Detection
from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError
from fastrcf.forest import RandomCutForest
from fastrcf.series import SeriesDetector
from fastrcf.service.columns import problem
from fastrcf.service.served import describe, matrix, no_threshold, reference

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.service.served import Reference


class LivingModel:
    """A model that scores rows and then learns them, in the order in which it is asked.

    It is for one thread at a time.

    Parameters
    ----------
    model : Detector, RandomCutForest or SeriesDetector
    version : str
        Of the file that it began as.
    threshold : float, optional
        Score above which a forest's row is an anomaly. The others have their own.

    Raises
    ------
    InvalidInputError
        If the model does not learn, or does not know its columns yet.
    """

    def __init__(self, model: Any, version: str, *, threshold: float | None = None) -> None:
        if not isinstance(model, (Detector, RandomCutForest, SeriesDetector)):
            raise InvalidInputError(f"{type(model).__name__}: such a model does not learn")
        if threshold is not None and not isinstance(model, RandomCutForest):
            raise InvalidInputError("a detector that learns moves its own threshold")
        self.model = model
        self.origin = version
        self.categories: list[str] = []
        self.optional = isinstance(model, SeriesDetector)
        self._given = threshold
        if isinstance(model, RandomCutForest):
            if model.n_features is None:
                raise InvalidInputError("the forest has seen no row and does not know its columns")
            self.names = [str(i) for i in range(model.n_features)]
        else:
            self.names = model.columns
        if isinstance(model, Detector):
            self.categories = [name for name, kind in model.scaling.items() if kind == "category"]
        elif isinstance(model, SeriesDetector):
            # Texts or numbers, and always there.
            self.categories = [
                name for name in (model.time_column, model.key_column) if name is not None
            ]
            self.names = [*self.names, *self.categories]
        self._note()

    def _note(self) -> None:
        # Other threads ask for these while the model, which is one thread's, is at work.
        model = self.model
        fitted = model.n_fitted if isinstance(model, Detector) else 0
        #: Rows that it has learnt as a stream.
        self.learnt: int = model.n_seen - fitted
        #: Score of an alert now; a stream moves that of a detector.
        self.threshold: float | None = (
            self._given if isinstance(model, RandomCutForest) else model.threshold
        )
        #: The version of the file that it began as, and how many rows it has learnt.
        self.version = f"{self.origin}+{self.learnt}"

    def score(self, rows: Any) -> Floats:
        """Score rows and learn them; NaN where too few rows have come."""
        if not isinstance(self.model, RandomCutForest):
            return self.detect(rows).score
        scores: Floats = self.model.process(matrix(rows))
        self._note()
        return scores

    def detect(self, rows: Any, *, reasons: bool = True) -> Detection:
        """Score rows with grades, alerts and reasons, and learn them.

        Reasons come along whether they are asked for or not: they are those of the moment
        before a row is learnt.

        Raises
        ------
        Problem
            400, if the model is a forest and no threshold is given.
        """
        found = self._process(matrix(rows))
        self._note()
        return found

    def _process(self, rows: Any) -> Detection:
        model = self.model
        if isinstance(model, Detector):
            found: Detection = model.process(rows)
            return found
        if isinstance(model, SeriesDetector):
            return self._series(model, rows)
        if self._given is None:
            raise no_threshold()
        scores = model.process(rows)
        # NaN is above nothing.
        return Detection(
            scores, np.full(len(scores), np.nan), scores > self._given, [[] for _ in scores]
        )

    def _series(self, model: SeriesDetector, rows: Any) -> Detection:
        columns: dict[str, Any] = {}
        for j, name in enumerate(self.names):
            if name == model.time_column:
                columns[name] = _times(name, rows[:, j], j)
            elif name == model.key_column:
                columns[name] = [_key(value) for value in rows[:, j].tolist()]
            else:
                columns[name] = rows[:, j].astype(np.float64)
        table = model.process(columns)
        score, grade = (table[name].to_numpy() for name in ("score", "grade"))
        alerts = table["is_anomaly"].to_numpy()
        return Detection(score, grade, alerts, _reasons(table["reasons"].to_pylist()))

    def reference(self) -> Reference | None:
        """Give the scores of training, as :meth:`LocalModel.reference`."""
        return reference(self.model) if isinstance(self.model, Detector) else None

    def describe(self) -> dict[str, Any]:
        """Tell what ``GET /v1/model`` answers."""
        told = describe(self.model, self.names, self.categories)
        if isinstance(self.model, SeriesDetector):
            told["kind"] = "detector of series"
        return {**told, "learns": True, "rows_learnt": self.learnt}


def _reasons(rows: list[list[dict[str, Any]]]) -> list[list[Any]]:
    from fastrcf.detection import Reason

    return [[Reason(**reason) for reason in row] for row in rows]


def _key(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _times(name: str, values: Any, column: int) -> Floats:
    out = np.empty(len(values))
    for row, value in enumerate(values.tolist()):
        seconds = _seconds(value)
        if seconds is None:
            what = f"column {name!r}: expected seconds, or a date and time of ISO 8601"
            raise problem("not_a_time", what, row, column)
        out[row] = seconds
    return out


def _seconds(value: Any) -> float | None:
    """Read a time, in seconds; that of a date is what its clock shows, counted from 1970."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        pass
    else:
        return number if math.isfinite(number) else None
    try:
        moment = datetime.fromisoformat(str(value).strip()).replace(tzinfo=None)
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1)).total_seconds()
