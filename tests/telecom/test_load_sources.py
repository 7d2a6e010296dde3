"""Each source's records, made by hand in its real form; all identifiers are made up."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.aliases import SOURCES, recognise
from fastrcf.telecom.codes import closing_cause, home_plmn, location, plmn, rat, terminate_cause
from fastrcf.telecom.identifiers import KeyedHash
from fastrcf.telecom.loading import load
from fastrcf.telecom.schema import COLUMNS, polars_schema
from fastrcf.telecom.times import Clock

KEY = "a key that is only for these tests, long enough"
IMSI = "262011234567890"


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


def table(rows):
    return pl.DataFrame(rows, infer_schema_length=None)


def one(rows, **options):
    frame = rows if isinstance(rows, pl.DataFrame) else table(rows)
    loaded = load(frame, key=KEY, **options)
    assert loaded.sessions.schema == polars_schema()
    assert loaded.sessions.height == 1, loaded.report
    return loaded.sessions.to_dicts()[0], loaded.report


T0 = 1_790_000_000  # 2026-09-21 14:13:20 UTC


def test_radius_packets_become_a_session():
    session, report = one(
        [
            packet("Start", T0),
            counted("Interim-Update", T0 + 900, 900, 1000, 2000),
            counted(
                "Stop", T0 + 1800, 1800, 1500, 9000, **{"Acct-Terminate-Cause": "Idle-Timeout"}
            ),
        ]
    )
    assert session["start_ts"] == datetime.fromtimestamp(T0, UTC)
    assert session["duration_s"] == 1800
    # Input is what the device sent.
    assert (session["bytes_up"], session["bytes_down"]) == (1500, 9000)
    assert session["end_cause"] == "idle_timeout"
    assert session["home_plmn"] == "262-01"
    assert (report.read, report.kept, report.stitched, report.open) == (3, 1, 2, 0)


def test_gigawords_are_added():
    giga = {"Acct-Input-Gigawords": 2, "Acct-Output-Gigawords": None}
    session, _ = one([counted("Stop", T0, 100, 5, 7, **giga)])
    assert (session["bytes_up"], session["bytes_down"]) == (2 * 2**32 + 5, 7)


def test_counters_that_begin_again_go_on_where_there_are_no_gigawords():
    rows = [
        counted("Interim-Update", T0 + 100, 100, 4_000_000_000, 1),
        counted("Interim-Update", T0 + 200, 200, 50, 2),
        counted("Stop", T0 + 300, 300, 40, 3),
    ]
    session, _ = one(rows[::-1])
    assert session["bytes_up"] == 2 * 2**32 + 40
    assert session["bytes_down"] == 3


def test_a_packet_that_came_again_is_counted_once():
    rows = [packet("Start", T0), counted("Stop", T0 + 60, 60, 1, 2)]
    again = counted("Stop", T0 + 65, 60, 1, 2)
    session, report = one([*rows, rows[0], again])
    assert report.duplicates == 2
    assert session["bytes_up"] == 1


def test_a_session_still_open_is_kept_or_put_aside():
    rows = [packet("Start", T0), counted("Interim-Update", T0 + 60, 60, 1, 2)]
    session, report = one(rows)
    assert (report.open, session["end_cause"], session["bytes_down"]) == (1, None, 2)
    aside = load(table(rows), key=KEY, keep_open=False)
    assert aside.sessions.height == 0
    assert aside.report.put_aside["session still open"].count == 2


def test_radius_times_as_text_and_location():
    session, _ = one(
        [
            counted(
                "2",
                "Nov  2 2025 12:00:00 CET",
                "60",
                "1",
                "2",
                **{
                    "3GPP-User-Location-Info": "0x8262f210000162f2100000000a",
                    "3GPP-RAT-Type": "6",
                    "Acct-Terminate-Cause": "2",
                    "3GPP-SGSN-MCC-MNC": "310410",
                },
            )
        ]
    )
    assert session["end_ts"] == datetime(2025, 11, 2, 11, tzinfo=UTC)
    assert session["cell"] == "262-01-1-10"
    assert session["visited_plmn"] == "310-410"
    assert (session["rat"], session["end_cause"]) == ("LTE", "lost_carrier")


def test_accounting_on_is_about_no_session():
    loaded = load(table([packet("Accounting-On", T0)]), key=KEY)
    assert loaded.report.put_aside["not about one session"].count == 1


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


def test_partial_records_of_a_bearer_are_added():
    rows = [
        bearer(3, "2026-03-01 01:00:00", 600, 1, 0),
        bearer(1, "2026-03-01 00:00:00", 1800, 100, 17),
        bearer(2, "2026-03-01 00:30:00", 1800, 20, 16),
    ]
    session, report = one([*rows, rows[1] | {"APN_ID": "iot.example"}])
    assert session["bytes_up"] == 121
    assert session["duration_s"] == 4200
    assert session["end_cause"] == "normal"
    assert session["visited_plmn"] == "262-01"
    assert session["rat"] == "NB-IoT"
    assert (report.duplicates, report.stitched, report.open) == (1, 2, 0)


def test_a_bearer_closed_by_a_limit_goes_on():
    _, report = one([bearer(1, "2026-03-01 00:00:00", 1800, 100, 16)])
    assert report.open == 1


def test_local_times_of_summer_and_of_the_hour_shown_twice():
    rows = [
        bearer(None, "2026-07-01 12:00:00", 60, 1, 0, CHARGING_ID=1),
        bearer(None, "2025-10-26 02:30:00", 60, 1, 0, CHARGING_ID=2),
        bearer(None, "2026-03-29 02:30:00", 60, 1, 0, CHARGING_ID=3),
    ]
    loaded = load(table(rows), key=KEY, timezone="Europe/Berlin")
    assert loaded.sessions["start_ts"].to_list() == [
        datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
        datetime(2026, 7, 1, 10, tzinfo=UTC),
    ]
    # 02:30 was left out that day.
    assert loaded.report.put_aside["unreadable time"].count == 1
    assert any("twice" in note for note in loaded.report.notes)


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


def test_nested_usage_records():
    rows = [
        usage(2, "2026-05-01T10:15:00Z", "2026-05-01T10:20:00Z", 5),
        usage(1, "2026-05-01T12:00:00+02:00", "2026-05-01T12:15:00+02:00", 100),
        usage(2, "2026-05-01T10:15:00Z", "2026-05-01T10:20:00Z", 5),
    ]
    session, report = one(rows)
    assert report.schema == "1nce"
    assert session["bytes_up"] == 105
    assert session["duration_s"] == 1200
    assert session["cost"] == 1.0
    assert (session["visited_plmn"], session["tariff"], session["customer"]) == (
        "262-01",
        "2067",
        "1234",
    )
    assert report.duplicates == 1


def test_flat_usage_records_with_new_names_and_messages():
    row = {
        "id": "9",
        "ipcan_session_id": None,
        "sim_id": "4711",
        "start_timestamp": "2026-05-01T10:00:00Z",
        "end_timestamp": "2026-05-01T10:00:01Z",
        "endpoint_imei": "35000000000000",
        "operator_mnc": "01",
        "traffic_type_id": "6",
        "volume_tx": "1",
        "volume_rx": "0",
    }
    session, _ = one([row])
    assert (session["service"], session["sms_mo"], session["sms_mt"]) == ("sms", 1, 0)
    assert (session["bytes_up"], session["duration_s"]) == (0, 0)


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


def test_twilio():
    session, report = one([session_of_twilio()])
    assert session["cell"] == "310-410--12345"
    assert (session["cell_lat"], session["duration_s"], report.open) == (37.8, 3600, 1)
    assert "volumes are those that the source calls packets" in report.notes


def test_ultiroam(tmp_path):
    line = (
        "13-12-2012;14:17:48;3;SFR;192.0.2.1;{};4096;126641;147;8935299574110426123;;22002;"
        "52001;32334;WCDMA2100;270996211041234\n"
    )
    path = tmp_path / "log.csv"
    path.write_text(line.format(0) + line.format(30).replace("14:17", "15:17"))
    from fastrcf.files import Options
    from fastrcf.telecom.reading import pieces

    (piece,) = pieces(str(path), Options())
    loaded = load(piece.frame, key=KEY, timezone="Europe/Paris")
    first, second = loaded.sessions.to_dicts()
    assert first["start_ts"] == datetime(2012, 12, 13, 13, 17, 48, tzinfo=UTC)
    assert first["visited_plmn"] == "220-02"
    assert first["home_plmn"] == "270-99"
    assert first["cell"] == "220-02-52001-32334"
    assert (first["rat"], first["end_cause"], second["end_cause"]) == ("UMTS", "normal", "error")
    assert first["session_id"] != second["session_id"]
    # The port that the SIM is in stands for whose it is.
    assert first["customer"] == "3"


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
#: A value of each column that records may have.
OPTIONAL = {
    "device_id": "350000000000006", "sms_mo": 2, "sms_mt": 3, "apn": "a.example", "rat": "LTE",
    "visited_plmn": "208-10", "home_plmn": "310-410", "cell": "208-10-1-10", "cell_lat": 50.5,
    "cell_lon": 6.5, "end_cause": "error", "tariff": "t1", "cost": 0.25, "customer": "c1",
    "family": "meter", "firmware": "2.1",
}  # fmt: skip


def test_there_is_a_value_of_each_optional_column():
    assert set(OPTIONAL) == {c.name for c in COLUMNS if not c.required}
    assert set(LEAST) == set(SOURCES)


@pytest.mark.parametrize("column", OPTIONAL)
@pytest.mark.parametrize("source", SOURCES)
def test_every_column_of_the_record_can_be_named(source, column):
    code = {"radius": "9", "pgw": "4"}.get(source) if column == "end_cause" else None
    row = LEAST[source] | {"MY_COL": code or OPTIONAL[column]}
    session, _ = one([row], schema=source, columns={column: "MY_COL"})
    without, _ = one([LEAST[source]], schema=source)
    expected = OPTIONAL[column]
    if column == "device_id":
        expected = KeyedHash(KEY).digest(expected, "device")
    assert session[column] == expected
    assert without[column] != expected
    # Nothing else changed but what is made of it.
    assert {k for k in session if session[k] != without[k]} <= {column, "customer"}


@pytest.mark.parametrize("source", SOURCES)
def test_columns_that_were_joined_are_found_by_their_own_names(source):
    joined = {name: OPTIONAL[name] for name in ("family", "firmware", "cell_lat", "cell_lon")}
    session, report = one([LEAST[source] | joined])
    assert report.schema == source
    assert {name: session[name] for name in joined} == joined


def test_a_cell_alone_is_one_of_its_network():
    rows = [LEAST["pgw"] | {"mcc": "262", "mnc": "1", "cell": "4711"}]
    assert one(rows)[0]["cell"] == "262-01--4711"
    assert one([LEAST["pgw"] | {"cell": "4711"}])[0]["cell"] == "4711"


def test_what_is_no_known_end_is_unknown():
    assert one([LINE | {"end_cause": "tired"}])[0]["end_cause"] == "unknown"


def test_customers_of_radius_are_told_by_apn_or_nas():
    row = LEAST["radius"]
    nas = row | {"NAS-Identifier": "fleet-7"}
    session, report = one([nas])
    assert session["customer"] == "fleet-7"
    assert any("NAS-Identifier" in note for note in report.notes)
    # One of them for the whole table, the APN before the NAS.
    both = [nas | {"Called-Station-Id": "a.example"}, nas | {"Called-Station-Id": None}]
    both[1] |= {"Acct-Session-Id": "s2"}
    assert load(table(both), key=KEY).sessions["customer"].to_list() == ["a.example", None]
    session, report = one([both[0] | {"customer": "c1"}])
    assert session["customer"] == "c1"
    assert not any("customers" in note for note in report.notes)
    named, _ = one([both[0]], columns={"customer": "NAS-Identifier"})
    assert named["customer"] == "fleet-7"


def test_flat_usage_records_tell_that_their_country_is_no_mcc():
    row = {
        "id": "9", "sim_id": "4711", "start_timestamp": "2026-05-01T10:00:00Z",
        "end_timestamp": "2026-05-01T10:00:01Z", "operator_country_id": "74",
        "operator_mnc": "01", "volume_tx": "1", "volume_rx": "0",
    }  # fmt: skip
    session, report = one([row])
    assert session["visited_plmn"] is None
    assert any("operator_country_id" in note and "mcc=NAME" in note for note in report.notes)
    session, report = one([row | {"MY_MCC": "262"}], columns={"mcc": "MY_MCC"})
    assert (session["visited_plmn"], report.notes) == ("262-01", [])
    _, report = one([usage(1, "2026-05-01T10:00:00Z", "2026-05-01T10:01:00Z", 1)])
    assert report.notes == []


def canonical(**more):
    return {
        "session_id": "1",
        "sim_id": IMSI,
        "start_ts": "2026-05-01T10:00:00Z",
        "end_ts": "2026-05-01T10:01:00Z",
        "bytes_up": 1,
        "bytes_down": 2,
    } | more


def test_the_record_itself_is_loaded_as_it_is():
    first = load(table([canonical(rat="LTE", cost=0.5)]), key=KEY).sessions
    again = load(first, hash_identifiers=False).sessions
    assert first.equals(again)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sim_id": None}, "no SIM"),
        ({"sim_id": " "}, "no SIM"),
        ({"start_ts": "yesterday"}, "unreadable time"),
        ({"end_ts": "2026-05-01T09:59:59Z"}, "negative duration"),
        ({"end_ts": "2026-07-01T10:00:00Z"}, "longer than the window"),
        ({"bytes_up": -1}, "unreadable, negative or absurd bytes"),
        ({"bytes_down": 10**15}, "unreadable, negative or absurd bytes"),
        ({"start_ts": "1999-05-01T10:00:00Z"}, "clock in another unit?"),
        ({"end_ts": "2999-05-01T10:00:00Z"}, "clock in another unit?"),
    ],
)
def test_bad_records_are_put_aside(change, reason):
    rows = [canonical(session_id=str(i)) for i in range(3)]
    rows[1] |= change
    loaded = load(table(rows), key=KEY)
    assert loaded.sessions.height == 2
    assert list(loaded.report.put_aside) == [reason]
    assert loaded.report.put_aside[reason].rows == [("", 1)]
    assert loaded.put_aside["reason"].to_list() == [reason]
    assert reason in str(loaded.report)
    json.dumps(loaded.report.to_dict())


def test_a_column_in_milliseconds_is_recognised_and_said():
    rows = [
        canonical(session_id=str(i), start_ts=T0 * 1000 + i, end_ts=T0 * 1000 + 60_000)
        for i in range(3)
    ]
    # One row is in seconds: it is not guessed.
    rows[1] |= {"start_ts": T0, "end_ts": T0 + 60}
    loaded = load(table(rows), key=KEY)
    assert loaded.sessions["start_ts"][0] == datetime.fromtimestamp(T0, UTC)
    assert loaded.sessions.height == 2
    assert loaded.report.put_aside["clock in another unit?"].count == 1
    assert any("ms" in note for note in loaded.report.notes)


def test_a_unit_that_is_named_and_wrong_is_refused():
    rows = [canonical(start_ts=T0 * 1000, end_ts=T0 * 1000 + 5)]
    with pytest.raises(InvalidInputError, match="another unit"):
        load(table(rows), key=KEY, time_unit="s")


def test_numbers_that_are_no_times_are_refused():
    rows = [canonical(start_ts=5, end_ts=7)]
    with pytest.raises(InvalidInputError, match="no times"):
        load(table(rows), key=KEY)


def test_missing_columns_are_named_with_what_is_near():
    frame = table([canonical()]).rename({"bytes_up": "bytes_upp", "sim_id": "my_sim"})
    with pytest.raises(InvalidInputError, match=r"sim_id.*bytes_up.*nearest here: bytes_upp"):
        load(frame, key=KEY)
    given = {"sim_id": "MY_SIM", "bytes_up": "bytes_upp"}
    assert load(frame, key=KEY, columns=given).sessions.height == 1
    with pytest.raises(InvalidInputError, match="near: my_sim"):
        load(frame, key=KEY, columns={"sim_id": "my_simm"})
    with pytest.raises(InvalidInputError, match="has no 'sim_idd'"):
        load(frame, key=KEY, schema="canonical", columns={"sim_idd": "my_sim"})


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_told_by_their_columns_whatever_the_spelling(name):
    columns = [part.names[0].upper().replace("-", "_") for part in SOURCES[name].fields]
    assert recognise(list(dict.fromkeys(columns))).name == name


def test_wrong_parameters():
    frame = table([canonical()])
    for wrong in ({"schema": "x"}, {"timezone": "Mars/Base"}, {"max_duration": timedelta(0)}):
        with pytest.raises(InvalidParameterError):
            load(frame, key=KEY, **wrong)


def test_networks_keep_their_digits():
    frame = pl.DataFrame(
        {"mcc": ["262", "310", "310", "30", None], "mnc": ["1", "410", "4", "1", "1"]}
    )
    assert frame.select(plmn(pl.col("mcc"), pl.col("mnc"))).to_series().to_list() == [
        "262-01", "310-410", "310-004", None, None,
    ]  # fmt: skip
    imsis = pl.Series(["262011234567890", "310410123456789", "405051234567890", "12", None])
    homes = pl.select(home_plmn(pl.lit(imsis))).to_series().to_list()
    assert homes == ["262-01", "310-410", None, None, None]
    assert pl.select(home_plmn(pl.lit(imsis), {"405": 3})).to_series()[2] == "405-051"


@pytest.mark.parametrize(
    ("octets", "flags", "plmn_", "cell"),
    [
        ("0062f21000010002", False, "262-01", "262-01-1-2"),
        ("0162f21000010002", True, "262-01", "262-01-1-2"),
        ("1862f210000162f2100000000a", True, "262-01", "262-01-1-10"),
        ("81130014f0000102", False, "310-410", "310-410--258"),
        ("8262f210", False, None, None),
        ("zz", False, None, None),
        ("89000162f210000001", False, None, None),
    ],
)
def test_locations(octets, flags, plmn_, cell):
    assert location(octets, flags=flags) == (plmn_, cell)


def test_names_of_codes():
    words = ["6", "EUTRAN", "LTEB20", "WCDMA2100", "GSM900", "NB-IoT", "LTE-M", "CAT_M1", "5G", "?"]
    assert [rat(word) for word in words] == [
        "LTE", "LTE", "LTE", "UMTS", "GSM", "NB-IoT", "LTE-M", "LTE-M", "NR", "unknown",
    ]  # fmt: skip
    assert [terminate_cause(c) for c in ("1", "User-Request", "NAS-Error", "99")] == [
        "normal", "normal", "error", "unknown",
    ]  # fmt: skip
    assert [closing_cause(c) for c in ("0", "normalRelease", "4", "16", "?")] == [
        "normal", "normal", "error", None, "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T10:00:00Z", "2026-05-01 10:00:00", "2026-05-01T12:00:00+02:00",
        "2026-05-01T12:00:00.000+0200", "May  1 2026 10:00:00 UTC", "01-05-2026 10:00:00",
        "1777629600", "1777629600000", "20260501100000", "Fri May  1 10:00:00 2026",
    ],
)  # fmt: skip
def test_forms_of_times(text):
    assert Clock().read(pl.Series("t", [text]))[0] == datetime(2026, 5, 1, 10, tzinfo=UTC)
