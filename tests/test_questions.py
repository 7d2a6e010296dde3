"""Density, neighbours, imputation: what they are, and the same by every way."""

import pickle

import numpy as np
import pytest

import fastrcf

# Trees that hold the last rows, all of them.
SIZE = 32


def window(x, n_trees=7, **parameters):
    forest = fastrcf.RandomCutForest(n_trees, SIZE, sampling="window", random_state=3, **parameters)
    forest.insert(x)
    return forest


@pytest.fixture
def rows(rng):
    x = rng.normal(size=(300, 3))
    x[::9] = x[0]
    return x


@pytest.fixture
def asked(rng, rows):
    return np.concatenate([rows[-20:], rng.normal(size=(30, 3)) * 2])


def gapped(x):
    x = x.copy()
    x[np.arange(len(x)), np.arange(len(x)) % x.shape[1]] = np.nan
    return x


def answers(forest, x):
    """Give everything that is answered about rows, as arrays with a row for each."""
    found = [forest.density(x), forest.density(x, 1.5), forest.neighbors(x, 4)]
    found.append(forest.impute(gapped(x)))
    return [array for one in found for array in vars(one).values()]


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_neighbors_are_the_nearest_of_all_where_all_are_reached(rows, asked):
    forest = window(rows)
    held = np.unique(rows[-SIZE:].astype(np.float32), axis=0)
    found = forest.neighbors(asked, SIZE)
    n = len(held)
    assert found.points.shape == (50, SIZE, 3)
    q = asked.astype(np.float32).astype(float)
    distances = np.sqrt(((q[:, None] - held[None].astype(float)) ** 2).sum(axis=2))
    np.testing.assert_allclose(found.distances[:, :n], np.sort(distances, axis=1), atol=1e-12)
    nearest = held[np.argmin(distances, axis=1)]
    np.testing.assert_array_equal(found.points[:, 0], nearest)
    # What is not there is told so.
    assert n < SIZE
    assert (found.ids[:, n:] == -1).all()
    assert np.isnan(found.points[:, n:]).all()
    assert np.isnan(found.distances[:, n:]).all()
    # A number is a point's, whoever asks.
    by_id = {}
    for number, point in zip(
        found.ids[:, :n].ravel(), found.points[:, :n].reshape(-1, 3), strict=True
    ):
        assert by_id.setdefault(number, point.tobytes()) == point.tobytes()
    assert len(by_id) == n


def test_fewer_neighbors_are_points_of_the_sample_at_their_distance(rows, asked):
    forest = window(rows, feature_weights=[1, 10, 0.5])
    found = forest.neighbors(asked, 3)
    # As they were given, but for rounding.
    gaps = np.abs(found.points.reshape(-1, 1, 3) - rows[-SIZE:]).max(axis=2).min(axis=1)
    assert gaps.max() < 1e-6
    weighted = found.points.astype(float) * [1, 10, 0.5]
    q = (asked * [1, 10, 0.5]).astype(np.float32)
    distances = np.sqrt(((q[:, None] - weighted) ** 2).sum(axis=2))
    np.testing.assert_allclose(found.distances, distances, atol=1e-5)
    assert (np.diff(found.distances, axis=1) >= 0).all()


def density_of(parts):
    """Compute a density of one tree of three points in one column.

    ``parts`` are what separates the row on its way up: probability, mass, gap and range.
    """
    probability = measure = distance = 0.0
    for p, mass, gap, width in parts:
        probability = p + (1 - p) * probability
        measure = p * mass + (1 - p) * measure
        distance = p * (gap + width) + (1 - p) * distance
    points = measure / 3
    return points / (0.001 * points + distance / probability * probability)


def test_densities_are_those_of_the_definition():
    """Points 0, 1 and 3: the first cut leaves 3 alone, or together with 1."""
    leaf = (1.0, 2, 2.0, 0.0)
    root = (2 / 5, 4, 2.0, 3.0)
    alone = density_of([leaf, root])
    together = density_of([leaf, (2 / 4, 3, 2.0, 2.0), root])
    found = set()
    for seed in range(20):
        forest = fastrcf.RandomCutForest(1, 3, sampling="window", random_state=seed)
        forest.insert([[0.0], [1.0], [3.0]])
        density = forest.density([[5.0], [-2.0]])
        value = density.values[0]
        which = np.isclose(value, [alone, together], rtol=1e-12)
        assert which.any(), value
        found.add(int(np.argmax(which)))
        # All others lie on one side.
        np.testing.assert_array_equal(density.low[:, 0], [0, density.values[1]])
        np.testing.assert_allclose(density.high[:, 0], [value, 0], rtol=1e-12)
    assert found == {0, 1}


def test_densities_split_by_column_and_direction_and_fall_outwards(rng):
    forest = fastrcf.RandomCutForest(100, 256, random_state=1)
    forest.insert(rng.normal(size=(2000, 2)))
    x = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [0.0, -4.0]])
    found = forest.density(x)
    np.testing.assert_allclose(found.total.sum(axis=1), found.values, rtol=1e-12)
    assert found.values[0] > 3 * found.values[1] > 9 * found.values[2]
    share = found.high[2, 0] / found.values[2]
    assert share > 0.8
    assert found.low[3, 1] / found.values[3] > 0.8
    # A lower dimension makes differences smaller.
    flat = forest.density(x, dimension=1).values
    assert flat[0] / flat[2] < found.values[0] / found.values[2]


def test_an_imputed_value_is_the_one_that_makes_the_row_least_unusual(rng):
    """No cut is in a column of equal values, so that a row reaches every leaf."""
    y = rng.normal(size=SIZE)
    forest = window(np.column_stack([np.full(SIZE, 2.0), y]), n_trees=1)
    held = y.astype(np.float32).astype(float)
    for known in (2.0, 2.5, -7.0):
        found = forest.impute([known, np.nan])
        scores = forest.score(np.column_stack([np.full(SIZE, known), held]))
        value = found.values[0, 1]
        assert value in held
        chosen = scores[np.flatnonzero(held == value)[0]]
        np.testing.assert_allclose(chosen, scores.min(), rtol=1e-5)
        np.testing.assert_array_equal(found.lower, found.values)
        np.testing.assert_array_equal(found.upper, found.values)


def test_what_is_known_stays_and_what_is_missing_is_near_its_like(rng):
    x = rng.uniform(size=2000)
    forest = fastrcf.RandomCutForest(100, 256, random_state=1)
    forest.insert(np.column_stack([x, 1 - 2 * x, -x]))
    q = rng.uniform(0.1, 0.9, size=60)
    rows = np.column_stack([q, np.full(60, np.nan), -q])
    rows[::2, 0] = np.nan
    found = forest.impute(rows)
    there = ~np.isnan(rows)
    for part in (found.values, found.lower, found.upper):
        np.testing.assert_array_equal(part[there], rows[there])
    assert (found.lower <= found.values).all()
    assert (found.values <= found.upper).all()
    assert np.abs(found.values[:, 1] - (1 - 2 * q)).max() < 0.1
    assert np.abs(found.values[:, 0] - q).max() < 0.05


@pytest.mark.parametrize("shingle_size", [1, 3])
def test_answers_depend_on_the_model_and_the_row_alone(rows, asked, shingle_size):
    def made(n_threads):
        forest = fastrcf.RandomCutForest(
            20, 64, shingle_size=shingle_size, random_state=3, n_threads=n_threads
        )
        forest.insert(rows)
        return forest

    asked = np.tile(asked, (4, 1))
    forest = made(1)
    before = bytes(forest)
    whole = answers(forest, asked)
    assert [len(array) for array in whole] == [200] * 12
    for other in (
        made(3),
        forest.freeze(),
        pickle.loads(pickle.dumps(forest)),
        pickle.loads(pickle.dumps(forest.freeze())),
        fastrcf.loads(before),
    ):
        same(answers(other, asked), whole)
    for i in range(0, 200, 7):
        # One row, of shape (d,) or (1, d).
        row = [array[i : i + 1] for array in whole]
        same(answers(forest, asked[i : i + 1])[:9], row[:9])
        same(vars(forest.density(asked[i])).values(), row[:3])
        same(vars(forest.impute(gapped(asked)[i])).values(), row[9:])
    assert bytes(forest) == before


def test_whole_shingles_are_asked_like_rows(rows):
    forest = fastrcf.RandomCutForest(10, 32, shingle_size=2, random_state=1)
    forest.insert(rows)
    whole = np.concatenate([rows[-1], rows[5]])
    assert forest.density(whole).values == forest.density(rows[5]).values
    assert forest.neighbors(rows[5], 3).points.shape == (1, 3, 6)
    gap = rows[5] * [1, np.nan, 1]
    filled = forest.impute(np.concatenate([rows[-1], gap])).values[:, 3:]
    np.testing.assert_array_equal(filled, forest.impute(gap).values)
    # The rows before are known, so a row may miss all.
    assert np.isfinite(forest.impute([np.nan] * 3).values).all()


def test_every_kind_of_table_says_what_is_missing(rows):
    pd, pl, pa = map(pytest.importorskip, ("pandas", "polars", "pyarrow"))
    forest = fastrcf.RandomCutForest(10, 32, random_state=1)
    forest.insert(rows)
    columns = {"a": [1.0, None], "b": [None, 2], "c": [0, 1]}
    expected = forest.impute([[1, np.nan, 0], [np.nan, 2, 1]])
    masked = np.ma.masked_invalid([[1, np.nan, 0], [np.nan, 2, 1]])
    tables = {
        "lists": [[1, None, 0], [None, 2, 1]],
        "masked": masked,
        "NA": [[1, pd.NA, 0], [None, 2, 1]],
        "pandas": pd.DataFrame(columns),
        "pandas, nullable": pd.DataFrame(columns).convert_dtypes(),
        "polars": pl.DataFrame(columns),
        "arrow": pa.table(columns),
        "batch": pa.record_batch(columns),
    }
    for name, table in tables.items():
        found = forest.impute(table)
        np.testing.assert_array_equal(found.values, expected.values, err_msg=name)
    row = forest.impute([1, np.nan, 0])
    for series in (
        pd.Series([1, None, 0]),
        pd.Series([1, None, 0], dtype="Int64"),
        pl.Series([1, None, 0]),
        pa.array([1, None, 0]),
    ):
        np.testing.assert_array_equal(forest.impute(series).values, row.values)
    # Elsewhere it is refused as before.
    for question in (forest.density, forest.neighbors, forest.score):
        with pytest.raises(fastrcf.InvalidInputError, match="row 1, column 0"):
            question(pa.table(columns))
    full = pd.DataFrame(rows[:5])
    same(vars(forest.density(full)).values(), vars(forest.density(rows[:5])).values())
    same(vars(forest.neighbors(full)).values(), vars(forest.neighbors(rows[:5])).values())


@pytest.mark.parametrize("freeze", [False, True])
def test_what_cannot_be_answered_is_refused_by_name(rows, freeze):
    forest = fastrcf.RandomCutForest(5, 32, random_state=1)
    forest.insert(rows)
    if freeze:
        forest = forest.freeze()
    for k in (0, -1, 1025, 2**40, 1.5, "ten", None):
        with pytest.raises(fastrcf.InvalidParameterError, match=r"^k: "):
            forest.neighbors(rows, k)
    for dimension in (0, -1.0, np.nan, np.inf, "two"):
        with pytest.raises(fastrcf.InvalidParameterError, match=r"^dimension: "):
            forest.density(rows, dimension)
    for question in (forest.density, forest.neighbors, forest.impute):
        with pytest.raises(fastrcf.InvalidInputError, match="4"):
            question(np.ones((2, 4)))
        for bad in (np.inf, -np.inf, 1e31):
            with pytest.raises(fastrcf.InvalidInputError) as error:
                question([[1, 2, 3], [1, 2, bad]])
            assert (error.value.row, error.value.column) == (1, 2)
        with pytest.raises(fastrcf.InvalidInputError) as error:
            question([[1, 2, 3], ["x", 2, 3]])
        assert (error.value.row, error.value.column) == (1, 0)
    for question in (forest.density, forest.neighbors):
        with pytest.raises(fastrcf.InvalidInputError) as error:
            question([[1, 2, 3], [1, np.nan, 3]])
        assert (error.value.row, error.value.column) == (1, 1)
    with pytest.raises(fastrcf.InvalidInputError, match="missing") as error:
        forest.impute([[1, 2, 3], [np.nan] * 3])
    assert (error.value.row, error.value.column) == (1, 0)
    nothing = np.empty((0, 3))
    assert forest.density(nothing).low.shape == (0, 3)
    assert forest.neighbors(nothing, 2).points.shape == (0, 2, 3)
    assert forest.impute(nothing).values.shape == (0, 3)


def test_a_forest_that_is_not_ready_says_so():
    forest = fastrcf.RandomCutForest(5, 32, random_state=1)
    for _ in range(2):
        for question in (forest.density, forest.neighbors, forest.impute):
            with pytest.raises(fastrcf.NotReadyError):
                question([[1.0, 2.0]])
        forest.insert([[1.0, 2.0]])
