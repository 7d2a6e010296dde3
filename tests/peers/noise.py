"""Are two forests the same but for their seeds? A tolerance that is measured, not chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LEVELS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
SEEDS = 10
# Distance of two means of SEEDS values each, in its own standard errors. With
# 2 * (SEEDS - 1) = 18 degrees of freedom, forests of one distribution exceed it
# in 1 of 5,000 comparisons; seeds are fixed, so that a pass stays a pass.
LIMIT = 4.7
# The mean square of such distances is 18 / 16 = 1.125 for one distribution. It
# wavers with the number of rows, and the rows of a forest share its luck.
MEAN_SQUARE = 1.6


def by_seed(scores: Callable[[int], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Score the same rows with forests of several seeds, shape (SEEDS, n)."""
    return np.stack([scores(seed) for seed in range(1, SEEDS + 1)])


def assert_same_quantiles(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], *, sharpness: float
) -> None:
    """Compare quantiles over the rows, in the standard errors that seeds give them.

    Parameters
    ----------
    ours, theirs : numpy.ndarray of float64, shape (SEEDS, n)
        Scores of the same rows.
    sharpness : float
        Greatest share of a quantile that its standard error may be (the median
        over the quantiles): a bias of LIMIT times its standard error is found.
    """
    _assert_same(*(np.quantile(scores, LEVELS, axis=1).T for scores in (ours, theirs)), sharpness)


def assert_same_rows(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], *, sharpness: float
) -> None:
    """Compare row by row, in the standard errors that seeds give each row.

    Parameters are those of :func:`assert_same_quantiles`.
    """
    distances = _assert_same(ours, theirs, sharpness)
    mean_square = float((distances**2).mean())
    assert mean_square < MEAN_SQUARE, f"mean square distance {mean_square:.2f} standard errors"


def _assert_same(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], sharpness: float
) -> NDArray[np.float64]:
    """Compare the means of each column, and give their distances in standard errors."""
    means = [values.mean(axis=0) for values in (ours, theirs)]
    error = np.sqrt(sum(values.var(axis=0, ddof=1) for values in (ours, theirs)) / SEEDS)
    share = float(np.median(error / means[0]))
    assert share < sharpness, f"seeds are {share:.3f} apart: too far to compare"
    distances = (means[0] - means[1]) / error
    worst = int(np.abs(distances).argmax())
    assert abs(distances[worst]) < LIMIT, (
        f"place {worst}: ours {means[0][worst]:.4f}, theirs {means[1][worst]:.4f}, "
        f"apart by {distances[worst]:.1f} standard errors; all: {distances.round(1)}"
    )
    return np.asarray(distances)
