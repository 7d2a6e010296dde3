"""Detectors whose results the Numenta Anomaly Benchmark has published, written anew.

From what their published sources do (numenta/NAB, nab/detectors), so that the scorer can be
held to results of detectors other than ours. Those that need no more than a page are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.detection.detectors.published.knncad import KnnCad
from benches.detection.detectors.published.random_numbers import RandomNumbers
from benches.detection.detectors.published.relative_entropy import RelativeEntropy
from benches.detection.detectors.published.skyline import Skyline
from benches.detection.detectors.published.windowed_gaussian import WindowedGaussian

if TYPE_CHECKING:
    from benches.detection.detectors.protocol import StreamDetector

# By the name that the published results have.
PUBLISHED: dict[str, type[StreamDetector]] = {
    "windowedGaussian": WindowedGaussian,
    "relativeEntropy": RelativeEntropy,
    "knncad": KnnCad,
    "skyline": Skyline,
    "random": RandomNumbers,
}
# Those that are compared with others, and not there to show what no skill reaches.
SKILLED = tuple(one for one in PUBLISHED.values() if one is not RandomNumbers)
