"""What features look up in a table of peers: what was before the record's day, quarter or hour."""

from __future__ import annotations

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
    """Numbers for names, for columns of categories."""

    def __init__(self, names: pl.Series) -> None:
        self.names = names.unique().sort()
        self.codes = self.names.cast(pl.Categorical).to_physical().to_numpy()
        self._empty = -1
        if len(self.names) and self.names[0] == "":
            self._empty = 0
        self._numbers = np.full(int(self.codes.max()) + 1 if len(self.codes) else 1, -1)
        self._numbers[self.codes] = np.arange(len(self.codes))

    def of(self, column: pl.Series) -> Integers:
        """Give numbers for a column; -1 for what has none."""
        codes = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        known = (codes >= 0) & (codes < len(self._numbers))
        numbers = np.where(known, self._numbers[np.where(known, codes, 0)], -1)
        return np.where(codes < 0, self._empty, numbers)

    def __len__(self) -> int:
        return len(self.names)


class _Timed:
    """Running sums of counts, by name and time."""

    def __init__(self, rows: pl.DataFrame, values: Iterable[str], back: int, ahead: int) -> None:
        self.a, self.b = _Names(rows["a"]), _Names(rows["b"])
        time = rows["time"].to_numpy().astype(np.int64)
        self.first = int(time.min()) if len(time) else 0
        self.last = int(time.max()) if len(time) else 0
        # So far apart that what is before the first time of a name is not of another.
        self._back = back
        self._span = self.last - self.first + back + ahead + 2
        strings = [rows[name].cast(pl.Categorical) for name in ("a", "b")]
        key = self._key(self.a.of(strings[0]), self.b.of(strings[1]), time)
        order = np.argsort(key, kind="stable")
        self.key, self.time = key[order], time[order]
        self.sums = {name: np.append(0, np.cumsum(rows[name].to_numpy()[order])) for name in values}
        self.rows = rows[order]
        self._starts: NDArray[np.int32] | None = None
        size = len(self.a) * len(self.b) * self._span
        if size <= _DENSE:
            found = np.zeros(size + 1, np.int32)
            np.add.at(found, self.key + 1, 1)
            self._starts = np.cumsum(found, dtype=np.int32)

    def _key(self, a: Integers, b: Integers, time: Integers) -> Integers:
        return (a * len(self.b) + b) * self._span + (time - self.first + self._back)

    def at(self, a: Integers, b: Integers, time: Integers) -> Integers:
        """Find the first row of a name at or after a time; valid within the span."""
        least, most = self.first - self._back, self.first - self._back + self._span - 1
        key = self._key(a, b, np.clip(time, least, most))
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
        self._days = _Timed(_medians(parts["day"]), (), 0, 0)
        self._bursts = _Timed(parts["burst"], ("n",), 1, 1)
        self._networks = _Timed(parts["network"], ("n",), DAYS + 1, DAYS + 1)
        whole = parts["network"].with_columns(b=pl.lit(""))
        self._customers = _Timed(whole, ("n",), DAYS + 1, DAYS + 1)
        self._cells = _Timed(parts["cell"], _PLACE, HOURS + 2, HOURS + 2)
        self._operators = _Timed(parts["operator"], _PLACE, HOURS + 2, HOURS + 2)

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
        none = pl.Series(np.zeros(0)).cast(pl.String).cast(pl.Categorical)
        nothing = none.extend_constant(None, len(records))
        facts = self._peers(pair, days) | self._burst(pair, quarters)
        facts |= self._network(records["customer"], records["visited_plmn"], days)
        facts |= _place("cell", self._cells, records["cell"], nothing, hours)
        return facts | _place(
            "operator", self._operators, records["visited_plmn"], records["rat"], hours
        )

    def _peers(self, pair: tuple[pl.Series, pl.Series], days: Integers) -> dict[str, Any]:
        table = self._days
        a, b = table.a.of(pair[0]), table.b.of(pair[1])
        known = (a >= 0) & (b >= 0) & (days >= table.first) & (days <= table.last)
        if not len(table.key):
            known[:] = False
        place = np.zeros(len(days), np.int64)
        place[known] = table.at(a[known], b[known], days[known])
        found = np.minimum(place, max(0, len(table.key) - 1))
        known[known] = table.key[found[known]] == table._key(a[known], b[known], days[known])
        facts = {}
        for name in table.rows.columns[3:]:
            values = table.rows[name].to_numpy()
            facts[name] = np.where(known, values[found], 0) if len(values) else place
        return facts

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
    keys = ["a", "b", "measure", "time"]
    spread = pl.concat(
        [days.with_columns(pl.col("time") + back) for back in range(1, DAYS + 1)]
    ).lazy()
    pooled = spread.group_by(*keys, "bin").agg(pl.col("n").sum())
    mids = _median(pooled, "bin", keys).rename({"bin": "mid"})
    apart = (pl.col("bin") - pl.col("mid")).abs().alias("mad")
    away = pooled.join(mids, on=keys).group_by(*keys, apart).agg(pl.col("n").sum())
    mads = _median(away, "mad", keys)
    totals = pooled.group_by(keys).agg(pl.col("n").sum())
    found = totals.join(mids, on=keys).join(mads, on=keys)
    sims = (
        days.lazy()
        .filter(pl.col("measure") == 0)
        .group_by("a", "b", "time")
        .agg(pl.col("n").sum())
        .collect()
    )
    most = (
        pl.concat([sims.with_columns(pl.col("time") + back) for back in range(1, DAYS + 1)])
        .lazy()
        .group_by("a", "b", "time")
        .agg(group_sims=pl.col("n").max())
    )
    for number, name in enumerate(MEASURES):
        of = found.filter(pl.col("measure") == number).select(
            "a",
            "b",
            "time",
            *(pl.col(x).cast(pl.Int64).alias(f"peer_{name}_{x}") for x in ("n", "mid", "mad")),
        )
        most = most.join(of, on=["a", "b", "time"], how="left")
    return most.with_columns(pl.col("^peer_.*$").fill_null(0)).sort("a", "b", "time").collect()


def _median(counts: pl.LazyFrame, value: str, keys: list[str]) -> pl.LazyFrame:
    return (
        counts.sort(*keys, value)
        .with_columns(so_far=pl.col("n").cum_sum().over(keys), total=pl.col("n").sum().over(keys))
        .filter(pl.col("so_far") * 2 >= pl.col("total"))
        .group_by(keys, maintain_order=True)
        .agg(pl.col(value).first())
    )
