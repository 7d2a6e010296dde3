"""How far the scores of late are from those of training.

A detector's file has the scores of its training rows from the median up, as shares: half of
the rows above this score, a tenth above that one. The last rows are counted between these
scores, and the two distributions compared by the population stability index,
``sum((seen - expected) * ln(seen / expected))`` over the bins (N. Siddiqi, Credit Risk
Scorecards, 2006, where below 0.1 is no shift to speak of, and above 0.25 a large one). Below
the median a file has nothing: those rows are one bin.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.service.served import Reference

#: Rows that are looked back at.
WINDOW = 10_000
#: With fewer, shares of a thousandth say nothing.
FEWEST = 500
QUANTILES = (0.5, 0.9, 0.99, 0.999)


class Window:
    """The last scores, one service's, from any thread."""

    def __init__(self, size: int = WINDOW) -> None:
        self._ring = np.full(size, np.nan)
        self._next = 0
        self._lock = Lock()

    def add(self, scores: Floats) -> None:
        """Take scores in; those that are not there yet (NaN) count for nothing."""
        ring = self._ring
        scores = scores[-len(ring) :]
        with self._lock:
            end = self._next + len(scores)
            if end <= len(ring):
                ring[self._next : end] = scores
            else:
                cut = len(ring) - self._next
                ring[self._next :] = scores[:cut]
                ring[: end - len(ring)] = scores[cut:]
            self._next = end % len(ring)

    def clear(self) -> None:
        """Forget them: another model's scores are on another scale."""
        with self._lock:
            self._ring[:] = np.nan
            self._next = 0

    def scores(self) -> Floats:
        """Give those that are there, in no order."""
        with self._lock:
            ring = self._ring.copy()
        scores: Floats = ring[~np.isnan(ring)]
        return scores


def stability(scores: Floats, reference: Reference) -> float:
    """Give the population stability index of scores; NaN of fewer than :data:`FEWEST`.

    Half a row is added to each bin, so that an empty one does not make it infinite.
    """
    if len(scores) < FEWEST:
        return float("nan")
    shares = np.array(reference.shares)
    expected = np.diff(np.concatenate([[1.0], shares, [0.0]])) * -1.0
    bins = np.searchsorted(reference.scores, scores, side="left")
    counts = np.bincount(bins, minlength=len(expected)) + 0.5
    seen = counts / counts.sum()
    return float(np.sum((seen - expected) * np.log(seen / expected)))


def shares_above(scores: Floats, reference: Reference) -> dict[float, float]:
    """Give the share of scores above each score of training, by the share of training's."""
    if not len(scores):
        return {}
    ordered = np.sort(scores)
    above = len(ordered) - np.searchsorted(ordered, reference.scores, side="right")
    return dict(zip(reference.shares, (above / len(ordered)).tolist(), strict=True))
