"""What answers the rows of a stream: a forest, a detector, a detector of series."""

from __future__ import annotations

import math
import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import click
import numpy as np

from fastrcf import Detector, RandomCutForest, SeriesDetector
from fastrcf._columns import MOST_DAYS, NO_SECONDS
from fastrcf._series_input import DAY, key_name
from fastrcf._series_warnings import is_unsorted, late
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files.values import parse_number

if TYPE_CHECKING:
    from collections.abc import Sequence

LearningModel: TypeAlias = RandomCutForest | Detector | SeriesDetector
# A row as the model takes it, or the column that cannot be used and why.
Values: TypeAlias = list[Any] | tuple[str, str]

_ADDED: tuple[str, ...] = ("score", "grade", "is_anomaly", "reasons")
# Parameters of one kind of model alone.
_OF_FORESTS = ("shingle_size", "sampling")
_OF_SERIES = ("period", "threshold", "alert_rate", "alerts_per_day", "max_series")
_LARGEST = 1e30
_LARGEST_OF_SERIES = 1e29
_MISSING = "the value is missing"


class Answering(Protocol):
    """A model that answers rows and learns them.

    Attributes
    ----------
    added : tuple of str
        Names of what an answer adds to a row.
    """

    added: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Columns that a row must have."""

    def values(self, row: dict[str, Any]) -> Values:
        """Give a row's values, or the column that cannot be used and why."""

    def process(self, values: list[list[Any]]) -> list[dict[str, Any]]:
        """Answer rows in order, learning each."""


def answering(
    model: LearningModel, chosen: Sequence[str], names: Sequence[str], clock: Clock
) -> Answering:
    """Make a model answer rows of these names; some may be chosen. The clock sees times.

    Raises
    ------
    InvalidInputError
        If a column is missing, or there are more or fewer than the model takes.
    """
    made: Answering
    if isinstance(model, SeriesDetector):
        made = _Series(model, chosen, names, clock)
    elif isinstance(model, Detector):
        made = _Table(model)
    else:
        made = _Forest(model, chosen or names)
    missing = [name for name in made.columns if name not in names]
    if missing:
        raise InvalidInputError(
            f"there is no column {missing[0]!r}; there are {', '.join(names[:12])}"
        )
    if isinstance(model, RandomCutForest) and model.n_features not in (None, len(made.columns)):
        raise InvalidInputError(
            f"the forest takes {model.n_features} columns and would get {len(made.columns)}: "
            "choose with --columns"
        )
    return made


def new_model(columns: Sequence[str], given: dict[str, Any]) -> LearningModel:
    """Make a detector of series, if a column of times or keys is given, or a forest.

    Raises
    ------
    click.UsageError
        If an option is of the other kind, or out of its range.
    """
    given = {name: value for name, value in given.items() if value is not None}
    is_series = "time_column" in given or "key_column" in given
    for name in _OF_FORESTS if is_series else _OF_SERIES:
        if name in given:
            kind = "a forest" if is_series else "a time series: give --time or --key"
            raise click.UsageError(f"{_option(name)} is of {kind}")
    if "alerts_per_day" in given and "time_column" not in given:
        raise click.UsageError("--alerts-per-day needs --time")
    if "period" in given:
        given["period"] = _period(given["period"])
    try:
        if is_series:
            return SeriesDetector(list(columns) or None, **given)
        return RandomCutForest(**given)
    except InvalidParameterError as error:
        raise click.UsageError(str(error)) from None


def check_resumed(state: str, model: Any, columns: Sequence[str], given: dict[str, Any]) -> None:
    """See that a state goes on as what options ask for.

    Raises
    ------
    click.UsageError
        Names the first option that says something else than the state holds.
    """
    given = {name: value for name, value in given.items() if value is not None}
    # It may be anything that is not told, and has a default.
    given.pop("random_state", None)
    known: dict[str, Any] = {}
    if isinstance(model, Detector):
        # Times may be those of --per-day.
        given.pop("time_column", None)
    elif model._core is not None:
        known = model._core.parameters()
    if isinstance(model, SeriesDetector):
        known["max_series"] = getattr(model._core, "max_series", None)
        if columns and list(columns) != model.columns:
            raise click.UsageError(
                f"--columns: {state} looks at {', '.join(model.columns)}; leave it out, or begin "
                "another state"
            )
    if "period" in given:
        given["period"] = _period(given["period"])
    for name, value in given.items():
        if name not in known or known[name] != value:
            held = f"has {known[name]}" if name in known else "is another kind of model"
            raise click.UsageError(
                f"{_option(name)} {value}: {state} {held}; leave it out, or begin another state"
            )


def _option(name: str) -> str:
    short = {"shingle_size": "shingle", "n_trees": "trees"}
    return "--" + short.get(name, name.removesuffix("_column")).replace("_", "-")


def _period(period: str) -> float | None:
    if period == "none":
        return None
    if period == "day":
        return DAY
    seconds = parse_number(period, truth=False)
    if math.isnan(seconds):
        raise click.UsageError(f"--period: {period!r} is neither day, none nor seconds")
    return seconds


def streamed(model: LearningModel) -> int:
    """Count the rows that a model has taken from streams."""
    return model.n_seen - model.n_fitted if isinstance(model, Detector) else model.n_seen


class Clock:
    """Says how many rows of a run came with a time that did not go on, and series dropped.

    Of a forest and a detector of tables it says nothing: they have no times.
    """

    def __init__(self, model: LearningModel) -> None:
        self._model = model
        self._before = self._counts()
        self._dropped = model.n_dropped if isinstance(model, SeriesDetector) else 0
        self._latest, self._rows, self._late = -math.inf, 0, 0

    def see(self, times: Sequence[float]) -> None:
        """Count the rows, of all series, that are out of the order of time."""
        self._late += late(np.array(times, dtype=np.float64), self._latest)
        self._rows += len(times)
        self._latest = max(self._latest, *times)

    def _counts(self) -> tuple[int, int, int]:
        model = self._model
        if not isinstance(model, SeriesDetector) or model.time_column is None:
            return 0, 0, 0
        return model.n_seen, model.n_repeated, model.n_backward

    def told(self) -> list[str]:
        """Give lines for the end; none if all times went on and all series have a place.

        Series that were dropped meanwhile take their counts with them.
        """
        model = self._model
        if not isinstance(model, SeriesDetector):
            return []
        lines = []
        pairs = zip(self._counts(), self._before, strict=True)
        seen, repeated, backward = (max(0, now - before) for now, before in pairs)
        if repeated or backward:
            lines.append(
                f"{model.time_column}: of {seen:,} rows {repeated:,} came with the time of the row "
                f"before and {backward:,} with an earlier one; they were taken as they came: see "
                "to the clock"
            )
        if model.alerts_per_day is not None and is_unsorted(self._late, self._rows):
            lines.append(
                f"{model.time_column}: {self._late:,} of {self._rows:,} rows came more than an "
                "hour after a later one: alerts a day are counted as rows come, so sort the "
                "input by time"
            )
        dropped = model.n_dropped - self._dropped
        if dropped:
            lines.append(
                f"{model.key_column}: {dropped:,} series dropped, as only so many are held "
                "(--max-series): those whose last row was the longest ago"
            )
        return lines


def _number(name: str, value: Any, largest: float) -> float | tuple[str, str]:
    number = parse_number(value) if isinstance(value, str) else value
    if not isinstance(number, (int, float)) or number != number:
        return name, f"{value!r} is not a number"
    if not abs(number) <= largest:
        return name, f"{str(value)[:40]} is not finite or larger than {largest:g}"
    return float(number)


class _Forest:
    """A forest: scores alone."""

    added = _ADDED[:1]

    def __init__(self, model: RandomCutForest, columns: Sequence[str]) -> None:
        self._model = model
        self.columns = list(columns)

    def values(self, row: dict[str, Any]) -> Values:
        """Every value must be a number."""
        return _values(row, self.columns, set())

    def process(self, values: list[list[Any]]) -> list[dict[str, Any]]:
        """Score rows."""
        scores = self._model.process(np.array(values, dtype=np.float64)).tolist()
        return [{"score": None if math.isnan(s) else s} for s in scores]


class _Table:
    """A detector of tables."""

    added = _ADDED

    def __init__(self, model: Detector) -> None:
        self._model = model
        self.columns = model.columns
        self._categories = {n for n, kind in model.scaling.items() if kind == "category"}

    def values(self, row: dict[str, Any]) -> Values:
        """Every value must be a number or, of categories, a text."""
        return _values(row, self.columns, self._categories)

    def process(self, values: list[list[Any]]) -> list[dict[str, Any]]:
        """Detect rows."""
        columns = dict(zip(self.columns, zip(*values, strict=True), strict=True))
        table = self._model.process({name: list(column) for name, column in columns.items()})
        rows: list[dict[str, Any]] = cast("Any", table).select(list(_ADDED)).to_pylist()
        return rows


def _values(row: dict[str, Any], columns: list[str], categories: set[str]) -> Values:
    out: list[Any] = []
    for name in columns:
        value = row.get(name)
        if value is None or value == "":
            return name, _MISSING
        if name in categories:
            out.append(str(value))
            continue
        number = _number(name, value, _LARGEST)
        if isinstance(number, tuple):
            return number
        out.append(number)
    return out


class _Series:
    """A detector of series: a value may be missing, a time or a key may not."""

    added = _ADDED

    def __init__(
        self, model: SeriesDetector, chosen: Sequence[str], names: Sequence[str], clock: Clock
    ) -> None:
        self._model, self._clock = model, clock
        self._time, self._key = model.time_column, model.key_column
        self._numbers = model.columns if model.n_seen else list(chosen)
        self._names = names

    @property
    def columns(self) -> list[str]:
        """What is known of them before the first row."""
        others = (self._time, self._key)
        return [*self._numbers, *(name for name in others if name is not None)]

    def _choose(self, row: dict[str, Any]) -> None:
        """Take the columns in which the first row holds a number."""
        others = (self._time, self._key)
        names = [name for name in self._names if name not in others]
        self._numbers = [name for name in names if _holds_number(row.get(name))]
        if not self._numbers:
            raise InvalidInputError(
                "no column of the first row holds a number; choose with --columns"
            )

    def values(self, row: dict[str, Any]) -> Values:
        """Give numbers, NaN where there is none; then the time in seconds, then the key."""
        if not self._numbers:
            self._choose(row)
        out: list[Any] = []
        for name in self._numbers:
            value = row.get(name)
            if value is None or value == "":
                out.append(math.nan)
                continue
            number = _number(name, value, _LARGEST_OF_SERIES)
            if isinstance(number, tuple):
                return number
            out.append(number)
        for other in (self._time, self._key):
            if other is not None and row.get(other) in (None, ""):
                return other, _MISSING
        if self._time is not None:
            moment = time_of(row[self._time], self._model._has_days)
            if isinstance(moment, str):
                return self._time, moment
            out.append(moment)
        if self._key is not None:
            out.append(key_name(row[self._key]))
        return out

    def process(self, values: list[list[Any]]) -> list[dict[str, Any]]:
        """Detect rows."""
        columns = dict(zip(self.columns, map(list, zip(*values, strict=True)), strict=True))
        with warnings.catch_warnings():
            # Series that are dropped and the order of times are told at the end, once.
            warnings.simplefilter("ignore", UserWarning)
            table = self._model.process(columns)
        if self._time is not None:
            self._clock.see(columns[self._time])
        rows: list[dict[str, Any]] = cast("Any", table).select(list(_ADDED)).to_pylist()
        for row in rows:
            if math.isnan(row["score"]):
                row["score"] = None
        return rows


def _holds_number(value: Any) -> bool:
    # An empty field may be a number that is missing.
    return value is None or value == "" or isinstance(_number("", value, math.inf), float)


def time_of(value: Any, has_days: bool = True) -> float | str:
    """Read a time, in seconds, or say what is wrong with it.

    Those that days are told by are wrong where they count something smaller.
    """
    moment = seconds(value)
    if moment is None:
        return f"{value!r} is no time: expected seconds or an ISO date and time"
    if has_days and abs(moment) > MOST_DAYS * DAY:
        return f"{value!r} {NO_SECONDS}"
    return moment


def seconds(value: Any) -> float | None:
    """Read a time, in seconds; that of a date is what its clock shows, counted from 1970."""
    number = parse_number(value, truth=False) if isinstance(value, str) else value
    if isinstance(number, bool):
        return None
    if isinstance(number, (int, float)) and abs(number) <= _LARGEST:
        return float(number)
    try:
        moment = datetime.fromisoformat(str(value).strip()).replace(tzinfo=None)
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1)).total_seconds()
