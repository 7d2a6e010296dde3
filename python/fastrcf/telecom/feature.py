"""What a feature is: a name, a unit, a formula in words, and the formula itself, once.

Formulas are written over *facts* of a record (counts, sums, flags: :mod:`windows`, :mod:`peers`)
with the operations of :class:`Ops`. With :class:`PolarsOps` a formula is a Polars expression,
which runs on whole tables; with :class:`PlainOps` it is a number, which the stream asks for one
record. Both round alike: the operations of IEEE 754 are exact by definition, and logarithms and
sines come from the same library of the system in both. Where something is divided by a constant
it is multiplied by its reciprocal, since Polars does so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND_MS: Final = 1_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
#: Windows, in milliseconds. A window of W holds the records that began less than W before.
WINDOWS: Final = {"1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}
#: Steps that logarithms are counted in where they are summed: sums of whole numbers are exact in
#: any order, and a thousandth of a factor of e is nothing.
LOG_STEPS: Final = 1_024.0
#: Sessions below this many milliseconds are short.
SHORT_MS: Final = 10 * SECOND_MS
#: Local hours [0, 6) are night.
NIGHT_ENDS: Final = 6
#: Monday is 0; days from here on are the weekend.
WEEKEND_FROM: Final = 5
#: Two local hours make a slot of the entropy; the engine counts records by as many.
SLOTS: Final = 12


#: A formula: from facts and operations to the value.
Compute = Callable[[Any, Any], Any]


class Ops(Protocol):
    """What formulas are written with."""

    def log1p(self, x: Any) -> Any:
        """ln(1 + x)."""

    def log(self, x: Any) -> Any:
        """Natural logarithm of a positive number."""

    def sin(self, x: Any) -> Any:
        """Sine of radians."""

    def cos(self, x: Any) -> Any:
        """Cosine of radians."""

    def asin(self, x: Any) -> Any:
        """Arc sine."""

    def sqrt(self, x: Any) -> Any:
        """Square root."""

    def clip(self, x: Any, low: float, high: float) -> Any:
        """Nearest number in [low, high]."""

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """``yes`` where the condition holds, else ``no``."""

    def share(self, part: Any, whole: Any, none: float) -> Any:
        """Part / whole, ``none`` where the whole is not above 0."""

    def flag(self, condition: Any) -> Any:
        """1 or 0."""


def log1p(x: pl.Expr) -> pl.Expr:
    """Give ln(1 + x) of values at least 0.

    Of the sum: what is lost to values far below 1 is far below what single precision shows, and
    the library's own ``log1p`` takes two to three times as long.
    """
    return (x.cast(pl.Float64) + 1.0).log()


def log1p_of(x: float) -> float:
    """Give the same of one number."""
    return math.log(x + 1.0)


class PolarsOps:
    """Formulas as Polars expressions."""

    def log1p(self, x: pl.Expr) -> pl.Expr:
        """ln(1 + x)."""
        return log1p(x)

    def log(self, x: pl.Expr) -> pl.Expr:
        """Natural logarithm."""
        return x.cast(pl.Float64).log()

    def sin(self, x: pl.Expr) -> pl.Expr:
        """Sine."""
        return x.sin()

    def cos(self, x: pl.Expr) -> pl.Expr:
        """Cosine."""
        return x.cos()

    def asin(self, x: pl.Expr) -> pl.Expr:
        """Arc sine."""
        return x.arcsin()

    def sqrt(self, x: pl.Expr) -> pl.Expr:
        """Square root."""
        return x.cast(pl.Float64).sqrt()

    def clip(self, x: pl.Expr, low: float, high: float) -> pl.Expr:
        """Nearest number in [low, high]."""
        return x.cast(pl.Float64).clip(low, high)

    def where(self, condition: pl.Expr, yes: Any, no: Any) -> pl.Expr:
        """``yes`` where the condition holds."""
        return pl.when(condition).then(yes).otherwise(no)

    def share(self, part: pl.Expr, whole: pl.Expr, none: float) -> pl.Expr:
        """Part / whole."""
        return pl.when(whole > 0).then(part / whole).otherwise(pl.lit(none, pl.Float64))

    def flag(self, condition: pl.Expr) -> pl.Expr:
        """1 or 0."""
        return condition.cast(pl.Float64)


class PlainOps:
    """Formulas of one record, as numbers."""

    log1p = staticmethod(log1p_of)
    log = staticmethod(math.log)
    sin = staticmethod(math.sin)
    cos = staticmethod(math.cos)
    asin = staticmethod(math.asin)
    sqrt = staticmethod(math.sqrt)
    flag = staticmethod(float)

    @staticmethod
    def clip(x: float, low: float, high: float) -> float:
        """Nearest number in [low, high]."""
        return float(min(max(x, low), high))

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        """``yes`` if the condition holds."""
        return yes if condition else no

    @staticmethod
    def share(part: float, whole: float, none: float) -> float:
        """Part / whole."""
        return part / whole if whole > 0 else none


def expression(compute: Compute) -> pl.Expr:
    """Give a formula as a Polars expression over the columns of facts."""
    found: pl.Expr = compute(_COLUMNS, _POLARS)
    return found


def number(compute: Compute, facts: Mapping[str, Any]) -> float:
    """Compute a formula for the facts of one record."""
    return float(compute(Values(facts), _PLAIN))


class _Columns:
    """Facts as Polars columns."""

    def __getattr__(self, name: str) -> pl.Expr:
        return pl.col(name)


class Values:
    """Facts of one record as numbers.

    Parameters
    ----------
    values : mapping
        From the name of a fact to its value.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


_POLARS: Final = PolarsOps()
_PLAIN: Final = PlainOps()
_COLUMNS: Final = _Columns()


@dataclass(frozen=True)
class Feature:
    """One feature of a record.

    Parameters
    ----------
    name : str
        Its name; fixed, since models are trained by it.
    unit : str
        Its unit; "ln(1 + ...)" where logarithms are taken; empty for plain numbers.
    formula : str
        The formula in words.
    meaning : str
        What it is for.
    group : str
        row, sequence, rolling, peer or place.
    compute : callable
        The formula: from facts and operations to the value.
    """

    name: str
    unit: str
    formula: str
    meaning: str
    group: str
    compute: Compute

    @cached_property
    def expression(self) -> pl.Expr:
        """The formula as a Polars expression over the columns of facts, as Float32."""
        return expression(self.compute).cast(pl.Float32).alias(self.name)

    @cached_property
    def facts(self) -> frozenset[str]:
        """Names of the facts that the formula is written over."""
        return frozenset(self.expression.meta.root_names())

    def value(self, facts: Values) -> float:
        """Compute it for one record, in double precision."""
        return float(self.compute(facts, _PLAIN))
