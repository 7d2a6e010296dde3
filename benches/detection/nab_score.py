"""The score of the Numenta Anomaly Benchmark.

An alert in a window earns the more the earlier it is, the best alert of a window
alone; each alert outside costs, less of it shortly after a window; a window
without an alert costs. One threshold for all series, the best of all that tell
rows apart; 0 is a detector without alerts, 100 finds every window at its first row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benches.detection.case import Rows

Windows = NDArray[np.int64]
# The first 15 % of a series, and of 5,000 rows at most, are for learning alone.
PROBATION, LONGEST = 0.15, 5_000
# In windows' widths: a row so far behind counts like one without a window before it.
FAR = 3.0


@dataclass(frozen=True)
class Profile:
    """What alerts count: each at most, as the benchmark's cost matrices have it."""

    found: float
    missed: float
    false: float


@dataclass(frozen=True)
class Labelled:
    """A series as the scorer sees it: rows after the probation.

    Attributes
    ----------
    scores : ndarray of float64, shape (m,)
    worth : ndarray of float64, shape (m,)
        In a window between 0 and 1, outside between -1 and 0.
    window : ndarray of int64, shape (m,)
        Number of the window that a row is in, -1 outside.
    """

    scores: Rows
    worth: Rows
    window: Windows


@dataclass(frozen=True)
class Score:
    """A corpus's result.

    Attributes
    ----------
    value : float
        Between about -infinity and 100.
    threshold : float
        Rows of at least this score are alerts; infinite if none is best.
    """

    value: float
    threshold: float


def probation(n_rows: int) -> int:
    """Say how many rows at the beginning do not count."""
    return int(min(np.floor(PROBATION * n_rows), PROBATION * LONGEST))


def sigmoid(place: Rows) -> Rows:
    """Give what a row is worth at a place relative to a window's end, in its widths."""
    worth: Rows = 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, FAR))) - 1.0
    return np.where(place > FAR, -1.0, worth)


def label(scores: Rows, windows: Windows) -> Labelled:
    """Say what an alert at each row would be worth.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Finite.
    windows : ndarray of int64, shape (k, 2)
        First and last row of each window, in order, not overlapping.

    Raises
    ------
    ValueError
        If a score is not finite; the message names the row.
    """
    if not np.isfinite(scores).all():
        raise ValueError(f"score of row {int(np.flatnonzero(~np.isfinite(scores))[0])}")
    rows = np.arange(len(scores))
    worth = np.full(len(scores), -1.0)
    window = np.full(len(scores), -1, dtype=np.int64)
    at_best = float(sigmoid(np.array([-1.0]))[0])
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        behind = rows > last
        # A later window writes over this.
        with np.errstate(divide="ignore"):
            worth[behind] = sigmoid((rows[behind] - last) / np.float64(width - 1))
        inside = (rows >= first) & (rows <= last)
        worth[inside] = sigmoid(-(last - rows[inside] + 1) / width) / at_best
        window[inside] = number
    kept = slice(probation(len(scores)), None)
    return Labelled(scores[kept], worth[kept], window[kept])


def score_at(series: Labelled, profile: Profile, threshold: float) -> float:
    """Sum up one series at a threshold, not normalised."""
    alerts = series.scores >= threshold
    total = profile.false * float(series.worth[alerts & (series.window < 0)].sum())
    for number in np.unique(series.window[series.window >= 0]):
        of_it = series.worth[alerts & (series.window == number)]
        total += profile.found * float(of_it.max()) if len(of_it) else -profile.missed
    return total


def corpus(series: Sequence[Labelled], profile: Profile) -> Score:
    """Try every threshold over all series, and normalise the best.

    Raises
    ------
    ValueError
        If no window lies behind a probation.
    """
    scores = np.concatenate([one.scores for one in series])
    worth = np.concatenate([one.worth for one in series])
    window, n_windows = _numbered(series)
    if n_windows == 0:
        raise ValueError("no window behind the probation")
    order = np.argsort(-scores, kind="stable")
    scores, worth, window = scores[order], worth[order], window[order]
    outside = window < 0
    gained = np.where(outside, profile.false * worth, 0.0)
    best = np.full(n_windows, -profile.missed)
    for row in np.flatnonzero(~outside):
        value = profile.found * worth[row]
        if value > best[window[row]]:
            gained[row] = value - best[window[row]]
            best[window[row]] = value
    nothing = -profile.missed * n_windows
    # After the last row of each score: rows that tie are alerts together.
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    totals = nothing + np.cumsum(gained)[ends]
    top = int(np.argmax(totals))
    total, threshold = float(totals[top]), float(scores[ends[top]])
    if total < nothing:
        total, threshold = nothing, np.inf
    perfect = profile.found * n_windows
    return Score(100.0 * (total - nothing) / (perfect - nothing), threshold)


def corpus_at(series: Sequence[Labelled], profile: Profile, threshold: float) -> float:
    """Give the corpus's score at one threshold, normalised as :func:`corpus` does.

    Raises
    ------
    ValueError
        If no window lies behind a probation.
    """
    _, n_windows = _numbered(series)
    if n_windows == 0:
        raise ValueError("no window behind the probation")
    nothing = -profile.missed * n_windows
    total = sum(score_at(one, profile, threshold) for one in series)
    return 100.0 * (total - nothing) / (profile.found * n_windows - nothing)


def _numbered(series: Sequence[Labelled]) -> tuple[Windows, int]:
    """Count through all windows that have rows behind the probation, over all series."""
    parts, count = [], 0
    for one in series:
        inside = one.window >= 0
        names, places = np.unique(one.window[inside], return_inverse=True)
        numbers = np.full(len(one.window), -1, dtype=np.int64)
        numbers[inside] = places + count
        parts.append(numbers)
        count += len(names)
    return np.concatenate(parts), count
