"""Columns of a source by their role, and records made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from fastrcf.errors import InvalidInputError
from fastrcf.telecom.codes import Location, distinct, home_plmn, location, split_plmn
from fastrcf.telecom.schema import EndCause
from fastrcf.telecom.stitching import PARTS
from fastrcf.telecom.times import UTC_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastrcf.telecom.times import Clock, Unit

_NOTHING = ("", "null", "NULL", "None", "nan", "NaN", "\\N", "-")


@dataclass(frozen=True)
class Table:
    """A table of a source, asked by role.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    found : mapping of str to str
        Columns by role.
    clock : Clock
        Reads its times.
    mnc_digits : mapping of str to int
        Digits of home networks by country, where they are known.
    volume_unit : int
        Bytes of one unit of volume.
    """

    frame: pl.DataFrame
    found: Mapping[str, str]
    clock: Clock
    mnc_digits: Mapping[str, int]
    volume_unit: int = 1

    def has(self, role: str) -> bool:
        """Tell whether the source has it."""
        return role in self.found

    def raw(self, role: str, dtype: Any = pl.String) -> pl.Series:
        """Give a column as it is; one of nulls if the source has none."""
        if role not in self.found:
            return pl.Series(role, [None] * self.frame.height, dtype=dtype)
        return self.frame[self.found[role]]

    def text(self, role: str) -> pl.Series:
        """Give a column as text; what stands for nothing is null."""
        values = self.raw(role)
        if values.dtype.is_float():
            # A reader made numbers with gaps floats: 262011234567890.0.
            whole = values.cast(pl.Int64, strict=False)
            values = whole.cast(pl.String) if bool((whole == values).all()) else values
        if isinstance(values.dtype, pl.List):
            values = values.list.eval(pl.element().cast(pl.String)).list.join(",")
        text = values.cast(pl.String, strict=False).str.strip_chars()
        return _select(pl.when(~text.is_in(_NOTHING)).then(text)).alias(role)

    def number(self, role: str) -> pl.Series:
        """Give a column as numbers; null where it holds none."""
        values = self.raw(role)
        if values.dtype == pl.String:
            values = values.str.strip_chars()
        return values.cast(pl.Float64, strict=False).fill_nan(None).alias(role)

    def whole(self, role: str) -> pl.Series:
        """Give a column as whole numbers, exact beyond 2^53; null where it holds none."""
        values = self.raw(role)
        if values.dtype.is_integer():
            return values.cast(pl.Int64, strict=False).alias(role)
        if values.dtype == pl.String:
            exact = values.str.strip_chars().cast(pl.Int64, strict=False)
            if exact.null_count() == values.null_count():
                return exact.alias(role)
            rounded = self.number(role).round(0).cast(pl.Int64, strict=False)
            return _select(pl.coalesce(exact, rounded)).alias(role)
        return self.number(role).round(0).cast(pl.Int64, strict=False)

    def volume(self, role: str) -> pl.Series:
        """Give a volume in bytes.

        Raises
        ------
        InvalidInputError
            If it is said to be in bytes and has fractions.
        """
        if self.volume_unit == 1:
            values = self.raw(role)
            if not values.dtype.is_integer() and (self.number(role) % 1 != 0).any():
                raise InvalidInputError(
                    f"column {self.found[role]!r} has fractions, so it is not in bytes: name its "
                    "unit by --volume-unit (volume_unit=), for instance 1000000 for megabytes"
                )
            return self.whole(role)
        return (self.number(role) * self.volume_unit).round(0).cast(pl.Int64, strict=False)

    def time(self, role: str, expected: Unit = "s") -> pl.Series:
        """Give a column of times in UTC; null where one cannot be read."""
        values = self.raw(role)
        if role not in self.found:
            return values.cast(UTC_TIME)
        if values.dtype == pl.String:
            values = self.text(role).alias(values.name)
        return self.clock.read(values, expected).alias(role)

    def mapped(self, role: str, function: Any) -> pl.Series:
        """Give a column of codes as their names."""
        return distinct(self.text(role), function, pl.String)

    def locations(self, role: str, *, flags: bool) -> tuple[pl.Series, pl.Series]:
        """Give networks and cells of a column of locations in hexadecimal digits."""
        text = self.text(role)
        known: dict[str, Location] = {}

        def decode(value: str) -> Location:
            if value not in known:
                known[value] = location(value, flags=flags)
            return known[value]

        return (
            distinct(text, lambda value: decode(value).plmn, pl.String),
            distinct(text, lambda value: decode(value).cell, pl.String),
        )

    def home(self, role: str) -> pl.Series:
        """Give the home networks of a column of IMSIs."""
        imsi = self.text(role)
        return _select(home_plmn(pl.lit(imsi), dict(self.mnc_digits)))


def later(start: pl.Series, seconds: pl.Series) -> pl.Series:
    """Add seconds to times; null where either is."""
    # Beyond a century nothing is a duration, and the sum must not overflow.
    fits = pl.when(seconds.abs() < 4e9).then(seconds * 1e6)
    micros = _select(fits).cast(pl.Int64, strict=False).cast(pl.Duration("us"))
    return start + micros


def first_of(*values: pl.Series) -> pl.Series:
    """Take the first value there is in each row."""
    return _select(pl.coalesce(*values))


def parts(rows: int, columns: Mapping[str, pl.Series | pl.Expr | None]) -> pl.DataFrame:
    """Make records of ``stitching.PARTS``; what is not named is null."""
    made = []
    for name, dtype in PARTS.items():
        value = columns.get(name)
        expression = pl.lit(None) if value is None else value
        if isinstance(expression, pl.Series):
            expression = pl.lit(expression)
        made.append(expression.cast(dtype, strict=False).alias(name))
    return pl.select(pl.int_range(rows).alias("_n")).with_columns(made).drop("_n")


def with_common(table: Table, made: pl.DataFrame, roles: Iterable[str]) -> pl.DataFrame:
    """Take columns of the record that a table has beside those of its kind.

    Parameters
    ----------
    table : Table
        The rows.
    made : DataFrame
        Records of ``stitching.PARTS``, one for each row.
    roles : iterable of str
        Those of ``aliases.COMMON`` that records of this kind do not have by themselves. Where
        a row has none, what was made of it stays.
    """
    has = [role for role in roles if table.has(role)]
    # A cell without a network takes that of its record, so networks come first.
    for role in sorted(has, key=lambda name: name == "cell"):
        value = pl.coalesce(_common(table, role), pl.col(role))
        made = made.with_columns(value.cast(PARTS[role], strict=False).alias(role))
    return made


def _common(table: Table, role: str) -> pl.Expr:
    if PARTS[role].is_integer():
        return pl.lit(table.whole(role))
    if PARTS[role].is_float():
        return pl.lit(table.number(role))
    text = pl.lit(table.text(role))
    if role in ("visited_plmn", "home_plmn"):
        return split_plmn(text)
    if role == "end_cause":
        known = text.is_in([cause.value for cause in EndCause]) | text.is_null()
        return pl.when(known).then(text).otherwise(pl.lit(EndCause.UNKNOWN.value))
    if role == "cell":
        alone = ~text.str.contains("-", literal=True)
        whole = pl.concat_str(pl.col("visited_plmn"), pl.lit("--"), text)
        return pl.when(alone & whole.is_not_null()).then(whole).otherwise(text)
    return text


def _select(expression: pl.Expr) -> pl.Series:
    return pl.select(expression.alias("value")).to_series()
