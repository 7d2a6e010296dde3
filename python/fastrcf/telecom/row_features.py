"""Features of a record alone."""

from __future__ import annotations

import math
from typing import Final

from fastrcf.telecom.feature import DAY_MS, NIGHT_ENDS, SHORT_MS, Compute, Feature

_TURN: Final = 2 * math.pi
_OF_DAY: Final = _TURN * (1 / DAY_MS)
_OF_WEEK: Final = _TURN * (1 / 7)
#: A session takes a second at least, where a throughput is asked for.
_LEAST_MS: Final = 1_000


def _feature(name: str, unit: str, formula: str, meaning: str, compute: Compute) -> Feature:
    return Feature(name, unit, formula, meaning, "row", compute)


FEATURES: Final = (
    _feature(
        "log_bytes_up",
        "ln(1 + bytes)",
        "ln(1 + bytes_up)",
        "volume that the device sent",
        lambda v, f: f.log1p(v.bytes_up),
    ),
    _feature(
        "log_bytes_down",
        "ln(1 + bytes)",
        "ln(1 + bytes_down)",
        "volume that the device received",
        lambda v, f: f.log1p(v.bytes_down),
    ),
    _feature(
        "log_bytes",
        "ln(1 + bytes)",
        "ln(1 + bytes_up + bytes_down)",
        "volume of the session",
        lambda v, f: f.log1p(v.bytes_up + v.bytes_down),
    ),
    _feature(
        "log_duration",
        "ln(1 + s)",
        "ln(1 + (end_ts - start_ts))",
        "how long the session lasted",
        lambda v, f: f.log1p(v.duration_ms * 0.001),
    ),
    _feature(
        "up_share",
        "",
        "bytes_up / (bytes_up + bytes_down); 0.5 without bytes",
        "machines send more than they receive; a stolen SIM turns that round",
        lambda v, f: f.share(v.bytes_up, v.bytes_up + v.bytes_down, 0.5),
    ),
    _feature(
        "log_throughput",
        "ln(1 + bytes/s)",
        "ln(1 + bytes / duration), the duration at least 1 s",
        "streams and scans are faster than telemetry",
        lambda v, f: f.log1p(
            f.share(
                (v.bytes_up + v.bytes_down) * 1000.0, f.clip(v.duration_ms, _LEAST_MS, 1e18), 0.0
            )
        ),
    ),
    _feature(
        "zero_bytes",
        "0 or 1",
        "data session with bytes_up + bytes_down = 0",
        "reconnect loops carry nothing",
        lambda v, f: f.flag(v.empty),
    ),
    _feature(
        "hour_sin",
        "",
        "sin(2 pi x local time of day / 24 h)",
        "time of day, with cos",
        lambda v, f: f.sin(v.day_ms * _OF_DAY),
    ),
    _feature(
        "hour_cos",
        "",
        "cos(2 pi x local time of day / 24 h)",
        "time of day, with sin",
        lambda v, f: f.cos(v.day_ms * _OF_DAY),
    ),
    _feature(
        "weekday_sin",
        "",
        "sin(2 pi x local weekday / 7), Monday 0",
        "day of the week, with cos",
        lambda v, f: f.sin(v.weekday * _OF_WEEK),
    ),
    _feature(
        "weekday_cos",
        "",
        "cos(2 pi x local weekday / 7), Monday 0",
        "day of the week, with sin",
        lambda v, f: f.cos(v.weekday * _OF_WEEK),
    ),
    _feature(
        "is_weekend",
        "0 or 1",
        "local Saturday or Sunday",
        "shops and offices rest",
        lambda v, f: f.flag(v.weekend),
    ),
    _feature(
        "is_night",
        "0 or 1",
        f"local hour in [0, {NIGHT_ENDS})",
        "most devices are quiet",
        lambda v, f: f.flag(v.night),
    ),
    _feature(
        "is_short",
        "0 or 1",
        f"data session below {SHORT_MS // 1000} s",
        "scans, storms and reconnect loops are short",
        lambda v, f: f.flag(v.short),
    ),
    _feature(
        "is_abnormal_end",
        "0 or 1",
        "end_cause is lost_carrier, lost_service, error or rejected",
        "healthy devices seldom end so",
        lambda v, f: f.flag(v.failed),
    ),
    _feature(
        "is_roaming",
        "0 or 1",
        "visited_plmn and home_plmn known and different",
        "in another network than the SIM's own",
        lambda v, f: f.flag(v.roaming),
    ),
    _feature(
        "is_abroad",
        "0 or 1",
        "country code (MCC) of visited_plmn and home_plmn known and different",
        "in another country than the SIM's own",
        lambda v, f: f.flag(v.abroad),
    ),
    _feature(
        "is_message",
        "0 or 1",
        "service is sms",
        "a message, no session",
        lambda v, f: f.flag(v.is_sms),
    ),
    _feature(
        "is_call",
        "0 or 1",
        "service is voice",
        "a call, no session",
        lambda v, f: f.flag(v.is_voice),
    ),
    _feature(
        "log_cost",
        "ln(1 + currency)",
        "ln(1 + cost); 0 without",
        "expensive zones and numbers",
        lambda v, f: f.log1p(v.cost),
    ),
)
