"""scikit-learn's isolation forest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.detection.detectors.protocol import N_TREES, SAMPLE_SIZE, TableDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows


class Isolation(TableDetector):
    """The peer that others are compared with."""

    name: ClassVar[str] = "scikit-learn IsolationForest"
    settings: ClassVar[str] = f"n_estimators={N_TREES}, max_samples={SAMPLE_SIZE}"

    def __init__(self, seed: int) -> None:
        from sklearn.ensemble import IsolationForest

        super().__init__(seed)
        self._make: Any = IsolationForest

    def fit(self, rows: Rows) -> None:
        """Fit on the rows."""
        self._forest = self._make(
            n_estimators=N_TREES,
            max_samples=min(SAMPLE_SIZE, len(rows)),
            random_state=self.seed,
        ).fit(rows)

    def score(self, rows: Rows) -> Rows:
        """Score rows; higher is more unusual, as for the others."""
        return -np.asarray(self._forest.score_samples(rows), np.float64)
