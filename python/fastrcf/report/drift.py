"""Whether data are still what a model was fitted to: measures and how they are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Floats, Integers

# Shares at which a model file keeps a column's quantiles.
SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
# Rows that a detector's quantiles and threshold rest on at most.
FITTED_SAMPLE = 65_536

# The usual reading of the population stability index.
SHIFTED, STRONGLY = 0.1, 0.25
# 95 % point of chi-squared with 7 degrees of freedom, one less than there are bins.
_CHI2 = 14.067
_Z = 1.959964


def stability_index(below: Integers, at_most: Integers, n: int) -> float:
    """Give the population stability index over the bins of fitted quantiles.

    It is the sum over bins of ``(p - e) ln(p / e)``, ``e`` the fitted and ``p``
    the data's share of a bin. An empty bin counts as half a row.

    Parameters
    ----------
    below, at_most : numpy.ndarray of int64, shape (9,)
        Rows of the data below each fitted quantile, and at most as large.
    n : int
        Rows of the data, at least 1.

    Notes
    -----
    Where a value is frequent, several quantiles are the same and say only
    between which shares it lies; as much of the data's share as can be is then
    taken to agree. Columns of few values may change within what quantiles show.
    """
    shares = np.array(SHARES)
    reached = np.clip(shares, below / n, at_most / n)
    reached[0], reached[-1] = 0.0, 1.0
    expected, found = np.diff(shares), np.maximum(np.diff(reached), 0.5 / n)
    return float(np.sum((found - expected) * np.log(found / expected)))


def chance_index(n: int, n_fitted: int) -> float:
    """Give the index that 5 % of samples of the same rows exceed.

    Notes
    -----
    The index of two samples of the same distribution is about
    ``(1/n + 1/m) chi-squared(bins - 1)`` (Yurdakul and Naranjo 2020, Statistical
    properties of the population stability index).
    """
    return _CHI2 * (1.0 / max(n, 1) + 1.0 / max(min(n_fitted, FITTED_SAMPLE), 1))


def reading(index: float, n: int, n_fitted: int) -> str:
    """Say in words what an index means: below what chance gives it means nothing."""
    chance = chance_index(n, n_fitted)
    if index < max(SHIFTED, chance):
        return "too few rows to tell" if chance > STRONGLY else "as fitted"
    return "shifted" if index < max(STRONGLY, chance) else "strongly shifted"


def interval(found: float, n: float) -> tuple[float, float]:
    """Give Wilson's 95 % interval of a share.

    Parameters
    ----------
    found : float
        The share, in [0, 1].
    n : float
        Rows that it is a share of, above 0.
    """
    spread = _Z * _Z / n
    middle = (found + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(found * (1 - found) / n + spread / (4 * n))
    # The share itself is within, whatever rounding does.
    return max(0.0, min(found, middle - half)), min(1.0, max(found, middle + half))


def effective_rows(n: int, n_fitted: int) -> float:
    """Give the rows that a share above a fitted threshold is known by.

    Both the data and the rows that the threshold rests on are samples.
    """
    return 1.0 / (1.0 / max(n, 1) + 1.0 / max(min(n_fitted, FITTED_SAMPLE), 1))


def quantiles(values: Floats) -> tuple[float, ...]:
    """Give the values at the shares of a model's quantiles."""
    return tuple(np.quantile(values, SHARES).tolist())


def histogram(values: Floats, ends: Sequence[float], bins: int) -> tuple[Floats, Integers]:
    """Count values between two ends; those beyond count in the outermost bins.

    Returns
    -------
    edges : numpy.ndarray of float64, shape (bins + 1,)
    counts : numpy.ndarray of int64, shape (bins,)
    """
    low, high = float(ends[0]), float(ends[1])
    if not high > low:
        room = max(abs(low), 1.0) / 2
        low, high = low - room, high + room
    counts, edges = np.histogram(np.clip(values, low, high), bins=bins, range=(low, high))
    return edges, counts.astype(np.int64)
