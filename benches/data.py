"""Rows that all peers get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benches.peers import Rows


def mixture(n_rows: int, n_columns: int, seed: int, *, outliers: float = 0.01) -> Rows:
    """Draw a mixture of three Gaussian clouds with outliers all around.

    Parameters
    ----------
    n_rows, n_columns : int
        Shape of the result.
    seed : int
        The same seed gives the same rows.
    outliers : float, default 0.01
        Share of the rows, in [0, 1], drawn five times as wide around the origin.

    Returns
    -------
    numpy.ndarray of float32, shape (n_rows, n_columns)
    """
    # The clouds are the same for every seed, so that streams of one width belong together.
    centers = np.random.default_rng(n_columns).normal(scale=3.0, size=(3, n_columns))
    rng = np.random.default_rng((seed, n_rows))
    rows = centers[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, n_columns))
    odd = rng.random(n_rows) < outliers
    rows[odd] = rng.normal(scale=15.0, size=(int(odd.sum()), n_columns))
    return rows.astype(np.float32)
