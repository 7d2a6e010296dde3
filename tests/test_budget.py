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
    if kind == "back":
        # All scores fall at once, and rise again.
        return np.where((t > 0.4) & (t < 0.7), 1.0, 3.0) * x
    if kind == "seasons":
        return x * (1 + 0.4 * np.sin(40 * t))
    return x


def detector(**options):
    rng = np.random.default_rng(5)
    made = fastrcf.Detector(alert_rate=RATE, n_trees=20, sample_size=64, random_state=1, **options)
    return made.fit(rng.normal(size=(3000, 3)))


def counts(alerts, window):
    """Alerts of every window of so many rows, of all that lie within the stream."""
    taken = np.concatenate([[0], np.cumsum(alerts)])
    return taken[window:] - taken[:-window]


@pytest.mark.parametrize("kind", ["still", "wider", "heavier", "moving", "seasons", "back"])
@pytest.mark.parametrize(("rate", "n"), [(0.05, 8000), (RATE, 20_000), (0.001, 40_000)])
def test_any_ten_alerts_asked_are_eight_to_twelve(kind, rate, n, rng):
    stream = drifting(kind, n, rng)
    made = detector()
    made.alert_rate = rate
    found = made.process(stream)
    held = counts(found.is_anomaly, int(10 / rate))
    assert held.min() >= 8
    assert held.max() <= 12
    assert found.is_anomaly.mean() == pytest.approx(rate, rel=0.15)
    if kind in {"still", "heavier"}:
        # Alerts are rows that score high, not just rows whose turn it is.
        ranks = found.score.argsort().argsort() / len(stream)
        assert np.median(ranks[found.is_anomaly]) > 1 - 2 * rate


def test_a_burst_gets_what_is_left_of_twelve_and_grades_tell_the_rest(rng):
    stream = drifting("still", 6000, rng)
    burst = slice(4000, 4060)
    stream[burst] += rng.normal(size=(60, 3)) * 2 + 30
    found = detector().process(stream)
    assert counts(found.is_anomaly, WINDOW).max() <= 12
    assert 1 <= found.is_anomaly[burst].sum() <= 6
    # What was refused is odd all the same, and had twelve alerts before it.
    refused = np.flatnonzero((found.grade > 0.5) & ~found.is_anomaly)
    for row in refused[refused >= WINDOW]:
        assert found.is_anomaly[row - WINDOW + 1 : row].sum() == 12


@pytest.mark.parametrize("values", [1, 3])
def test_rows_that_are_the_same_are_never_more_than_twelve(values, rng):
    stream = rng.integers(0, values, size=(6000, 3)).astype(float)
    found = detector().process(stream)
    assert counts(found.is_anomaly, WINDOW).max() <= 12


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
    # But for rows that twelve alerts were before.
    assert (found.grade[found.is_anomaly] > 0.5).all()
    for row in np.flatnonzero((found.grade > 0.5) & ~found.is_anomaly):
        assert found.is_anomaly[max(0, row - WINDOW + 1) : row].sum() >= min(12, row * RATE)
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


def timed(n, rng, **options):
    """Give a detector of so many rows, half an hour apart."""
    table = {"time": np.arange(n) * 1800.0, "x": rng.normal(size=n), "y": rng.normal(size=n)}
    options = {"time_column": "time", "n_trees": 5, "random_state": 1, **options}
    return fastrcf.Detector(**options).fit(table)


def test_alerts_a_day_are_known_with_their_error_and_kept(rng, tmp_path):
    made = timed(4801, rng, alerts_per_day=0.48)
    assert made.rows_per_day == pytest.approx(48.01)
    assert made.alerts_per_day == pytest.approx(0.48)
    low, high = made.alerts_per_day_interval
    assert (low, high) == tuple(48.01 * x for x in made.alert_rate_interval)
    assert low < 0.48 < high
    made.save(tmp_path / "m.rcf")
    again = fastrcf.load(tmp_path / "m.rcf")
    assert again.alerts_per_day == made.alerts_per_day
    assert bytes(again) == bytes(made)
    # Twice the rows are twice the alerts: it is a share.
    again.rows_per_day *= 2
    assert again.alerts_per_day == pytest.approx(0.96)
    assert (again.alert_rate, again.threshold) == (made.alert_rate, made.threshold)
    again.alert_rate *= 3
    assert again.alerts_per_day == pytest.approx(3 * 0.96)


def test_alerts_a_day_without_times_are_not_known():
    made = detector()
    assert (made.rows_per_day, made.alerts_per_day, made.alerts_per_day_interval) == (None,) * 3
    made.rows_per_day = 1000
    assert made.alerts_per_day == 1000 * RATE
    with pytest.raises(fastrcf.InvalidParameterError, match="rows_per_day: 0 is not above 0"):
        made.rows_per_day = 0


def test_more_alerts_than_half_of_the_rows_are_refused(rng):
    with pytest.raises(fastrcf.InvalidParameterError, match=r"alerts_per_day: 30 .* 48\.1"):
        timed(480, rng, alerts_per_day=30)
