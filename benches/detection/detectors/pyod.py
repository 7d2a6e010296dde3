"""What detectors of pyod share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from benches.detection.detectors.protocol import Scale, TableDetector
from benches.engines.protocol import Unavailable

if TYPE_CHECKING:
    from benches.detection.case import Rows

MISSING = "pyod is not installed"


class Pyod(TableDetector):
    """A detector of pyod on standardised columns; the fitted rows are scored as pyod does."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        try:
            self._model = self.make()
        except ImportError as error:
            raise Unavailable(MISSING) from error

    @abstractmethod
    def make(self) -> Any:
        """Make pyod's detector; imports it."""

    def fit(self, rows: Rows) -> None:
        """Fit on the rows."""
        self._scale = Scale(rows)
        self._model.fit(self._scale(rows))

    def score(self, rows: Rows) -> Rows:
        """Score rows."""
        return np.asarray(self._model.decision_function(self._scale(rows)), np.float64)

    def score_fitted(self, rows: Rows) -> Rows:
        """Give the scores that came with the fit."""
        return np.asarray(self._model.decision_scores_, np.float64)
