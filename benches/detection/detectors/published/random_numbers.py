"""random: numbers that know nothing of the values, to show what no skill reaches."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benches.detection.detectors.protocol import StreamDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows


class RandomNumbers(StreamDetector):
    """The same numbers for every series."""

    name: ClassVar[str] = "random, rewritten"
    settings: ClassVar[str] = "seed 42 for each series, as published"
    is_seeded: ClassVar[bool] = False

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Draw a number for each value."""
        draw = random.Random(42)
        return np.array([draw.uniform(0.0, 1.0) for _ in values])
