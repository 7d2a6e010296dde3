"""What a detector of series warns of, before it learns a row.

Afterwards would be too late: where warnings are errors, the answers would be lost.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf import _fastrcf
    from fastrcf._typing import Floats

# How far back a time may be: clocks show an hour twice once a year.
_HOUR = 3600.0


def count_dropped(held: _fastrcf.SeriesSet, keys: Sequence[str]) -> int:
    """Count the series of rows that find no place; at least as many are dropped."""
    new, room = set(keys), held.max_series - held.n_series
    # Most rows need not be looked up.
    return 0 if len(new) <= room else max(0, held.count_new(list(new)) - room)


def warn_of_drops(n: int, most: int) -> None:
    """Warn of series that will be dropped."""
    if n:
        warnings.warn(
            f"{n} series or more are dropped, as at most {most} are held: those whose last row "
            "is the longest ago; raise max_series, or see n_dropped",
            UserWarning,
            stacklevel=3,
        )


def late(times: Floats, latest: float = -np.inf) -> int:
    """Count the times that are more than an hour before an earlier row's.

    Parameters
    ----------
    times : numpy.ndarray of float64, shape (n,)
        Seconds, in the order of the rows.
    latest : float
        The latest time of rows before them.
    """
    before = np.maximum.accumulate(np.concatenate(([latest], times)))[:-1]
    return int(np.count_nonzero(times < before - _HOUR))


def is_unsorted(n_late: int, n: int) -> bool:
    """Whether so many late rows are a matter of order, not of some that were held up."""
    return 10 * n_late > n


def warn_of_order(times: Floats, name: str) -> None:
    """Warn of rows that are not in the order of time, of which none can be counted by the day."""
    n_late = late(times)
    if is_unsorted(n_late, len(times)):
        warnings.warn(
            f"column {name!r}: {n_late} of {len(times)} rows are more than an hour before an "
            "earlier row: alerts a day are counted as rows come, so sort the table by time",
            UserWarning,
            stacklevel=3,
        )
