"""scikit-learn's isolation forest: another algorithm, for tables only."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.protocol import Answer, Kind, PythonEngine, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping


class Isolation(PythonEngine):
    """Fitted once, then asked for whole tables."""

    name: ClassVar[str] = "scikit-learn IsolationForest"
    settings: ClassVar[str] = (
        "n_estimators and max_samples as the others, n_jobs=1, float32 arrays, one score_samples"
    )
    kind: ClassVar[Kind] = "other"
    whole_tables: ClassVar[bool] = True
    works: ClassVar[Mapping[Work, int]] = {"score": 4_000, "row": 5, "fit": 100_000, "load": 1}

    def __init__(self, shape: Shape) -> None:
        from sklearn.ensemble import IsolationForest

        super().__init__(shape)
        self._make: Any = IsolationForest

    def build(self, rows: Rows) -> None:
        """Fit on the rows."""
        self.fit(rows)

    def fit(self, rows: Rows) -> None:
        """Fit on the rows."""
        shape = self.shape
        self._forest = self._make(
            n_estimators=shape.n_trees,
            max_samples=shape.sample_size,
            n_jobs=1,
            random_state=shape.seed,
        ).fit(rows)

    def score(self, rows: Rows) -> Answer:
        """Score rows, one call; higher is more unusual, as for the others."""
        return -np.asarray(self._forest.score_samples(rows), np.float64)

    def row(self, rows: Rows) -> Answer:
        """Score rows, a call each."""
        return np.concatenate([self.score(row) for row in rows[:, None]])

    def prepare(self, work: Work, rows: Rows) -> None:
        """Save what is opened."""
        if work == "load":
            self._saved = pickle.dumps(self._forest)

    def load(self, rows: Rows) -> None:
        """Open the saved forest, once for each row."""
        for _ in range(len(rows)):
            pickle.loads(self._saved)
