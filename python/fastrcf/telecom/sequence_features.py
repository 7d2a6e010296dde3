"""Features of a record against what came before it on its SIM."""

from __future__ import annotations

from typing import Any, Final

from fastrcf.telecom.feature import Compute, Feature

#: Two cells nearer than this may be heard at one place, or by one device within minutes.
UNCERTAIN_KM: Final = 50.0
#: A journey takes at least this long, so that clocks of two networks may differ a little.
LEAST_TRAVEL_MS: Final = 60_000
#: Above that a speed says no more.
MOST_KMH: Final = 20_000.0
#: How far a gap may be from the usual one: e^9 is 8,000 times.
_MOST_RATIO: Final = 9.0


def _feature(name: str, unit: str, formula: str, meaning: str, compute: Compute) -> Feature:
    return Feature(name, unit, formula, meaning, "sequence", compute)


def _speed_kmh(v: Any, f: Any) -> Any:
    far = f.clip(v.distance_km - UNCERTAIN_KM, 0.0, 1e9)
    return f.clip(
        f.share(far * 3_600_000.0, f.clip(v.move_ms, LEAST_TRAVEL_MS, 1e18), 0.0), 0.0, MOST_KMH
    )


def _changed(name: str, what: str, meaning: str) -> Feature:
    return _feature(
        f"{name}_changed",
        "0 or 1",
        f"{what} of this record and the one before known and different",
        meaning,
        lambda v, f: f.flag(getattr(v, f"{name}_changed")),
    )


def _new(name: str, what: str, meaning: str) -> Feature:
    return _feature(
        f"{name}_new",
        "0 or 1",
        f"{what} not seen on the SIM in 7 d, which has records in them",
        meaning,
        lambda v, f: f.flag(getattr(v, f"{name}_new")),
    )


FEATURES: Final = (
    _feature(
        "gap_s",
        "s",
        "start_ts - latest end_ts of the SIM's earlier records, in [0, 7 d]; 0 for the first",
        "how long the SIM was silent",
        lambda v, f: v.gap_ms * 0.001,
    ),
    _feature(
        "log_gap",
        "ln(1 + s)",
        "ln(1 + gap_s)",
        "how long the SIM was silent, minutes and days alike",
        lambda v, f: f.log1p(v.gap_ms * 0.001),
    ),
    _feature(
        "gap_ratio",
        "ln",
        "ln((gap_s + 1) / (usual + 1)), usual: lower median of the SIM's last 31 gaps above 0; "
        "0 below 3 of them and without a gap",
        "a silent device speaks again, or a quiet one in bursts",
        lambda v, f: f.where(
            (v.usual_gap_ms >= 0) & (v.gap_ms > 0),
            f.clip(
                f.log1p(v.gap_ms * 0.001) - f.log1p(f.clip(v.usual_gap_ms, 0.0, 1e18) * 0.001),
                -_MOST_RATIO,
                _MOST_RATIO,
            ),
            0.0,
        ),
    ),
    _feature(
        "overlap_s",
        "s",
        "how long this data session ran beside an earlier one of the SIM",
        "one SIM in two devices",
        lambda v, f: v.overlap_ms * 0.001,
    ),
    _feature(
        "log_overlap",
        "ln(1 + s)",
        "ln(1 + overlap_s)",
        "one SIM in two devices, be it for seconds",
        lambda v, f: f.log1p(v.overlap_ms * 0.001),
    ),
    _changed("device", "device_id", "the SIM moved to another device"),
    _changed("plmn", "visited_plmn", "another network"),
    _changed("country", "country code (MCC) of visited_plmn", "another country"),
    _changed("rat", "rat", "another radio technology"),
    _changed("apn", "apn", "another access point"),
    _changed("cell", "cell", "the device moved, or is between two cells"),
    _changed("firmware", "firmware", "an update: explains other changes"),
    _new("device", "device_id", "a device that this SIM was not in lately"),
    _new("plmn", "visited_plmn", "a network that this SIM was not in lately"),
    _new("apn", "apn", "an access point that this SIM did not use lately"),
    _feature(
        "distance_km",
        "km",
        "great circle between this record's cell and the one's before; 0 without places",
        "how far the SIM went",
        lambda v, f: v.distance_km,
    ),
    _feature(
        "speed_kmh",
        "km/h",
        f"(distance_km - {UNCERTAIN_KM:.0f}, at least 0) / time from the end of the record before "
        f"(its start if it still ran) to start_ts, at least {LEAST_TRAVEL_MS // 1000} s; at most "
        f"{MOST_KMH:,.0f}",
        "impossible travel: two devices share one SIM",
        _speed_kmh,
    ),
    _feature(
        "log_speed",
        "ln(1 + km/h)",
        "ln(1 + speed_kmh)",
        "impossible travel, without its extremes",
        lambda v, f: f.log1p(_speed_kmh(v, f)),
    ),
)
