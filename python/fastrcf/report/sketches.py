"""Summaries of any number of rows in bounded memory, the same for any batches.

Every one of them depends on the rows and their order alone, never on where one
batch ends and the next begins, so that a report of a table is one report.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fastrcf._typing import Floats, Integers

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_MINUTE = 60_000_000
_SECOND = 1_000_000

# Widths of stretches; each is a whole multiple of the one before it.
BY_ROW: tuple[int, ...] = tuple(1 << k for k in range(62))
BY_NUMBER: tuple[float, ...] = tuple(2.0**k for k in range(-200, 120))
# In microseconds, as people divide time; from a day on, doubling.
BY_TIME: tuple[int, ...] = (
    *(10**k for k in range(6)),
    *(_SECOND * k for k in (1, 5, 15)),
    *(_MINUTE * k for k in (1, 5, 15)),
    *(_HOUR * k for k in (1, 3, 6, 12)),
    *(_DAY << k for k in range(24)),
)


@dataclass(frozen=True)
class Stretches:
    """A line cut into stretches of equal width; those without rows are left out.

    Attributes
    ----------
    width : float
        Of each stretch, in the line's unit.
    start : numpy.ndarray of float64, shape (m,)
        Where stretches begin, ascending.
    rows, alerts : numpy.ndarray of int64, shape (m,)
        Rows in each, and alerts among them.
    highest : numpy.ndarray of float64, shape (m,)
        The highest score in each.
    """

    width: float
    start: Floats
    rows: Integers
    alerts: Integers
    highest: Floats


class Line:
    """Counts rows along a line whose ends are not known beforehand.

    Stretches begin at whole multiples of their width. When there are too many,
    the next width of the ladder is taken and stretches are joined, exactly.

    Parameters
    ----------
    ladder : sequence of int or float
        Widths, ascending, each a whole multiple of the one before it. Positions
        are integers where widths are, so that nothing is rounded.
    most : int
        Most stretches from the first row to the last.
    """

    def __init__(self, ladder: Sequence[float], most: int) -> None:
        self._ladder, self._most, self._step = ladder, most, 0
        self._ids: Integers = np.empty(0, np.int64)
        self._rows: Integers = np.empty(0, np.int64)
        self._alerts: Integers = np.empty(0, np.int64)
        self._highest: Floats = np.empty(0)
        self._ends: tuple[Any, Any] | None = None

    @property
    def width(self) -> float:
        """Width of a stretch by now."""
        return self._ladder[self._step]

    def place(self, at: NDArray[Any]) -> Integers:
        """Give the number of the stretch that each position is in."""
        ids: Integers = np.floor_divide(at, self.width).astype(np.int64)
        return ids

    def add(self, at: NDArray[Any], is_alert: NDArray[np.bool_], score: Floats) -> None:
        """Count rows at these positions."""
        if not len(at):
            return
        low, high = at.min(), at.max()
        if self._ends is not None:
            low, high = min(low, self._ends[0]), max(high, self._ends[1])
        self._ends = (low, high)
        self._widen(self._fitting(low, high))
        self._join(
            np.concatenate([self._ids, self.place(at)]),
            np.concatenate([self._rows, np.ones(len(at), np.int64)]),
            np.concatenate([self._alerts, is_alert.astype(np.int64)]),
            np.concatenate([self._highest, score]),
        )

    def _widen(self, step: int) -> None:
        before, self._step = self.width, step
        if self.width != before:
            # Numbers of stretches are below 2^53, so that a larger factor does the same.
            self._ids //= min(round(self.width / before), 1 << 62)

    def thin_out(self, rows: int) -> None:
        """Join stretches until they hold so many rows on average, at the end."""
        while len(self._ids) > 1 and self._rows.sum() < rows * len(self._ids):
            if self._step + 1 == len(self._ladder):
                break
            self._widen(self._step + 1)
            self._join(self._ids, self._rows, self._alerts, self._highest)

    def _fitting(self, low: Any, high: Any) -> int:
        step, last = self._step, len(self._ladder) - 1
        while step < last:
            width = self._ladder[step]
            # Beyond 2^52 multiples of a width, numbers would be rounded.
            fine = max(abs(low), abs(high)) < width * 2.0**52
            if fine and high // width - low // width < self._most:
                break
            step += 1
        return step

    def _join(self, ids: Integers, rows: Integers, alerts: Integers, highest: Floats) -> None:
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
        self._ids = ids[first]
        self._rows = np.add.reduceat(rows[order], first)
        self._alerts = np.add.reduceat(alerts[order], first)
        self._highest = np.maximum.reduceat(highest[order], first)

    def stretches(self) -> Stretches:
        """Give what was counted."""
        start = self._ids.astype(np.float64) * self.width
        return Stretches(float(self.width), start, self._rows, self._alerts, self._highest)

    def find(self, at: NDArray[Any]) -> Integers:
        """Give for each position its place among the stretches; -1 where none is there."""
        ids = self.place(at)
        found = np.searchsorted(self._ids, ids).clip(max=max(len(self._ids) - 1, 0))
        return np.where(self._ids[found] == ids, found, -1) if len(self._ids) else found - 1


class Sample:
    """A uniform sample of rows, without replacement; all rows while they fit.

    Each row gets a number drawn by its place in the order of all rows; the rows
    with the smallest ones stay.

    Parameters
    ----------
    capacity : int
        Most rows to keep.
    width : int
        Values of a row.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self.capacity, self.n_seen = capacity, 0
        self._rows = np.empty((0, width))
        self._keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._order: Integers = np.empty(0, np.int64)
        self._limit = np.uint64(2**64 - 1)

    def add(self, n: int, values: Callable[[Integers], Floats]) -> None:
        """Offer ``n`` rows; ``values`` gives those that are taken, shape (k, width)."""
        order = np.arange(self.n_seen, self.n_seen + n, dtype=np.int64)
        self.n_seen += n
        keys = _mixed(order)
        taken = np.flatnonzero(keys <= self._limit)
        if not len(taken):
            return
        self._rows = np.concatenate([self._rows, values(taken)])
        self._keys = np.concatenate([self._keys, keys[taken]])
        self._order = np.concatenate([self._order, order[taken]])
        if len(self._keys) > self.capacity:
            keep = np.argpartition(self._keys, self.capacity - 1)[: self.capacity]
            self._rows, self._keys = self._rows[keep], self._keys[keep]
            self._order = self._order[keep]
            self._limit = self._keys.max()

    @property
    def is_all(self) -> bool:
        """Whether all rows are in it."""
        return self.n_seen <= self.capacity

    def rows(self) -> Floats:
        """Give the rows that were kept, in order, shape (k, width)."""
        return self._rows[np.argsort(self._order)]


def _mixed(x: Integers) -> NDArray[np.uint64]:
    """Mix the bits of numbers; no two give the same (finalizer of SplitMix64)."""
    z = x.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Highest:
    """The rows with the highest scores; of equal ones, those that came first."""

    def __init__(self, most: int) -> None:
        self._most, self._seen = most, 0
        self._heap: list[tuple[float, int, Any]] = []

    def add(self, score: Floats, describe: Callable[[int], Any]) -> None:
        """Offer rows; ``describe`` is asked for those that are taken."""
        first, self._seen = self._seen, self._seen + len(score)
        for i in np.argsort(-score, kind="stable")[: self._most].tolist():
            key = (float(score[i]), -(first + i))
            if len(self._heap) < self._most:
                heapq.heappush(self._heap, (*key, describe(i)))
            elif key > self._heap[0][:2]:
                heapq.heapreplace(self._heap, (*key, describe(i)))
            else:
                break

    def items(self) -> list[Any]:
        """Give what ``describe`` said, the highest score first."""
        return [item for *_, item in sorted(self._heap, key=lambda x: x[:2], reverse=True)]


class Names:
    """Counts of names: exact for the first so many that come, the others together."""

    def __init__(self, most: int, width: int) -> None:
        self._most, self._width = most, width
        self.counts: dict[str, list[float]] = {}
        self.others: list[float] = [0.0] * width

    def add(self, name: str, *amounts: float) -> None:
        """Add amounts to a name's."""
        found = self.counts.get(name)
        if found is None:
            if len(self.counts) < self._most:
                found = self.counts[name] = [0.0] * self._width
            else:
                found = self.others
        for i, amount in enumerate(amounts):
            found[i] += amount

    @property
    def is_all(self) -> bool:
        """Whether every name has counts of its own."""
        return not any(self.others)
