"""What the detector of series promises: the recipe, no look-ahead, blocks like rows."""

import math
import pickle
import warnings
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf
from tests.series import reference

SMALL = {"n_trees": 10, "sample_size": 64, "random_state": 3}


def daily(n=1500, seed=0, step=1800.0):
    """A daily pattern with noise; times in seconds."""
    seconds = 1.4e9 + step * np.arange(n)
    noise = np.random.default_rng(seed).normal(size=n)
    return seconds, 100 * np.sin(2 * np.pi * seconds / reference.DAY) + 5 * noise + 1000


def same(one, other):
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.grade, other.grade)
    np.testing.assert_array_equal(one.is_anomaly, other.is_anomaly)
    assert one.reasons == other.reasons


def joined(parts):
    return fastrcf.Detection(
        np.concatenate([p.score for p in parts]),
        np.concatenate([p.grade for p in parts]),
        np.concatenate([p.is_anomaly for p in parts]),
        [row for p in parts for row in p.reasons],
    )


@pytest.mark.parametrize("timed", [True, False])
def test_the_recipe_is_that_of_the_naive_reference(timed):
    seconds, x = daily()
    x[[700, 1100, 1103]] += [400, 300, 500]
    detector = fastrcf.SeriesDetector(time_column="x0" if timed else None, **SMALL)
    found = detector.process(np.column_stack((seconds, x)) if timed else x)
    rows = reference.features(x, seconds if timed else None)
    q = reference.novelties(rows, 10, 64, 1e-4, 3, 32)
    np.testing.assert_allclose(found.score, reference.scores(q), rtol=1e-4, atol=1e-7)
    assert np.isnan(found.score[:32]).all()
    assert not found.is_anomaly[:32].any()
    assert found.is_anomaly[[700, 1100, 1103]].all()
    np.testing.assert_array_equal(
        found.is_anomaly, np.nan_to_num(found.score) >= detector.threshold
    )


def test_without_episodes_and_habituation_the_score_is_the_novelty():
    x = daily()[1]
    q = reference.novelties(reference.features(x), 10, 64, 1e-4, 3, 32)
    plain = fastrcf.SeriesDetector(episode=None, **SMALL)
    assert plain.threshold == 0.3
    np.testing.assert_allclose(plain.process(x).score, q, rtol=1e-4)
    episodes = fastrcf.SeriesDetector(episode=30, habituation=None, **SMALL)
    expected = reference.scores(q, episode=30, exponent=0.0)
    np.testing.assert_allclose(episodes.process(x).score, expected, rtol=1e-4)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 5.0, -300.0, math.nan]) | st.floats(-10, 10), max_size=160),
    st.integers(0, 160),
    st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=60),
    st.lists(st.integers(1, 200), max_size=5),
)
def test_the_future_changes_nothing_and_blocks_are_rows(past, cut, future, blocks):
    """The decision of a row needs the rows up to it, however they come."""

    def made():
        return fastrcf.SeriesDetector(n_trees=5, sample_size=16, warm_up=4, random_state=1)

    whole = made().process(np.array(past, dtype=float))
    cut = min(cut, len(past))
    other = made().process(np.array([*past[:cut], *future], dtype=float))
    np.testing.assert_array_equal(whole.score[:cut], other.score[:cut])
    assert whole.reasons[:cut] == other.reasons[:cut]
    detector, parts, at = made(), [], 0
    for n in [*blocks, len(past)]:
        part = past[at : at + n]
        at += len(part)
        if part:
            parts.append(detector.process(np.array(part)))
    if parts:
        same(joined(parts), whole)


def test_large_blocks_with_alerts_equal_single_rows():
    seconds, x = daily(2600, step=600.0)
    x[[300, 1023, 1024, 1025, 2000]] += [900, 700, -900, 1500, 3000]
    x[500:510] = np.nan
    rows = np.column_stack((seconds, x))
    whole = fastrcf.SeriesDetector(time_column="x0", **SMALL)
    found = whole.process(rows)
    assert found.is_anomaly.sum() > 4
    assert whole.n_missing == 10
    single = fastrcf.SeriesDetector(time_column="x0", n_threads=1, **SMALL)
    same(found, joined([single.process(row[None]) for row in rows]))
    assert bytes(single) == bytes(whole)


@pytest.mark.parametrize("cut", [0, 1, 20, 31, 32, 33, 700])
def test_saved_in_the_middle_it_goes_on_as_if_not(cut, tmp_path):
    seconds, x = daily(1200)
    x[900] = 5000
    rows = {"t": seconds, "x": x, "more": x[::-1]}
    for columns in (["x"], ["x", "more"]):
        detector = fastrcf.SeriesDetector(columns, time_column="t", **SMALL)
        detector.process({k: v[:cut] for k, v in rows.items()})
        detector.notes = {"from": "a test"}
        detector.save(tmp_path / "s.rcf")
        loaded = fastrcf.load(tmp_path / "s.rcf")
        assert isinstance(loaded, fastrcf.SeriesDetector)
        pickled = pickle.loads(pickle.dumps(detector))
        assert dict(loaded.notes) == {"from": "a test"}
        assert bytes(loaded) == bytes(pickled) == bytes(detector)
        rest = {k: v[cut:] for k, v in rows.items()}
        expected = detector.process(rest)
        assert expected["is_anomaly"].to_pylist()[900 - cut]
        for other in (loaded, pickled):
            # Polars takes NaN for equal to itself.
            assert pl.from_arrow(other.process(rest)).equals(pl.from_arrow(expected))
        assert bytes(loaded) == bytes(detector)


def test_several_columns_are_taken_in_their_own_units():
    _, x = daily()
    y = 1e-6 * np.random.default_rng(2).normal(size=len(x))
    y[1000] = 1e-4
    x[1200] = 3000
    found = fastrcf.SeriesDetector(**SMALL).process({"large": x, "small": y})
    alerts = found["is_anomaly"].to_pylist()
    assert alerts[1000]
    assert alerts[1200]
    assert found["reasons"][1000][0]["column"].as_py() == "small"
    assert found["reasons"][1200][0]["column"].as_py() == "large"


def test_many_series_are_each_as_if_alone(tmp_path):
    rng = np.random.default_rng(5)
    keys = rng.choice(["a", "b", "c"], size=900, p=[0.6, 0.3, 0.1])
    seconds, x = daily(900)
    x[rng.integers(0, 900, 8)] += 700
    table = pl.DataFrame({"t": seconds, "k": keys, "x": x})
    detector = fastrcf.SeriesDetector(time_column="t", key_column="k", **SMALL)
    found = detector.process(table)
    for key in "abc":
        alone = fastrcf.SeriesDetector(["x"], time_column="t", **SMALL)
        expected = alone.process(table.filter(pl.col("k") == key))
        assert found.filter(pl.Series(keys == key)).equals(expected)
    assert detector.series() == ["a", "b", "c"]
    assert (detector.n_series, detector.n_dropped, detector.n_seen) == (3, 0, 900)
    again = fastrcf.SeriesDetector(time_column="t", key_column="k", **SMALL)
    parts = [again.process(table[i : i + 7]) for i in range(0, 900, 7)]
    assert pl.concat(parts).equals(found)
    detector.save(tmp_path / "set.rcf")
    loaded = fastrcf.load(tmp_path / "set.rcf")
    assert loaded.key_column == "k"
    assert loaded.series() == ["a", "b", "c"]
    assert loaded.process(table).equals(detector.process(table))
    assert bytes(loaded) == bytes(detector) == bytes(pickle.loads(pickle.dumps(detector)))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(1, 5), st.integers(1, 80))
def test_the_series_seen_least_recently_makes_room(keys, most, block):
    """Whatever the blocks, as if rows came one by one; and it is said."""

    def made():
        return fastrcf.SeriesDetector(
            ["x1"],
            key_column="x0",
            max_series=most,
            n_trees=2,
            sample_size=4,
            warm_up=2,
            random_state=0,
        )

    rows = np.column_stack((keys, np.sin(np.arange(len(keys)))))
    live, dropped = [], 0
    for key in map(str, keys):
        if key in live:
            live.remove(key)
        elif len(live) == most:
            live.pop(0)
            dropped += 1
        live.append(key)
    blocks, single = made(), made()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = joined([blocks.process(rows[i : i + block]) for i in range(0, len(keys), block)])
        assert bool(caught) == bool(dropped)
        same(found, joined([single.process(row[None]) for row in rows]))
    assert (blocks.series(), blocks.n_dropped) == (sorted(live), dropped)
    assert bytes(blocks) == bytes(single)


def test_gaps_and_clocks_that_stand_or_go_back_are_counted():
    seconds, x = daily(400)
    seconds[100:] += 30 * reference.DAY
    seconds[200:210] = seconds[200]
    seconds[300:] -= 3600
    detector = fastrcf.SeriesDetector(time_column="x0", **SMALL)
    found = detector.process(np.column_stack((seconds, x)))
    assert np.isfinite(found.score[32:]).all()
    assert (detector.n_repeated, detector.n_backward) == (9, 1)
    stuck = fastrcf.SeriesDetector(time_column="x0", **SMALL)
    found = stuck.process(np.column_stack((np.zeros(400), x)))
    assert np.isfinite(found.score[32:]).all()
    assert stuck.n_repeated == 399


def test_a_constant_series_is_usual_and_a_jump_is_not():
    x = np.full(600, 0.1)
    x[500] = 0.2
    found = fastrcf.SeriesDetector(random_state=1).process(x)
    assert found.score[32] > 0
    assert not found.is_anomaly[:500].any()
    assert found.is_anomaly[500]
    constants = {"a": np.zeros(300), "b": np.full(300, 7.0)}
    found = fastrcf.SeriesDetector(["a", "b"], **SMALL).process(constants)
    assert not any(found["is_anomaly"].to_pylist())


def test_missing_values_are_neither_scored_nor_learnt():
    x = daily(600)[1]
    with_gaps = np.insert(x, [0, 10, 40, 300, 300], np.nan)
    whole, gaps = (fastrcf.SeriesDetector(**SMALL) for _ in range(2))
    expected = whole.process(x)
    found = gaps.process(with_gaps)
    known = ~np.isnan(with_gaps)
    np.testing.assert_array_equal(found.score[known], expected.score)
    assert np.isnan(found.score[~known]).all()
    assert not found.grade[~known].any()
    assert (gaps.n_seen, gaps.n_missing) == (605, 5)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 40])
def test_tiny_series(n):
    found = fastrcf.SeriesDetector(**SMALL).process(np.arange(float(n)))
    assert len(found) == n
    assert np.isnan(found.score[:32]).all()


def test_grades_are_half_at_the_threshold():
    detector = fastrcf.SeriesDetector(threshold=0.2, **SMALL)
    x = daily()[1]
    x[1200] = 1e4
    found = detector.process(x)
    scored = ~np.isnan(found.score)
    np.testing.assert_allclose(
        found.grade[scored], found.score[scored] / (found.score[scored] + 0.2)
    )
    np.testing.assert_array_equal(found.is_anomaly, found.grade >= 0.5)
    detector.threshold = 5.0
    x[1200] = -1e5
    assert not detector.process(x).is_anomaly.any()
    assert detector.threshold == 5.0


def test_reasons_name_the_hour_and_what_is_usual_then():
    seconds, x = daily(1500)
    at = 1440
    x[at] += 900
    detector = fastrcf.SeriesDetector(time_column="x0", **SMALL)
    reasons = detector.process(np.column_stack((seconds, x))).reasons[at]
    hour = int(seconds[at] % reference.DAY // 3600)
    texts = [reason.text for reason in reasons]
    assert any(f"for {hour:02}:00 to {hour + 1:02}:00; usual for" in text for text in texts)
    assert any("last 48 rows" in text for text in texts)
    assert all(text.startswith(f"x1 = {x[at]:.0f}: ") for text in texts)
    assert reasons[0].value == x[at]
    assert sum(reason.share for reason in reasons) <= 1 + 1e-12
    assert [r.share for r in reasons] == sorted((r.share for r in reasons), reverse=True)


def test_a_period_of_ones_own_and_none():
    n = 2000
    seconds = 60.0 * np.arange(n)
    x = np.where(seconds % 3600 < 1800, 0.0, 100.0) + np.random.default_rng(1).normal(size=n)
    x[1800] = 100 - x[1800]
    rows = np.column_stack((seconds, x))
    found = fastrcf.SeriesDetector(time_column="x0", period=3600, **SMALL).process(rows)
    assert found.is_anomaly[1800]
    assert any("minutes into the period" in r.text for r in found.reasons[1800])
    none = fastrcf.SeriesDetector(time_column="x0", period=None, **SMALL).process(rows)
    untimed = fastrcf.SeriesDetector(**SMALL).process(x)
    np.testing.assert_array_equal(none.score, untimed.score)


def test_tables_of_every_kind_are_taken():
    seconds, x = daily(400)
    x[350] = 9e3
    moments = [datetime(1970, 1, 1) + timedelta(seconds=s) for s in seconds]
    frame = pd.DataFrame({"when": moments, "x": x}, index=np.arange(400) + 7)

    def made():
        return fastrcf.SeriesDetector(["x"], time_column="when", **SMALL)

    expected = made().process(frame)
    assert list(expected.index) == list(frame.index)
    assert expected["is_anomaly"][357]
    arrow = made().process(frame.reset_index(drop=True).to_dict("list"))
    polars = made().process(pl.from_pandas(frame))
    numbers = made().process(frame.assign(when=seconds))
    for found in (arrow["score"].to_numpy(), polars["score"].to_numpy(), numbers["score"]):
        np.testing.assert_array_equal(found, expected["score"])
    one = fastrcf.SeriesDetector(**SMALL).process(x).score
    for given_ in (x.tolist(), pd.Series(x), pl.Series("x", x), x[:, None]):
        found = fastrcf.SeriesDetector(**SMALL).process(given_)
        score = found.score if isinstance(found, fastrcf.Detection) else found["score"].to_numpy()
        np.testing.assert_array_equal(score, one)
    with_none = pl.DataFrame({"x": [None, *x.tolist()]})
    assert fastrcf.SeriesDetector(**SMALL).process(with_none)["score"].is_nan()[0]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"period": "week"}, "period: 'week'"),
        ({"period": 0}, "period"),
        ({"warm_up": 1}, "warm_up"),
        ({"trailing": 10**6}, "trailing"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": "x"}, "threshold: expected a number"),
        ({"episode": None, "habituation": 100.0}, "habituation: it counts episodes"),
        ({"episode": 1, "habituation": 1e9}, "more than 65536 events"),
        ({"kappa": 0.0}, "kappa"),
        ({"exponent": -1}, "exponent"),
        ({"sample_size": 1}, "sample_size"),
        ({"time_decay": math.nan}, "time_decay"),
        ({"max_series": 0}, "max_series"),
        ({"columns": "x"}, "columns"),
        ({"columns": ["x", "x"]}, "columns: a name occurs twice"),
    ],
)
def test_parameters_out_of_range_are_refused(given_, words):
    with pytest.raises(fastrcf.InvalidParameterError, match=words):
        fastrcf.SeriesDetector(**given_)


def test_input_that_cannot_be_used_changes_nothing():
    seconds, x = daily(100)
    detector = fastrcf.SeriesDetector(["x"], time_column="t", **SMALL)
    detector.process({"t": seconds, "x": x})
    before = bytes(detector)
    bad = [
        ({"t": [1.0, 2.0], "x": [1.0, math.inf]}, "row 1, column 'x': inf is not finite"),
        ({"t": [1.0], "x": [1e30]}, "row 0, column 'x'"),
        ({"t": [1.0, math.nan], "x": [1.0, 1.0]}, "t, row 1"),
        ({"t": ["noon"], "x": [1.0]}, "t: expected datetimes or numbers in seconds"),
        ({"x": [1.0]}, "no column 't'"),
        ({"t": [1.0], "y": [1.0]}, "no column 'x'"),
        ({"t": [1.0], "x": ["a"]}, "not numbers"),
    ]
    for table, words in bad:
        with pytest.raises(fastrcf.InvalidInputError, match=words):
            detector.process(table)
    assert bytes(detector) == before
    keyed = fastrcf.SeriesDetector(["x"], key_column="k", **SMALL)
    keyed.process({"k": ["a", "b"], "x": [1.0, 2.0]})
    before = bytes(keyed)
    with pytest.raises(fastrcf.InvalidInputError, match="row 1, column 'k': the key is missing"):
        keyed.process({"k": ["a", None], "x": [1.0, 2.0]})
    with pytest.raises(fastrcf.InvalidInputError, match="row 1, column 'x'"):
        keyed.process({"k": ["a", "c"], "x": [1.0, math.inf]})
    assert bytes(keyed) == before
    with pytest.raises(fastrcf.NotFittedError):
        bytes(fastrcf.SeriesDetector())


def test_memory_stays_bounded():
    detector = fastrcf.SeriesDetector(n_trees=5, sample_size=32, episode=1, habituation=50.0)
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(6):
        detector.process(rng.normal(size=4000))
        sizes.append((detector.memory_usage(), len(bytes(detector))))
    assert max(s for s, _ in sizes[2:]) <= 1.2 * sizes[1][0]
    assert max(s for _, s in sizes[2:]) <= 1.2 * sizes[1][1]
