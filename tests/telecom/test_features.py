import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf.telecom.catalogue import FEATURES, NAMES, OWN_NAMES
from fastrcf.telecom.feature import Values
from fastrcf.telecom.features import compute, session_features
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.timeline import Timeline, canonical
from fastrcf.telecom.windows import row_facts, sim_facts
from tests.telecom import naive
from tests.telecom.timelines import DAY, SECOND, START, build, ordinary

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
    records = ordinary(n_sims=9, n=300, seed=4)
    check(records, timezone)
    check(records, timezone, rows=50)


@st.composite
def timelines(draw) -> pl.DataFrame:
    """Few SIMs with ties, gaps of all lengths, and values that come and go."""
    n = draw(st.integers(1, 40))
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


@settings(max_examples=60, deadline=None)
@given(timelines(), st.sampled_from(["UTC", "America/New_York"]))
def test_facts_of_any_timeline_are_those_of_plain_loops(records, timezone):
    check(records, timezone)


@settings(max_examples=40, deadline=None)
@given(timelines(), st.randoms())
def test_neither_order_nor_chunks_matter(records, random):
    order = list(range(len(records)))
    random.shuffle(order)
    whole = session_features(records)
    assert session_features(records[order]).equals(whole)
    table = PeerTable.fit(records)
    few = pl.concat(compute(canonical(records), "UTC", table, FEATURES, rows=1))
    assert few.equals(whole)
    parts = [session_features(part, peers=table) for _, part in records.group_by("sim_id")]
    assert pl.concat(parts).sort(ORDER).equals(whole.sort(ORDER))


@settings(max_examples=40, deadline=None)
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
