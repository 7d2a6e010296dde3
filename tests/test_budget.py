"""The threshold of a stream: alerts keep their rate as scores drift."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf

RATE = 0.01
WINDOW = int(10 / RATE)


def drifting(kind, n, rng):
    """Rows of three columns whose level, spread or shape changes over time."""
    t = np.arange(n)[:, None] / n
    x = rng.normal(size=(n, 3))
    if kind == "wider":
        return x * (1 + t)
    if kind == "heavier":
        return np.where(rng.random((n, 1)) < 0.02 + 0.05 * t, 4.0, 1.0) * x
    if kind == "moving":
        return x + 3 * t
    if kind == "seasons":
        return x * (1 + 0.4 * np.sin(40 * t))
    return x


def detector(**options):
    rng = np.random.default_rng(5)
    made = fastrcf.Detector(alert_rate=RATE, n_trees=20, sample_size=64, random_state=1, **options)
    return made.fit(rng.normal(size=(3000, 3)))


@pytest.mark.parametrize("kind", ["still", "wider", "heavier", "moving", "seasons"])
def test_ten_alerts_asked_are_eight_to_twelve(kind, rng):
    stream = drifting(kind, 20_000, rng)
    found = detector().process(stream)
    alerts = np.concatenate([[0], np.cumsum(found.is_anomaly)])
    counts = alerts[WINDOW:] - alerts[:-WINDOW]
    assert np.mean((counts >= 8) & (counts <= 12)) > 0.98
    assert found.is_anomaly.mean() == pytest.approx(RATE, rel=0.1)
    # Alerts are rows that score high, not just rows whose turn it is.
    ranks = found.score.argsort().argsort() / len(stream)
    assert np.median(ranks[found.is_anomaly]) > 0.95


def test_a_threshold_that_stays_loses_the_rate(rng):
    stream = drifting("wider", 20_000, rng)
    fixed = detector(track_threshold=False)
    before = fixed.threshold
    found = fixed.process(stream)
    assert fixed.threshold == before
    np.testing.assert_array_equal(found.is_anomaly, found.score > before)
    assert found.is_anomaly[-5000:].mean() > 2 * RATE


def test_grades_are_half_at_the_threshold_of_the_moment(rng):
    stream = drifting("wider", 3000, rng)
    made = detector()
    found = made.process(stream)
    np.testing.assert_array_equal(found.is_anomaly, found.grade > 0.5)
    assert made.threshold != detector().threshold
    # Tables are judged by the threshold as it stands then.
    later = made.detect(stream)
    np.testing.assert_array_equal(later.is_anomaly, later.score > made.threshold)


def test_rows_blocks_and_a_model_file_in_between_give_the_same(rng):
    stream = drifting("heavier", 1500, rng)
    whole, rows = detector(), detector()
    expected = whole.process(stream)
    single = [rows.process(row) for row in stream[:300]]
    np.testing.assert_array_equal(
        np.concatenate([f.is_anomaly for f in single]), expected.is_anomaly[:300]
    )
    np.testing.assert_array_equal(np.concatenate([f.grade for f in single]), expected.grade[:300])
    again = fastrcf.loads(bytes(rows))
    rest = again.process(stream[300:])
    np.testing.assert_array_equal(rest.is_anomaly, expected.is_anomaly[300:])
    assert again.threshold == whole.threshold
    assert bytes(again) == bytes(whole)


@lru_cache
def fitted(score, tracks):
    """Rows of numbers and a category, of which a third of a stream's may be alerts."""
    rng = np.random.default_rng(5)
    rows = {"x": rng.normal(size=200), "y": rng.normal(size=200), "k": ["a", "b"] * 100}
    return bytes(
        fastrcf.Detector(
            score=score,
            categorical=["k"],
            track_threshold=tracks,
            alert_rate=0.3,
            n_trees=5,
            sample_size=16,
            random_state=1,
        ).fit(rows)
    )


ROW = st.tuples(
    st.sampled_from([0.0, 1.0, -40.0]) | st.floats(-3, 3),
    st.sampled_from([0.0, 1e6]) | st.floats(-3, 3),
    st.sampled_from(["a", "b", "new"]),
)


def processed(model, rows):
    x, y, k = zip(*rows, strict=True)
    found = model.process({"x": list(x), "y": list(y), "k": list(k)})
    return found.to_pylist()


@pytest.mark.parametrize("score", ["auto", "displacement"])
@pytest.mark.parametrize("tracks", [True, False])
@given(
    past=st.lists(ROW, min_size=1, max_size=60),
    futures=st.tuples(st.lists(ROW, max_size=60), st.lists(ROW, max_size=60)),
    blocks=st.lists(st.integers(1, 30), max_size=6),
)
def test_the_future_changes_nothing_and_blocks_are_rows(score, tracks, past, futures, blocks):
    """What is said of a row needs the rows up to it: score, grade, decision and reasons."""
    one, other = (
        processed(fastrcf.loads(fitted(score, tracks)), [*past, *future])[: len(past)]
        for future in futures
    )
    assert one == other
    model, parts, at = fastrcf.loads(fitted(score, tracks)), [], 0
    for n in [*blocks, len(past)]:
        if past[at : at + n]:
            parts += processed(model, past[at : at + n])
        at += n
    assert parts == one
    whole = fastrcf.loads(fitted(score, tracks))
    processed(whole, past)
    assert bytes(model) == bytes(whole)


def test_that_property_is_of_streams_with_alerts():
    rng = np.random.default_rng(2)
    rows = [(x, 1e6 if i % 9 == 8 else 0.0, "a") for i, x in enumerate(rng.normal(size=60))]
    for tracks in (True, False):
        found = processed(fastrcf.loads(fitted("auto", tracks)), rows)
        alerts = [row["is_anomaly"] for row in found]
        assert 3 < sum(alerts) < 57
        assert all(bool(row["reasons"]) == row["is_anomaly"] for row in found)


def test_another_rate_begins_anew(rng):
    made = detector()
    made.process(drifting("wider", 2000, rng))
    made.alert_rate = 0.05
    untouched = detector()
    untouched.alert_rate = 0.05
    assert made.threshold == untouched.threshold


def test_the_interval_of_the_rate_narrows_with_rows(rng):
    low, high = detector().alert_rate_interval
    assert 0 < low < RATE < high < 3 * RATE
    many = fastrcf.Detector(alert_rate=RATE, n_trees=5, random_state=1)
    narrow = many.fit(rng.normal(size=(30_000, 3))).alert_rate_interval
    assert low < narrow[0] < RATE < narrow[1] < high
    # Realised on fresh rows, with the error of the fresh rows on top.
    share = many.detect(rng.normal(size=(30_000, 3))).is_anomaly.mean()
    assert narrow[0] * 0.8 < share < narrow[1] * 1.25


def test_confidence_grows_with_the_rows_behind_the_threshold(rng):
    made = fastrcf.Detector(alert_rate=RATE, n_trees=5, random_state=1).fit(
        rng.normal(size=(50, 3))
    )
    assert made.confidence == pytest.approx(0.05)
    made.process(rng.normal(size=(450, 3)))
    assert made.confidence == pytest.approx(0.5)
    assert detector().confidence == 1
