"""Forecasts and backtests: what they are, honest about the future, and calibrated."""

import dataclasses
import pickle

import numpy as np
import pytest

import fastrcf


def season(n, seed, noise=1.0):
    rng = np.random.default_rng(seed)
    return (10 * np.sin(np.arange(n) * 2 * np.pi / 24) + noise * rng.normal(size=n))[:, None]


def walk(n, seed):
    return np.cumsum(np.random.default_rng(seed).normal(size=n))[:, None]


def forest_of(x, shingle_size=6, n_trees=15, sample_size=64, **parameters):
    forest = fastrcf.RandomCutForest(
        n_trees, sample_size, shingle_size=shingle_size, random_state=3, **parameters
    )
    forest.insert(x)
    return forest


def two_columns(n, seed=1):
    return np.column_stack([season(n, seed)[:, 0], walk(n, seed)[:, 0]])


@pytest.mark.parametrize("weights", [None, [0.1, 3.0]])
def test_a_forecast_is_the_imputation_of_the_next_row_again_and_again(weights):
    x = two_columns(300)
    forest = forest_of(x, shingle_size=4, feature_weights=weights)
    found = forest.forecast(5)
    assert found.values.shape == (5, 2)
    shingle = np.concatenate([x[-3:], np.full((1, 2), np.nan)])
    for step in range(5):
        next_row = forest.impute(shingle.ravel())
        for name in ("values", "lower", "upper"):
            np.testing.assert_allclose(
                getattr(found, name)[step], getattr(next_row, name)[0, -2:], rtol=1e-6
            )
        shingle[-1] = next_row.values[0, -2:]
        shingle = np.concatenate([shingle[1:], np.full((1, 2), np.nan)])


def test_a_noiseless_season_is_forecast():
    x = season(1000, 0, noise=0.0)
    found = forest_of(x[:900], shingle_size=24, sample_size=256).forecast(48)
    assert np.abs(found.values - x[900:948]).max() < 1


@pytest.mark.parametrize("sampling", ["decay", "uniform", "window"])
def test_a_backtest_is_the_same_by_every_way_and_changes_nothing(sampling):
    x = two_columns(400)
    forest = forest_of(x, sampling=sampling, n_threads=1)
    before = bytes(forest)
    one = forest.backtest(x[-40:], 7)
    for array in vars(one).values():
        assert array.shape == (40 - 7 - 6 + 2, 7, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x[-40:], 7, axis=0).swapaxes(1, 2)
    np.testing.assert_array_equal(one.actual, windows[5:])
    assert (one.lower <= one.values).all()
    assert (one.values <= one.upper).all()
    others = [
        forest_of(x, sampling=sampling, n_threads=3),
        pickle.loads(pickle.dumps(forest)),
        fastrcf.loads(before),
    ]
    for other in others:
        for a, b in zip(vars(one).values(), vars(other.backtest(x[-40:], 7)).values(), strict=True):
            np.testing.assert_array_equal(a, b)
    forecast = forest.forecast(3, backtest=one, coverage=0.5)
    again = others[1].forecast(3, backtest=one, coverage=0.5)
    np.testing.assert_array_equal(forecast.lower, again.lower)
    assert bytes(forest) == before


@pytest.mark.parametrize("sampling", ["decay", "uniform", "window"])
def test_a_backtest_does_not_know_what_comes_after(sampling):
    """Every second row is one level up; by how much the next one differs is chance."""
    levels = 100.0 * np.arange(350)
    chance = np.random.default_rng(4).uniform(-30, 30, size=350)
    x = np.column_stack([levels, levels + chance]).reshape(-1, 1)
    forest = forest_of(x, shingle_size=2, n_trees=50, sample_size=512, sampling=sampling)
    found = forest.backtest(x[-150:], 1)
    np.testing.assert_array_equal(found.actual[:, 0], x[-149:])
    errors = np.abs(found.actual - found.values)[::2, 0, 0]
    assert errors.min() > 40
    # The forest that has seen what came knows it.
    known = np.column_stack([x[-150::2], np.full(75, np.nan)])
    knows = np.abs(forest.impute(known).values[:, 1] - x[-149::2, 0])
    assert np.median(knows) < 10


def test_a_backtest_learns_as_it_goes():
    """A level that the stream has come to is unknown before, and known soon after."""
    x = np.concatenate([season(600, 1, 0.1), 100 + season(200, 2, 0.1)])
    found = forest_of(x, shingle_size=2, sample_size=256).backtest(x[-250:], 1)
    errors = np.abs(found.actual - found.values)[:, 0, 0]
    assert errors[49] > 80  # The first row at the new level.
    assert errors[:49].max() < 6
    assert errors[80:].max() < 15


def test_what_comes_again_and_again_is_not_forgotten():
    """Of equal shingles as many are taken out as the history has brought."""
    x = np.tile([[0.0], [1.0], [2.0]], (300, 1))
    for sampling in ("decay", "uniform", "window"):
        forest = forest_of(x, shingle_size=3, sampling=sampling)
        found = forest.backtest(x[-40:], 4)
        np.testing.assert_array_equal(found.values, found.actual)
        np.testing.assert_array_equal(found.lower, found.upper)


@pytest.mark.parametrize("coverage", [0.3, 0.8, 0.9, 0.95])
def test_ranges_are_moved_by_quantiles_of_the_backtest(coverage):
    x = two_columns(600)
    forest = forest_of(x)
    past = forest.backtest(x[-100:], 8)
    plain, found = forest.forecast(6), forest.forecast(6, backtest=past, coverage=coverage)
    np.testing.assert_array_equal(found.values, plain.values)
    n = len(past.actual)
    rank = int(np.ceil((n + 1) * (1 + coverage) / 2 - 1e-9))
    for step in range(6):
        for column in range(2):
            at = (slice(None), step, column)
            below = np.sort(past.lower[at] - past.actual[at])[rank - 1]
            above = np.sort(past.actual[at] - past.upper[at])[rank - 1]
            at = (step, column)
            assert found.lower[at] == min(plain.lower[at] - below, plain.values[at])
            assert found.upper[at] == max(plain.upper[at] + above, plain.values[at])


def covered(forest, x, start, coverage, cycles=6, history=250, horizon=8, every=100):
    """Give the share of what came within ranges, by step."""
    forest.insert(x[:start])
    hits = []
    for _ in range(cycles):
        past = forest.backtest(x[start - history : start], horizon)
        for at in range(start, start + every, 5):
            found = forest.forecast(horizon, backtest=past, coverage=coverage)
            actual = x[at : at + horizon]
            hits.append((found.lower <= actual) & (actual <= found.upper))
            forest.insert(x[at : at + 5])
        start += every
    return np.mean(hits, axis=(0, 2))


SERIES = {
    "season": lambda: season(2000, 1),
    "random walk": lambda: walk(2000, 3),
    "both": lambda: two_columns(2000, 5),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_calibrated_ranges_hold_what_they_promise(name, coverage):
    """Within 0.04 over all steps of 120 forecasts, within 0.12 at each."""
    forest = fastrcf.RandomCutForest(30, 256, shingle_size=12, random_state=1)
    found = covered(forest, SERIES[name](), 1000, coverage)
    assert abs(found.mean() - coverage) < 0.04, found
    assert np.abs(found - coverage).max() < 0.12, found


def test_calibrated_ranges_hold_on_a_real_series(data):
    """Taxis in New York over 25 days: of 240 forecasts within 0.06 over all steps."""
    path = data / "nab" / "data" / "realKnownCause" / "nyc_taxi.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    x = np.loadtxt(path, delimiter=",", skiprows=1, usecols=1)[:, None]
    forest = fastrcf.RandomCutForest(20, 256, shingle_size=48, random_state=1)
    found = covered(forest, x, 3600, 0.9, history=700, horizon=6, every=200)
    assert abs(found.mean() - 0.9) < 0.06, found


def test_what_cannot_be_forecast_is_refused_by_name():
    x = season(200, 1)
    forest = forest_of(x)
    plain = fastrcf.RandomCutForest(5, 32, random_state=1)
    plain.insert(x)
    for question in (lambda: plain.forecast(1), lambda: plain.backtest(x, 1)):
        with pytest.raises(fastrcf.InvalidParameterError, match="shingle_size"):
            question()
    for horizon in (0, -1, 2**16 + 1, 2**40, 1.5, "a", None):
        with pytest.raises(fastrcf.InvalidParameterError, match=r"^horizon: "):
            forest.forecast(horizon)
        with pytest.raises(fastrcf.InvalidParameterError, match=r"^horizon: "):
            forest.backtest(x[-100:], horizon)
    past = forest.backtest(x[-50:], 4)
    for coverage in (0, 1, -0.5, np.nan, "all"):
        with pytest.raises(fastrcf.InvalidParameterError, match=r"^coverage: "):
            forest.forecast(4, backtest=past, coverage=coverage)
    for wrong, coverage, message in (
        (past, 0.99, "42 forecasts, and a coverage of 0.99 needs 199"),
        ("past", 0.9, "expected a Backtest"),
        (dataclasses.replace(past, lower=past.lower[:-1]), 0.9, "do not fit"),
        (dataclasses.replace(past, **{k: v[0] for k, v in vars(past).items()}), 0.9, "do not fit"),
        (dataclasses.replace(past, **{k: v[:0] for k, v in vars(past).items()}), 0.9, "has 0"),
        (
            dataclasses.replace(past, **{k: v.repeat(2, axis=2) for k, v in vars(past).items()}),
            0.9,
            "has 2 columns, the forecast 1",
        ),
    ):
        with pytest.raises(fastrcf.InvalidParameterError, match=f"^backtest: .*{message}"):
            forest.forecast(4, backtest=wrong, coverage=coverage)
    with pytest.raises(fastrcf.InvalidParameterError, match="has 4 steps, the forecast 5"):
        forest.forecast(5, backtest=past)
    with pytest.raises(fastrcf.InvalidParameterError, match="calibrated by a backtest only"):
        forest.forecast(4, coverage=0.9)


def test_a_history_that_cannot_be_is_refused():
    x = season(200, 1)
    forest = forest_of(x)
    before = bytes(forest)
    for history, message in (
        (x[-8:], "8 rows, and a first forecast of 4 needs 9"),
        (np.concatenate([x, x]), "400 rows, and the forest has seen 200"),
        (x[-50:-1], "its last rows are not the last ones"),
        (x[-50:] + 1, "its last rows are not the last ones"),
        (np.hstack([x, x])[-50:], "column"),
    ):
        with pytest.raises(fastrcf.InvalidInputError, match=message):
            forest.backtest(history, 4)
    bad = x[-50:].copy()
    bad[7] = np.nan
    with pytest.raises(fastrcf.InvalidInputError) as error:
        forest.backtest(bad, 4)
    assert (error.value.row, error.value.column) == (7, 0)
    full = forest_of(x, sampling="window")
    with pytest.raises(fastrcf.InvalidInputError, match="give fewer of the last rows"):
        full.backtest(x[-60:], 4)
    assert bytes(forest) == before
    long = season(9000, 1)
    forest = forest_of(long)
    with pytest.raises(fastrcf.InvalidInputError, match="more than 16777216 values"):
        forest.backtest(long, 4500)


def test_a_forest_that_is_not_ready_forecasts_nothing():
    forest = fastrcf.RandomCutForest(5, 32, shingle_size=4, random_state=1)
    for _ in range(3):
        for question in (lambda: forest.forecast(1), lambda: forest.backtest([[1.0]], 1)):
            with pytest.raises(fastrcf.NotReadyError):
                question()
        forest.insert([[1.0]])
