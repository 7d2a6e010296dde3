"""At most so many alerts for an entity and day: in tables, which wait, and in streams."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrcf import AlertLimit, Detector, SeriesDetector
from fastrcf.cli.stream_models import Answering, LearningModel, Values, time_of
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf._typing import Floats
    from fastrcf.files import Clean, Role


@dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    Attributes
    ----------
    per_day : int
        Alerts for an entity and day.
    entity, time : str or None
        The columns; those of a detector of series need not be named.
    """

    per_day: int
    entity: str | None
    time: str | None


class Waiting:
    """Answers of a table that wait for the last of them: a day's highest scores are kept.

    They wait in a file without a name; of alerts alone is anything in memory.

    Parameters
    ----------
    asked : Asked
        With both columns.
    only_alerts : bool
        Whether answers that are no alerts are left out.
    """

    def __init__(self, asked: Asked, only_alerts: bool) -> None:
        self._limit = AlertLimit(asked.per_day)
        self._entity, self._time = asked.entity or "", asked.time or ""
        self._only_alerts = only_alerts
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._scores: list[Floats] = []
        self._times: list[Floats] = []
        self._entities: list[Any] = []
        self.dropped = 0

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def roles(self, roles: dict[str, Role]) -> dict[str, Role]:
        """Add the roles of the two columns to a model's own.

        Raises
        ------
        InvalidInputError
            If the column of times is one of entities or categories.
        """
        if self._time == self._entity:
            raise InvalidInputError(f"--entity and --time: both are {self._time!r}")
        if roles.get(self._time) == "category":
            raise InvalidInputError(f"--time: {self._time!r} is a category to the model, no time")
        added: dict[str, Role] = {self._entity: "category", self._time: "time"}
        return added | roles

    def add(self, batch: Clean, rows: pa.Table) -> None:
        """Take the answers of a batch."""
        alerts = rows["is_anomaly"]
        found = batch.table.filter(alerts)
        times = found[self._time].to_numpy()
        if times.dtype.kind == "M":
            times = times.astype("datetime64[us]").astype(np.int64) / 1e6
        self._times.append(times.astype(np.float64))
        self._entities += found[self._entity].to_pylist()
        self._scores.append(rows.filter(alerts)["score"].to_numpy())
        if self._only_alerts:
            rows = rows.filter(alerts)
        # A stream each: columns that are passed on may change their type between files.
        with pa.ipc.new_stream(self._file, rows.schema) as writer:
            writer.write_table(rows)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the answers, once, with the alerts that are left."""
        scores = np.concatenate([np.empty(0), *self._scores])
        times = np.concatenate([np.empty(0), *self._times])
        entities = np.empty(len(scores), dtype=object)
        entities[:] = self._entities
        kept = self._limit.keep_best(scores, np.ones(len(scores), bool), entities, times)
        self.dropped = int(np.count_nonzero(~kept))
        end, done = self._file.tell(), 0
        self._file.seek(0)
        while self._file.tell() < end:
            with pa.ipc.open_stream(self._file) as reader:
                rows = reader.read_all()
            alerts = rows["is_anomaly"].to_numpy().astype(bool)
            here = np.flatnonzero(alerts)
            alerts[here] = kept[done : done + len(here)]
            done += len(here)
            rows = _without(rows, alerts)
            yield rows.filter(rows["is_anomaly"]) if self._only_alerts else rows


def _without(rows: pa.Table, alerts: Any) -> pa.Table:
    """Leave these alerts; others lose their reasons."""
    mask = pa.array(alerts)
    for name in ("is_anomaly", "reasons"):
        column = rows[name]
        none = pa.scalar(False if name == "is_anomaly" else [], column.type)
        at = rows.column_names.index(name)
        rows = rows.set_column(at, name, pc.if_else(mask, column, none))
    return rows


def limited(
    engine: Answering, model: LearningModel, asked: Asked, limit: AlertLimit, names: list[str]
) -> Answering:
    """Make what answers a stream keep the first alerts of an entity and day.

    Raises
    ------
    InvalidInputError
        If the model has no alerts, or a column is not named or not there.
    """
    entity, time = asked.entity, asked.time
    if isinstance(model, SeriesDetector):
        entity, time = entity or model.key_column, time or model.time_column
    elif not isinstance(model, Detector):
        raise InvalidInputError("--per-day: the model is a forest, which has no alerts")
    if entity is None or time is None:
        raise InvalidInputError("--per-day needs --entity and --time")
    for name in (entity, time):
        if name not in names:
            raise InvalidInputError(f"there is no column {name!r}; there are {', '.join(names)}")
    return _Limited(engine, entity, time, limit)


class _Limited:
    """What answers rows, and has alerts beyond a limit be none."""

    def __init__(self, engine: Answering, entity: str, time: str, limit: AlertLimit) -> None:
        self._engine, self._limit = engine, limit
        self._entity, self._time = entity, time
        self.added = engine.added

    @property
    def columns(self) -> list[str]:
        """Those of the model."""
        return self._engine.columns

    def values(self, row: dict[str, Any]) -> Values:
        """Give the model's values, then the entity and the time in seconds."""
        found = self._engine.values(row)
        if isinstance(found, tuple):
            return found
        for name in (self._entity, self._time):
            if row.get(name) is None or row[name] == "":
                return name, "the value is missing"
        moment = time_of(row[self._time])
        if isinstance(moment, str):
            return self._time, moment
        return [*found, str(row[self._entity]), moment]

    def process(self, values: list[list[Any]]) -> list[dict[str, Any]]:
        """Answer rows; alerts beyond the limit keep their score and grade."""
        answers = self._engine.process([row[:-2] for row in values])
        kept = self._limit.keep_first(
            [answer["is_anomaly"] for answer in answers],
            [row[-2] for row in values],
            [row[-1] for row in values],
        )
        for answer, keep in zip(answers, kept.tolist(), strict=True):
            if answer["is_anomaly"] and not keep:
                answer |= {"is_anomaly": False, "reasons": []}
        return answers


def place(state: str) -> Path:
    """Say where the alerts of entities lie beside a stream's state."""
    return Path(f"{state}.alerts")


def begun(asked: Asked, state: str | None) -> AlertLimit:
    """Go on from what was saved beside a stream's state, or begin."""
    if state is None or not place(state).exists():
        return AlertLimit(asked.per_day)
    limit = AlertLimit.load(place(state))
    # What was asked for last holds.
    limit.per_day = AlertLimit(asked.per_day).per_day
    return limit
