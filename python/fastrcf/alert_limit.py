"""At most so many alerts for an entity and day: a card, a SIM, a customer."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf import _columns
from fastrcf._input import is_missing
from fastrcf._parameters import count, number
from fastrcf._writing import write
from fastrcf.errors import InvalidInputError, InvalidParameterError, ModelFileError

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

DAY = 86_400.0
_FORMAT = "fastrcf.AlertLimit 1"
_ENTITIES = (str, bool, int, float)


class AlertLimit:
    """Keeps at most some alerts for each entity and day.

    What is kept is an alert; the others are known without one. A table is judged as a
    whole (:meth:`keep_best`), a stream row by row, by its past alone (:meth:`keep_first`).
    A stream that starts anew goes on from ``bytes(limit)`` (:meth:`from_bytes`), or from
    what :meth:`save` wrote (:meth:`load`).

    Parameters
    ----------
    per_day : int
        Alerts for an entity and day, at least 1.
    day : float, default 86400
        Length of a day in seconds; days begin at multiples of it since 1970.
    max_entities : int, default 1000000
        Entities that a stream remembers. Of more, those that have had no alert for longest
        are forgotten: an entity may then have more than ``per_day``.

    Examples
    --------
    >>> import fastrcf
    >>> limit = fastrcf.AlertLimit(1)
    >>> limit.keep_best([5.0, 9.0, 7.0], [True, True, True], ["a", "a", "b"], [0, 60, 90])
    array([False,  True,  True])
    >>> limit.keep_first([True, True, True], ["a", "a", "b"], [0, 60, 90])
    array([ True, False,  True])
    >>> again = fastrcf.AlertLimit.from_bytes(bytes(limit))
    >>> again.keep_first([True, True], ["b", "c"], [100, 110])
    array([False,  True])
    """

    def __init__(self, per_day: int, *, day: float = DAY, max_entities: int = 1_000_000) -> None:
        self.per_day = count("per_day", per_day, 1)
        self.max_entities = count("max_entities", max_entities, 1)
        self.day = number("day", day)
        if not 0 < self.day < float("inf"):
            raise InvalidParameterError(f"day: {day} is not above 0")
        # Entity: the day of its last alert and the alerts of that day.
        self._alerts: OrderedDict[Any, tuple[int, int]] = OrderedDict()

    def keep_best(
        self, scores: Any, is_anomaly: Any, entities: Any, times: Any
    ) -> NDArray[np.bool_]:
        """Keep those of highest score; of equal ones the earlier rows.

        Parameters
        ----------
        scores : array of float, shape (n,)
        is_anomaly : array of bool, shape (n,)
        entities : array, shape (n,)
            Names or numbers.
        times : array of datetimes, or of numbers in seconds, shape (n,)
            Those of a time zone count as their clock shows them.

        Returns
        -------
        numpy.ndarray of bool, shape (n,)
            True for alerts that are kept.

        Raises
        ------
        InvalidInputError
            If lengths differ, a time or an entity is missing, or anything is none.
        """
        flags, names, days = self._checked(is_anomaly, entities, times)
        values = np.asarray(scores, dtype=np.float64)
        if values.shape != flags.shape:
            raise InvalidInputError(f"{len(values)} scores for {len(flags)} rows")
        alerts = np.flatnonzero(flags)
        kept = np.zeros(len(flags), dtype=bool)
        taken: dict[tuple[Any, int], int] = {}
        for row in alerts[np.argsort(-values[alerts], kind="stable")].tolist():
            key = (names[row], int(days[row]))
            taken[key] = taken.get(key, 0) + 1
            kept[row] = taken[key] <= self.per_day
        return kept

    def keep_first(self, is_anomaly: Any, entities: Any, times: Any) -> NDArray[np.bool_]:
        """Keep the first ones of a day, call after call.

        Takes and returns what :meth:`keep_best` does, without scores. A row of an earlier
        day than its entity's last alert counts for that alert's day.
        """
        flags, names, days = self._checked(is_anomaly, entities, times)
        kept = np.zeros(len(flags), dtype=bool)
        for row in np.flatnonzero(flags).tolist():
            name, day = names[row], int(days[row])
            last, alerts = self._alerts.pop(name, (day, 0))
            if day > last:
                last, alerts = day, 0
            self._alerts[name] = (last, alerts + 1)
            kept[row] = alerts < self.per_day
            if len(self._alerts) > self.max_entities:
                self._alerts.popitem(last=False)
        return kept

    def __bytes__(self) -> bytes:
        """Write its settings and what a stream has had, as JSON in UTF-8.

        Raises
        ------
        InvalidInputError
            If an entity is neither text, a number nor a truth value.
        """
        for name in self._alerts:
            if not isinstance(name, _ENTITIES) or name in (np.inf, -np.inf):
                raise InvalidInputError(
                    f"entity {name!r}: only text, finite numbers and truth values can be written; "
                    "name entities by text"
                )
        state = {
            "format": _FORMAT,
            "per_day": self.per_day,
            "day": self.day,
            "max_entities": self.max_entities,
            # Those whose last alert is the longest ago come first.
            "alerts": [[name, day, n] for name, (day, n) in self._alerts.items()],
        }
        return json.dumps(state, ensure_ascii=False, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> AlertLimit:
        """Go on from what ``bytes(limit)`` gave, as if never interrupted.

        Raises
        ------
        ModelFileError
            If it is not that, or damaged.
        """
        try:
            state = json.loads(data)
            if state["format"] != _FORMAT:
                raise ValueError(f"format {state['format']!r}, expected {_FORMAT!r}")
            limit = cls(state["per_day"], day=state["day"], max_entities=state["max_entities"])
            for name, day, n in state["alerts"]:
                if not isinstance(name, _ENTITIES) or type(day) is not int or type(n) is not int:
                    raise ValueError(f"entity {name!r}: {day!r}, {n!r}")
                limit._alerts[name] = (day, n)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ModelFileError(f"this is no state of an AlertLimit: {error}") from None
        if len(limit._alerts) > limit.max_entities:
            raise ModelFileError("this is no state of an AlertLimit: more entities than it holds")
        return limit

    def save(self, path: str | PathLike[str]) -> None:
        """Write ``bytes(limit)`` to a file, whole or not at all."""
        write(path, bytes(self))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> AlertLimit:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ModelFileError
            Names the file, if it is not that.
        """
        try:
            return cls.from_bytes(Path(path).read_bytes())
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None

    def _checked(
        self, is_anomaly: Any, entities: Any, times: Any
    ) -> tuple[NDArray[np.bool_], list[Any], NDArray[np.int64]]:
        flags = _columns.labels(is_anomaly, "is_anomaly")
        names = _entities(entities)
        seconds = _columns.seconds("times", times)
        if not len(names) == len(seconds) == len(flags):
            raise InvalidInputError(
                f"expected as many entities and times as rows, found {len(names)} and "
                f"{len(seconds)} for {len(flags)}"
            )
        return flags, names, _columns.day_numbers("times", seconds, self.day)


def _entities(x: Any) -> list[Any]:
    """Give entities as plain values, one a row."""
    # NumPy would turn a number beside text into text.
    names = list(x) if isinstance(x, (list, tuple)) else np.asarray(x).tolist()
    if not isinstance(names, list):
        raise InvalidInputError("entities: expected one a row")
    for row, name in enumerate(names):
        if isinstance(name, np.generic):
            names[row] = name = name.item()
        if isinstance(name, (list, dict, set, np.ndarray)):
            raise InvalidInputError(f"entities, row {row}: {name!r} is no entity", row=row)
        if is_missing(name) or name != name:
            raise InvalidInputError(f"entities, row {row}: the entity is missing", row=row)
    return names
