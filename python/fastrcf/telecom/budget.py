"""How many cases people can look at: for every thousand sessions, or a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from fastrcf._parameters import number
from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    import polars as pl

#: Cases for every thousand sessions where nothing else is asked for.
USUAL: Final = 1.0
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Budget:
    """Cases that may open.

    Parameters
    ----------
    alerts_per_thousand : float, optional
        Cases a thousand sessions, above 0 and at most 100; default: 1, unless a day has a number.
    alerts_per_day : float, optional
        Cases a day instead, above 0.

    Raises
    ------
    InvalidParameterError
        If both are given, or one is out of its range.
    """

    alerts_per_thousand: float | None = None
    alerts_per_day: float | None = None

    def __post_init__(self) -> None:
        thousand, day = self.alerts_per_thousand, self.alerts_per_day
        if thousand is not None and day is not None:
            raise InvalidParameterError(
                f"alerts_per_thousand: {thousand} and alerts_per_day: {day}: give one of them"
            )
        if thousand is not None:
            thousand = number("alerts_per_thousand", thousand)
        if day is not None:
            day = number("alerts_per_day", day)
        if thousand is not None and not 0 < thousand <= 100:
            raise InvalidParameterError(
                f"alerts_per_thousand: {thousand:g} is not above 0 and at most 100"
            )
        if day is not None and not 0 < day < float("inf"):
            raise InvalidParameterError(f"alerts_per_day: {day:g} is not above 0 and finite")
        if day is None:
            thousand = USUAL if thousand is None else thousand
        for name, value in (("alerts_per_thousand", thousand), ("alerts_per_day", day)):
            object.__setattr__(self, name, value)

    def cases(self, sessions: int, time: timedelta) -> float:
        """Give the cases that so many sessions may open in so long a time."""
        if self.alerts_per_day is not None:
            return self.alerts_per_day * (time / _DAY)
        return (self.alerts_per_thousand or USUAL) / 1000 * sessions

    def cases_of(self, starts: pl.Series) -> float:
        """Give the cases that sessions may open which start at these times."""
        first, last = starts.min(), starts.max()
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return 0.0
        return self.cases(len(starts), last - first)

    def told(self) -> tuple[str, float]:
        """Give it as a report says it: what is counted, and how many."""
        if self.alerts_per_day is not None:
            return "alerts a day", self.alerts_per_day
        return "alerts a thousand sessions", self.alerts_per_thousand or USUAL
