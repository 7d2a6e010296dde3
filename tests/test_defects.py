"""Defects of other forests that must not come back, as they show in Python.

Numbers are those of the list of defects that other implementations have.
Those without a test here concern what this package does not have: 6 and 15
(forecasts), 9 (density), 10 (neighbours), 16 (a caster), 19 (the thresholder
of a stream); the occlusion of 11 and 16; the sequence numbers of 11.
"""

import pickle

import numpy as np
import pytest

import fastrcf
from tests.test_model_format import Reader


def test_01_many_trees_with_many_distinct_points_do_not_run_out_of_numbers(rng):
    """More than 65,279 distinct points with a sample size of at most 256."""
    # Uniform sampling keeps old rows: the trees share few of them.
    f = fastrcf.RandomCutForest(400, 256, sampling="uniform", random_state=1)
    f.insert(rng.normal(size=(140_000, 2)).astype(np.float32))
    assert len(Reader(bytes(f)).points) > 65_279
    f._core.check()
    f.process(rng.normal(size=(300, 2)))
    f._core.check()
    assert np.isfinite(f.score(rng.normal(size=(100, 2)))).all()


@pytest.mark.parametrize("time_decay", [1.0, 0.05, 1e-6])
def test_02_recent_rows_are_kept_however_long_the_stream(rng, time_decay):
    """Weights never lose the precision that tells a new row from an old one."""
    n = 20_000
    f = fastrcf.RandomCutForest(50, 32, time_decay=time_decay, random_state=1)
    x = np.arange(n, dtype=np.float64)[:, None]
    f.insert(x)
    copies = f.delete(x)
    assert copies.sum() == 50 * 32
    age = ((n - 1 - np.arange(n)) * copies).sum() / copies.sum()
    if time_decay == 1.0:
        # The last 32 rows, nearly: their mean age is 15.5.
        assert 15.5 <= age < 20
    elif time_decay == 0.05:
        # 32 of weights e^(-0.05 age): the last ones nearly surely, then a
        # tail; between the mean ages of the last 32 rows and of 4 times as many.
        assert 15.5 < age < 62
    else:
        # Nearly uniform over the stream: the mean of 1,600 ages, at 5 sd.
        assert age == pytest.approx(n / 2, abs=5 * n / np.sqrt(12 * 1600))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["insert", "process"])
def test_03_and_17_one_bad_value_poisons_nothing(rng, bad, method):
    f, clean = (fastrcf.RandomCutForest(20, 64, random_state=1) for _ in range(2))
    x = rng.normal(size=(300, 3))
    for i, row in enumerate(x):
        if i % 7 == 3:
            with pytest.raises(fastrcf.InvalidInputError, match=f"row 0, column {i % 3}"):
                getattr(f, method)(np.where(np.arange(3) == i % 3, bad, row))
        f.insert(row)
    clean.insert(x)
    assert bytes(f) == bytes(clean)
    with pytest.raises(fastrcf.InvalidInputError, match="row 0, column 1"):
        f.score([[0.0, bad, 0.0]])


@pytest.mark.parametrize("shingle_size", [1, 4])
def test_04_minus_zero_is_zero(rng, shingle_size):
    x = rng.choice([0.0, -0.0, 1.0], size=(400, 2))
    signed, plain = (
        fastrcf.RandomCutForest(10, 32, shingle_size=shingle_size, random_state=1) for _ in range(2)
    )
    np.testing.assert_array_equal(signed.process(x), plain.process(x + 0.0))
    assert bytes(signed) == bytes(plain)
    shingles = np.lib.stride_tricks.sliding_window_view(x, shingle_size, axis=0)
    shingles = shingles.transpose(0, 2, 1).reshape(-1, 2 * shingle_size)
    # Shingled outside, too, and with the other sign when it leaves.
    outside = fastrcf.RandomCutForest(10, 32, random_state=1)
    outside.insert(shingles)
    assert (outside.delete(-shingles[shingles.sum(axis=1) == 0]) > 0).any()
    outside._core.check()


@pytest.mark.parametrize("method", ["insert", "process", "delete"])
def test_05_an_error_leaves_the_forest_as_it_was(rng, method):
    f = fastrcf.RandomCutForest(20, 64, random_state=1)
    f.insert(rng.normal(size=(500, 3)))
    before = bytes(f)
    x = rng.normal(size=(1000, 3))
    x[999, 2] = np.nan
    with pytest.raises(fastrcf.InvalidInputError, match="row 999, column 2"):
        getattr(f, method)(x)
    assert bytes(f) == before


@pytest.mark.parametrize("sd", [1e-12, 1e-4, 1.0, 1e6])
def test_07_a_spike_is_one_whatever_the_unit(rng, sd):
    detector = fastrcf.Detector(random_state=1).fit(rng.normal(size=(5000, 1)) * sd)
    found = detector.detect([[20 * sd], [0.1 * sd]])
    assert found.is_anomaly.tolist() == [True, False]
    assert found.grade[0] > 0.75


def test_08_an_offset_beyond_single_precision_loses_no_structure(rng):
    """A detector scales in double precision, before it rounds."""
    x = rng.normal(size=(5000, 2))
    query = np.vstack([rng.normal(size=(500, 2)), [[5.0, 0.0], [0.0, -5.0]]])
    plain = fastrcf.Detector(scaling="standard", random_state=1).fit(x)
    moved = fastrcf.Detector(scaling="standard", random_state=1).fit(x + 1e8)
    # 1e8 leaves 27 bits of fraction: the scores are those of nearly the same rows.
    np.testing.assert_allclose(moved.score(query + 1e8), plain.score(query), rtol=1e-3)
    # Logarithms have an origin, so half of the trees see other rows by default.
    moved = fastrcf.Detector(random_state=1).fit(x + 1e8)
    assert (moved.detect(query + 1e8).grade[-2:] > 0.5).all()
    # A forest alone rounds to steps of 8 there, as it states; weights cannot
    # help, but it stays whole.
    f = fastrcf.RandomCutForest(20, 64, random_state=1)
    f.insert(x + 1e8)
    f._core.check()
    assert np.isfinite(f.score(query + 1e8)).all()


def test_11_setting_the_threshold_has_an_effect(rng):
    detector = fastrcf.Detector(alert_rate=0.01, random_state=1).fit(rng.normal(size=(5000, 2)))
    before = detector.threshold
    x = rng.normal(size=(5000, 2))
    many = detector.detect(x).is_anomaly.sum()
    detector.alert_rate = 0.2
    assert detector.threshold < before
    assert detector.detect(x).is_anomaly.sum() > 5 * many


def test_12_not_ready_is_never_a_score(rng):
    f = fastrcf.RandomCutForest(10, 64, random_state=1)
    x = rng.normal(size=(64, 2))
    with pytest.raises(fastrcf.NotReadyError):
        f.score(x)
    scores = np.concatenate([f.process(row) for row in x])
    # From a quarter of the sample size on, and never 0.
    assert np.isnan(scores[:16]).all()
    assert (scores[16:] > 0).all()
    f.delete(x)
    assert not f.is_ready
    with pytest.raises(fastrcf.NotReadyError):
        f.score(x)


def test_13_deletion_windows_batches_and_whole_files_exist(rng):
    f = fastrcf.RandomCutForest(10, 32, sampling="window", random_state=1)
    x = rng.normal(size=(100, 2))
    f.insert(x)
    copies = f.delete(x)
    assert copies.tolist() == [0] * 68 + [10] * 32
    f.insert(x)
    # Trees are in the file: a copy goes on as the forest does.
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(again.process(x), f.process(x))
    assert bytes(again) == bytes(f)


@pytest.mark.parametrize("copies", [1, 2, 3, 10])
def test_14_copies_of_a_row_count_exactly(copies):
    """The formula at a leaf: (1 - m / 2M) / (depth + log2(m + 1)), times log2(M + 1)."""
    f = fastrcf.RandomCutForest(5, 32, sampling="window", random_state=1)
    f.insert([[1.0]] * copies + [[2.0]] * 7)
    mass = copies + 7
    expected = (1 - copies / (2 * mass)) / (1 + np.log2(copies + 1)) * np.log2(mass + 1)
    assert f.score([1.0])[0] == pytest.approx(expected, rel=1e-6)
    for _ in range(6):
        f.delete([2.0])
    if f.is_ready:
        mass = copies + 1
        expected = (1 - copies / (2 * mass)) / (1 + np.log2(copies + 1)) * np.log2(mass + 1)
        assert f.score([1.0])[0] == pytest.approx(expected, rel=1e-6)


def test_18_many_trees_with_few_columns_do_not_panic(rng):
    f = fastrcf.RandomCutForest(400, 200, random_state=1)
    f.insert(rng.normal(size=(5000, 3)))
    f._core.check()
    assert np.isfinite(f.score(rng.normal(size=(10, 3)))).all()


def test_rows_in_another_unit_or_order_of_columns_are_scored_alike(rng):
    """The last line of the list: scores depend on the order of columns by chance only."""
    x = rng.normal(size=(3000, 4))
    query = np.vstack([rng.normal(size=(200, 4)), 4 * np.eye(4)])
    f, g = (fastrcf.RandomCutForest(400, 256, random_state=1) for _ in range(2))
    f.insert(x)
    g.insert(x[:, ::-1])
    # 400 trees: the standard error of a score's difference is about 2 %.
    np.testing.assert_allclose(f.score(query), g.score(query[:, ::-1]), rtol=0.15)
