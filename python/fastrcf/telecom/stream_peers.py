"""Peers and places as the stream knows them: counted as records come, looked up as they were."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastrcf.telecom.feature import log1p_of
from fastrcf.telecom.peer_features import BINS_PER_LN
from fastrcf.telecom.peer_lookup import HOURS
from fastrcf.telecom.peers import (
    BURST_COUNT,
    BURST_TIMES,
    DAYS,
    HOUR_US,
    MEASURES,
    QUARTER_US,
    QUARTERS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.telecom.peers import PeerTable

K = TypeVar("K")
#: Days whose single SIMs are still known, so that late records count.
_OPEN_DAYS: Final = 2
_PLACE: Final = ("sessions", "failed", "bytes", "busy_ms")
_NOTHING: Final = (0, 0, 0, 0)


def _bin(x: float) -> int:
    return math.floor(log1p_of(x) * BINS_PER_LN)


def _middle(counts: Mapping[int, int]) -> int:
    """Give the ceil(n / 2)-th smallest of counted values."""
    total, so_far = sum(counts.values()), 0
    for value in sorted(counts):
        so_far += counts[value]
        if 2 * so_far >= total:
            return value
    return 0


class _Place:
    """The hours of a cell or an operator."""

    __slots__ = ("_facts", "_hour", "hours")

    def __init__(self) -> None:
        self.hours: dict[int, list[int]] = {}
        self._hour: int | None = None
        self._facts: dict[str, int] = {}

    def add(self, hour: int, amounts: tuple[int, int, int, int]) -> None:
        of = self.hours.setdefault(hour, [0, 0, 0, 0])
        for i, amount in enumerate(amounts):
            of[i] += amount
        if self._hour is not None and hour < self._hour:
            self._hour = None

    def facts(self, hour: int) -> dict[str, int]:
        """Look up the last whole hour and those before it, once an hour."""
        if self._hour != hour:
            last = self.hours.get(hour - 1, _NOTHING)
            before = [h for h in self.hours if hour - 1 - HOURS <= h < hour - 1]
            sums = [sum(self.hours[h][i] for h in before) for i in range(len(_PLACE))]
            self._facts = {f"{name}_hour": last[i] for i, name in enumerate(_PLACE)}
            self._facts |= {f"{name}_before": sums[i] for i, name in enumerate(_PLACE)}
            self._facts["hours_before"] = hour - 1 - min(before) if before else 0
            self._hour = hour
        return self._facts

    def forget(self, before: int) -> None:
        self.hours = {hour: of for hour, of in self.hours.items() if hour >= before}


class LivePeers:
    """A table of peers that goes on.

    Parameters
    ----------
    table : PeerTable
        What is known before.
    learn : bool
        Whether records are added to it.
    """

    def __init__(self, table: PeerTable, *, learn: bool) -> None:
        self._group, self._learn = table.group, learn
        # By day and group: for each measure how many SIM-days are in each bin.
        self._bins: dict[int, dict[tuple[str, str], list[dict[int, int]]]] = {}
        # By open day: count, bytes, first and last of each SIM in its group.
        self._open: dict[int, dict[tuple[str, str, str], list[int]]] = {}
        self._sim_days: dict[str, dict[int, int]] = {}
        self._bursts: dict[tuple[str, str, int], int] = {}
        self._quarters: dict[int, dict[tuple[str, str, str], list[int]]] = {}
        self._networks: dict[tuple[str, str], dict[int, int]] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._customers: dict[str, dict[int, int]] = {}
        self._cells: dict[tuple[str, str], _Place] = defaultdict(_Place)
        self._operators: dict[tuple[str, str], _Place] = defaultdict(_Place)
        self._known: dict[tuple[tuple[str, str], int], dict[str, int]] = {}
        self._today = -(1 << 60)
        for row in table.counts.iter_rows(named=True):
            self._take(row)

    def _take(self, row: Mapping[str, Any]) -> None:
        a, b, time, n = row["a"], row["b"], row["time"], row["n"]
        if row["kind"] == "day":
            bins = self._bins.setdefault(time, {}).setdefault((a, b), [{} for _ in MEASURES])
            of = bins[row["measure"]]
            of[row["bin"]] = of.get(row["bin"], 0) + n
        elif row["kind"] == "burst":
            self._bursts[a, b, time] = self._bursts.get((a, b, time), 0) + n
        elif row["kind"] == "network":
            self._add_network(a, b, time, n)
        else:
            amounts = (n, row["failed"], row["bytes"], row["busy_ms"])
            places = self._cells if row["kind"] == "cell" else self._operators
            places[a, b].add(time, amounts)

    def facts(self, row: Mapping[str, Any], own: Mapping[str, Any], start: int) -> dict[str, Any]:
        """Look up what was before a record, then count it.

        Parameters
        ----------
        row : mapping
            The record.
        own : mapping
            Its facts.
        start : int
            Microseconds since 1970.
        """
        day, quarter, hour = own["day"], start // QUARTER_US, start // HOUR_US
        if self._learn and day > self._today:
            self._new_day(day)
        pair = (row.get(self._group[0]) or "", row.get(self._group[-1]) or "")
        customer, plmn = row.get("customer") or "", row.get("visited_plmn")
        cell, rat = row.get("cell"), row.get("rat") or ""
        facts = dict(self._peers(pair, day))
        facts["group_bursting"] = self._bursts.get((*pair, quarter - 1), 0)
        facts |= self._network(customer, plmn, day)
        places = (
            ("cell", self._cells, cell, ""),
            ("operator", self._operators, plmn, rat),
        )
        for prefix, known, name, second in places:
            place = None if name is None else known.get((name, second))
            found = (place or _Place()).facts(hour)
            facts |= {f"{prefix}_{what}": value for what, value in found.items()}
        if self._learn:
            self._count(str(row["sim_id"]), pair, own, start)
            amounts = (1, int(own["failed"]), own["bytes"], own["duration_ms"])
            if cell is not None:
                self._cells[cell, ""].add(hour, amounts)
            if plmn is not None:
                self._operators[plmn, rat].add(hour, amounts)
                self._add_network(customer, plmn, day, 1)
        return facts

    def _add_network(self, customer: str, plmn: str, day: int, n: int) -> None:
        key = (customer, plmn)
        self._since[key] = min(day, self._since.get(key, day))
        for counts in (
            self._networks.setdefault(key, {}),
            self._customers.setdefault(customer, {}),
        ):
            counts[day] = counts.get(day, 0) + n

    def _network(self, customer: str, plmn: str | None, day: int) -> dict[str, Any]:
        def earlier(counts: Mapping[int, int]) -> int:
            return sum(n for d, n in counts.items() if day - DAYS <= d < day)

        key = (customer, plmn or "")
        has = plmn is not None
        return {
            "has_plmn": has,
            "customer_records": earlier(self._customers.get(customer, {})),
            "plmn_records": earlier(self._networks.get(key, {})) if has else 0,
            "plmn_days": max(day - self._since.get(key, day), 0) if has else 0,
        }

    def _peers(self, pair: tuple[str, str], day: int) -> dict[str, int]:
        known = self._known.get((pair, day))
        if known is not None:
            return known
        pooled: list[dict[int, int]] = [{} for _ in MEASURES]
        most = 0
        for back in range(day - DAYS, day):
            for measure, counts in enumerate(self._of_day(back).get(pair, ())):
                if measure == 0:
                    most = max(most, sum(counts.values()))
                for bin_, n in counts.items():
                    pooled[measure][bin_] = pooled[measure].get(bin_, 0) + n
        facts = {"group_sims": most}
        for name, counts in zip(MEASURES, pooled, strict=True):
            middle = _middle(counts)
            apart: dict[int, int] = defaultdict(int)
            for bin_, n in counts.items():
                apart[abs(bin_ - middle)] += n
            facts[f"peer_{name}_n"] = sum(counts.values())
            facts[f"peer_{name}_mid"] = middle
            facts[f"peer_{name}_mad"] = _middle(apart)
        self._known[pair, day] = facts
        return facts

    def _of_day(self, day: int) -> dict[tuple[str, str], list[dict[int, int]]]:
        """Give the bins of a day; a day that is still open is counted when it is asked for."""
        if day in self._open and day not in self._bins:
            self._bins[day] = {}
            for (_, a, b), stats in self._open[day].items():
                self._rebin(day, (a, b), stats, 1)
        return self._bins.get(day, {})

    def _rebin(self, day: int, pair: tuple[str, str], stats: list[int], sign: int) -> None:
        n, volume, first, last = stats
        values = [_bin(volume), _bin(n)]
        if n > 1:
            values.append(_bin((last - first) * 0.001 / (n - 1)))
        bins = self._bins[day].setdefault(pair, [{} for _ in MEASURES])
        for of, value in zip(bins, values, strict=False):
            of[value] = of.get(value, 0) + sign
            if not of[value]:
                del of[value]

    def _count(self, sim: str, pair: tuple[str, str], own: Mapping[str, Any], start: int) -> None:
        day, ms = own["day"], start // 1000
        if day <= self._today - _OPEN_DAYS:
            return
        stats = self._open.setdefault(day, {}).setdefault((sim, *pair), [0, 0, ms, ms])
        late = day in self._bins
        if late and stats[0]:
            self._rebin(day, pair, stats, -1)
        stats[0] += 1
        stats[1] += own["bytes"]
        stats[2], stats[3] = min(stats[2], ms), max(stats[3], ms)
        if late:
            self._rebin(day, pair, stats, 1)
            self._known.clear()
        days = self._sim_days.setdefault(sim, {})
        days[day] = days.get(day, 0) + 1
        self._burst(sim, pair, day, days, start // QUARTER_US)

    def _burst(
        self, sim: str, pair: tuple[str, str], day: int, days: Mapping[int, int], quarter: int
    ) -> None:
        # Count so far, day, and whether it bursts already.
        now = self._quarters.setdefault(quarter, {}).setdefault((sim, *pair), [0, day, 0])
        now[0] += 1
        now[1] = min(now[1], day)
        if now[0] < BURST_COUNT or now[2]:
            return
        earlier = {d: n for d, n in days.items() if now[1] - DAYS <= d < now[1]}
        if not earlier:
            return
        since = now[1] - min(earlier)
        if now[0] * QUARTERS * since >= BURST_TIMES * sum(earlier.values()):
            now[2] = 1
            key = (*pair, quarter)
            self._bursts[key] = self._bursts.get(key, 0) + 1

    def _new_day(self, day: int) -> None:
        """Forget what no record will look up."""
        for open_ in [d for d in self._open if d < day]:
            self._of_day(open_)
        self._today = day
        self._open = {d: of for d, of in self._open.items() if d > day - _OPEN_DAYS}
        oldest = day - DAYS - _OPEN_DAYS
        self._bins = {d: of for d, of in self._bins.items() if d >= oldest}
        self._known.clear()
        hour = (day - _OPEN_DAYS) * 24
        self._quarters = {q: of for q, of in self._quarters.items() if q >= 4 * hour}
        self._bursts = {key: n for key, n in self._bursts.items() if key[2] >= 4 * hour}
        for places in (self._cells, self._operators):
            for key in list(places):
                places[key].forget(hour - HOURS - 2)
                if not places[key].hours:
                    del places[key]
        self._networks = _recent(self._networks, oldest)
        self._customers = _recent(self._customers, oldest)
        self._sim_days = _recent(self._sim_days, oldest)


def _recent(counted: dict[K, dict[int, int]], oldest: int) -> dict[K, dict[int, int]]:
    """Keep the days from one on, and what has any."""
    kept = {key: {d: n for d, n in days.items() if d >= oldest} for key, days in counted.items()}
    return {key: days for key, days in kept.items() if days}
