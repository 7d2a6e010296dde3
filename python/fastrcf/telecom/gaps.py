"""Gaps of a SIM: how long it was silent, and how long it usually is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

#: Gaps that say what is usual.
USUAL_OF: Final = 31
#: Below so many nothing is usual yet.
USUAL_FROM: Final = 3
#: No gap counts as longer: the longest window.
LONGEST_MS: Final = 7 * 24 * 3_600_000
_BLOCK: Final = 8_192


def usual_gaps(sim: Integers, gap_ms: Integers) -> Integers:
    """Give the lower median of the SIM's previous 31 positive gaps, for each record.

    The lower median of m numbers is the (m + 1) // 2-th smallest.

    Parameters
    ----------
    sim, gap_ms : ndarray of int64, shape (n,)
        Ordered by SIM and time; 0 where there is no gap.

    Returns
    -------
    ndarray of int64, shape (n,)
        In milliseconds; -1 below 3 such gaps before the record.
    """
    positive = gap_ms > 0
    gaps, sims = gap_ms[positive], sim[positive]
    n = len(gaps)
    before: Integers = np.cumsum(positive) - positive
    if not n:
        return np.full(len(gap_ms), -1)
    # How many of a SIM's gaps a record has before it.
    first = np.searchsorted(sims, sim, side="left")
    known = before - first
    of = np.searchsorted(sims, sims, side="left")
    place = np.arange(n) - of + 1
    medians = np.full(n, -1)
    full = np.flatnonzero(place >= USUAL_OF)
    if len(full):
        windows = np.lib.stride_tricks.sliding_window_view(gaps, USUAL_OF)
        for at in range(0, len(full), _BLOCK):
            rows = full[at : at + _BLOCK]
            found = np.partition(windows[rows - (USUAL_OF - 1)], USUAL_OF // 2, axis=1)
            medians[rows] = found[:, USUAL_OF // 2]
    for m in range(USUAL_FROM, USUAL_OF):
        rows = np.flatnonzero(place == m)
        if len(rows):
            windows = np.lib.stride_tricks.sliding_window_view(gaps, m)
            found = np.partition(windows[rows - (m - 1)], (m - 1) // 2, axis=1)
            medians[rows] = found[:, (m - 1) // 2]
    usual = np.full(len(gap_ms), -1)
    has = known >= USUAL_FROM
    usual[has] = medians[before[has] - 1]
    return usual
