import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrcf
from fastrcf.telecom.catalogue import NAMES
from fastrcf.telecom.features import session_features
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.stream import FeatureStream
from tests.telecom.test_features import timelines
from tests.telecom.timelines import DAY, START, ordinary

KEY = ["start_ts", "end_ts", "session_id"]


def pushed(stream: FeatureStream, records: pl.DataFrame) -> pl.DataFrame:
    """Features of records as they come."""
    rows = [
        {"session_id": row["session_id"], **stream.push(row)}
        for row in records.iter_rows(named=True)
    ]
    return pl.DataFrame(
        rows, schema={"session_id": pl.String} | dict.fromkeys(stream.names, pl.Float32)
    )


def same(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    expected = expected.select(found.columns).sort("session_id")
    found = found.sort("session_id")
    assert found["session_id"].equals(expected["session_id"])
    for name in found.columns[1:]:
        equal = found[name].to_numpy() == expected[name].to_numpy()
        assert equal.all(), (name, found[name][int(np.argmin(equal))])


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
def test_the_stream_gives_what_tables_give(timezone):
    records = ordinary(n_sims=30, n=1_500, days=20, seed=3).sort(KEY)
    stream = FeatureStream(timezone=timezone)
    found = pushed(stream, records[:700])
    # It goes on from where it was.
    stream = pickle.loads(pickle.dumps(stream))
    found = pl.concat([found, pushed(stream, records[700:])])
    assert stream.names == NAMES
    same(found, session_features(records, timezone=timezone))
    assert stream.n_records < 1_300


@settings(max_examples=max(8, settings.default.max_examples // 3))
@given(timelines())
def test_any_timeline_pushed_is_the_same_as_a_table(records):
    same(pushed(FeatureStream(late_days=0), records.sort(KEY)), session_features(records))


def test_a_given_table_is_looked_up_and_not_changed():
    records = ordinary(n_sims=20, n=800, seed=5).sort(KEY)
    table = PeerTable.fit(ordinary(n_sims=60, n=4_000, seed=6))
    stream = FeatureStream(peers=table, learn=False)
    same(pushed(stream, records), session_features(records, peers=table))


# Every record of an example is a table of its own.
@settings(max_examples=max(4, settings.default.max_examples // 6))
@given(timelines(most=24), st.randoms())
def test_a_late_record_sees_what_is_before_it(records, random):
    records = records.sort(KEY)
    rows = list(range(len(records)))
    random.shuffle(rows)
    stream = FeatureStream(peers=None, late_days=365)
    came: list[int] = []
    for row in rows:
        came.append(row)
        found = stream.push(records.row(row, named=True))
        known = records[sorted(came)]
        table = session_features(known, peers=None)
        expected = table.filter(pl.col("session_id") == records["session_id"][row])
        for name, value in found.items():
            assert value == expected[name][0], name


def test_what_is_too_late_is_refused_and_changes_nothing():
    rows = ordinary(n_sims=1, n=400, days=30).sort(KEY)
    stream = FeatureStream(peers=None)
    pushed(stream, rows)
    kept = stream.n_records
    with pytest.raises(fastrcf.InvalidInputError, match="later than"):
        stream.push(rows.row(0, named=True))
    assert stream.n_records == kept
    with pytest.raises(fastrcf.InvalidInputError, match="has no sim_id"):
        stream.push({"session_id": "a"})


def test_records_of_a_sim_are_bounded():
    rows = ordinary(n_sims=1, n=600, days=2).sort(KEY)
    stream = FeatureStream(peers=None, most_records=100)
    found = pushed(stream, rows)
    assert stream.n_records <= 100
    assert found["sessions_7d"].max() == 101
    from datetime import UTC, datetime

    after = datetime.fromtimestamp((START + 40 * DAY) / 1e6, UTC)
    assert stream.forget(after) == 1
    assert stream.n_records == 0
