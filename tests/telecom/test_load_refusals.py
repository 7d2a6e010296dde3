"""What does not fit: put aside with its reason, or refused with what is near."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.aliases import SOURCES, recognise
from fastrcf.telecom.loading import load
from tests.telecom.source_rows import KEY, T0, canonical, table


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
