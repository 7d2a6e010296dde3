import subprocess
import sys

import numpy as np
import pytest

import fastrcf


def forest(**parameters):
    return fastrcf.RandomCutForest(20, 64, random_state=5, **parameters)


@pytest.mark.parametrize("sampling", ["decay", "uniform", "window"])
def test_whole_arrays_equal_single_rows(rng, sampling):
    x = rng.normal(size=(600, 5))
    whole, single, inserted = (forest(sampling=sampling) for _ in range(3))
    scores = whole.process(x)
    ones = np.concatenate([single.process(row) for row in x])
    inserted.insert(x)
    np.testing.assert_array_equal(scores, ones)
    assert np.isnan(scores[:16]).all()
    assert np.isfinite(scores[16:]).all()
    query = rng.normal(size=(3000, 5))
    expected = whole.score(query)
    np.testing.assert_array_equal(single.score(query), expected)
    np.testing.assert_array_equal(inserted.score(query), expected)
    np.testing.assert_array_equal(whole.freeze().score(query), expected)
    np.testing.assert_array_equal(whole.freeze().score(query[:7]), expected[:7])


def test_threads_change_nothing(rng):
    x = rng.normal(size=(3000, 6))
    one, two = forest(n_threads=1), forest(n_threads=4)
    np.testing.assert_array_equal(one.process(x), two.process(x))
    np.testing.assert_array_equal(one.score(x), two.score(x))


def test_shingles_inside_equal_shingles_outside(rng):
    x = rng.normal(size=(500, 2))
    inside, outside = forest(shingle_size=4), forest()
    shingles = np.lib.stride_tricks.sliding_window_view(x, 4, axis=0)
    shingles = shingles.transpose(0, 2, 1).reshape(-1, 8)
    np.testing.assert_array_equal(inside.process(x)[3:], outside.process(shingles))
    query = rng.normal(size=2)
    expected = outside.score(np.concatenate([x[-3:].ravel(), query]))
    np.testing.assert_array_equal(inside.score(query), expected)
    np.testing.assert_array_equal(inside.score(shingles), outside.score(shingles))


def test_weights_equal_scaling_outside(rng):
    x = rng.normal(size=(400, 3))
    weights = np.array([0.3, 7.0, 1e-3])
    inside, outside = forest(feature_weights=weights), forest()
    np.testing.assert_array_equal(inside.process(x), outside.process(x * weights))


def test_attribution_sums_to_the_score_and_points_at_the_column(rng):
    f = forest()
    f.insert(rng.normal(size=(500, 4)))
    query = np.vstack([rng.normal(size=(50, 4)), [0, 9, 0, 0], [0, 0, -9, 0]])
    parts = f.attribution(query)
    np.testing.assert_allclose(parts.total.sum(axis=1), f.score(query), atol=1e-6)
    assert parts.high[-2, 1] > 0.8 * parts.total[-2].sum()
    assert parts.low[-1, 2] > 0.8 * parts.total[-1].sum()


def test_delete_is_the_inverse_of_insert(rng):
    x = rng.normal(size=(60, 3))
    f = forest(sampling="window")
    f.insert(x)
    np.testing.assert_array_equal(f.delete(x[:10]), np.full(10, 20))
    np.testing.assert_array_equal(f.delete(x[:10]), np.zeros(10))
    assert f.score(x[0]) > f.score(x[20])


def test_codisp_of_an_outlier_and_of_colluding_ones(rng):
    f = fastrcf.RandomCutForest(50, 256, sampling="window", random_state=1)
    x = rng.normal(size=(256, 3))
    x[100:104] = 30.0
    f.insert(x)
    codisp = f.codisp(x)
    assert codisp[100] > 5 * np.median(codisp)
    assert f.displacement(x[100:101])[0] == 4


def test_not_ready_is_an_error_and_not_a_score():
    f = forest()
    with pytest.raises(fastrcf.NotReadyError, match="from 16 on"):
        f.score([[1.0, 2.0]])
    f.insert(np.random.default_rng(0).normal(size=(15, 2)))
    with pytest.raises(fastrcf.NotReadyError):
        f.score([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"sample_size": 1}, "sample_size"),
        ({"sample_size": 2.5}, "sample_size"),
        ({"sampling": "all"}, "sampling"),
        ({"time_decay": -1}, "time_decay"),
        ({"time_decay": float("nan")}, "time_decay"),
        ({"feature_weights": [1.0, 0.0]}, "feature_weights"),
        ({"random_state": -1}, "random_state"),
        ({"random_state": "seed"}, "random_state"),
        ({"n_threads": 0}, "n_threads"),
        ({"shingle_size": 0}, "shingle_size"),
    ],
)
def test_wrong_parameters_are_named_at_once(parameters, name):
    with pytest.raises(fastrcf.InvalidParameterError, match=name):
        fastrcf.RandomCutForest(**parameters)


def test_import_is_light():
    code = "import sys, fastrcf; print(sorted({m.split('.')[0] for m in sys.modules}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("pandas", "polars", "pyarrow", "narwhals", "sklearn", "scipy"):
        assert repr(heavy) not in out.stdout
