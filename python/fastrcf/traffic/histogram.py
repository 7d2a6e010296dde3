"""Latencies in buckets that grow with them: memory is bounded, the error is relative."""

from __future__ import annotations

# A power of two has so many buckets: a value is off by half a bucket at most, 0.4 %.
_BITS = 7
_HALF = 1 << _BITS
# So many make an eighth of a power of two.
_EIGHTH = _HALF // 8
# Microseconds, to 2^36: 19 hours.
_MOST = (1 << 36) - 1


class Histogram:
    """Counts of durations, as HdrHistogram keeps them (Tene).

    Durations below 128 us are kept to the microsecond, others to 0.4 %; those above 19
    hours count as 19 hours.
    """

    def __init__(self) -> None:
        self._counts = [0] * (_index(_MOST) + 1)
        self.count = 0
        self.total = 0.0
        self.least = float("inf")
        self.most = 0.0

    def record(self, seconds: float) -> None:
        """Count a duration; a negative one, which clocks may give, as 0."""
        seconds = max(seconds, 0.0)
        self._counts[_index(min(round(seconds * 1e6), _MOST))] += 1
        self.count += 1
        self.total += seconds
        self.least = min(self.least, seconds)
        self.most = max(self.most, seconds)

    @property
    def mean(self) -> float | None:
        """Mean in seconds; None of nothing."""
        return self.total / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Give the duration in seconds that this share does not exceed; None of nothing.

        Parameters
        ----------
        share : float
            In [0, 1].
        """
        if not self.count:
            return None
        wanted, seen = share * self.count, 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                low, high = _bounds(index)
                return min(max((low + high) / 2e6, self.least), self.most)
        return self.most

    def buckets(self) -> list[tuple[float, int]]:
        """Give counts, eight buckets to a power of two: upper bounds in seconds, ascending."""
        found: dict[int, int] = {}
        for index, count in enumerate(self._counts):
            if count:
                bound = _bounds(index | (_EIGHTH - 1))[1]
                found[bound] = found.get(bound, 0) + count
        return [(bound / 1e6, count) for bound, count in found.items()]

    def spans(self, most: int) -> list[tuple[float, float, int]]:
        """Give counts in few ranges that leave nothing out between the least and the greatest.

        Parameters
        ----------
        most : int
            At most so many ranges, at least 2.

        Returns
        -------
        list of (float, float, int)
            From, to (exclusive), in seconds, and how many; ascending, none of nothing.
        """
        counts: dict[int, int] = {}
        for index, count in enumerate(self._counts):
            if count:
                eighth = index // _EIGHTH
                counts[eighth] = counts.get(eighth, 0) + count
        if not counts:
            return []
        first, last, step = min(counts), max(counts), 1
        while last // step - first // step >= most:
            step *= 2
        found = []
        for group in range(first // step, last // step + 1):
            eighths = range(group * step, (group + 1) * step)
            low = _bounds(eighths.start * _EIGHTH)[0]
            high = _bounds(eighths.stop * _EIGHTH - 1)[1]
            found.append((low / 1e6, high / 1e6, sum(counts.get(e, 0) for e in eighths)))
        return found


def _index(micros: int) -> int:
    shift = max(0, micros.bit_length() - _BITS - 1)
    return (shift << _BITS) + (micros >> shift)


def _bounds(index: int) -> tuple[int, int]:
    """Give a bucket's first value, and the first one behind it."""
    if index < 2 * _HALF:
        return index, index + 1
    shift = (index >> _BITS) - 1
    first = (index - (shift << _BITS)) << shift
    return first, first + (1 << shift)
