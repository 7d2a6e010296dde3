"""What has to hold for any records: order, parts, hashes."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.identifiers import KeyedHash, create_key, normal_sim
from fastrcf.telecom.loading import load

KEY = KeyedHash("a key that is only for these tests, long enough")
T0 = 1_790_000_000

sessions = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 3),
        st.lists(
            st.tuples(st.integers(1, 900), st.integers(0, 2**31), st.integers(0, 2**31)),
            min_size=1,
            max_size=5,
        ),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda s: s[:2],
)


def parts_of(made):
    """Write each session as partial records, each with a number."""
    return [
        {
            "chargingID": f"c{sim}{number}",
            "servedIMSI": f"26201000000000{sim}",
            "sequence_number": i,
            "START_TIME": T0 + sum(p[0] for p in parts[:i]),
            "STOP_TIME": T0 + sum(p[0] for p in parts[: i + 1]),
            "UPLINK_BYTES": up,
            "DOWNLINK_BYTES": down,
            "causeForRecClosing": 0 if i == len(parts) - 1 else 17,
        }
        for sim, number, parts in made
        for i, (_, up, down) in enumerate(parts)
    ]


@settings(max_examples=max(15, settings.default.max_examples // 2))
@given(sessions, st.randoms())
def test_parts_in_any_order_and_repeated_give_the_sessions(made, random):
    rows = parts_of(made)
    again = [row for row in rows if random.random() < 0.3]
    mixed = [*rows, *again]
    random.shuffle(mixed)
    loaded = load(pl.DataFrame(mixed), key=KEY)
    assert loaded.report.duplicates == len(again)
    assert loaded.report.kept == len(made)
    found = {
        row["session_id"]: (row["duration_s"], row["bytes_up"], row["bytes_down"], row["end_cause"])
        for row in loaded.sessions.to_dicts()
    }
    assert found == {
        f"c{sim}{number}": (
            sum(p[0] for p in parts),
            sum(p[1] for p in parts),
            sum(p[2] for p in parts),
            "normal",
        )
        for sim, number, parts in made
    }
    assert loaded.sessions.equals(load(pl.DataFrame(rows), key=KEY).sessions)


@settings(max_examples=max(15, settings.default.max_examples // 2))
@given(
    st.lists(st.tuples(st.integers(1, 900), st.integers(0, 2**32 - 1)), min_size=1, max_size=8),
    st.booleans(),
    st.randoms(),
)
def test_counters_of_32_bits_give_the_volume(steps, gigawords, random):
    rows, at, total = [], 0, 0
    for i, (seconds, volume) in enumerate(steps):
        at, total = at + seconds, total + volume
        row = {
            "Acct-Session-Id": "s",
            "Acct-Status-Type": "Stop" if i == len(steps) - 1 else "Interim-Update",
            "3GPP-IMSI": "262010000000001",
            "Event-Timestamp": T0 + at,
            "Acct-Session-Time": at,
            "Acct-Input-Octets": total % 2**32,
            "Acct-Output-Octets": 0,
        }
        if gigawords:
            row |= {"Acct-Input-Gigawords": total // 2**32, "Acct-Output-Gigawords": 0}
        rows.append(row)
    random.shuffle(rows)
    (session,) = load(pl.DataFrame(rows), key=KEY).sessions.to_dicts()
    # Without gigawords the turns before the first record cannot be seen.
    first = steps[0][1]
    assert session["bytes_up"] == (total if gigawords or first < 2**32 else total % 2**32)
    assert session["duration_s"] == at
    assert session["start_ts"] == datetime.fromtimestamp(T0, UTC)


def luhn(digits):
    for check in "0123456789":
        whole = digits + check
        total = sum(map(int, whole[-1::-2]))
        total += sum(sum(map(int, str(2 * int(d)))) for d in whole[-2::-2])
        if total % 10 == 0:
            return check
    raise AssertionError


digits = st.text("0123456789", min_size=16, max_size=17)


@given(digits)
def test_a_sim_has_one_hash_with_and_without_check_digit_and_filling(tail):
    bare = "89" + tail
    whole = bare + luhn(bare)
    forms = {bare, whole, whole + "F", f" {whole[:6]} {whole[6:]} ", bare + "f"}
    assert len({KEY.digest(form, "sim") for form in forms}) == 1
    assert normal_sim(bare) in (bare, bare[:-1])


@given(st.text("0123456789", min_size=14, max_size=14), st.text("0123456789", max_size=2))
def test_a_device_has_one_hash_whatever_follows_its_14_digits(body, tail):
    assert KEY.digest(body, "device") == KEY.digest(body + tail, "device")
    assert len(KEY.digest(body, "device")) == 32


def test_hashes_differ_by_key_kind_and_value():
    other = KeyedHash("another key that is only for these tests")
    values = {
        KEY.digest("262010000000001", "sim"),
        KEY.digest("262010000000002", "sim"),
        KEY.digest("262010000000001", "person"),
        other.digest("262010000000001", "sim"),
    }
    assert len(values) == 4
    assert all(set(value) <= set("0123456789abcdef") for value in values)
    assert KEY.digest("+49 151 1", "person") == KEY.digest("0049151-1", "person")


def test_keys(tmp_path, monkeypatch):
    import pickle

    path = tmp_path / "key"
    create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text().strip()
    key = KeyedHash.from_file(path)
    assert text not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(FileExistsError):
        create_key(path)
    path.chmod(0o644)
    with pytest.raises(InvalidInputError, match="others can read"):
        KeyedHash.from_file(path)
    monkeypatch.delenv("FASTRCF_IDENTIFIER_KEY", raising=False)
    with pytest.raises(InvalidParameterError, match="sessions key"):
        KeyedHash.from_environment()
    monkeypatch.setenv("FASTRCF_IDENTIFIER_KEY", text)
    assert KeyedHash.from_environment().digest("1", "sim") == key.digest("1", "sim")
    with pytest.raises(InvalidParameterError, match="at least 32"):
        KeyedHash("short")


def test_a_session_named_after_its_sim_is_renamed():
    sim = "262010000000001"
    row = {
        "session_id": f"x-{sim}",
        "sim_id": sim,
        "start_ts": datetime(2026, 5, 1, tzinfo=UTC),
        "end_ts": datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=1),
        "bytes_up": 1,
        "bytes_down": 1,
    }
    assert sim not in load(pl.DataFrame([row]), key=KEY).sessions["session_id"][0]
