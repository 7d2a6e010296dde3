"""What is noted while a request is answered, for its delivery and its metrics."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.stack.function.endpoints import as_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf._typing import Floats
    from fastrcf.service.core import Answered


class Notes(threading.local):
    """Of the request that this thread answers.

    Lambda has one thread; the local cloud answers several requests at a time.

    Attributes
    ----------
    rows : numpy.ndarray of shape (n, d), Arrow table or None
        What the model was asked about.
    answered : Answered or None
        What it said.
    undelivered : int
        Results that are not stored, though they should be.
    """

    rows: Any = None
    answered: Answered | None = None
    undelivered: int = 0

    def clear(self) -> None:
        """Begin a request."""
        self.rows = self.answered = None
        self.undelivered = 0

    def observe(self, answered: Answered) -> None:
        """Note an answer; the service calls this."""
        self.answered = answered


class Noting:
    """A model, or classifier, that notes its rows; in all else it is what it was."""

    def __init__(self, model: Any, notes: Notes) -> None:
        self._model = model
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def score(self, rows: Any) -> Any:
        """Score rows."""
        self._notes.rows = rows
        return self._model.score(rows)

    def detect(self, rows: Any, *, reasons: bool = True) -> Any:
        """Detect rows."""
        self._notes.rows = rows
        return self._model.detect(rows, reasons=reasons)

    def predict_proba(self, rows: Any) -> Any:
        """Have a classifier judge rows."""
        self._notes.rows = rows
        return self._model.predict_proba(rows)


def metrics_of(answered: Answered, rows: Any) -> Mapping[str, float]:
    """Give the metrics of a request that was scored."""
    scores = answered.scores
    n = len(scores)
    if not n:
        # Only a classifier was asked.
        output = answered.output
        return {"Rows": len(output) if isinstance(output, list) else 1}
    middle, high = quantiles(scores)
    metrics: dict[str, float] = {"Rows": n, "ScoreP50": middle, "ScoreP99": high}
    if answered.alerts is not None:
        alerts = int(np.count_nonzero(answered.alerts))
        metrics |= {"Alerts": alerts, "AlertShare": alerts / n}
    if rows is not None:
        values = as_matrix(rows)
        metrics["MissingShare"] = float(np.count_nonzero(values != values)) / values.size
    return metrics


def quantiles(scores: Floats) -> tuple[float, float]:
    """Give the middle score and the 99 % one: each the least that is not below its share."""
    if len(scores) == 1:
        only = float(scores[0])
        return only, only
    ordered = np.sort(scores)
    n = len(ordered)
    return float(ordered[(n - 1) // 2]), float(ordered[-(-99 * n // 100) - 1])
