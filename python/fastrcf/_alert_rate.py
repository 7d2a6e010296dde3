"""How many alerts a detector gives: a share of rows, alerts a day, and their errors."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._columns import MOST_DAYS, NO_SECONDS, seconds
from fastrcf._parameters import number, wilson
from fastrcf.errors import InvalidInputError, InvalidParameterError, NotFittedError

if TYPE_CHECKING:
    from fastrcf import _fastrcf
    from fastrcf._tables import Table


class AlertRate:
    """What a detector says of the number of its alerts."""

    _core: _fastrcf.Detector | None
    _engine: dict[str, Any]

    def _fitted(self) -> _fastrcf.Detector:
        if self._core is None:
            raise NotFittedError("this detector is not fitted: call fit first, or load one")
        return self._core

    @property
    def alert_rate(self) -> float:
        """Share of rows that should be alerts; setting it moves the threshold."""
        return self._engine["alert_rate"] if self._core is None else self._core.alert_rate

    @alert_rate.setter
    def alert_rate(self, rate: float) -> None:
        self._fitted().set_alert_rate(number("alert_rate", rate))

    @property
    def alert_rate_interval(self) -> tuple[float, float]:
        """Between what the share of alerts lies in 95 of 100 fits to such rows.

        The threshold rests on a sample of rows of which few score higher: Wilson's
        interval of a share of as many rows. It says nothing about a world that changes.
        """
        return wilson(self.alert_rate, self._fitted().n_sampled)

    @property
    def rows_per_day(self) -> float | None:
        """Rows a day of the table that it was fitted to; None without ``time_column``.

        Setting it changes ``alerts_per_day``, which tells what ``alert_rate`` means, and
        nothing that is found. It is kept in the model file.
        """
        return self._fitted().rows_per_day

    @rows_per_day.setter
    def rows_per_day(self, rows: float) -> None:
        self._fitted().set_rows_per_day(number("rows_per_day", rows))

    @property
    def alerts_per_day(self) -> float | None:
        """Alerts of a day with as many rows as those of the fitted table had.

        ``alert_rate * rows_per_day``, also of a model that was loaded; None where that
        is not known. On a day of other traffic they are ``alert_rate`` of its rows.
        """
        rows = self.rows_per_day
        return None if rows is None else self.alert_rate * rows

    @property
    def alerts_per_day_interval(self) -> tuple[float, float] | None:
        """Between what alerts a day lie, on the average of many days; None if not known.

        ``alert_rate_interval`` times ``rows_per_day``: the error of the threshold. Single
        days vary beside, and so does their number of rows.
        """
        rows = self.rows_per_day
        if rows is None:
            return None
        low, high = self.alert_rate_interval
        return low * rows, high * rows

    @property
    def confidence(self) -> float:
        """How far the threshold can be trusted, between 0 and 1.

        A tenth for each alert that was to be expected among the rows that the threshold
        rests on, those of a stream included; 1 from ten on. Below, it is extrapolated.
        """
        core = self._fitted()
        rows = core.n_sampled + (core.n_seen - core.n_fitted if core.tracks else 0)
        return min(1.0, rows * self.alert_rate / 10)


def rate_of(alerts_per_day: float, rows: int, days: float) -> float:
    """Give the share of rows that are alerts, by the rows of some days.

    Raises
    ------
    InvalidParameterError
        If they are more than half of the rows.
    """
    rate = alerts_per_day * days / rows
    if rate > 0.5:
        raise InvalidParameterError(
            f"alerts_per_day: {alerts_per_day:g} are more than half of the {rows / days:.4g} "
            "rows that the table has a day; ask for fewer"
        )
    return max(rate, 1e-12)


def span(table: Table, name: str) -> tuple[Any, Any]:
    """Give the first and the last time of a column; those of texts in seconds."""
    column = table.column(name)
    _refuse_missing(table, name, column)
    if table.has_order(name):
        try:
            return column.min(), column.max()
        except TypeError:
            # Objects of several kinds.
            pass
    native = column if table.frame is None else column.to_native()
    times = seconds(name, native, table.first_row)
    return float(times.min()), float(times.max())


def _refuse_missing(table: Table, name: str, column: Any) -> None:
    """Refuse rows without a time, which first and last would pass over in silence.

    A column of none at all is no column of times, which is told elsewhere.
    """
    if table.frame is None:
        gaps = np.isnan(column) if column.dtype.kind == "f" else np.zeros(0, dtype=bool)
    else:
        gaps = column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
        gaps = gaps.to_numpy().astype(bool)
    if gaps.any() and (table.first_row or not gaps.all()):
        row = int(np.flatnonzero(gaps)[0]) + table.first_row
        raise InvalidInputError(f"column {name!r}, row {row}: the time is missing", row=row)


def days_of(name: str, first: list[Any], last: list[Any]) -> float:
    """Give the days between the times of a column, given by those of its batches.

    A table of one moment counts as a second.

    Raises
    ------
    InvalidInputError
        If they are no times.
    """
    try:
        between = max(last) - min(first)
        passed = between.total_seconds() if isinstance(between, timedelta) else float(between)
    except TypeError:
        raise _no_times(name) from None
    # Python counts with truth values.
    if isinstance(last[0], bool) or not math.isfinite(passed):
        raise _no_times(name)
    if not isinstance(between, timedelta) and abs(max(last)) > MOST_DAYS * 86400.0:
        raise InvalidInputError(f"column {name!r}: {max(last)} {NO_SECONDS}")
    return max(passed, 1.0) / 86400.0


def _no_times(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"column {name!r}: expected datetimes or numbers in seconds, or texts of either (ISO 8601)"
    )
