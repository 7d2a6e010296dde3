"""The detector of series, and plain forests over a series to compare it with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import fastrcf
from benches.detection.detectors.protocol import StreamDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows

N_TREES, DECAY = 50, 1e-4
DAY = 86_400.0


def scored(values: Rows, seconds: Rows, seed: int, **options: Any) -> Rows:
    """Score a series by a detector with other options than the defaults, 0 for no score."""
    detector = fastrcf.SeriesDetector(time_column="x0", random_state=seed, **options)
    found = detector.process(np.column_stack((seconds, values)))
    score: Rows = np.nan_to_num(found.score)
    return score


class Series(StreamDetector):
    """What users get: context, episodes and habituation."""

    name: ClassVar[str] = "fastrcf SeriesDetector"
    settings: ClassVar[str] = "defaults; process"

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score each row, then learn it."""
        return scored(values, seconds, self.seed)


class Value(StreamDetector):
    """The value alone, in its own unit."""

    name: ClassVar[str] = "fastrcf forest, value"
    sample_size: ClassVar[int] = 256
    settings: ClassVar[str] = f"n_trees={N_TREES}, sample_size=256, time_decay={DECAY}; process"

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score each row, then learn it."""
        forest = fastrcf.RandomCutForest(
            N_TREES, self.sample_size, time_decay=DECAY, random_state=self.seed
        )
        return np.nan_to_num(forest.process(self.columns(values, seconds)), nan=0.0)

    def columns(self, values: Rows, seconds: Rows) -> Rows:
        """Lay out what the forest sees, shape (n, d)."""
        return values[:, None]


class LongValue(Value):
    """The same with a longer memory."""

    name: ClassVar[str] = "fastrcf forest, value, longer memory"
    sample_size: ClassVar[int] = 2048
    settings: ClassVar[str] = f"n_trees={N_TREES}, sample_size=2048, time_decay={DECAY}; process"


class ValueAndTime(LongValue):
    """The value in deviations of all rows before it, and where in the day it is."""

    name: ClassVar[str] = "fastrcf forest, value and time"
    settings: ClassVar[str] = (
        f"{LongValue.settings}; value less the mean of all earlier rows, over their deviation, "
        "and sine and cosine of the hour"
    )

    def columns(self, values: Rows, seconds: Rows) -> Rows:
        """Lay out value, sine and cosine."""
        angle = 2 * np.pi * (seconds % DAY) / DAY
        return np.column_stack((standardised(values), np.sin(angle), np.cos(angle)))


def standardised(values: Rows) -> Rows:
    """Give each value in deviations from the mean of the rows before it; 0 where none differ."""
    # About the first value, so that squares keep their digits.
    about = values - values[:1]
    earlier = np.arange(len(values), dtype=np.float64)
    counts = np.maximum(earlier, 1.0)
    mean = (np.cumsum(about) - about) / counts
    variance = np.maximum((np.cumsum(about**2) - about**2) / counts - mean**2, 0.0)
    spread = np.sqrt(variance)
    # Less than rounding leaves of equal values is no spread.
    told = spread > 1e-9 * np.maximum.accumulate(np.abs(about))
    return np.divide(about - mean, spread, out=np.zeros_like(values), where=told)
