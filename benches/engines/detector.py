"""The detector of this project: what a threshold, grades and reasons add to a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

import fastrcf
from benches.engines.protocol import Answer, Kind, PythonEngine, Rows, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

ALERT_RATE = 0.001


class Detecting(PythonEngine):
    """The detector, from Python, on arrays."""

    name: ClassVar[str] = "fastrcf Detector"
    settings: ClassVar[str] = "Detector(alert_rate=0.001), its defaults else, float32 arrays"
    # Another score, of scaled columns.
    kind: ClassVar[Kind] = "other"
    whole_tables: ClassVar[bool] = True
    works: ClassVar[Mapping[Work, int]] = {"score": 4_000, "detect": 4_000}
    warm_up: ClassVar[int] = 50_000

    def build(self, rows: Rows) -> None:
        """Fit a detector on the rows."""
        shape = self.shape
        self._detector = fastrcf.Detector(
            alert_rate=ALERT_RATE,
            n_trees=shape.n_trees,
            sample_size=shape.sample_size,
            random_state=shape.seed,
            n_threads=shape.n_threads,
        ).fit(rows)

    def score(self, rows: Rows) -> Answer:
        """Score rows, one call."""
        return self._detector.score(rows)

    def detect(self, rows: Rows) -> Answer:
        """Score rows, say which are alerts and why; one call."""
        return np.asarray(self._detector.detect(rows).score, np.float64)
