"""Two lists of scores of the same rows, side by side: figures, and what plots show of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastrcf._typing import Floats

# Points of the quantile plot, and of the plot of rows.
_LEVELS, _POINTS = 201, 2_000


def figures(ours: Floats, theirs: Floats, top: int) -> dict[str, float | None]:
    """Give scale, correlation, rank correlation, overlap of the ``top`` highest, and rmse.

    None where a figure is undefined: all scores of a side are equal.
    """
    size = float(ours @ ours)
    return {
        "scale": float(ours @ theirs) / size if size else None,
        "correlation": _correlation(ours, theirs),
        "rank": _correlation(_ranks(ours), _ranks(theirs)),
        "overlap": len(set(highest(ours, top)) & set(highest(theirs, top))) / top,
        "rmse": float(np.sqrt(((ours - theirs) ** 2).mean())),
    }


def _correlation(a: Floats, b: Floats) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0 else None


def _ranks(scores: Floats) -> Floats:
    """Ranks from 0, the mean of those that equal scores would have."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts + 1) / 2.0)[places], np.float64)


def highest(scores: Floats, top: int) -> list[int]:
    """Give the places of the ``top`` highest scores, the first of equal ones first."""
    order: list[int] = np.argsort(-scores, kind="stable")[:top].tolist()
    return order


def quantiles(ours: Floats, theirs: Floats) -> Floats:
    """Give the scores that the same shares of rows are below, ascending, shape (k, 2)."""
    n = len(ours)
    if n <= _LEVELS:
        return np.column_stack([np.sort(ours), np.sort(theirs)])
    # Half of the points where scores are high: there decisions fall.
    even = np.linspace(0.0, 1.0, _LEVELS // 2)
    high = 1.0 - np.geomspace(1.0 / n, 0.5, _LEVELS // 2)
    levels = np.unique(np.concatenate([even, high]))
    return np.column_stack([np.quantile(ours, levels), np.quantile(theirs, levels)])


def points(ours: Floats, theirs: Floats) -> Floats:
    """Give both scores of at most 2,000 rows, the highest among them, shape (m, 2)."""
    n = len(ours)
    if n <= _POINTS:
        return np.column_stack([ours, theirs])
    half = _POINTS // 4
    kept = {*highest(ours, half), *highest(theirs, half), *range(0, n, -(-n // (2 * half)))}
    at = np.array(sorted(kept))
    return np.column_stack([ours[at], theirs[at]])
