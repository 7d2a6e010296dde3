"""The detector of this project, as users get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

import fastrcf
from benches.detection.detectors.protocol import TableDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows


class Detecting(TableDetector):
    """Everything by default."""

    name: ClassVar[str] = "fastrcf Detector"
    settings: ClassVar[str] = "defaults"

    def fit(self, rows: Rows) -> None:
        """Fit on the rows."""
        self._detector = fastrcf.Detector(random_state=self.seed).fit(rows)

    def score(self, rows: Rows) -> Rows:
        """Score rows, one call."""
        return np.asarray(self._detector.score(rows), np.float64)
