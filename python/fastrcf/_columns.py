"""Columns of whatever kind, as the arrays that an evaluation needs."""

from __future__ import annotations

import math
import reprlib
from datetime import date, datetime
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._input import (
    as_frame,
    as_series,
    is_frame,
    is_kind,
    is_missing,
    is_series,
    narwhals,
)
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrcf._typing import Floats, Integers

# What objects of a column of times may be, besides texts.
_NUMBERS: Any = (Real, Decimal)
_MOMENTS: Any = (date, np.datetime64)
# Ten thousand years: what is beyond was counted in another unit.
MOST_DAYS = 3.7e6
NO_SECONDS = "is no time in seconds: if it is in milliseconds, or smaller parts, divide it first"


def _column(name: str, x: Any, first_row: int = 0) -> NDArray[Any]:
    """Read one column of whatever kind as an array of one dimension."""
    if is_series(x):
        x = _values(name, as_series(x), first_row)
    elif is_frame(x):
        frame = as_frame(x)
        if len(frame.columns) != 1:
            raise InvalidInputError(
                f"{name}: expected one column, found a table of {len(frame.columns)}"
            )
        x = _values(name, frame[frame.columns[0]], first_row)
    masked = np.ma.getmaskarray(x) if isinstance(x, np.ma.MaskedArray) else None
    x = np.asarray(x)
    if masked is not None and x.ndim:
        any_masked = np.asarray(masked.reshape(len(x), -1).any(axis=1))
        _refuse(name, any_masked, "the value is masked", first_row)
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim != 1:
        raise InvalidInputError(f"{name}: expected one column, found {x.ndim} dimensions")
    array: NDArray[Any] = x
    return array


def _values(name: str, series: Any, first_row: int) -> NDArray[Any]:
    nw = narwhals()
    if series.null_count():
        _refuse(name, series.is_null().to_numpy(), "the value is missing", first_row)
    native = series.to_native()
    # Of pandas they come as objects, which are looked at one by one.
    unknown = series.dtype == nw.Unknown and not is_kind(native, "pandas", "Series")
    if len(series) and (unknown or series.dtype.is_nested()):
        kind = getattr(native, "dtype", getattr(native, "type", None))
        raise InvalidInputError(f"{name}: expected one value a row, found {kind}")
    if isinstance(series.dtype, nw.Datetime):
        # The clock of the column's own time zone.
        series = series.dt.replace_time_zone(None)
    elif series.dtype == nw.Date:
        series = series.cast(nw.Datetime("us"))
    array: NDArray[Any] = series.to_numpy()
    return array


def _refuse(
    name: str, where: NDArray[Any], what: str | Callable[[int], str], first_row: int = 0
) -> None:
    """Raise for the first row where something is wrong, if there is one."""
    rows = np.flatnonzero(where)
    if len(rows):
        row = int(rows[0])
        text = what if isinstance(what, str) else what(row)
        row += first_row
        raise InvalidInputError(f"{name}, row {row}: {text}", row=row)


def _floats(name: str, x: Any) -> Floats:
    column = _column(name, x)
    if column.dtype.kind not in "fiubO":
        raise InvalidInputError(f"{name}: expected numbers, found dtype {column.dtype}")
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(f"{name}: expected numbers, found {column[0]!r}") from None


def scores(x: Any) -> Floats:
    scores = _floats("scores", x)
    _refuse(
        "scores",
        ~np.isfinite(scores),
        lambda row: (
            f"{scores[row]} is no score; leave out rows without one, such as the first of a stream"
        ),
    )
    return scores


def weights(x: Any) -> Floats:
    weights = _floats("sample_weight", x)
    usable = np.isfinite(weights) & (weights >= 0)
    _refuse("sample_weight", ~usable, lambda row: f"{weights[row]} is not a number of at least 0")
    return weights


def labels(x: Any, name: str = "labels") -> NDArray[np.bool_]:
    labels = _column(name, x)
    if labels.dtype.kind == "b":
        return labels
    if labels.dtype.kind == "O":
        # Of NA nothing can be asked, not even whether it is 1.
        known = (None if is_missing(label) else label for label in labels)
        labels = np.fromiter(known, dtype=object, count=len(labels))

    def wrong(row: int) -> str:
        value = labels[row].item() if isinstance(labels[row], np.generic) else labels[row]
        text = f"expected a boolean, or 0 or 1 with 1 for an anomaly, found {value!r}; "
        if value is None or value != value:
            return text + "leave out rows without a label"
        return text + "compare with the value that marks anomalies: " + f"{name} == value"

    one = np.asarray(labels == 1, dtype=bool)
    _refuse(name, ~(one | np.asarray(labels == 0, dtype=bool)), wrong)
    return one


def days(x: Any) -> Integers:
    """Give each time the number of its day."""
    times = _times("time", x)
    if times.dtype.kind == "M":
        return times.astype("datetime64[D]").astype(np.int64)
    return day_numbers("time", times.astype(np.float64), 86400.0)


def day_numbers(name: str, seconds: Floats, day: float) -> Integers:
    """Give times in seconds the numbers of their days."""
    numbers = np.floor(seconds / day)
    _refuse(name, np.abs(numbers) > MOST_DAYS, lambda row: f"{seconds[row]:.17g} {NO_SECONDS}")
    return numbers.astype(np.int64)


def seconds(name: str, x: Any, first_row: int = 0) -> Floats:
    """Give each time in seconds; those of datetimes since 1970, as their clock shows them.

    Texts are read as the command line reads them: numbers are seconds, others dates and
    times in ISO 8601, of which an offset is dropped. Rows of errors count from
    ``first_row``.
    """
    column = _column(name, x, first_row)
    if column.dtype.kind in "UT":
        column = column.astype(object)
    times = _times(name, column, first_row)
    if times.dtype.kind == "M":
        return times.astype("datetime64[us]").astype(np.int64) / 1e6
    return np.ascontiguousarray(times, dtype=np.float64)


def _times(name: str, x: Any, first_row: int = 0) -> NDArray[Any]:
    """Read a column of datetimes or numbers, none of them missing."""
    times = _column(name, x, first_row)
    if times.dtype.kind == "O":
        aware = [getattr(value, "tzinfo", None) is not None for value in times]
        what = "has a time zone; give a column of datetimes, or UTC"
        _refuse(name, np.array(aware), what, first_row)
        return _moments(name, times, first_row)
    if times.dtype.kind == "M":
        _refuse(name, np.isnat(times), "the value is missing", first_row)
        return times
    if times.dtype.kind not in "fiu":
        hint = "; parse texts first" if times.dtype.kind in "UST" else ""
        raise InvalidInputError(
            f"{name}: expected datetimes or numbers in seconds, found dtype {times.dtype}{hint}"
        )
    _refuse(name, ~np.isfinite(times), lambda row: f"{times[row]} is no time", first_row)
    return times


def _moments(name: str, times: NDArray[Any], first_row: int) -> Floats:
    """Read objects as times in seconds, one by one to name the culprit."""
    out = np.empty(len(times))
    for i, value in enumerate(times):
        moment = _moment(value)
        if moment is not None and math.isfinite(moment):
            out[i] = moment
            continue
        row = i + first_row
        if is_missing(value) or (isinstance(value, _NUMBERS + _MOMENTS) and value != value):
            raise InvalidInputError(f"{name}, row {row}: the value is missing", row=row)
        shown = reprlib.repr(str(value) if isinstance(value, str) else value)
        raise InvalidInputError(
            f"{name}: expected datetimes or numbers in seconds, or texts of either (ISO 8601), "
            f"found {shown} in row {row}",
            row=row,
        )
    return out


def _moment(value: Any) -> float | None:
    """Give a time in seconds, None or what is not finite if it is none."""
    if isinstance(value, str):
        return _moment_of_text(value)
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, _MOMENTS) and value == value:
        moment: np.datetime64[Any] = np.datetime64(value, "us")
        return float(moment.astype(np.int64)) / 1e6
    return None


def _moment_of_text(text: str) -> float | None:
    # NumPy would take a number for a year, and turn what has an offset into UTC.
    try:
        number = math.nan if "_" in text else float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    try:
        moment = datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1)).total_seconds()
