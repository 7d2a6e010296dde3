"""Facts of sessions by plain loops over all records: slow, and easy to see right."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MS = 1_000
HOUR = 3_600 * 1_000_000
DAY = 24 * HOUR
WINDOWS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY}
ABNORMAL = {"lost_carrier", "lost_service", "error", "rejected"}


def micros(when: datetime) -> int:
    past = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


class Record:
    """A record, with what it says alone."""

    def __init__(self, row: dict, timezone: str) -> None:
        self.row = row
        self.start = micros(row["start_ts"])
        self.end = max(self.start, micros(row["end_ts"]))
        there = row["start_ts"].astimezone(ZoneInfo(timezone))
        self.day = there.date().toordinal() - datetime(1970, 1, 1).toordinal()
        self.hour = there.hour
        self.weekday = there.weekday()
        self.day_ms = (
            (there.hour * 60 + there.minute) * 60 + there.second
        ) * 1000 + there.microsecond // 1000
        self.up, self.down = (max(row[name] or 0, 0) for name in ("bytes_up", "bytes_down"))
        self.data = row["service"] not in ("sms", "voice")
        self.lasting = (self.end - self.start) // MS
        self.short = self.data and self.lasting < 10_000
        self.failed = row["end_cause"] in ABNORMAL
        self.empty = self.data and self.up + self.down == 0
        self.roaming = known(row, row, "visited_plmn", "home_plmn")
        self.night = self.hour < 6
        self.sms = max(row["sms_mo"] or 0, 0)
        self.received = max(row["sms_mt"] or 0, 0)
        self.filled = self.data and self.up + self.down > 0
        self.steps = {
            "steps_up": steps(self.up) if self.filled else 0,
            "steps_down": steps(self.down) if self.filled else 0,
            "steps_ms": steps(self.lasting) if self.filled else 0,
        }

    @property
    def order(self) -> tuple:
        return self.start, self.end, self.row["session_id"]


def steps(x: int) -> int:
    """Logarithm in steps of 1/1024."""
    return math.floor(math.log1p(x) * 1024)


def great_circle(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Haversine, in kilometres."""
    radian = math.pi * (1 / 180)
    half_lat = math.sin((lat - other_lat) * (radian * 0.5))
    half_lon = math.sin((lon - other_lon) * (radian * 0.5))
    across = math.cos(lat * radian) * math.cos(other_lat * radian)
    square = half_lat * half_lat + across * (half_lon * half_lon)
    return math.asin(math.sqrt(min(square, 1.0))) * (2 * 6371.0088)


def known(one: dict, other: dict, name: str, of: str | None = None, cut: int | None = None) -> bool:
    """Whether two values are known and different."""
    a, b = one[name], other[of or name]
    return a is not None and b is not None and a[:cut] != b[:cut]


def sim_facts(records: list[Record]) -> list[dict]:
    """Facts of the records of one SIM, in order."""
    records = sorted(records, key=lambda r: r.order)
    facts = []
    gaps: list[int] = []
    for i, r in enumerate(records):
        past, before = records[:i], records[i - 1] if i else None
        windows = {
            name: [p for p in records[: i + 1] if p.start > r.start - length]
            for name, length in WINDOWS.items()
        }
        hour, day, week = windows["1h"], windows["24h"], windows["7d"]
        gap = 0
        if past:
            gap = min(max((r.start - max(p.end for p in past)) // MS, 0), 7 * DAY // MS)
        r.gap = gap
        data_ends = [p.end for p in past if p.data]
        overlap = 0
        if r.data and data_ends:
            overlap = max(min(r.end, max(data_ends)) - r.start, 0) // MS
        usual = sorted(gaps[-31:])
        fact = {
            "bytes_up": r.up,
            "bytes_down": r.down,
            "bytes": r.up + r.down,
            "duration_ms": r.lasting,
            "is_sms": r.row["service"] == "sms",
            "is_voice": r.row["service"] == "voice",
            "sms_mo": r.sms,
            "sms_mt": r.received,
            "failed": r.failed,
            "roaming": r.roaming,
            "abroad": known(r.row, r.row, "visited_plmn", "home_plmn", 3),
            "cost": max(r.row["cost"] or 0.0, 0.0),
            "day": r.day,
            "day_ms": r.day_ms,
            "weekday": r.weekday,
            "weekend": r.weekday >= 5,
            "night": r.night,
            "short": r.short,
            "empty": r.empty,
            "filled": r.filled,
            **r.steps,
            "gap_ms": gap,
            "overlap_ms": overlap,
            "usual_gap_ms": usual[(len(usual) - 1) // 2] if len(usual) >= 3 else -1,
            "seen_ms": (r.start - week[0].start) // MS,
            "move_ms": 0,
            "distance_km": 0.0,
        }
        for name, column in {
            "device": "device_id",
            "plmn": "visited_plmn",
            "rat": "rat",
            "apn": "apn",
            "cell": "cell",
            "firmware": "firmware",
        }.items():
            fact[f"{name}_changed"] = before is not None and known(r.row, before.row, column)
        fact["country_changed"] = before is not None and known(
            r.row, before.row, "visited_plmn", cut=3
        )
        for name, column in (("device", "device_id"), ("plmn", "visited_plmn"), ("apn", "apn")):
            seen = {p.row[column] for p in week[:-1]}
            value = r.row[column]
            fact[f"{name}_new"] = value is not None and len(week) > 1 and value not in seen
        if before is not None:
            left = before.end if before.end <= r.start else before.start
            fact["move_ms"] = (r.start - left) // MS
            places = [x.row[name] for x in (r, before) for name in ("cell_lat", "cell_lon")]
            if None not in places:
                fact["distance_km"] = great_circle(*places)
        for window, inside in windows.items():
            fact[f"sessions_{window}"] = len(inside)
            fact[f"bytes_{window}"] = sum(p.up + p.down for p in inside)
            fact[f"sms_mo_{window}"] = sum(p.sms for p in inside)
            if window != "1h":
                fact[f"bytes_up_{window}"] = sum(p.up for p in inside)
                fact[f"night_up_{window}"] = sum(p.up for p in inside if p.night)
        fact["sms_mt_24h"] = sum(p.received for p in day)
        for name in ("short", "failed", "empty"):
            fact[f"{name}_24h"] = sum(getattr(p, name) for p in day)
        for name in ("roaming", "night"):
            fact[f"{name}_7d"] = sum(getattr(p, name) for p in week)
        fact["duration_ms_24h"] = sum(p.lasting for p in day)
        fact["gaps_7d"] = sum(p.gap > 0 for p in week)
        fact["gap_ms_7d"] = sum(p.gap for p in week)
        fact["gap_squares_7d"] = sum(p.gap**2 for p in week)
        for name, column in (
            ("cells", "cell"),
            ("plmns", "visited_plmn"),
            ("apns", "apn"),
            ("devices", "device_id"),
        ):
            fact[f"{name}_24h"] = len({p.row[column] for p in day} - {None})
        slots = Counter(p.hour // 2 for p in week)
        logs = 0.0
        for slot in range(12):
            logs += slots[slot] * math.log(max(slots[slot], 1))
        fact["slot_logs_7d"] = logs
        fact["same_slot_7d"] = slots[r.hour // 2]
        fact["filled_7d"] = sum(p.filled for p in week)
        for name in r.steps:
            fact[f"{name}_7d"] = sum(p.steps[name] for p in week)
        if gap > 0:
            gaps.append(gap)
        assert hour
        facts.append(fact)
    return facts


def group_of(r: Record) -> tuple:
    return r.row["customer"] or "", r.row["family"] or ""


def bin_of(x: float) -> int:
    return math.floor(math.log1p(x) * (32 / math.log(2)))


def middle(values: list[int]) -> int:
    return sorted(values)[(len(values) + 1) // 2 - 1]


def peer_facts(sims: dict[str, list[Record]], r: Record) -> dict:
    """Facts of a record from all records of the same table."""
    everyone = [p for records in sims.values() for p in records]
    mine = group_of(r)
    bytes_, sessions, gaps = [], [], []
    per_day = Counter()
    for records in sims.values():
        for day in range(r.day - 7, r.day):
            on = [p for p in records if p.day == day and group_of(p) == mine]
            if not on:
                continue
            per_day[day] += 1
            bytes_.append(bin_of(sum(p.up + p.down for p in on)))
            sessions.append(bin_of(len(on)))
            if len(on) > 1:
                starts = [p.start // MS for p in on]
                gaps.append(bin_of((max(starts) - min(starts)) * 0.001 / (len(on) - 1)))
    facts: dict = {"group_sims": max(per_day.values(), default=0)}
    for name, values in (("bytes", bytes_), ("sessions", sessions), ("gap", gaps)):
        facts[f"peer_{name}_n"] = len(values)
        mid = middle(values) if values else 0
        facts[f"peer_{name}_mid"] = mid
        facts[f"peer_{name}_mad"] = middle([abs(v - mid) for v in values]) if values else 0
    quarter = r.start // (HOUR // 4) - 1
    facts["group_bursting"] = sum(
        bursts([p for p in records if group_of(p) == mine], records, quarter)
        for records in sims.values()
    )
    customer = [p for p in everyone if (p.row["customer"] or "") == (r.row["customer"] or "")]
    earlier = [p for p in customer if r.day - 7 <= p.day < r.day and p.row["visited_plmn"]]
    plmn = r.row["visited_plmn"]
    there = [p for p in customer if plmn is not None and p.row["visited_plmn"] == plmn]
    facts["has_plmn"] = plmn is not None
    facts["customer_records"] = len(earlier)
    facts["plmn_records"] = sum(p.row["visited_plmn"] == plmn for p in earlier if plmn)
    facts["plmn_days"] = r.day - min((p.day for p in there), default=r.day)
    facts |= place(everyone, r, "cell", ("cell",))
    return facts | place(everyone, r, "operator", ("visited_plmn", "rat"))


def bursts(of_group: list[Record], records: list[Record], quarter: int) -> bool:
    now = [p for p in of_group if p.start // (HOUR // 4) == quarter]
    if len(now) < 4:
        return False
    day = now[0].day
    earlier = [p for p in records if day - 7 <= p.day < day]
    if not earlier:
        return False
    days = day - min(p.day for p in earlier)
    return len(now) * 96 * days >= 4 * len(earlier)


def place(everyone: list[Record], r: Record, prefix: str, columns: tuple) -> dict:
    names = ("sessions", "failed", "bytes", "busy_ms")
    facts = {f"{prefix}_{name}_{when}": 0 for name in names for when in ("hour", "before")}
    facts[f"{prefix}_hours_before"] = 0
    if r.row[columns[0]] is None:
        return facts
    key = [r.row[c] or "" for c in columns]
    here = [p for p in everyone if [p.row[c] or "" for c in columns] == key]
    last = r.start // HOUR - 1
    for when, inside in (
        ("hour", [p for p in here if p.start // HOUR == last]),
        ("before", [p for p in here if last - 168 <= p.start // HOUR < last]),
    ):
        facts[f"{prefix}_sessions_{when}"] = len(inside)
        facts[f"{prefix}_failed_{when}"] = sum(p.failed for p in inside)
        facts[f"{prefix}_bytes_{when}"] = sum(p.up + p.down for p in inside)
        facts[f"{prefix}_busy_ms_{when}"] = sum(p.lasting for p in inside)
        if when == "before" and inside:
            facts[f"{prefix}_hours_before"] = last - min(p.start for p in inside) // HOUR
    return facts


def facts(rows: list[dict], timezone: str = "UTC", *, peers: bool = True) -> list[dict]:
    """Facts of all records, ordered by SIM and time."""
    sims: dict[str, list[Record]] = {}
    for row in rows:
        sims.setdefault(row["sim_id"], []).append(Record(row, timezone))
    found = []
    for _, records in sorted(sims.items()):
        records.sort(key=lambda r: r.order)
        for r, own in zip(records, sim_facts(records), strict=True):
            found.append(own | (peer_facts(sims, r) if peers else {}))
    return found
