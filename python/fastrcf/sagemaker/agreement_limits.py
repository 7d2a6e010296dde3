"""How near two models have to be: limits, figures against them, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fastrcf.errors import InvalidParameterError

Verdict = Literal["agree", "differ", "undecided"]
# Of the highest rows, those that may always be others.
_AT_EDGE = 2


@dataclass(frozen=True)
class Limits:
    """How near two models have to be.

    Where two trainings of our own differ by more, what they reach is the limit; this is
    known where ours is a :class:`ManagedForest` and the rows are given.

    Attributes
    ----------
    scale : float, default 0.1
        How far the scale may be from 1, at least 0.
    correlation : float, default 0.98
        Least correlation, -1 to 1.
    rank : float, default 0.9
        Least rank correlation, -1 to 1.
    overlap : float, default 0.8
        Least share of the highest rows that are among the other's highest, 0 to 1; two
        rows may always be others.
    noise : float, default 1.5
        Largest rmse, in units of the largest between two trainings of our own.
    least_rows : int, default 10
        With fewer rows the verdict is ``"undecided"``.
    """

    scale: float = 0.1
    correlation: float = 0.98
    rank: float = 0.9
    overlap: float = 0.8
    noise: float = 1.5
    least_rows: int = 10

    def __post_init__(self) -> None:
        ranges = {
            "scale": (0.0, math.inf),
            "correlation": (-1.0, 1.0),
            "rank": (-1.0, 1.0),
            "overlap": (0.0, 1.0),
            "noise": (0.0, math.inf),
            "least_rows": (2, math.inf),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not least <= value <= most:
                raise InvalidParameterError(f"{name}: {value!r} is not between {least} and {most}")


@dataclass(frozen=True)
class Check:
    """One figure against its limit.

    Attributes
    ----------
    name : str
        ``"scale"``, ``"correlation"``, ``"rank"``, ``"overlap"`` or ``"rmse"``.
    value : float or None
        None where it is undefined: all scores of a side are equal.
    low, high : float
        Between which it has to be, ends included.
    by_noise : bool
        Whether the limit is what two trainings of our own reach, and not what was asked.
    """

    name: str
    value: float | None
    low: float
    high: float
    by_noise: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether the value is within; None where it is undefined."""
        return None if self.value is None else bool(self.low <= self.value <= self.high)

    @property
    def wanted(self) -> str:
        """The limit in words."""
        if self.name == "scale":
            return f"{self.low:.4g} to {self.high:.4g}"
        return f"at most {self.high:.4g}" if self.name == "rmse" else f"at least {self.low:.4g}"


def checks(
    figures: dict[str, float | None],
    noise: dict[str, list[float]] | None,
    limits: Limits,
    top: int,
) -> tuple[Check, ...]:
    """Hold figures to their limits, and to what trainings of our own reach where that is known."""
    noise = noise or {}
    far = max((abs(value - 1.0) for value in noise.get("scale", [])), default=0.0)
    reach = max(limits.scale, far)
    checks = [Check("scale", figures["scale"], 1.0 - reach, 1.0 + reach, far > limits.scale)]
    for name in ("correlation", "rank", "overlap"):
        asked = getattr(limits, name)
        if name == "overlap":
            # Where few rows are compared, two at the edge say nothing.
            asked = max(0.0, min(asked, (top - _AT_EDGE) / top))
        least = min(noise.get(name, []), default=1.0)
        checks.append(Check(name, figures[name], min(asked, least), 1.0, least < asked))
    if "rmse" in noise:
        checks.append(Check("rmse", figures["rmse"], 0.0, limits.noise * max(noise["rmse"]), True))
    # Products of scores that are all the same may end a hair above 1.
    return tuple(
        Check(c.name, min(c.value, 1.0), c.low, c.high, c.by_noise)
        if c.value is not None and c.name in ("correlation", "rank")
        else c
        for c in checks
    )


def judged(checks: tuple[Check, ...], n: int, limits: Limits) -> tuple[Verdict, str]:
    """Give the verdict on ``n`` rows, and why."""
    missed = [f"{c.name} {c.value:.4f}, wanted {c.wanted}" for c in checks if c.passed is False]
    unknown = [c.name for c in checks if c.passed is None]
    if n < limits.least_rows:
        return "undecided", f"{n} rows tell too little: {limits.least_rows} are needed"
    if missed:
        return "differ", "; ".join(missed)
    if unknown:
        return "undecided", f"{' and '.join(unknown)}: undefined, as scores do not vary"
    return "agree", "all figures are within their limits"
