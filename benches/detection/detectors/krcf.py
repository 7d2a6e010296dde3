"""AWS's Rust forest as krcf binds it, on standardised columns and on series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.detection.detectors.protocol import (
    N_TREES,
    SAMPLE_SIZE,
    Scale,
    StreamDetector,
    TableDetector,
)
from benches.engines.protocol import Unavailable

if TYPE_CHECKING:
    from benches.detection.case import Rows


class Krcf(TableDetector):
    """A row per call; it has no other way."""

    name: ClassVar[str] = "krcf"
    settings: ClassVar[str] = (
        f"num_trees={N_TREES}, sample_size={SAMPLE_SIZE}, lambda=0, initial_accept_fraction=1; "
        "columns less their mean, over their deviation"
    )
    is_fast: ClassVar[bool] = False

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        try:
            import krcf
        except ImportError as error:
            raise Unavailable("krcf is not installed") from error
        self._make: Any = krcf.RandomCutForest

    def fit(self, rows: Rows) -> None:
        """Take the rows in, in order."""
        self._scale = Scale(rows)
        self._forest = self._make(
            {
                "dimensions": rows.shape[1],
                "shingle_size": 1,
                "num_trees": N_TREES,
                "sample_size": SAMPLE_SIZE,
                "lambda": 0.0,
                "random_seed": self.seed,
                "parallel_execution_enabled": False,
                "internal_shingling": False,
                "initial_accept_fraction": 1.0,
            }
        )
        for row in self._scale(rows).tolist():
            self._forest.update(row)

    def score(self, rows: Rows) -> Rows:
        """Score rows, a call each."""
        score = self._forest.score
        return np.array([score(row) for row in self._scale(rows).tolist()])


class KrcfStream(StreamDetector):
    """The value alone, each row scored and then taken in."""

    name: ClassVar[str] = "krcf, value"
    settings: ClassVar[str] = "num_trees=50, sample_size=256, lambda=0.0001, output_after=32"

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score each row, then learn it; two calls each."""
        try:
            import krcf
        except ImportError as error:
            raise Unavailable("krcf is not installed") from error
        make: Any = krcf.RandomCutForest
        forest = make(
            {
                "dimensions": 1,
                "shingle_size": 1,
                "num_trees": 50,
                "sample_size": 256,
                "lambda": 1e-4,
                "random_seed": self.seed,
                "parallel_execution_enabled": False,
                "internal_shingling": False,
                "output_after": 32,
            }
        )
        scores = np.empty(len(values))
        for i, value in enumerate(values.tolist()):
            scores[i] = forest.score([value])
            forest.update([value])
        return scores
