"""What features look up in a table of peers: what was before the record's day, quarter or hour."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.telecom.peers import DAYS, HOUR_US, MEASURES, QUARTER_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from numpy.typing import NDArray

    from fastrcf.telecom.peers import PeerTable

    Integers = NDArray[np.int64]

#: Hours before the last whole one that say what is usual at a place: a week.
HOURS: Final = 168
#: Places in time have a bit each, if there are so many words of bits, or so many for each row.
_LEAST_WORDS: Final = 1 << 22
_WORDS_A_ROW: Final = 1
_LOG_WORD: Final = 6
_WORD: Final = 1 << _LOG_WORD
_PLACE: Final = ("n", "failed", "bytes", "busy_ms")
_HOURLY: Final = ("_hour", "_before")
_NETWORK: Final = frozenset(["plmn_records", "customer_records", "plmn_days", "has_plmn"])
_NAMES: Final = ("sessions", "failed", "bytes", "busy_ms")


class _Names:
    """Numbers for names, in their order, for columns of categories."""

    def __init__(self, column: pl.Series) -> None:
        known = column.unique()
        names = known.cast(pl.String)
        order = names.arg_sort().to_numpy()
        codes = known.to_physical().to_numpy()[order]
        self._beyond = int(codes.max()) + 1 if len(codes) else 0
        self._numbers = np.full(self._beyond + 2, -1)
        self._numbers[codes] = np.arange(len(codes))
        # Null is the empty name.
        self._numbers[-1] = 0 if "" in names else -1
        self._n = len(codes)

    def of(self, column: pl.Series) -> Integers:
        """Give numbers for a column; -1 for what has none."""
        codes = column.to_physical().clip(upper_bound=self._beyond)
        found: Integers = self._numbers[codes.fill_null(self._beyond + 1).to_numpy()]
        return found

    def __len__(self) -> int:
        return self._n


class _Timed:
    """Running sums of counts, by name and time; rows are in the order of these."""

    def __init__(self, rows: pl.DataFrame, values: Iterable[str]) -> None:
        self.a, self.b = _Names(rows["a"]), _Names(rows["b"])
        self.time = rows["time"].to_numpy()
        self.first = int(self.time.min()) if len(rows) else 0
        self._span = int(self.time.max()) - self.first + 1 if len(rows) else 1
        names = list(values)
        # What has run before each row, all values beside each other: they are read together.
        self.sums = np.zeros((len(rows) + 1, len(names)), np.int64)
        for place, name in enumerate(names):
            np.cumsum(rows[name].to_numpy(), out=self.sums[1:, place])
        self.rows = rows
        key = self._key(self.names(rows["a"], rows["b"]), self.time)
        words = len(self.a) * len(self.b) * self._span // _WORD + 1
        few = words <= max(_LEAST_WORDS, _WORDS_A_ROW * len(key))
        self._places = _Places(key, words) if few else key

    def __len__(self) -> int:
        return len(self.rows)

    def names(self, a: pl.Series, b: pl.Series) -> Integers:
        """Give one number for two names; -1 where the table has not both."""
        first, second = self.a.of(a), self.b.of(b)
        return np.where((first >= 0) & (second >= 0), first * len(self.b) + second, -1)

    def _key(self, names: Integers, time: Integers) -> Integers:
        """Give one number for name and time; where a time is beyond the last, the next name's."""
        return names * self._span + np.clip(time - self.first, 0, self._span)

    def at(self, names: Integers, time: Integers) -> Integers:
        """Find the first row of a name at or after a time, or that after its rows.

        For names that are not there it is 0, whatever the time.
        """
        key = np.maximum(self._key(names, time), 0) * (names >= 0)
        if isinstance(self._places, _Places):
            return self._places.before(key)
        return np.searchsorted(self._places, key, side="left")


class _Places:
    """Says how many of some numbers are below another: one bit for each, and counts of words."""

    def __init__(self, numbers: Integers, words: int) -> None:
        word, bit = numbers >> _LOG_WORD, np.uint64(1) << (numbers & (_WORD - 1)).astype(np.uint64)
        self._bits = np.zeros(words, np.uint64)
        if len(numbers):
            # Numbers are in order and each is there once.
            begins = np.flatnonzero(np.diff(word, prepend=-1))
            self._bits[word[begins]] = np.bitwise_or.reduceat(bit, begins)
        self._before = np.zeros(words, np.int32)
        np.cumsum(np.bincount(word, minlength=words)[:-1], out=self._before[1:])

    def before(self, number: Integers) -> Integers:
        """Count the numbers below each."""
        word = number >> _LOG_WORD
        below = (np.uint64(1) << (number & (_WORD - 1)).astype(np.uint64)) - np.uint64(1)
        found: Integers = self._before[word] + _count_bits(self._bits[word] & below)
        return found


def _count_bits(words: NDArray[np.uint64]) -> Any:
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(words)
    # NumPy 1: each byte by a table.
    bytes_ = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8)
    return np.unpackbits(bytes_, axis=1).sum(axis=1, dtype=np.int64)


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

    def facts(
        self, records: pl.DataFrame, day: pl.Series, wanted: Set[str] | None = None
    ) -> dict[str, Any]:
        """Give the facts of records, one value each.

        Parameters
        ----------
        records : polars.DataFrame
            Of canonical types.
        day : polars.Series
            Their local days.
        wanted : set of str, optional
            Facts that are needed; default: all.
        """

        def asked(first: str, last: tuple[str, ...] = ("",)) -> bool:
            return wanted is None or any(
                name.startswith(first) and name.endswith(last) for name in wanted
            )

        start = records["start_ts"].to_physical()
        days = day.to_numpy().astype(np.int64)
        hours = (start // HOUR_US).to_numpy()
        quarters = (start // QUARTER_US).to_numpy()
        pair = (records[self._group[0]], records[self._group[-1]])
        nothing = pl.repeat(None, len(records), dtype=pl.Categorical, eager=True)
        facts: dict[str, Any] = {}
        if asked("peer_") or asked("group_sims"):
            facts |= self._peers(pair, days)
        if asked("group_bursting"):
            facts |= self._burst(pair, quarters)
        if wanted is None or not _NETWORK.isdisjoint(wanted):
            facts |= self._network(records["customer"], records["visited_plmn"], days)
        if asked("cell_", _HOURLY):
            facts |= _place("cell", self._cells, records["cell"], nothing, hours)
        if asked("operator_", _HOURLY):
            facts |= _place(
                "operator", self._operators, records["visited_plmn"], records["rat"], hours
            )
        return facts

    def _peers(self, pair: tuple[pl.Series, pl.Series], days: Integers) -> dict[str, Any]:
        table = self._days
        names = table.names(*pair)
        begin, end = table.at(names, days), table.at(names, days + 1)
        # One row more, of nothing, is what is found where nothing is.
        place = np.where(end > begin, begin, len(table))
        return {
            name: np.append(table.rows[name].to_numpy(), 0)[place]
            for name in table.rows.columns[3:]
        }

    def _burst(self, pair: tuple[pl.Series, pl.Series], quarters: Integers) -> dict[str, Any]:
        table = self._bursts
        return {"group_bursting": _between(table, table.names(*pair), quarters - 1, quarters)}

    def _network(self, customer: pl.Series, plmn: pl.Series, days: Integers) -> dict[str, Any]:
        table = self._networks
        has = plmn.is_not_null().to_numpy()
        names = np.where(has, table.names(customer, plmn), -1)
        records = _between(table, names, days - DAYS, days)
        since = np.zeros(len(days), np.int64)
        known = names >= 0
        if known.any():
            ever = table.at(names, np.broadcast_to(table.first, len(days)))
            since = np.where(known, np.maximum(days - table.time[ever * known], 0), 0)
        whole = self._customers
        of = _between(whole, whole.a.of(customer), days - DAYS, days)
        return {
            "plmn_records": records,
            "customer_records": of,
            "plmn_days": since,
            "has_plmn": has,
        }


def _between(table: _Timed, names: Integers, begin: Integers, end: Integers) -> Integers:
    """Sum counts of names from one time on, up to another; 0 for unknown names."""
    sums = table.sums[:, 0]
    return sums[table.at(names, end)] - sums[table.at(names, begin)]


def _place(
    prefix: str, table: _Timed, first: pl.Series, second: pl.Series, hours: Integers
) -> dict[str, Any]:
    names = np.where(first.is_not_null().to_numpy(), table.names(first, second), -1)
    begin = table.at(names, hours - 1 - HOURS)
    last = table.at(names, hours - 1)
    at_last = np.take(table.sums, last, axis=0)
    hour = np.take(table.sums, table.at(names, hours), axis=0) - at_last
    before = at_last - np.take(table.sums, begin, axis=0)
    facts: dict[str, Any] = {}
    for place, name in enumerate(_NAMES):
        facts[f"{prefix}_{name}_hour"] = hour[:, place]
        facts[f"{prefix}_{name}_before"] = before[:, place]
    since = np.zeros(len(hours), np.int64)
    has = begin < last
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
