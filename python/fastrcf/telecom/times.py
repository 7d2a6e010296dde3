"""Times of records: numbers in any unit, text in many forms, zones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError

Unit = Literal["s", "ms", "us", "ns"]
UNITS: tuple[Unit, ...] = get_args(Unit)
_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UTC_TIME: Final = pl.Datetime("us", "UTC")
#: No record is older.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: How far a clock may be ahead.
AHEAD: Final = timedelta(days=2)

# Names of zones that RADIUS servers write, as RFC 822 and European practice have them.
_ZONES: Final = {
    "UTC": "+0000", "GMT": "+0000", "WET": "+0000", "WEST": "+0100", "BST": "+0100",
    "CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300", "EST": "-0500",
    "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600",
    "PST": "-0800", "PDT": "-0700",
}  # fmt: skip
_FORMS: Final = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%b %d %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%d-%m-%Y %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y%m%d%H%M%S",
    "%y%m%d%H%M%S",
)


@dataclass
class Clock:
    """Reads times, and remembers in which unit each column's numbers are.

    Parameters
    ----------
    timezone : str
        Zone of times that name none.
    unit : Unit or None
        Of numbers; None goes by the middle number of each column's first rows.
    now : datetime or None
        Default: the machine's clock.
    """

    timezone: str = "UTC"
    unit: Unit | None = None
    now: datetime | None = None
    units: dict[str, Unit] = field(default_factory=dict)
    #: Times in the hour that a clock shows twice; the earlier was taken.
    ambiguous: int = 0

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise InvalidParameterError(f"timezone {self.timezone!r} is not known") from None
        if self.unit is not None and self.unit not in UNITS:
            raise InvalidParameterError(f"time unit {self.unit!r} is none of {', '.join(UNITS)}")

    @property
    def latest(self) -> datetime:
        """No record is younger."""
        return (self.now or datetime.now(UTC)) + AHEAD

    def read(self, values: pl.Series, expected: Unit = "s") -> pl.Series:
        """Read a column of times.

        Parameters
        ----------
        values : Series
            Numbers since 1970, text, dates with time of day with or without a zone.
        expected : Unit
            What the source's description says; another is recognised and noted.

        Returns
        -------
        Series of Datetime (microseconds, UTC)
            Null where a time cannot be read.

        Raises
        ------
        InvalidInputError
            If the column's numbers are no times in any unit.
        """
        if values.dtype.is_numeric():
            return self._numbers(values.cast(pl.Float64, strict=False), values, expected)
        if isinstance(values.dtype, pl.Datetime):
            return self._zoned(values)
        if values.dtype == pl.Date:
            return self._zoned(values.cast(pl.Datetime("us")))
        return self._text(values.cast(pl.String, strict=False), expected)

    def _numbers(self, numbers: pl.Series, exact: pl.Series, expected: Unit) -> pl.Series:
        name = numbers.name
        if self.unit is None and name not in self.units:
            middle = numbers.drop_nulls().drop_nans().filter(numbers.drop_nulls().drop_nans() > 0)
            if not len(middle):
                return pl.Series(name, [None] * len(numbers), dtype=UTC_TIME)
            self.units[name] = self._unit_of(name, float(middle.median() or 0), expected)  # type: ignore[arg-type]
        per_second = _PER_SECOND[self.unit or self.units[name]]
        whole = exact.cast(pl.Int64, strict=False)
        if per_second <= 10**6 and exact.dtype.is_float():
            micros = (numbers * (10**6 // per_second)).round(0).cast(pl.Int64, strict=False)
        elif per_second <= 10**6:
            # Beyond this it is no time, and the product must not overflow.
            largest = 9 * 10**18 // (10**6 // per_second)
            whole = pl.select(pl.when(whole.abs() <= largest).then(whole)).to_series()
            micros = whole * (10**6 // per_second)
        else:
            micros = whole // 1000
        return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(name)

    def _unit_of(self, name: str, middle: float, expected: Unit) -> Unit:
        low, high = EARLIEST.timestamp(), self.latest.timestamp()
        for unit in (expected, *UNITS):
            if low <= middle / _PER_SECOND[unit] <= high:
                return unit
        raise InvalidInputError(
            f"column {name!r}: its numbers are no times since 1970 in s, ms, us or ns between "
            f"{EARLIEST:%Y} and now; name the column that holds times"
        )

    def _zoned(self, values: pl.Series) -> pl.Series:
        dtype = values.dtype
        assert isinstance(dtype, pl.Datetime)
        values = values.dt.cast_time_unit("us")
        if dtype.time_zone is not None:
            return values.dt.convert_time_zone("UTC")
        if self.timezone == "UTC":
            return values.dt.replace_time_zone("UTC")
        early = values.dt.replace_time_zone(
            self.timezone, ambiguous="earliest", non_existent="null"
        )
        late = values.dt.replace_time_zone(self.timezone, ambiguous="latest", non_existent="null")
        self.ambiguous += int((early != late).sum())
        return early.dt.convert_time_zone("UTC")

    def _text(self, values: pl.Series, expected: Unit) -> pl.Series:
        name = values.name
        text = values.str.strip_chars()
        result = pl.Series(name, [None] * len(text), dtype=UTC_TIME)
        numbers = text.str.contains(r"^-?\d{9,11}(\.\d+)?$|^\d{13}$|^\d{16}$|^\d{18,19}$")
        if numbers.any():
            exact = text.set(~numbers.fill_null(False), None)
            number = exact.cast(pl.Int64, strict=False)
            if number.null_count() > exact.null_count():
                read = self._numbers(
                    exact.cast(pl.Float64).alias(name), exact.cast(pl.Float64), expected
                )
            else:
                read = self._numbers(number.cast(pl.Float64).alias(name), number, expected)
            result = _fill(result, read)
        if not result.null_count() > text.null_count():
            return result
        frame = pl.select(text=text.str.replace(r"^(\d{4}-\d\d-\d\d)[Tt]", "${1} "))
        spelt = (
            pl.col("text").str.extract(r" ?([A-Z]{3,4})$", 1).replace_strict(_ZONES, default=None)
        )
        zone = pl.col("text").str.extract(r"\d ?(?:Z|([+-]\d\d:?\d\d))$", 1)
        is_z = pl.col("text").str.contains(r"\d ?[Zz]$")
        bare = pl.col("text").str.replace(r" ?(?:[Zz]|[A-Z]{3,4})$", "")
        bare = (
            pl.when(zone.is_not_null())
            .then(bare.str.replace(r" ?[+-]\d\d:?\d\d$", ""))
            .otherwise(bare)
        )
        bare = bare.str.replace_all(r"  +", " ").str.replace(r",", "").str.strip_chars()
        # A date alone ends like a zone: 2026-01-02 has no time of day, so it is no time.
        frame = frame.select(
            bare=bare,
            zone=pl.when(is_z)
            .then(pl.lit("+0000"))
            .otherwise(pl.coalesce(zone.str.replace(":", ""), spelt)),
        )
        naive = pl.Series(name, [None] * len(text), dtype=pl.Datetime("us"))
        for form in _FORMS:
            naive = _fill(naive, frame["bare"].str.to_datetime(form, time_unit="us", strict=False))
            if naive.null_count() == text.null_count():
                break
        sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
        minutes = sign * (
            pl.col("zone").str.slice(1, 2).cast(pl.Int64) * 60
            + pl.col("zone").str.slice(3, 2).cast(pl.Int64)
        )
        offset = frame.select(minutes=minutes)["minutes"]
        has_zone = offset.is_not_null()
        shifted = (
            naive - pl.select(pl.duration(minutes=pl.lit(offset))).to_series()
        ).dt.replace_time_zone("UTC")
        result = _fill(result, shifted)
        unzoned = naive.set(has_zone, None)
        return (
            _fill(result, self._zoned(unzoned)) if unzoned.null_count() < len(unzoned) else result
        )


def _fill(values: pl.Series, other: pl.Series) -> pl.Series:
    """Take another column's values where there are none."""
    return pl.select(pl.coalesce(values, other).alias(values.name)).to_series()
