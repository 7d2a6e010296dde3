"""Columns that a source has no name for: named by the user, joined, or told to lack."""

import pytest

from fastrcf.telecom.aliases import SOURCES
from fastrcf.telecom.identifiers import KeyedHash
from fastrcf.telecom.loading import load
from fastrcf.telecom.schema import COLUMNS
from tests.telecom.source_rows import KEY, LEAST, LINE, one, table, usage

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
