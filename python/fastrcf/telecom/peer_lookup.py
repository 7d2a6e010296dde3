"""What features look up in a table of peers: what was before the record's day, quarter or hour."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.telecom.peers import DAYS, HOUR_US, MEASURES, QUARTER_US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fastrcf.telecom.peers import PeerTable

    Integers = NDArray[np.int64]

#: Hours before the last whole one that say what is usual at a place: a week.
HOURS: Final = 168
#: Up to so many places in time an array holds where each begins; else it is searched for.
_DENSE: Final = 1 << 25
_PLACE: Final = ("n", "failed", "bytes", "busy_ms")
_NAMES: Final = ("sessions", "failed", "bytes", "busy_ms")


class _Names:
    """Numbers for names, in their order, for columns of categories."""

    def __init__(self, column: pl.Series) -> None:
        known = column.unique()
        names = known.cast(pl.String)
        order = names.arg_sort().to_numpy()
        codes = known.to_physical().to_numpy()[order]
        self._numbers = np.full(int(codes.max()) + 1 if len(codes) else 1, -1)
        self._numbers[codes] = np.arange(len(codes))
        # Null is the empty name.
        self._empty = 0 if "" in names else -1
        self._n = len(codes)

    def of(self, column: pl.Series) -> Integers:
        """Give numbers for a column; -1 for what has none."""
        codes = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        known = (codes >= 0) & (codes < len(self._numbers))
        numbers = np.where(known, self._numbers[np.where(known, codes, 0)], -1)
        return np.where(codes < 0, self._empty, numbers)

    def __len__(self) -> int:
        return self._n


class _Timed:
    """Running sums of counts, by name and time; rows are in the order of these."""

    def __init__(self, rows: pl.DataFrame, values: Iterable[str]) -> None:
        self.a, self.b = _Names(rows["a"]), _Names(rows["b"])
        self.time = rows["time"].to_numpy().astype(np.int64)
        self.first = int(self.time.min()) if len(rows) else 0
        self._span = int(self.time.max()) - self.first + 1 if len(rows) else 1
        self.key = self.key_of(self.a.of(rows["a"]), self.b.of(rows["b"]), self.time)
        self.sums = {name: np.append(0, np.cumsum(rows[name].to_numpy())) for name in values}
        self.rows = rows
        self._starts: NDArray[np.int32] | None = None
        size = len(self.a) * len(self.b) * self._span
        if size <= _DENSE:
            counts = np.bincount(self.key, minlength=size)
            self._starts = np.append(0, np.cumsum(counts)).astype(np.int32)

    def key_of(self, a: Integers, b: Integers, time: Integers) -> Integers:
        """Give one number for name and time; where a time is beyond the last, the next name's."""
        return (a * len(self.b) + b) * self._span + np.clip(time - self.first, 0, self._span)

    def at(self, a: Integers, b: Integers, time: Integers) -> Integers:
        """Find the first row of a name at or after a time, or that after its rows."""
        key = self.key_of(a, b, time)
        if self._starts is not None:
            return self._starts[key].astype(np.int64)
        return np.searchsorted(self.key, key, side="left")


class Lookup:
    """Looks up what was known before records.

    Parameters
    ----------
    table : PeerTable
    """

    def __init__(self, table: PeerTable) -> None:
        self._group = table.group
        parts = {
            kind: table.counts.filter(pl.col("kind") == kind)
            for kind in ("day", "burst", "network", "cell", "operator")
        }
        self._days = _Timed(_medians(parts["day"]), ())
        self._bursts = _Timed(parts["burst"], ("n",))
        self._networks = _Timed(parts["network"], ("n",))
        whole = (
            parts["network"]
            .group_by("a", "time")
            .agg(pl.col("n").sum())
            .with_columns(b=pl.lit("").cast(pl.Categorical))
            .sort("a", "time")
        )
        self._customers = _Timed(whole, ("n",))
        self._cells = _Timed(parts["cell"], _PLACE)
        self._operators = _Timed(parts["operator"], _PLACE)

    def facts(self, records: pl.DataFrame, day: pl.Series) -> dict[str, Any]:
        """Give the facts of records, one value each.

        Parameters
        ----------
        records : polars.DataFrame
            Of canonical types.
        day : polars.Series
            Their local days.
        """
        start = records["start_ts"].to_physical()
        days = day.to_numpy().astype(np.int64)
        hours = (start // HOUR_US).to_numpy()
        quarters = (start // QUARTER_US).to_numpy()
        pair = (records[self._group[0]], records[self._group[-1]])
        nothing = pl.repeat(None, len(records), dtype=pl.Categorical, eager=True)
        facts = self._peers(pair, days) | self._burst(pair, quarters)
        facts |= self._network(records["customer"], records["visited_plmn"], days)
        facts |= _place("cell", self._cells, records["cell"], nothing, hours)
        return facts | _place(
            "operator", self._operators, records["visited_plmn"], records["rat"], hours
        )

    def _peers(self, pair: tuple[pl.Series, pl.Series], days: Integers) -> dict[str, Any]:
        table = self._days
        a, b = table.a.of(pair[0]), table.b.of(pair[1])
        known = (a >= 0) & (b >= 0)
        begin, end = np.zeros((2, len(days)), np.int64)
        begin[known] = table.at(a[known], b[known], days[known])
        end[known] = table.at(a[known], b[known], days[known] + 1)
        # One row more, of nothing, is what is found where nothing is.
        place = np.where(end > begin, begin, len(table.key))
        return {
            name: np.append(table.rows[name].to_numpy(), 0)[place]
            for name in table.rows.columns[3:]
        }

    def _burst(self, pair: tuple[pl.Series, pl.Series], quarters: Integers) -> dict[str, Any]:
        table = self._bursts
        a, b = table.a.of(pair[0]), table.b.of(pair[1])
        return {"group_bursting": _between(table, a, b, quarters - 1, quarters)["n"]}

    def _network(self, customer: pl.Series, plmn: pl.Series, days: Integers) -> dict[str, Any]:
        table = self._networks
        a, b = table.a.of(customer), table.b.of(plmn)
        has = plmn.is_not_null().to_numpy()
        b = np.where(has, b, -1)
        records = _between(table, a, b, days - DAYS, days)["n"]
        known = (a >= 0) & (b >= 0)
        since = np.zeros(len(days), np.int64)
        if known.any():
            ever = table.at(a[known], b[known], np.full(known.sum(), table.first))
            since[known] = np.maximum(days[known] - table.time[ever], 0)
        whole = self._customers
        c = whole.a.of(customer)
        of = _between(whole, c, np.where(c >= 0, 0, -1), days - DAYS, days)["n"]
        return {
            "plmn_records": records,
            "customer_records": of,
            "plmn_days": since,
            "has_plmn": has,
        }


def _between(
    table: _Timed, a: Integers, b: Integers, begin: Integers, end: Integers
) -> dict[str, Integers]:
    """Sum counts of names from one time on, up to another; 0 for unknown names."""
    known = (a >= 0) & (b >= 0)
    one, two = np.zeros((2, len(a)), np.int64)
    one[known] = table.at(a[known], b[known], begin[known])
    two[known] = table.at(a[known], b[known], end[known])
    return {name: sums[two] - sums[one] for name, sums in table.sums.items()}


def _place(
    prefix: str, table: _Timed, first: pl.Series, second: pl.Series, hours: Integers
) -> dict[str, Any]:
    a, b = table.a.of(first), table.b.of(second)
    known = (a >= 0) & (b >= 0) & first.is_not_null().to_numpy()
    begin, last, now = np.zeros((3, len(a)), np.int64)
    a, b, hour = a[known], b[known], hours[known]
    begin[known] = table.at(a, b, hour - 1 - HOURS)
    last[known] = table.at(a, b, hour - 1)
    now[known] = table.at(a, b, hour)
    facts: dict[str, Any] = {}
    for name, value in zip(_NAMES, _PLACE, strict=True):
        sums = table.sums[value]
        at_last = sums[last]
        facts[f"{prefix}_{name}_hour"] = sums[now] - at_last
        facts[f"{prefix}_{name}_before"] = at_last - sums[begin]
    has = begin < last
    since = np.zeros(len(begin), np.int64)
    since[has] = hours[has] - 1 - table.time[begin[has]]
    facts[f"{prefix}_hours_before"] = since
    return facts


def _medians(days: pl.DataFrame) -> pl.DataFrame:
    """Take medians and MADs of bins over the seven days before each day.

    The median of n numbers is the ceil(n / 2)-th smallest. One row for each group and each day
    that has earlier ones: ``peer_<measure>_n``, ``_mid`` and ``_mad``, and ``group_sims``, the most
    SIMs of one of those days.
    """
    names = [f"peer_{name}_{x}" for name in MEASURES for x in ("n", "mid", "mad")]
    a, b = (days[name].to_physical().to_numpy() for name in ("a", "b"))
    time, measure, bins, n = (
        days[name].to_numpy().astype(np.int64) for name in ("time", "measure", "bin", "n")
    )
    # Rows are in the order of groups, then of days.
    begins = np.flatnonzero(np.append(True, (np.diff(a) != 0) | (np.diff(b) != 0)))
    bounds = np.append(begins, len(days)) if len(days) else np.zeros(1, np.int64)
    places, rows = [], []
    for first, last in pairwise(bounds.tolist()):
        times = time[first:last]
        for day in range(int(times[0]) + 1, int(times[-1]) + DAYS + 1):
            begin, end = (first + np.searchsorted(times, (day - DAYS, day))).tolist()
            if begin == end:
                continue
            known, found = slice(begin, end), [0]
            for number in range(len(MEASURES)):
                of = measure[known] == number
                values, counts = bins[known][of], n[known][of]
                if number == 0:
                    sims = np.bincount(time[known][of] - (day - DAYS), counts)
                    found[0] = int(sims.max())
                mid = _median(values, counts)
                found += [int(counts.sum()), mid, _median(np.abs(values - mid), counts)]
            places.append((first, day))
            rows.append(found)
    at = pl.Series([first for first, _ in places], dtype=pl.UInt32)
    table = np.array(rows, np.int64).reshape(len(rows), 1 + len(names))
    return pl.DataFrame(
        [
            days["a"].gather(at),
            days["b"].gather(at),
            pl.Series("time", [day for _, day in places], dtype=pl.Int32),
            *(pl.Series(name, table[:, i].copy()) for i, name in enumerate(("group_sims", *names))),
        ]
    )


def _median(values: Integers, counts: Integers) -> int:
    """Give the ceil(n / 2)-th smallest of counted values; 0 of none."""
    if not len(values):
        return 0
    order = np.argsort(values)
    so_far = np.cumsum(counts[order])
    return int(values[order[np.searchsorted(so_far, (so_far[-1] + 1) // 2)]])
