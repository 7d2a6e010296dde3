"""Features that a detector of sessions looks at all together, by its forest."""

from __future__ import annotations

from typing import Final

#: What a detector of sessions looks at; docs/telecom.md says why these.
COLUMNS: Final = (
    "log_overlap",
    "log_speed",
    "device_new",
    "devices_24h",
    "plmn_new",
    "plmn_fleet_share",
    "plmn_fleet_new",
    "sessions_ratio_1h",
    "sessions_ratio_24h",
    "sessions_z",
    "bytes_ratio_1h",
    "bytes_ratio_24h",
    "bytes_up_ratio_24h",
    "night_up_ratio_24h",
    "bytes_z",
    "failed_share_24h",
    "zero_share_24h",
    "concurrency_24h",
    "sms_mo_24h",
)
#: Features whose values below 0 count as 0: less than usual is no fraud, and silence has a rule of
#: its own.
ONE_SIDED: Final = frozenset(
    {
        "gap_ratio",
        "sessions_ratio_1h",
        "sessions_ratio_24h",
        "bytes_ratio_1h",
        "bytes_ratio_24h",
        "bytes_up_ratio_24h",
        "night_up_ratio_24h",
        "sms_mo_ratio_24h",
        "bytes_z",
        "sessions_z",
        "gap_z",
    }
)
