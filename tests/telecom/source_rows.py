"""Rows as each source has them, made by hand; all identifiers are made up."""

import polars as pl

from fastrcf.telecom.loading import load
from fastrcf.telecom.schema import polars_schema

KEY = "a key that is only for these tests, long enough"
IMSI = "262011234567890"
T0 = 1_790_000_000  # 2026-09-21 14:13:20 UTC


def table(rows):
    return pl.DataFrame(rows, infer_schema_length=None)


def one(rows, **options):
    frame = rows if isinstance(rows, pl.DataFrame) else table(rows)
    loaded = load(frame, key=KEY, **options)
    assert loaded.sessions.schema == polars_schema()
    assert loaded.sessions.height == 1, loaded.report
    return loaded.sessions.to_dicts()[0], loaded.report


def packet(status, at, **more):
    return {
        "Acct-Session-Id": "s1",
        "Acct-Status-Type": status,
        "3GPP-IMSI": IMSI,
        "Event-Timestamp": at,
        "Acct-Session-Time": None,
        "Acct-Input-Octets": None,
        "Acct-Output-Octets": None,
    } | more


def counted(status, at, seconds, up, down, **more):
    counts = {"Acct-Session-Time": seconds, "Acct-Input-Octets": up, "Acct-Output-Octets": down}
    return packet(status, at, **counts, **more)


def bearer(sequence, start, seconds, up, cause, **more):
    return {
        "CHARGING_ID": 77,
        "SERVED_IMSI": IMSI,
        "recordSequenceNumber": sequence,
        "START_TIME": start,
        "STOP_TIME": None,
        "DURATION_SEC": seconds,
        "UPLINK_BYTES": up,
        "DOWNLINK_BYTES": 10,
        "CAUSE_FOR_CLOSING": cause,
        "RAT_TYPE": 8,
        "APN_ID": "iot.example",
        "ULI_MCC": "262",
        "ULI_MNC": "01",
    } | more


def usage(number, start, end, tx, kind=5, **more):
    return {
        "id": number,
        "imsi": IMSI,
        "start_timestamp": start,
        "end_timestamp": end,
        "session_id": "d5f0",
        "sim": {"id": 4711, "iccid": "8988228530100000216"},
        "operator": {"mnc": "01", "country": {"mcc": "262", "name": "Germany"}},
        "tariff": {"id": 398, "ratezone": {"id": 2067}},
        "organisation": {"id": 1234},
        "traffic_type": {"id": kind},
        "endpoint": {"imei": "35000000000000", "tags": None},
        "volume": {"tx": tx, "rx": 3, "total": tx + 3},
        "cost": 0.5,
    } | more


def session_of_twilio():
    return {
        "sid": "WN00",
        "sim_sid": "DE00",
        "account_sid": "AC00",
        "radio_link": "LTE",
        "operator_mcc": "310",
        "operator_mnc": "410",
        "cell_id": "12345",
        "cell_location_estimate": {"lat": 37.8, "lon": -122.4},
        "packets_uploaded": 12,
        "packets_downloaded": 3,
        "last_updated": "2026-05-01T11:00:00Z",
        "start": "2026-05-01T10:00:00Z",
        "end": None,
        "imei": "350000000000006",
    }


def canonical(**more):
    return {
        "session_id": "1",
        "sim_id": IMSI,
        "start_ts": "2026-05-01T10:00:00Z",
        "end_ts": "2026-05-01T10:01:00Z",
        "bytes_up": 1,
        "bytes_down": 2,
    } | more


#: A row of Ultiroam's with as little as it needs.
LINE = {
    "date": "13-12-2012", "time": "14:17:48", "upload_volume": "1", "download_volume": "2",
    "duration": "60", "iccid": "8935299574110426123",
}  # fmt: skip
#: A row of each source with as little as it needs.
LEAST = {
    "radius": counted("Stop", T0, 60, 1, 2),
    "pgw": {k: v for k, v in bearer(1, "2026-03-01 00:00:00", 60, 1, None).items()
            if k not in ("ULI_MCC", "ULI_MNC", "APN_ID", "RAT_TYPE", "CAUSE_FOR_CLOSING")},
    "1nce": {k: v for k, v in usage(1, "2026-05-01T10:00:00Z", "2026-05-01T10:01:00Z", 1).items()
             if k not in ("operator", "tariff", "organisation", "endpoint", "cost")},
    "twilio": {k: v for k, v in session_of_twilio().items()
               if not k.startswith(("cell", "operator", "account", "radio", "imei"))},
    "ultiroam": LINE,
    "canonical": {"session_id": "1", "sim_id": IMSI, "start_ts": "2026-05-01T10:00:00Z",
                  "end_ts": "2026-05-01T10:01:00Z", "bytes_up": 1, "bytes_down": 2},
}  # fmt: skip
