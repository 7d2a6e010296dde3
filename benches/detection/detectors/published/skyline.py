"""skyline: the share of seven simple tests that call a value odd, as Etsy's Skyline has them."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.signal import lfilter

from benches.detection.detectors.protocol import StreamDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benches.detection.case import Flags, Rows

DAY, HOUR = 86_400.0, 3_600.0
# Weight of a row against the one after it, in a moving mean whose centre of mass is 50 rows.
KEPT = 50 / 51


class Skyline(StreamDetector):
    """Each test sees all values up to the row's own; there is no training."""

    name: ClassVar[str] = "skyline, rewritten"
    settings: ClassVar[str] = "the seven tests of the published detector"
    is_seeded: ClassVar[bool] = False

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Let the tests vote on each row."""
        # About the first value, so that squares keep their digits.
        about = values - values[:1]
        recent = about.copy()
        recent[2:] = (about[2:] + about[1:-1] + about[:-2]) / 3
        mean, spread = _moments(about)
        votes = (
            _from_median(values),
            _from_hour_a_day_ago(values, seconds, recent + values[:1]),
            np.abs(recent - mean) > 3 * spread,
            _from_moving_mean(about),
            _from_earlier_mean(about, mean, spread),
            _from_line(about, seconds - seconds[:1]),
            _in_rare_bin(values, recent + values[:1]),
        )
        share: Rows = np.sum(votes, axis=0) / len(votes)
        return share


def _moments(about: Rows) -> tuple[Rows, Rows]:
    """Give mean and deviation (of n - 1) of the values up to each; NaN for the first's."""
    n = np.arange(1.0, len(about) + 1)
    mean = np.cumsum(about) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (np.cumsum(about**2) - n * mean**2) / (n - 1)
    return mean, np.sqrt(np.maximum(variance, 0.0))


def _from_median(values: Rows) -> Flags:
    """Further from the median than six median distances."""
    odd = np.zeros(len(values), dtype=bool)
    ordered: list[float] = []
    for row, value in enumerate(values.tolist()):
        insort(ordered, value)
        half = row // 2
        median = ordered[half] if row % 2 == 0 else (ordered[half] + ordered[half + 1]) / 2
        usual = _median_distance(ordered, median)
        odd[row] = usual != 0 and abs(value - median) / usual > 6
    return odd


def _median_distance(ordered: list[float], median: float) -> float:
    """Give the median of how far ordered values are from their median."""
    # The nearest k are neighbours. The least place that they can begin at is where what follows
    # them is no nearer than the first of them.
    n = len(ordered)
    k = n // 2 + 1
    first = bisect_left(
        range(n - k), True, key=lambda at: ordered[at + k] - median >= median - ordered[at]
    )
    low, high = median - ordered[first], ordered[first + k - 1] - median
    if n % 2 == 1:
        return max(low, high)
    # The furthest of them, and the next: both of one end or one of each.
    if low >= high:
        return (low + max(high, median - ordered[first + 1])) / 2
    return (high + max(low, ordered[first + k - 2] - median)) / 2


def _from_hour_a_day_ago(values: Rows, seconds: Rows, recent: Rows) -> Flags:
    """Three values whose mean is beyond three deviations of the hour that began a day ago."""
    odd = np.zeros(len(values), dtype=bool)
    ordered = bool((np.diff(seconds) >= 0).all())
    for row, now in enumerate(seconds.tolist()):
        then = seconds[: row + 1]
        if ordered:
            hour = values[slice(*np.searchsorted(then, [now - DAY, now - DAY + HOUR]))]
        else:
            hour = values[: row + 1][(then >= now - DAY) & (then < now - DAY + HOUR)]
        if len(hour) > 1:
            odd[row] = abs(recent[row] - hour.mean()) > 3 * hour.std(ddof=1)
    return odd


def _from_moving_mean(about: Rows) -> Flags:
    """Beyond three deviations of a mean that forgets."""

    def fading(x: Rows, kept: float) -> Rows:
        summed: Rows = lfilter([1.0], [1.0, -kept], x)
        return summed

    ones = np.ones(len(about))
    weight, squares = fading(ones, KEPT), fading(ones, KEPT**2)
    mean = fading(about, KEPT) / weight
    variance = np.maximum(fading(about**2, KEPT) / weight - mean**2, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        unbiased = variance * weight**2 / (weight**2 - squares)
    flags: Flags = np.abs(about - mean) > 3 * np.sqrt(unbiased)
    return flags


def _from_earlier_mean(about: Rows, mean: Rows, spread: Rows) -> Flags:
    """Beyond three deviations of the values before."""
    odd = np.zeros(len(about), dtype=bool)
    odd[1:] = np.abs(about[1:] - mean[:-1]) > 3 * spread[:-1]
    return odd


def _from_line(about: Rows, seconds: Rows) -> Flags:
    """Three values whose mean is beyond three deviations from a straight line through all."""
    n = np.arange(1.0, len(about) + 1)
    sums = {name: np.cumsum(x) for name, x in (("x", seconds), ("y", about))}
    across = np.cumsum(seconds**2) - sums["x"] ** 2 / n
    along = np.cumsum(seconds * about) - sums["x"] * sums["y"] / n
    upward = np.cumsum(about**2) - sums["y"] ** 2 / n
    slope = np.divide(along, across, out=np.zeros(len(n)), where=across > 0)
    level = (sums["y"] - slope * sums["x"]) / n
    spread = np.sqrt(np.maximum(upward - slope * along, 0.0) / n)
    off = np.zeros(len(n))
    off[2:] = (about[2:] + about[1:-1] + about[:-2]) / 3 - level[2:]
    off[2:] -= slope[2:] * (seconds[2:] + seconds[1:-1] + seconds[:-2]) / 3
    off = np.abs(off)
    # Less than a half is rounded to nothing.
    flags: Flags = (off > 3 * spread) & (spread >= 0.5) & (off >= 0.5)
    return flags


def _in_rare_bin(values: Rows, recent: Rows) -> Flags:
    """Three values whose mean is in one of fifteen bins that holds at most twenty values."""
    odd = np.zeros(len(values), dtype=bool)
    least, most = np.minimum.accumulate(values), np.maximum.accumulate(values)
    moved = np.flatnonzero((np.diff(least) != 0) | (np.diff(most) != 0)) + 1
    # Bins stay while no value is beyond those before.
    for begin, end in pairwise([0, *moved.tolist(), len(values)]):
        counts, edges = np.histogram(values[: begin + 1], bins=15)
        new = values[begin + 1 : end]
        held = np.zeros((end - begin, len(counts)), dtype=np.int64)
        held[0] = counts
        held[np.arange(1, end - begin), np.searchsorted(edges[1:-1], new, side="right")] = 1
        np.cumsum(held, axis=0, out=held)
        for row in range(begin, end):
            odd[row] = _is_rare(held[row - begin], edges, float(recent[row]))
    return odd


def _is_rare(counts: NDArray[np.int64], edges: Rows, value: float) -> bool:
    # The first bin counts for what is not above the least value alone, and the last edge for none.
    if value <= edges[0]:
        return bool(counts[0] <= 20)
    place = int(np.searchsorted(edges, value, side="right")) - 1
    return 0 < place < len(counts) and bool(counts[place] <= 20)
