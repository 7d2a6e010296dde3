"""The past of one SIM, as the stream keeps it: the last week of records, and what ran before."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastrcf.errors import InvalidInputError
from fastrcf.telecom import slot_logs
from fastrcf.telecom.feature import (
    LOG_STEPS,
    NIGHT_ENDS,
    SHORT_MS,
    SLOTS,
    WEEKEND_FROM,
    WINDOWS,
    log1p_of,
    number,
)
from fastrcf.telecom.gaps import LONGEST_MS, USUAL_FROM, USUAL_OF
from fastrcf.telecom.places_apart import haversine_km
from fastrcf.telecom.schema import ABNORMAL
from fastrcf.telecom.windows import CHANGED, DISTINCT, NEW, STEPS, SUMS

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDS: Final = frozenset(str(end) for end in ABNORMAL)
_DAY_US: Final = WINDOWS["24h"] * 1000
_WEEK_US: Final = WINDOWS["7d"] * 1000
_SUMMED: Final = tuple(SUMS)
_WIDTH: Final = len(_SUMMED) + SLOTS
_PICKED: Final = {
    window: [(i, f"{name}_{window}") for i, name in enumerate(_SUMMED) if window in SUMS[name]]
    for window in WINDOWS
}
_SLOTS: Final = slice(len(_SUMMED), len(_SUMMED) + SLOTS)


@dataclass(slots=True)
class Record:
    """A record, and what it says alone.

    Attributes
    ----------
    start, end : int
        Microseconds since 1970.
    name : str
        Its session_id.
    values : dict
        What is compared with other records, by column; None where unknown.
    place : tuple of float or None
        Latitude and longitude of the cell.
    facts : dict
        Its own facts.
    """

    start: int
    end: int
    name: str
    values: dict[str, str | None]
    place: tuple[float, float] | None
    facts: dict[str, Any]

    @property
    def order(self) -> tuple[int, int, str]:
        """What records of a SIM are ordered by."""
        return self.start, self.end, self.name


def read(row: Mapping[str, Any], start: int, end: int, local: int) -> Record:
    """Make a record of a row of the schema.

    Parameters
    ----------
    row : mapping
    start, end, local : int
        Microseconds since 1970: UTC, UTC, and the start by local clocks.
    """
    get = row.get
    up, down = max(int(get("bytes_up") or 0), 0), max(int(get("bytes_down") or 0), 0)
    service, visited, home = get("service"), get("visited_plmn"), get("home_plmn")
    duration = max((end - start) // 1000, 0)
    is_data = service not in ("sms", "voice")
    day, rest = divmod(local, _DAY_US)
    hour = rest // 3_600_000_000
    night = hour < NIGHT_ENDS
    weekday = (day + 3) % 7
    cost = get("cost")
    facts = {
        "bytes_up": up,
        "bytes_down": down,
        "bytes": up + down,
        "duration_ms": duration,
        "is_sms": service == "sms",
        "is_voice": service == "voice",
        "is_data": is_data,
        "sms_mo": max(int(get("sms_mo") or 0), 0),
        "sms_mt": max(int(get("sms_mt") or 0), 0),
        "failed": get("end_cause") in _ENDS,
        "roaming": _differ(visited, home),
        "abroad": _differ(visited and visited[:3], home and home[:3]),
        "cost": 0.0 if cost is None or math.isnan(cost) else max(float(cost), 0.0),
        "day": day,
        "day_ms": rest // 1000,
        "weekday": weekday,
        "weekend": weekday >= WEEKEND_FROM,
        "slot": hour // (24 // SLOTS),
        "night": night,
        "short": is_data and duration < SHORT_MS,
        "empty": is_data and up + down == 0,
        "night_up": up if night else 0,
        "filled": is_data and up + down > 0,
    }
    for name, of in STEPS.items():
        facts[name] = math.floor(log1p_of(facts[of]) * LOG_STEPS) if facts["filled"] else 0
    lat, lon = get("cell_lat"), get("cell_lon")
    place = None
    if lat is not None and lon is not None and not math.isnan(lat) and not math.isnan(lon):
        place = (float(lat), float(lon))
    values = {column: get(column) for column in CHANGED.values()}
    values["country"] = None if visited is None else visited[:3]
    return Record(start, max(start, end), str(row["session_id"]), values, place, facts)


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


class Running:
    """What must be known of all earlier records, whatever their number."""

    __slots__ = ("gaps", "last", "latest", "latest_data", "seen")

    def __init__(self) -> None:
        self.latest: int | None = None
        self.latest_data: int | None = None
        self.gaps: deque[int] = deque(maxlen=USUAL_OF)
        self.last: Record | None = None
        self.seen: dict[str, dict[str, int]] = {column: {} for column in DISTINCT.values()}

    def copied(self) -> Running:
        """Copy it, records but for themselves."""
        other = copy(self)
        other.gaps = self.gaps.copy()
        other.seen = {column: dict(times) for column, times in self.seen.items()}
        return other

    def advance(self, record: Record) -> dict[str, Any]:
        """Take the next record; returns what it is against those before."""
        start, end, last = record.start, record.end, self.last
        gap = overlap = 0
        if self.latest is not None:
            gap = min(max((start - self.latest) // 1000, 0), LONGEST_MS)
        is_data = record.facts["is_data"]
        if is_data and self.latest_data is not None:
            overlap = max(min(end, self.latest_data) - start, 0) // 1000
        usual = -1
        if len(self.gaps) >= USUAL_FROM:
            usual = sorted(self.gaps)[(len(self.gaps) - 1) // 2]
        facts: dict[str, Any] = {"gap_ms": gap, "overlap_ms": overlap, "usual_gap_ms": usual}
        facts |= _against(record, last)
        for name, column in NEW.items():
            value = record.values[column]
            before = self.seen[column].get(value) if value is not None else None
            long_ago = before is None or start - before >= _WEEK_US
            recent = last is not None and start - last.start < _WEEK_US
            facts[f"{name}_new"] = value is not None and long_ago and recent
        for counted, column in DISTINCT.items():
            value, seen = record.values[column], self.seen[column]
            if value is not None:
                seen[value] = start
            facts[f"{counted}_24h"] = sum(time > start - _DAY_US for time in seen.values())
        self.latest = end if self.latest is None else max(self.latest, end)
        if is_data:
            self.latest_data = end if self.latest_data is None else max(self.latest_data, end)
        if gap > 0:
            self.gaps.append(gap)
        self.last = record
        return facts

    def forget(self, before: int) -> None:
        """Drop values that were last seen before a time."""
        for column, times in self.seen.items():
            self.seen[column] = {value: time for value, time in times.items() if time >= before}


def _against(record: Record, last: Record | None) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, column in (*CHANGED.items(), ("country", "country")):
        value = record.values[column]
        facts[f"{name}_changed"] = _differ(value, None if last is None else last.values[column])
    distance_km, move = 0.0, 0
    if last is not None:
        left = last.end if last.end <= record.start else last.start
        move = (record.start - left) // 1000
        if record.place is not None and last.place is not None and record.place != last.place:
            names = ("lat", "lon", "previous_lat", "previous_lon")
            ends = dict(zip(names, (*record.place, *last.place), strict=True))
            distance_km = number(haversine_km, ends)
    return facts | {"distance_km": distance_km, "move_ms": move}


def _amounts(facts: Mapping[str, Any], gap: int) -> list[int]:
    """Give what a record adds to sums, in their order."""
    own = {**facts, "gaps": int(gap > 0), "gap_ms": gap, "gap_squares": gap * gap}
    slots = [0] * SLOTS
    slots[facts["slot"]] = 1
    return [*(int(own[name]) for name in _SUMMED), *slots]


class Sim:
    """The last records of a SIM.

    Parameters
    ----------
    keep_us : int
        How far back records stay.
    most : int
        How many stay at most.
    """

    __slots__ = ("_base", "_before", "_keep", "_most", "_now", "_records", "_starts")

    def __init__(self, keep_us: int, most: int) -> None:
        self._keep, self._most = keep_us, most
        self._records: list[Record] = []
        self._starts: list[int] = []
        self._base = Running()
        self._now = Running()
        # What had run before each record, and one row more.
        self._before = np.zeros((8, _WIDTH), np.int64)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def last_start(self) -> int:
        """When the last record began."""
        return self._starts[-1]

    def push(self, record: Record) -> dict[str, Any]:
        """Take a record and give its facts.

        Raises
        ------
        InvalidInputError
            If it comes before what is still known. Nothing has changed.
        """
        if not self._records or record.order >= self._records[-1].order:
            facts = self._append(record)
            self._trim(record.start)
            return facts
        base = self._base.last
        if base is not None and record.order < base.order:
            raise InvalidInputError(
                f"session {record.name!r} is later than its SIM's records are kept for"
            )
        return self._insert(record)

    def _append(self, record: Record) -> dict[str, Any]:
        facts = record.facts | self._now.advance(record)
        n = len(self._records)
        if n + 2 > len(self._before):
            grown = np.zeros((2 * len(self._before), _WIDTH), np.int64)
            grown[: n + 1] = self._before[: n + 1]
            self._before = grown
        before = self._before
        before[n + 1] = before[n] + np.array(_amounts(record.facts, facts["gap_ms"]), np.int64)
        self._records.append(record)
        self._starts.append(record.start)
        first = 0
        for window, length in WINDOWS.items():
            first = bisect_right(self._starts, record.start - length * 1000)
            facts[f"sessions_{window}"] = n + 1 - first
            sums = (before[n + 1] - before[first]).tolist()
            for i, name in _PICKED[window]:
                facts[name] = sums[i]
        # The week is the last window.
        slots = sums[_SLOTS]
        facts["slot_logs_7d"] = slot_logs.summed(slots)
        facts["same_slot_7d"] = slots[facts["slot"]]
        facts["seen_ms"] = (record.start - self._starts[first]) // 1000
        return facts

    def _insert(self, record: Record) -> dict[str, Any]:
        """Go through all that is kept again, with a late record in its place."""
        records = self._records
        place = bisect_right([r.order for r in records], record.order)
        after = records[place:]
        self._replay(records[:place])
        facts = self._append(record)
        for later in after:
            self._append(later)
        return facts

    def _replay(self, records: list[Record]) -> None:
        self._records, self._starts = [], []
        self._now = self._base.copied()
        self._before = np.zeros((8, _WIDTH), np.int64)
        for record in records:
            self._append(record)

    def _trim(self, now: int) -> None:
        """Forget what is too old, and then some more seldom than often."""
        n = len(self._records)
        old = bisect_right(self._starts, now - self._keep)
        drop = max(old if old > n // 2 else 0, n - self._most)
        if drop <= 0:
            return
        for record in self._records[:drop]:
            self._base.advance(record)
        for running in (self._base, self._now):
            running.forget(now - self._keep)
        del self._records[:drop], self._starts[:drop]
        left = n - drop
        kept = self._before[drop : n + 1].copy()
        self._before = np.zeros((max(8, 2 * (left + 1)), _WIDTH), np.int64)
        self._before[: left + 1] = kept
