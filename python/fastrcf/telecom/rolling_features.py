"""Features of a record's window: the SIM's records up to it, itself with them."""

from __future__ import annotations

import math
from typing import Any, Final

from fastrcf.telecom.feature import (
    DAY_MS,
    HOUR_MS,
    LOG_STEPS,
    SLOTS,
    WINDOWS,
    Compute,
    Feature,
)

#: Added to volumes before ratios are taken: a kilobyte more or less is nothing.
BYTES_FLOOR: Final = 1_000.0
#: Added to counts before ratios are taken.
COUNT_FLOOR: Final = 1.0
#: Sessions with bytes that a SIM must have had in 7 d before one of them is usual.
USUAL_SESSIONS: Final = 5
_PER_LOG_SLOTS: Final = 1 / math.log(SLOTS)


def _feature(name: str, unit: str, formula: str, meaning: str, compute: Compute) -> Feature:
    return Feature(name, unit, formula, meaning, "rolling", compute)


def _against_usual(now: Any, week: Any, seen_ms: Any, length_ms: int, floor: float, f: Any) -> Any:
    """ln((now + floor) / (mean of the week for as long a time + floor)).

    The week is as long as the SIM has been seen in it, at least ``length_ms``, so that a new SIM
    starts at 0.
    """
    seen = f.clip(seen_ms, length_ms, WINDOWS["7d"])
    usual = week * f.share(float(length_ms), seen, 1.0)
    return f.log(now + floor) - f.log(usual + floor)


def _ratio(what: str, window: str, floor: float, unit: str, meaning: str) -> Feature:
    length = WINDOWS[window]
    hours = length // HOUR_MS

    def compute(v: Any, f: Any) -> Any:
        now, week = getattr(v, f"{what}_{window}"), getattr(v, f"{what}_7d")
        return _against_usual(now, week, v.seen_ms, length, floor, f)

    return _feature(
        f"{what}_ratio_{window}",
        "ln",
        f"ln((x + c) / (m + c)); x: {what} in the last {window}; m: the SIM's mean of 7 d for "
        f"{hours} h (over the time it was seen in, at least {hours} h); c = {floor:.0f} {unit}",
        meaning,
        compute,
    )


def _share(name: str, part: str, window: str, formula: str, meaning: str) -> Feature:
    return _feature(
        f"{name}_share_{window}",
        "",
        f"{formula} / records, {window}",
        meaning,
        lambda v, f: f.share(getattr(v, f"{part}_{window}"), getattr(v, f"sessions_{window}"), 0.0),
    )


def _count(name: str, fact: str, unit: str, formula: str, meaning: str) -> Feature:
    return _feature(name, unit, formula, meaning, lambda v, f: getattr(v, fact) * 1.0)


def _bytes(window: str) -> Feature:
    return _feature(
        f"log_bytes_{window}",
        "ln(1 + bytes)",
        f"ln(1 + bytes of the SIM in the last {window})",
        "volume of the SIM lately",
        lambda v, f: f.log1p(getattr(v, f"bytes_{window}")),
    )


def _burstiness(v: Any, f: Any) -> Any:
    """(sd - mean) / (sd + mean) from sums of gaps and of squared gaps.

    Both are multiplied by the count, which changes nothing: n sum of squares - square of the sum
    has the variance in it.
    """
    n, total, squares = v.gaps_7d * 1.0, v.gap_ms_7d * 1.0, v.gap_squares_7d * 1.0
    sd = f.sqrt(f.clip(squares * n - total * total, 0.0, math.inf))
    return f.where(v.gaps_7d >= 3, f.share(sd - total, sd + total, 0.0), 0.0)


def _entropy(v: Any, f: Any) -> Any:
    """Entropy of the SIM's records among two-hour slots, 1 where they are even."""
    n = v.sessions_7d * 1.0
    return f.clip((f.log(n) - v.slot_logs_7d / n) * _PER_LOG_SLOTS, 0.0, 1.0)


def _against_own(own: Any, total: Any, v: Any, f: Any) -> Any:
    """Compare the steps of this session with the mean of earlier ones with bytes in 7 d, in ln."""
    n = v.filled_7d - 1
    mean = f.share((total - own) * 1.0, n * 1.0, 0.0)
    return f.where(v.filled & (n >= USUAL_SESSIONS), (own * 1.0 - mean) * (1 / LOG_STEPS), 0.0)


def _usual(name: str, what: str, meaning: str, own: Compute, total: Compute) -> Feature:
    return _feature(
        name,
        "ln",
        f"{what} of this session less its mean over the SIM's earlier data sessions with bytes "
        f"in 7 d; 0 without bytes and below {USUAL_SESSIONS} of them",
        meaning,
        lambda v, f: _against_own(own(v, f), total(v, f), v, f),
    )


FEATURES: Final = (
    *(
        _count(
            f"sessions_{window}",
            f"sessions_{window}",
            "records",
            f"records of the SIM in the last {window}",
            "how often the SIM connects",
        )
        for window in WINDOWS
    ),
    *(_bytes(window) for window in WINDOWS),
    _feature(
        "up_share_24h",
        "",
        "bytes_up / bytes, 24 h; 0.5 without bytes",
        "which way the day's volume went",
        lambda v, f: f.share(v.bytes_up_24h, v.bytes_24h, 0.5),
    ),
    _share("short", "short", "24h", "short data sessions", "scans and storms"),
    _share(
        "failed", "failed", "24h", "records with an abnormal end", "trouble, or a reconnect loop"
    ),
    _share("zero", "empty", "24h", "data sessions without bytes", "a reconnect loop"),
    _share("roaming", "roaming", "7d", "records in another network", "permanent roaming"),
    _share("night", "night", "7d", "records at night", "quiet hours are no longer quiet"),
    *(
        _count(
            f"{plural}_24h",
            f"{plural}_24h",
            plural,
            f"distinct values of {column} in 24 h; null is none",
            meaning,
        )
        for plural, column, meaning in (
            ("cells", "cell", "how far and fast the SIM moves"),
            ("plmns", "visited_plmn", "networks: a clone has two"),
            ("apns", "apn", "access points tried"),
            ("devices", "device_id", "devices: a clone has two"),
        )
    ),
    _feature(
        "concurrency_24h",
        "sessions",
        "sum of durations in 24 h / 24 h",
        "always on, or several sessions at once: a SIM in a router",
        lambda v, f: v.duration_ms_24h * (1 / DAY_MS),
    ),
    _feature(
        "burstiness_7d",
        "",
        "(sd - mean) / (sd + mean) of gap_s in 7 d; -1 regular, 0 random, 1 bursts; 0 below 3 gaps",
        "machines are regular; storms are very regular",
        _burstiness,
    ),
    _feature(
        "hour_entropy_7d",
        "",
        f"entropy of the records of 7 d among {SLOTS} slots of two local hours / ln {SLOTS}",
        "at one time of day, or round the clock",
        _entropy,
    ),
    _ratio("sessions", "1h", COUNT_FLOOR, "record", "many more sessions this hour than usual"),
    _ratio("sessions", "24h", COUNT_FLOOR, "record", "many more sessions this day than usual"),
    _ratio("bytes", "1h", BYTES_FLOOR, "bytes", "much more volume this hour than usual"),
    _ratio("bytes", "24h", BYTES_FLOOR, "bytes", "much more volume this day than usual"),
    _ratio("bytes_up", "24h", BYTES_FLOOR, "bytes", "much more sent this day than usual"),
    _feature(
        "log_night_up_24h",
        "ln(1 + bytes)",
        "ln(1 + bytes_up of records at night, 24 h)",
        "a slow leak",
        lambda v, f: f.log1p(v.night_up_24h),
    ),
    _ratio("night_up", "24h", BYTES_FLOOR, "bytes", "a slow leak, against the SIM's own week"),
    _count(
        "sms_mo_1h",
        "sms_mo_1h",
        "messages",
        "messages sent by the SIM in the last 1h",
        "SMS pumping",
    ),
    _count(
        "sms_mo_24h",
        "sms_mo_24h",
        "messages",
        "messages sent by the SIM in the last 24h",
        "SMS pumping, slower",
    ),
    _ratio("sms_mo", "24h", COUNT_FLOOR, "message", "many more messages this day than usual"),
    _feature(
        "sms_mo_share_24h",
        "",
        "messages sent / messages sent and received, 24 h; 0.5 without",
        "machines are woken by messages and send few; SMS pumping only sends",
        lambda v, f: f.share(v.sms_mo_24h, v.sms_mo_24h + v.sms_mt_24h, 0.5),
    ),
    _usual(
        "session_up_ratio",
        "ln(1 + bytes_up)",
        "this session sends more than the SIM's sessions do",
        lambda v, f: v.steps_up,
        lambda v, f: v.steps_up_7d,
    ),
    _usual(
        "session_down_ratio",
        "ln(1 + bytes_down)",
        "this session receives more than the SIM's sessions do",
        lambda v, f: v.steps_down,
        lambda v, f: v.steps_down_7d,
    ),
    _usual(
        "session_length_ratio",
        "ln(1 + ms)",
        "this session lasts longer than the SIM's sessions do",
        lambda v, f: v.steps_ms,
        lambda v, f: v.steps_ms_7d,
    ),
    _usual(
        "session_way_ratio",
        "ln((1 + bytes_up) / (1 + bytes_down))",
        "all one way: a leak sends and gets no more than receipts",
        lambda v, f: v.steps_up - v.steps_down,
        lambda v, f: v.steps_up_7d - v.steps_down_7d,
    ),
    _feature(
        "hour_surprise_7d",
        "ln",
        f"ln((n + {SLOTS}) / (k + 1)): n earlier records of the SIM in 7 d, k of them in the same "
        "two local hours of a day",
        "at an hour at which the SIM is quiet",
        lambda v, f: f.log(v.sessions_7d + (SLOTS - 1.0)) - f.log(v.same_slot_7d * 1.0),
    ),
    _feature(
        "seen_d",
        "d",
        "time from the SIM's first record in 7 d to this one",
        "how much history the ratios stand on",
        lambda v, f: v.seen_ms * (1 / DAY_MS),
    ),
)
