"""Rows that all engines get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benches.engines.protocol import Rows

# Rows drawn at a time: doubles of ten million would take gigabytes.
BLOCK = 1 << 20


def mixture(n_rows: int, n_columns: int, seed: int, *, outliers: float = 0.01) -> Rows:
    """Draw a mixture of three Gaussian clouds with outliers all around.

    Parameters
    ----------
    n_rows, n_columns : int
        Shape of the result.
    seed : int
        The same seed gives the same rows.
    outliers : float, default 0.01
        Share of the rows, in [0, 1], drawn fifteen times as wide around the origin.

    Returns
    -------
    numpy.ndarray of float32, shape (n_rows, n_columns)
    """
    rng = np.random.default_rng((seed, n_rows))
    centers = _centers(n_columns)
    rows = np.empty((n_rows, n_columns), np.float32)
    for start in range(0, n_rows, BLOCK):
        n = min(BLOCK, n_rows - start)
        block = centers[rng.integers(0, 3, n)] + rng.normal(size=(n, n_columns))
        odd = rng.random(n) < outliers
        block[odd] = rng.normal(scale=15.0, size=(int(odd.sum()), n_columns))
        rows[start : start + n] = block
    return rows


@dataclass(frozen=True)
class Planted:
    """Rows of which it is known which ones are odd, and where.

    Attributes
    ----------
    rows : numpy.ndarray of float32, shape (n, d)
    is_odd : numpy.ndarray of bool, shape (n,)
        Rows far outside in every column.
    column : int
        The column in which the odd rows are farthest out, by far.
    """

    rows: Rows
    is_odd: NDArray[np.bool_]
    column: int


def planted(n_rows: int, n_columns: int, seed: int, *, share: float = 0.05) -> Planted:
    """Plant far outliers among rows of the clouds.

    Parameters
    ----------
    n_rows, n_columns : int
        Shape of the rows.
    seed : int
        The same seed gives the same rows.
    share : float, default 0.05
        Share of odd rows, evenly spread; their last column is ten times as far
        out as the others.
    """
    rng = np.random.default_rng((seed, n_rows, n_columns))
    rows = mixture(n_rows, n_columns, seed, outliers=0.0)
    is_odd = np.zeros(n_rows, bool)
    is_odd[int(1 / share) - 1 :: int(1 / share)] = True
    count = int(is_odd.sum())
    far = rng.choice([-1.0, 1.0], size=(count, n_columns)) * rng.uniform(
        60.0, 80.0, size=(count, n_columns)
    )
    far[:, -1] *= 10.0
    rows[is_odd] = far.astype(np.float32)
    return Planted(rows, is_odd, n_columns - 1)


def _centers(n_columns: int) -> NDArray[np.float64]:
    # The clouds are the same for every seed, so that streams of one width belong together.
    return np.random.default_rng(n_columns).normal(scale=3.0, size=(3, n_columns))
