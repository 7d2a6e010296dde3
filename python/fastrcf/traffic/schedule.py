"""When requests are due: drawn beforehand, whatever the answers take.

Arrivals are a Poisson process: gaps are exponential. That it has as many arrivals as asked is
given, so that the rate is the one asked for and not a draw of it; arrivals are then uniform order
statistics, which Renyi's representation gives one after the other in constant memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 1024


@dataclass(frozen=True)
class Schedule:
    """Arrivals of requests.

    Attributes
    ----------
    rate : float
        Requests a second, on average.
    requests : int
        How many.
    burst : float
        Peak rate over mean rate, at least 1. With 3, requests come at three times the rate
        in the first third of each period and not at all in the rest.
    period : float
        Seconds from one burst to the next.
    seed : int
        The same seed gives the same times.
    """

    rate: float
    requests: int
    burst: float = 1.0
    period: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what gives no schedule."""
        _check_rate(self.rate)
        if self.requests < 1:
            raise InvalidParameterError(f"requests is {self.requests!r}, must be at least 1")
        if not 1 <= self.burst <= 1e6:
            raise InvalidParameterError(f"burst is {self.burst!r}, must be in [1, 1000000]")
        if not 0 < self.period <= 86_400:
            raise InvalidParameterError(f"period is {self.period!r}, must be in (0, 86400]")

    @property
    def duration(self) -> float:
        """Seconds that all of it takes."""
        return self.requests / self.rate

    def __iter__(self) -> Iterator[float]:
        """Yield seconds from the start, ascending, below :attr:`duration`."""
        rng = np.random.default_rng([self.seed, 1])
        passed = 0.0
        for first in range(0, self.requests, _BLOCK):
            left = self.requests - np.arange(first, min(first + _BLOCK, self.requests))
            logs = passed + np.cumsum(rng.standard_exponential(len(left)) / left)
            passed = float(logs[-1])
            yield from self._modulated(-self.duration * np.expm1(-logs))

    def _modulated(self, times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Iterator[float]:
        if self.burst > 1:
            start = np.floor(times / self.period) * self.period
            times = start + (times - start) / self.burst
        yield from times.tolist()


def how_many(rate: float, duration: float | None, requests: int | None) -> int:
    """Give the number of requests, by whichever ends first.

    Parameters
    ----------
    rate : float
        Requests a second.
    duration : float, optional
        Seconds; 10 where neither it nor ``requests`` is given.
    requests : int, optional
        How many.
    """
    _check_rate(rate)
    if duration is None and requests is None:
        duration = 10.0
    if duration is not None and not 0 < duration <= 366 * 86_400:
        raise InvalidParameterError(f"duration is {duration!r} seconds, must be in (0, a year]")
    counts = [] if requests is None else [requests]
    if duration is not None:
        counts.append(max(1, round(rate * duration)))
    return min(counts)


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1e6:
        raise InvalidParameterError(f"rate is {rate!r}, must be in (0, 1000000)")
