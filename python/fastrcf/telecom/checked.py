"""What the telecom application is given, checked before anything is done with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from typing import Any, Final

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.schema import COLUMNS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TEXT: Final = (pl.String(), pl.Categorical())
_TEXTS: Final = tuple(column.name for column in COLUMNS if column.dtype in _TEXT)
_COUNTS: Final = tuple(column.name for column in COLUMNS if column.dtype.is_integer())
_NUMBERS: Final = ("cell_lat", "cell_lon", "cost")
_NEEDED: Final = ("session_id", "sim_id", "start_ts", "end_ts")
#: Sums of a week of these are exact.
_MOST: Final = 2**53
_NUMBER: Final[Any] = Real


def moment(name: str, value: Any) -> datetime:
    """Give a parameter that is a moment.

    Raises
    ------
    InvalidParameterError
        If it is no datetime, or has no time zone.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidParameterError(
            f"{name}: expected a datetime with a time zone, found {value!r}"
        )
    return value


def known(found: object) -> datetime:
    """Give the first or last moment of sessions.

    Raises
    ------
    InvalidInputError
        If there are none.
    """
    if not isinstance(found, datetime):
        raise InvalidInputError("there are no sessions")
    return found


def frames(**given: Any) -> None:
    """See that tables are data frames of Polars; None is left out.

    Raises
    ------
    InvalidInputError
        Names the first that is none, and says what makes it one.
    """
    for name, table in given.items():
        if table is None or isinstance(table, pl.DataFrame):
            continue
        lazy = isinstance(table, pl.LazyFrame)
        found = f"{type(table).__module__.partition('.')[0]}'s {type(table).__name__}"
        how = "call collect()" if lazy else "pl.from_pandas and pl.from_arrow make one"
        raise InvalidInputError(f"{name}: expected a DataFrame of Polars, found {found}: {how}")


def record(row: Any) -> dict[str, Any]:
    """Give a record with its times in microseconds since 1970; what is NaN is missing.

    Raises
    ------
    InvalidInputError
        Names what lacks, or is not as the schema has it.
    """
    if not isinstance(row, Mapping):
        raise InvalidInputError(f"expected a record by name, found {type(row).__name__}")
    out: dict[str, Any] = {}
    for name, value in row.items():
        out[name] = None if isinstance(value, float) and math.isnan(value) else value
    for name in _NEEDED:
        if out.get(name) is None:
            raise InvalidInputError(f"the record has no {name}")
    for name in ("start_ts", "end_ts"):
        out[name] = micros(out[name], name)
    for name in _TEXTS:
        value = out.get(name)
        if value is None or isinstance(value, str):
            continue
        if not isinstance(value, _NUMBER):
            raise InvalidInputError(f"{name}: expected text, found {value!r}")
        out[name] = str(value)
    for name in _COUNTS:
        value = out.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, _NUMBER) or not abs(value) <= _MOST:
            raise InvalidInputError(
                f"{name}: expected a whole number of at most 2**53, found {value!r}"
            )
        out[name] = int(value)
    for name in _NUMBERS:
        value = out.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, _NUMBER) or not math.isfinite(value):
            raise InvalidInputError(f"{name}: expected a number, found {value!r}")
    return out


def micros(when: Any, name: str) -> int:
    """Give a time in microseconds since 1970.

    Raises
    ------
    InvalidInputError
        If it is neither a datetime with a time zone nor such a number.
    """
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise InvalidInputError(f"{name} has no time zone")
        return (when - _EPOCH) // _MICROSECOND
    try:
        if isinstance(when, bool) or not isinstance(when, (Integral, float)):
            raise TypeError
        number = int(when)
        _EPOCH + timedelta(microseconds=number)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(
            f"{name}: expected a datetime with a time zone, or microseconds since 1970, found "
            f"{when!r}"
        ) from None
    return number
