"""Each source's records in their real form become sessions."""

from datetime import UTC, datetime

from fastrcf.telecom.loading import load
from tests.telecom.source_rows import (
    KEY,
    T0,
    bearer,
    counted,
    one,
    packet,
    session_of_twilio,
    table,
    usage,
)


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
