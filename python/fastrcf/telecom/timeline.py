"""Records in the order that features look at them: whole SIMs, each in time.

The order of a SIM's records is (start_ts, end_ts, session_id). A feature looks at records at or
before its own position in that order and at none after it, also among records of one instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom import schema
from fastrcf.telecom.checked import frames
from fastrcf.telecom.feature import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

#: What features read of a record, beside the columns that are passed on.
READ: Final = (
    "session_id",
    "sim_id",
    "device_id",
    "start_ts",
    "end_ts",
    "service",
    "bytes_up",
    "bytes_down",
    "sms_mo",
    "sms_mt",
    "apn",
    "rat",
    "visited_plmn",
    "home_plmn",
    "cell",
    "cell_lat",
    "cell_lon",
    "end_cause",
    "cost",
    "customer",
    "family",
    "tariff",
    "firmware",
)
#: What every record must have.
NEEDED: Final = ("session_id", "sim_id", "start_ts", "end_ts")
#: Passed on where they are there.
KEYS: Final = (
    "session_id",
    "sim_id",
    "start_ts",
    "family",
    "customer",
    "cell",
    "label",
    "incident",
)
_TYPES: Final = dict(schema.polars_schema(truth=True))
#: Longest window and a day, in microseconds: what keeps SIMs apart in the order.
_APART_US: Final = 8 * DAY_MS * 1000
_LARGEST: Final = 1 << 62


def columns(names: Sequence[str]) -> list[str]:
    """Name the columns among ``names`` that features and their readers need."""
    return [name for name in dict.fromkeys([*READ, *KEYS]) if name in names]


def canonical(
    frame: pl.DataFrame | pl.LazyFrame,
    read: Sequence[str] | None = None,
    needed: Sequence[str] = NEEDED,
) -> pl.DataFrame:
    """Bring records to the types of the schema, with nulls for optional columns that lack.

    Parameters
    ----------
    frame : polars.DataFrame or LazyFrame
    read : sequence of str, optional
        Columns that are read, all others being null; default: all that features need.
    needed : sequence of str
        Columns that must be there.

    Raises
    ------
    InvalidInputError
        If a column lacks, has null where it must not, or holds another type.
    """
    if not isinstance(frame, pl.LazyFrame):
        frames(sessions=frame)
    lazy = frame.lazy()
    names = lazy.collect_schema().names()
    for name in needed:
        if name not in names:
            raise InvalidInputError(f"the sessions have no column {name!r}")
    found = lazy.select(
        pl.col(name).cast(_TYPES[name], strict=True)
        if name in names and (read is None or name in read)
        else pl.lit(None, _TYPES[name]).alias(name)
        for name in dict.fromkeys([*READ, *(name for name in KEYS if name in names)])
    )
    try:
        records = found.collect()
    except (pl.exceptions.InvalidOperationError, pl.exceptions.SchemaError) as error:
        raise InvalidInputError(f"the sessions are not as the schema has them: {error}") from None
    for name in needed:
        if records[name].null_count():
            row = int(records[name].is_null().arg_max() or 0)
            raise InvalidInputError(f"row {row}: {name} is null", row=row)
    return records


def local_offset(timezone: str, times: pl.Series) -> pl.Series:
    """Give what to add to UTC for local time, in microseconds.

    Raises
    ------
    InvalidParameterError
        If there is no such time zone.
    """
    if timezone == "UTC":
        return pl.zeros(len(times), pl.Int64, eager=True)
    try:
        there = times.dt.convert_time_zone(timezone)
    except pl.exceptions.PolarsError:
        raise InvalidParameterError(f"timezone: {timezone!r} is none") from None
    return there.dt.replace_time_zone(None).to_physical() - times.to_physical()


def local(names: pl.Series) -> pl.Series:
    """Make categories of names, of their own: they are forgotten with the column.

    SIMs and devices are many, and categories of all columns together stay in memory.
    """
    return names.cast(pl.Categorical(pl.Categories.random()))


def numbered(codes: pl.Series) -> tuple[Integers, int]:
    """Give categories numbers in the order of their names; returns these and how many there are."""
    known = codes.unique()
    places = known.to_physical().to_numpy()
    numbers = np.zeros(int(places.max()) + 1 if len(places) else 0, np.int64)
    numbers[places] = known.cast(pl.String).rank("ordinal").to_numpy().astype(np.int64) - 1
    return numbers[codes.to_physical().to_numpy()], len(places)


class Timeline:
    """Records of whole SIMs in order, cut into chunks of whole SIMs.

    Parameters
    ----------
    records : polars.DataFrame
        As :func:`canonical` gives them.

    Attributes
    ----------
    records : polars.DataFrame
        As given, SIMs and devices as categories.
    order : ndarray of int64, shape (n,)
        Their rows, ordered by sim_id, start_ts, end_ts and session_id.
    """

    def __init__(self, records: pl.DataFrame) -> None:
        # To take rows in another order is ten times as fast from one piece.
        self.records = records.with_columns(
            local(records[name]) for name in ("sim_id", "device_id")
        ).rechunk()
        self._sim, n_sims = numbered(self.records["sim_id"])
        self._start = records["start_ts"].to_physical().to_numpy()
        self._first, self._span = 0, 1
        self.order = self._ordered(n_sims) if n_sims else np.zeros(0, np.int64)

    def _ordered(self, n_sims: int) -> Integers:
        start, sim = self._start, self._sim
        end = self.records["end_ts"].to_physical().to_numpy()
        first = int(start.min())
        self._first = first
        self._span = max(int(start.max()), int(end.max())) - first + _APART_US
        if self._span * n_sims < _LARGEST:
            key = sim * self._span + (start - first)
            order = pl.Series(key).arg_sort().to_numpy().astype(np.int64)
        else:
            order = np.lexsort((start, sim))
        same = (np.diff(start[order]) == 0) & (np.diff(sim[order]) == 0)
        if same.any():
            self._settle(order, same, end)
        return order

    def _settle(self, order: Integers, same: NDArray[np.bool_], end: Integers) -> None:
        """Order records of one SIM and one start by their ends and names, in place."""
        places = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        rows = order[places]
        tied = pl.DataFrame(
            {
                "row": rows,
                "sim": self._sim[rows],
                "start": self._start[rows],
                "end": end[rows],
                "name": self.records["session_id"].gather(rows),
            }
        )
        order[places] = tied.sort("sim", "start", "end", "name")["row"].to_numpy()

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """Yield whole SIMs in order, about ``rows`` records together."""
        if not len(self.order):
            return
        sims = self._sim[self.order]
        bounds = np.append(np.flatnonzero(np.append(True, np.diff(sims) != 0)), len(sims))
        most_sims = max(1, _LARGEST // self._span)
        first, n = 0, len(bounds) - 1
        while first < n:
            last = int(np.searchsorted(bounds, bounds[first] + rows, side="right")) - 1
            last = min(max(last, first + 1), first + most_sims, n)
            yield Chunk(self, slice(int(bounds[first]), int(bounds[last])))
            first = last


class Chunk:
    """Consecutive whole SIMs of a timeline.

    Attributes
    ----------
    records : polars.DataFrame
        Their records in order.
    sim, start, end : ndarray of int64, shape (n,)
        Number of the SIM, and microseconds since the timeline's first record.
    head : ndarray of int64, shape (n,)
        Place of the SIM's first record.
    """

    def __init__(self, timeline: Timeline, part: slice) -> None:
        rows = timeline.order[part]
        self.records = timeline.records[rows]
        sims = timeline._sim[rows]
        self.is_head = np.append(True, np.diff(sims) != 0)
        self.sim = np.cumsum(self.is_head) - 1
        self.head = np.flatnonzero(self.is_head)[self.sim]
        self.start = timeline._start[rows] - timeline._first
        end = self.records["end_ts"].to_physical().to_numpy() - timeline._first
        self.end = np.maximum(end, self.start)
        self.span = timeline._span

    def first_of_window(self, milliseconds: int) -> Any:
        """Find the place of the first record that began less than so long before each."""
        key = self.sim * self.span + self.start
        return np.searchsorted(key, key - milliseconds * 1000, side="right")

    def latest_end(self, ends: Integers | None = None) -> Integers:
        """Give the latest end of the SIM's records before each; -1 where there is none."""
        at = (self.end if ends is None else ends) + self.sim * self.span
        latest = np.maximum.accumulate(at)
        before = np.empty_like(latest)
        before[1:] = latest[:-1]
        before -= self.sim * self.span
        before[self.is_head] = -1
        return np.maximum(before, -1)
