"""windowedGaussian: how far a value is in the tail of a normal distribution of those before it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import erfc

from benches.detection.detectors.protocol import StreamDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows

# Values of the window; once it is full, it moves on by steps.
WINDOW, STEP = 6_400, 100
# Digits of the scores in the benchmark's files. Its threshold is 1: what rounds to it is an alert.
DIGITS = 12
# In place of a deviation of 0.
SPREAD = 1e-6


class WindowedGaussian(StreamDetector):
    """One less the tail's probability, either tail: from 0.5 in the middle to 1."""

    name: ClassVar[str] = "windowedGaussian, rewritten"
    settings: ClassVar[str] = (
        f"window of {WINDOW:,} values that moves by {STEP}, scores of {DIGITS} digits, as published"
    )
    is_seeded: ClassVar[bool] = False

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score each value by the window before it."""
        rows = np.arange(1, len(values))
        ends = np.where(rows <= WINDOW, rows, WINDOW + STEP * ((rows - WINDOW) // STEP))
        windows, which = np.unique(ends, return_inverse=True)
        before = [_moments(values[max(0, end - WINDOW) : end]) for end in windows.tolist()]
        mean, spread = np.array(before).reshape(-1, 2).T
        spread[spread == 0.0] = SPREAD
        deviations = np.abs(values[1:] - mean[which]) / spread[which]
        likely = 1.0 - 0.5 * erfc(deviations / np.sqrt(2.0))
        return np.concatenate(([0.0], np.round(likely, DIGITS)))


def _moments(window: Rows) -> tuple[float, float]:
    """Give mean and deviation, as NumPy's methods do, which take twice as long: each asks anew."""
    mean = np.add.reduce(window) / len(window)
    apart = window - mean
    return mean, math.sqrt(np.add.reduce(apart * apart) / len(window))
