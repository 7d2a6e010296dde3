import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrcf
from fastrcf._fastrcf import slot_facts
from fastrcf.telecom import slot_logs
from fastrcf.telecom.catalogue import FEATURES, NAMES, OWN_NAMES
from fastrcf.telecom.feature import Values
from fastrcf.telecom.features import compute, session_features
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.timeline import Timeline, canonical
from fastrcf.telecom.windows import row_facts, sim_facts
from tests.telecom import naive
from tests.telecom.timelines import (
    AUTUMN,
    DAY,
    SECOND,
    START,
    adversarial,
    build,
    moved,
    one_sim,
    ordinary,
)

ORDER = ["sim_id", "start_ts", "session_id"]


def all_facts(records: pl.DataFrame, timezone: str = "UTC", rows: int = 1 << 30) -> pl.DataFrame:
    """The facts of records as the engine finds them."""
    table = PeerTable.fit(records, timezone=timezone)
    parts = []
    for chunk in Timeline(canonical(records)).chunks(rows):
        row = row_facts(timezone, chunk.records)
        found = table.lookup().facts(chunk.records, row["day"])
        parts.append(
            sim_facts(chunk, row).with_columns(pl.Series(name, v) for name, v in found.items())
        )
    return pl.concat(parts)


def check(records: pl.DataFrame, timezone: str = "UTC", rows: int = 1 << 30) -> None:
    """Hold facts and features to plain loops."""
    expected = naive.facts(records.rows(named=True), timezone)
    found = all_facts(records, timezone, rows)
    assert len(found) == len(expected)
    for name in expected[0]:
        wanted = pl.Series([fact[name] for fact in expected])
        same = found[name].to_numpy() == wanted.to_numpy()
        assert same.all(), (name, int(np.argmin(same)))
    features = session_features(records, timezone=timezone)
    for i in range(0, len(expected), max(1, len(expected) // 40)):
        values = Values(expected[i])
        for feature in FEATURES:
            assert np.float32(feature.value(values)) == features[feature.name][i], feature.name


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_facts_of_a_fleet_are_those_of_plain_loops(timezone):
    records = ordinary(n_sims=9, n=200, seed=4)
    check(records, timezone)
    check(records, timezone, rows=50)


@pytest.mark.parametrize("by", [0, AUTUMN - START], ids=["spring", "autumn"])
def test_facts_where_clocks_change_are_those_of_plain_loops(by):
    check(moved(adversarial(n_sims=12, seed=5), by), "Europe/Berlin")
    check(moved(ordinary(n_sims=6, n=150, seed=5), by), "Europe/Berlin", rows=50)


@st.composite
def timelines(draw, most: int = 40) -> pl.DataFrame:
    """Few SIMs with ties, gaps of all lengths, and values that come and go."""
    n = draw(st.integers(1, most))
    steps = st.sampled_from(
        [0, 0, 1, SECOND, 600 * SECOND, 3_600 * SECOND, 3_600 * SECOND - 1, DAY, DAY - 1, 7 * DAY]
    )
    start = START + np.cumsum(draw(st.lists(steps, min_size=n, max_size=n)))
    some = lambda *values: draw(st.lists(st.sampled_from(values), min_size=n, max_size=n))  # noqa: E731
    lasting = some(0, 0, 5 * SECOND, 900 * SECOND, 2 * DAY)
    order = draw(st.permutations(range(n)))
    return build(
        sim_id=some("a", "a", "b"),
        device_id=some("d", "e", None),
        start=start,
        lasting=lasting,
        service=some("data", "data", "sms", "voice"),
        bytes_up=some(0, 1, 1_000_000, 1 << 40),
        bytes_down=some(0, 7, 1_000_000),
        sms_mo=some(0, 1, None),
        apn=some("x", "y", None),
        rat=some("LTE", "GSM", None),
        visited_plmn=some("262-01", "262-02", "208-01", None),
        home_plmn=some("262-01", None),
        cell=some("c1", "c2", "c3", None),
        cell_lat=some(48.0, 49.5, None),
        cell_lon=some(2.0, 13.25, None),
        end_cause=some("normal", "error", None),
        customer=some("k", "k", None),
        family=some("meter", "tracker"),
    )[order]


# Every example calls a whole engine of features: few are enough for what always runs.
few = settings(max_examples=max(8, settings.default.max_examples // 3))


@few
@given(timelines(), st.sampled_from(["UTC", "America/New_York"]))
def test_facts_of_any_timeline_are_those_of_plain_loops(records, timezone):
    check(records, timezone)


@few
@given(timelines(), st.randoms())
def test_neither_order_nor_chunks_matter(records, random):
    order = list(range(len(records)))
    random.shuffle(order)
    whole = session_features(records)
    assert session_features(records[order]).equals(whole)
    table = PeerTable.fit(records)
    each = pl.concat(compute(canonical(records), "UTC", table, FEATURES, rows=1))
    assert each.equals(whole)
    parts = [session_features(part, peers=table) for _, part in records.group_by("sim_id")]
    assert pl.concat(parts).sort(ORDER).equals(whole.sort(ORDER))


@few
@given(timelines(), st.data())
def test_what_comes_later_changes_nothing(records, data):
    cut = data.draw(st.sampled_from(sorted(set(records["start_ts"]))))
    whole = session_features(records)
    # Peers know whole days, quarters and hours before a record's own: all before the cut's day.
    now = session_features(records.filter(pl.col("start_ts") <= cut))
    after = whole.filter(pl.col("start_ts") <= cut)
    assert now.equals(after)


def test_no_value_is_null_or_nan_and_names_are_unique():
    features = session_features(ordinary())
    assert len(set(NAMES)) == len(NAMES)
    assert features.columns[-len(NAMES) :] == list(NAMES)
    values = features.select(NAMES)
    assert set(values.dtypes) == {pl.Float32}
    assert np.isfinite(values.to_numpy()).all()


def test_a_choice_of_features_is_the_same_as_in_all():
    records = ordinary(n=500)
    whole = session_features(records)
    few = session_features(records, features=["speed_kmh", "log_bytes_up"])
    assert few.columns[-2:] == ["log_bytes_up", "speed_kmh"]
    assert few.equals(whole.select(few.columns))
    assert session_features(records, peers=None).equals(whole.select(*few.columns[:-2], *OWN_NAMES))


def test_a_sim_with_very_many_sessions():
    n = 200_000
    place = np.arange(n)
    records = one_sim(n, every=5)
    found = session_features(records)
    in_day, in_week = (np.minimum(place + 1, days * 17_280) for days in (1, 7))
    assert in_week[-1] < n
    for name, expected in {
        "sessions_1h": np.minimum(place + 1, 720),
        "sessions_24h": in_day,
        "sessions_7d": in_week,
        "log_bytes_24h": np.log1p(3.0 * in_day),
        "cells_24h": np.minimum(place + 1, 5),
        "gap_s": np.where(place > 0, 4.5, 0),
        "concurrency_24h": in_day * 0.5 / 86_400,
        "operator_log_sessions": np.log1p(np.where(place >= 720, 720, 0)),
    }.items():
        np.testing.assert_allclose(found[name].to_numpy(), expected, rtol=1e-6, err_msg=name)
    assert found["burstiness_7d"][-1] == -1


def test_windows_that_are_none_are_refused():
    logs = slot_logs.table(4)
    slots, first = np.array([3, 11, 3], np.int32), np.array([0, 0, 0])
    found, same = slot_facts(slots, first, logs)
    assert found.tolist() == [0.0, 0.0, 2 * math.log(2)]
    assert same.tolist() == [1, 1, 2]
    for wrong in (
        (slots + 1, first, logs),
        (slots, first + 1, logs),
        (slots, np.array([0, 1, 0]), logs),
        (slots, first[:2], logs),
        (slots, first, logs[:2]),
    ):
        with pytest.raises(ValueError, match=r"slot|window|ln n"):
            slot_facts(*wrong)


def test_one_session_alone_is_neutral():
    record = build(sim_id=["a"], start=[START], lasting=[60 * SECOND], bytes_up=[10])
    values = session_features(record).row(0, named=True)
    neutral = ("gap", "overlap", "_changed", "_new", "_ratio", "_z", "speed", "burst", "excess")
    for name in NAMES:
        if any(part in name for part in neutral):
            assert values[name] == 0, name
    assert values["sessions_7d"] == 1
    assert values["has_peers"] == 0


def test_a_session_is_held_against_the_sims_usual_ones():
    # Twelve that send 1,000 and get 500 in a minute at one hour; an empty one and a message,
    # which are no session to compare with; then one at another hour that sends 20 times as much.
    n = 12
    records = build(
        sim_id=["a"] * (n + 3),
        start=START + np.array([*range(n), 3.2, 3.3, 11.5]) * DAY // 12,
        lasting=np.array([60] * n + [0, 0, 240]) * SECOND,
        service=["data"] * (n + 1) + ["sms", "data"],
        bytes_up=[1_000] * n + [0, 0, 20_000],
        bytes_down=[500] * n + [0, 0, 100],
    ).sort("start_ts")
    found = session_features(records)
    last = found.row(-1, named=True)
    assert last["session_up_ratio"] == pytest.approx(np.log(20_001 / 1_001), abs=2e-3)
    assert last["session_down_ratio"] == pytest.approx(np.log(101 / 501), abs=2e-3)
    assert last["session_length_ratio"] == pytest.approx(np.log(4), abs=2e-3)
    way = last["session_up_ratio"] - last["session_down_ratio"]
    assert last["session_way_ratio"] == pytest.approx(way, abs=2e-3)
    # Of 14 records before it one was in these two hours.
    assert last["hour_surprise_7d"] == pytest.approx(np.log((14 + 12) / (1 + 1)))
    for name in ("session_up_ratio", "session_way_ratio"):
        # Too few to compare with, then alike; nothing for what has no bytes.
        assert not found[name][:-1].to_numpy().any()


def hours_of(found: pl.DataFrame) -> np.ndarray:
    """Hours of the clock on the wall that sine and cosine stand for."""
    return np.arctan2(found["hour_sin"], found["hour_cos"]) / (2 * np.pi) * 24 % 24


def test_clocks_that_go_forward():
    # Sunday 2026-03-29 01:00 UTC: 01:59:59 is followed by 03:00:00 in Berlin.
    change = START + 4 * DAY + 3_600 * SECOND
    records = build(sim_id=["a"] * 2, start=[change - SECOND, change])
    found = session_features(records, timezone="Europe/Berlin")
    np.testing.assert_allclose(hours_of(found), [2 - 1 / 3600, 3], atol=1e-5)
    assert found["is_weekend"].to_list() == [1, 1]
    assert found["gap_s"].to_list() == [0, 1]


def test_clocks_that_go_back():
    # Sunday 2026-10-25 01:00 UTC: 02:59:59 is followed by 02:00:00 in Berlin. The day has 25
    # hours: its last ends at 23:00 UTC.
    change = AUTUMN + 4 * DAY + 3_600 * SECOND
    after = np.array([-3_600, -1, 0, 3_600, 22 * 3_600 - 1, 22 * 3_600]) * SECOND
    records = build(sim_id=["a"] * len(after), start=change + after)
    found = session_features(records, timezone="Europe/Berlin")
    second = 1 / 3600
    hours = [2, 3 - second, 2, 3, 24 - second, 0]
    np.testing.assert_allclose(hours_of(found), hours, atol=1e-5)
    assert found["is_weekend"].to_list() == [1, 1, 1, 1, 1, 0]
    # Time that passes is counted, not what clocks show.
    assert found["gap_s"].to_list() == [0, 3_599, 1, 3_600, 75_599, 1]
    assert found["sessions_1h"].to_list() == [1, 2, 2, 1, 1, 2]
    assert found["sessions_24h"].to_list() == [1, 2, 3, 4, 5, 6]


def test_travel_that_no_device_can_make():
    # Paris to New York in an hour; two cells of one town in a second; unknown places.
    records = build(
        sim_id=["a"] * 4,
        start=START + np.array([0, 3_660, 3_661, 7_200]) * SECOND,
        lasting=np.array([60, 0, 0, 0]) * SECOND,
        cell_lat=[48.8566, 40.7128, 40.8, None],
        cell_lon=[2.3522, -74.0060, -74.1, -74.1],
    )
    found = session_features(records)
    assert found["distance_km"][1] == pytest.approx(5837, rel=1e-3)
    assert found["speed_kmh"][1] == pytest.approx(5787, rel=1e-3)
    assert found["speed_kmh"].to_list()[2:] == [0, 0]


def test_what_cannot_be_used_is_refused():
    records = ordinary(n=50)
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'start_ts'"):
        session_features(records.drop("start_ts"))
    gone = pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("sim_id").alias("sim_id")
    with pytest.raises(fastrcf.InvalidInputError, match="row 3: sim_id is null"):
        session_features(records.with_columns(gone))
    with pytest.raises(fastrcf.InvalidInputError, match="not as the schema has them"):
        session_features(records.with_columns(bytes_up=pl.lit("many")))
    with pytest.raises(fastrcf.InvalidParameterError, match="timezone: 'Mars' is none"):
        session_features(records, timezone="Mars")
    with pytest.raises(fastrcf.InvalidParameterError, match="'nothing' is no feature"):
        session_features(records, features=["nothing"])
    with pytest.raises(fastrcf.InvalidParameterError, match="'bytes_z' needs peers"):
        session_features(records, features=["bytes_z"], peers=None)
    with pytest.raises(fastrcf.InvalidParameterError, match="group: "):
        session_features(records, group=("cell",))
    assert len(session_features(records[:0])) == 0


def test_tables_of_peers_add_up_and_are_saved(tmp_path):
    records = ordinary(n_sims=20, n=900, seed=2)
    whole = PeerTable.fit(records, group="family")
    some = pl.col("sim_id").str.ends_with("3")
    parts = [PeerTable.fit(records.filter(where), group="family") for where in (some, ~some)]
    assert parts[0].merge(parts[1]).counts.equals(whole.counts)
    whole.save(tmp_path / "peers.parquet")
    loaded = PeerTable.load(tmp_path / "peers.parquet")
    assert loaded.counts.equals(whole.counts)
    assert loaded.group == ("family",)
    with pytest.raises(fastrcf.InvalidParameterError, match="cannot be added"):
        whole.merge(PeerTable.fit(records))
    (tmp_path / "x").write_bytes(b"nothing")
    with pytest.raises(fastrcf.InvalidInputError, match="no table of peers"):
        PeerTable.load(tmp_path / "x")
