"""KNN-CAD: conformal anomaly detection by distances to neighbours (Burnaev and Ishimtsev 2016).

Values are looked at in shingles of 19. The sum of distances to the 27 nearest of a
training set is held against such sums of earlier shingles; the distance is
Mahalanobis' without a mean, renewed twice in the time of a training set. Behind an
alert scores stand still for a fifth of that time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benches.detection.detectors.protocol import StreamDetector
from benches.detection.nab_score import probation

if TYPE_CHECKING:
    from benches.detection.case import Rows

WIDTH, N_NEAREST = 19, 27
ALERT, STILL = 0.9965, 0.5


class KnnCad(StreamDetector):
    """The share of earlier shingles that are nearer to the training set."""

    name: ClassVar[str] = "knncad, rewritten"
    settings: ClassVar[str] = (
        f"shingles of {WIDTH} values, {N_NEAREST} neighbours, as published; "
        "sees the length of the series beforehand"
    )
    is_seeded: ClassVar[bool] = False
    looks_ahead: ClassVar[bool] = True

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score each shingle of values after the probation, which is the training set."""
        scores = np.zeros(len(values))
        period = probation(len(values))
        n_trained = period - WIDTH
        if n_trained <= N_NEAREST + 1:
            return scores
        shingles = sliding_window_view(values, WIDTH)
        weights, trained = np.eye(WIDTH), shingles[:n_trained]
        # Sums of distances, of the training set first and then of every row.
        sums = np.empty(n_trained + len(values))
        n_sums = 0
        silent = -1
        for row in range(period - 1, len(values)):
            seen = row + 1
            if seen % period in (0, period // 2):
                weights = _inverse(trained, weights)
            if n_sums == 0:
                n_sums = n_trained
                sums[:n_sums] = [_sum(trained, one, weights, N_NEAREST + 1) for one in trained]
            item = shingles[row - WIDTH + 1]
            found = _sum(trained, item, weights, N_NEAREST)
            earlier = sums[n_sums - n_trained : n_sums]
            scores[row] = np.count_nonzero(earlier < found) / n_trained
            sums[n_sums] = found
            n_sums += 1
            if seen >= 2 * period:
                first = seen - 2 * period + 1
                trained = shingles[first : first + n_trained]
            if silent > 0:
                silent -= 1
                scores[row] = STILL
            elif scores[row] >= ALERT:
                silent = period // 5
        return scores


def _inverse(trained: Rows, before: Rows) -> Rows:
    """Give the inverse of the shingles' products, or what was before if there is none."""
    try:
        return np.asarray(np.linalg.inv(trained.T @ trained), dtype=np.float64)
    except np.linalg.LinAlgError:
        return before


def _sum(trained: Rows, item: Rows, weights: Rows, n_nearest: int) -> float:
    """Sum up the distances to the nearest."""
    apart = trained - item
    distances = np.einsum("ij,ij->i", apart @ weights, apart)
    return float(np.partition(distances, n_nearest)[:n_nearest].sum())
