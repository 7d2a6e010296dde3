"""relativeEntropy: whether the last values are distributed as any values before (Wang et al. 2011).

Each window of values gives shares of five bins between the series' least and greatest
value. It agrees with an earlier distribution if the test of relative entropy does not
tell them apart; if it agrees with none it is an anomaly, and a distribution to come back to.
The bins need the whole series: this detector looks ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import rel_entr
from scipy.stats import chi2

from benches.detection.detectors.protocol import StreamDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows

N_BINS, WINDOW, RARE = 5, 52, 0.01


class RelativeEntropy(StreamDetector):
    """1 where a window is like none before, else 0.

    Windows that agree count for their distribution, and a rare one would be an anomaly
    too, but with the published limit of one window none is rare.
    """

    name: ClassVar[str] = "relativeEntropy, rewritten"
    settings: ClassVar[str] = (
        f"{N_BINS} bins, windows of {WINDOW} values, chance of {RARE}, as published; "
        "sees the least and the greatest value beforehand"
    )
    is_seeded: ClassVar[bool] = False
    looks_ahead: ClassVar[bool] = True

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score each value by the window that it ends."""
        scores = np.zeros(len(values))
        width = (values.max() - values.min()) / N_BINS
        if width == 0.0 or len(values) < WINDOW:
            return scores
        limit = chi2.isf(RARE, N_BINS - 1) / (2 * WINDOW)
        shares = _shares(values, width)
        agrees = np.zeros(len(shares), dtype=np.bool_)
        row = 0
        while True:
            # Those that are like this distribution, all at once: there are few to come back to.
            agrees |= rel_entr(shares, shares[row]).sum(axis=1) < limit
            ahead = np.flatnonzero(~agrees[row + 1 :])
            if len(ahead) == 0:
                return scores
            row += 1 + int(ahead[0])
            scores[row + WINDOW - 1] = 1.0


def _shares(values: Rows, width: float) -> Rows:
    """Count each window's values by bin, shape (n - WINDOW + 1, N_BINS), as shares."""
    # The least value is on a lower edge of its own; rounding may put the greatest too high,
    # and then it does not count.
    bins = np.ceil((values - values.min()) / width)
    inside = bins <= N_BINS
    rows = np.flatnonzero(inside)
    held = np.zeros((len(values) + 1, N_BINS))
    held[rows + 1, np.minimum(bins[inside], N_BINS - 1).astype(np.int64)] = 1.0
    sums = np.cumsum(held, axis=0)
    counts = sums[WINDOW:] - sums[:-WINDOW]
    shares: Rows = counts / counts.sum(axis=1, keepdims=True)
    return shares
