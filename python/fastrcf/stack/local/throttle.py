"""Throttling as the gateway does it: a bucket of tokens."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenBucket:
    """Admits ``burst`` requests at once and ``rate`` a second over time.

    Parameters
    ----------
    rate : float
        Tokens that come a second, above 0.
    burst : int, optional
        Tokens that it holds at most, at least 1; default: those of a second.
    clock : callable
        Of :mod:`time`.
    """

    def __init__(
        self, rate: float, burst: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not 0 < rate < math.inf:
            raise InvalidParameterError(f"rate: {rate!r} is not a finite number above 0")
        if burst is None:
            burst = max(1, round(rate))
        if burst < 1:
            raise InvalidParameterError(f"burst: {burst!r} is not at least 1")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def admit(self) -> bool:
        """Take a token, if there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # In steps of the clock a whole token may lack its last bit.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True
