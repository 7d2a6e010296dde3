"""Features of a record against its group, its customer's networks, its cell and its operator."""

from __future__ import annotations

import math
from typing import Any, Final

from fastrcf.telecom.feature import Compute, Feature

#: Bins of peers' histograms: 32 to a doubling, so that a median is good to 2 %.
BINS_PER_LN: Final = 32 / math.log(2)
#: Peers that must have been seen, in days of single SIMs, before anything is compared with them.
LEAST_SIM_DAYS: Final = 20
#: Spread that peers have at least, in bins: a quarter of a doubling.
LEAST_SPREAD: Final = 8.0
_OF_MAD: Final = 1.4826
_MOST_Z: Final = 50.0
#: Sessions of usual failures that a place's last hour is taken together with.
PRIOR: Final = 5.0
_COUNT_FLOOR: Final = 1.0


def _feature(name: str, unit: str, formula: str, meaning: str, compute: Compute) -> Feature:
    return Feature(name, unit, formula, meaning, "peer", compute)


def _z(
    measure: str, formula: str, meaning: str, now: Compute, counts: Compute | None = None
) -> Feature:
    def compute(v: Any, f: Any) -> Any:
        middle, mad = getattr(v, f"peer_{measure}_mid"), getattr(v, f"peer_{measure}_mad")
        here = f.log1p(now(v, f)) * BINS_PER_LN - 0.5
        z = f.clip((here - middle) / (mad * _OF_MAD + LEAST_SPREAD), -_MOST_Z, _MOST_Z)
        enough = getattr(v, f"peer_{measure}_n") >= LEAST_SIM_DAYS
        return f.where(enough if counts is None else enough & counts(v, f), z, 0.0)

    return _feature(
        f"{measure}_z",
        "",
        f"(x - median) / (1.4826 MAD + 1/4), in doublings of 1 + value; {formula}; in "
        f"[-{_MOST_Z:.0f}, {_MOST_Z:.0f}], 0 below {LEAST_SIM_DAYS} SIM-days",
        meaning,
        compute,
    )


def _place(prefix: str, what: str) -> tuple[Feature, ...]:
    def get(v: Any, name: str) -> Any:
        return getattr(v, f"{prefix}_{name}")

    def usual_failed(v: Any, f: Any) -> Any:
        return f.share(get(v, "failed_before"), get(v, "sessions_before"), 0.0)

    def ratio(v: Any, f: Any) -> Any:
        hours = get(v, "hours_before")
        usual = f.share(get(v, "sessions_before"), hours, 0.0)
        found = f.log(get(v, "sessions_hour") + _COUNT_FLOOR) - f.log(usual + _COUNT_FLOOR)
        return f.where(hours > 0, found, 0.0)

    def excess(v: Any, f: Any) -> Any:
        usual, n = usual_failed(v, f), get(v, "sessions_hour")
        found = (get(v, "failed_hour") - usual * n) / (n + PRIOR)
        return f.where(get(v, "sessions_before") > 0, found, 0.0)

    def throughput(v: Any, f: Any) -> Any:
        return f.log1p(f.share(get(v, "bytes_hour") * 1000.0, get(v, "busy_ms_hour"), 0.0))

    def throughput_ratio(v: Any, f: Any) -> Any:
        usual = f.share(get(v, "bytes_before") * 1000.0, get(v, "busy_ms_before"), 0.0)
        both = (get(v, "sessions_hour") > 0) & (get(v, "sessions_before") > 0)
        return f.where(both, throughput(v, f) - f.log1p(usual), 0.0)

    def feature(name: str, unit: str, formula: str, meaning: str, compute: Compute) -> Feature:
        return Feature(f"{prefix}_{name}", unit, f"{what}: {formula}", meaning, "place", compute)

    return (
        feature(
            "log_sessions",
            "ln(1 + records)",
            "ln(1 + records that began in the last whole hour)",
            "load",
            lambda v, f: f.log1p(get(v, "sessions_hour")),
        ),
        feature(
            "sessions_ratio",
            "ln",
            "ln((records + 1) / (mean of an hour + 1)), the last whole hour against 168 before",
            "a crowd, or a whole fleet at once",
            ratio,
        ),
        feature(
            "failed_share",
            "",
            "abnormal ends / records, last whole hour; 0 without records",
            "an outage: not this SIM's fault",
            lambda v, f: f.share(get(v, "failed_hour"), get(v, "sessions_hour"), 0.0),
        ),
        feature(
            "failed_excess",
            "",
            f"(abnormal ends - p n) / (n + {PRIOR:.0f}), n records of the last whole hour, p the "
            "share in up to 168 hours before it",
            "an outage, against what is usual there",
            excess,
        ),
        feature(
            "log_throughput",
            "ln(1 + bytes/s)",
            "ln(1 + bytes / summed durations), last whole hour",
            "speed of the network there",
            throughput,
        ),
        feature(
            "throughput_ratio",
            "ln",
            "log_throughput less the same of up to 168 hours before; 0 without either",
            "congestion, or a few SIMs that take all",
            throughput_ratio,
        ),
    )


FEATURES: Final = (
    _z(
        "bytes",
        "x: the SIM's bytes in 24 h; peers: bytes of a SIM-day",
        "volume against devices of the same kind",
        lambda v, f: v.bytes_24h,
    ),
    _z(
        "sessions",
        "x: the SIM's records in 24 h; peers: records of a SIM-day",
        "sessions against devices of the same kind",
        lambda v, f: v.sessions_24h,
    ),
    _z(
        "gap",
        "x: gap_s; peers: mean seconds between the starts of a SIM-day; 0 without a gap",
        "silence against devices of the same kind",
        lambda v, f: v.gap_ms * 0.001,
        lambda v, f: v.gap_ms > 0,
    ),
    _feature(
        "has_peers",
        "0 or 1",
        f"at least {LEAST_SIM_DAYS} SIM-days of the group on the 7 days before",
        "whether the three z stand on anything",
        lambda v, f: f.flag(v.peer_bytes_n >= LEAST_SIM_DAYS),
    ),
    _feature(
        "group_burst_share",
        "",
        "SIMs of the group that burst in the last whole quarter of an hour / most SIMs that it had "
        "on one of the 7 days before; 0 without history",
        "a fleet event and not one bad SIM",
        lambda v, f: f.clip(f.share(v.group_bursting, v.group_sims, 0.0), 0.0, 1.0),
    ),
    _feature(
        "plmn_known_d",
        "d",
        "days since the customer's first record in visited_plmn; 0 on the first day or without",
        "networks that the fleet has long been in are no misuse",
        lambda v, f: v.plmn_days * 1.0,
    ),
    _feature(
        "plmn_fleet_share",
        "",
        "records in visited_plmn / records of the customer, 7 days before; 1 without history",
        "how usual the network is for the fleet",
        lambda v, f: f.share(v.plmn_records, v.customer_records, 1.0),
    ),
    _feature(
        "plmn_fleet_new",
        "0 or 1",
        "the customer has records on the 7 days before, and none before this day in visited_plmn",
        "a network that the whole fleet was never in",
        lambda v, f: f.flag((v.customer_records > 0) & (v.plmn_days == 0) & v.has_plmn),
    ),
    *_place("cell", "cell"),
    *_place("operator", "visited_plmn and rat"),
)
