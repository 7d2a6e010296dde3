import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastrcf

FRAMES = ["pandas", "polars", "pyarrow", "duckdb"]


@pytest.fixture
def forest():
    f = fastrcf.RandomCutForest(10, 32, random_state=3)
    f.insert(np.random.default_rng(1).normal(size=(100, 4)))
    return f


def frame(kind, x, names="abcd"):
    module = pytest.importorskip(kind)
    columns = {name: np.ascontiguousarray(x[:, j]) for j, name in enumerate(names)}
    if kind == "pandas":
        return module.DataFrame(columns)
    if kind == "pyarrow":
        return module.table(columns)
    if kind == "polars":
        return module.DataFrame(columns)
    table = pytest.importorskip("pyarrow").table(columns)
    return module.from_arrow(table)


@pytest.mark.parametrize("kind", FRAMES)
def test_data_frames_equal_arrays(forest, rng, kind):
    x = rng.normal(size=(50, 4))
    np.testing.assert_array_equal(forest.score(frame(kind, x)), forest.score(x))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_missing_value_in_a_frame_is_named(forest, rng, kind):
    module = pytest.importorskip(kind)
    table = module.DataFrame({name: [1.0, 2.0, None if name == "c" else 3.0] for name in "abcd"})
    with pytest.raises(fastrcf.InvalidInputError) as error:
        forest.score(table)
    assert (error.value.row, error.value.column) == (2, 2)


def test_orders_and_strides_give_the_same_scores(forest, rng, tmp_path):
    x = rng.normal(size=(40, 4))
    expected = forest.score(x)
    wide = np.zeros((80, 8))
    wide[::2, ::2] = x
    mapped = np.memmap(tmp_path / "x.bin", dtype=np.float64, mode="w+", shape=x.shape)
    mapped[:] = x
    mapped.flush()
    readonly = np.memmap(tmp_path / "x.bin", dtype=np.float64, mode="r", shape=x.shape)
    swapped = x.astype(">f8")
    frozen = x.copy()
    frozen.flags.writeable = False
    views = [
        np.asfortranarray(x),
        wide[::2, ::2],
        x[::-1][::-1],
        x.tolist(),
        readonly,
        swapped,
        frozen,
        list(x),
    ]
    for view in views:
        np.testing.assert_array_equal(forest.score(view), expected)
    np.testing.assert_array_equal(forest.score(x[::-1]), expected[::-1])
    np.testing.assert_array_equal(forest.score(x[0]), expected[:1])


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.int8, np.uint64, np.bool_, np.longdouble, object]
)
def test_other_dtypes_are_converted(forest, dtype):
    x = np.array([[0, 1, 1, 0], [1, 0, 1, 1]])
    expected = forest.score(x.astype(np.float64))
    np.testing.assert_array_equal(forest.score(x.astype(dtype)), expected)


BAD = [
    ([[1, 2, np.nan, 4]], 0, 2),
    ([[1, 2, 3, 4], [1, np.inf, 3, 4]], 1, 1),
    ([[1, 2, 3, 4], [1, -np.inf, np.nan, 4]], 1, 1),
    ([[1, 2, 3, 1e31]], 0, 3),
    (np.array([[1, 2, "x", 4]], dtype=object), 0, 2),
    (np.array([["1", "2", "3", "4"]]), 0, 0),
    (np.array([[1, 2, None, 4]], dtype=object), 0, 2),
    ([1, 2, 3], None, None),
    ([[1, 2], [1, 2, 3, 4]], 1, None),
    (np.zeros((2, 2, 2)), None, None),
    (np.zeros((3, 0)), None, None),
    (np.zeros((3, 5)), None, None),
    (np.array([[1j, 2, 3, 4]]), None, None),
    (np.array(3.0), None, None),
    ("text", None, None),
    (None, None, None),
    (np.array(["2020-01-01"] * 4, dtype="M8[D]"), None, None),
]


@pytest.mark.parametrize(("x", "row", "column"), BAD)
@pytest.mark.parametrize("method", ["insert", "score", "process", "delete"])
def test_bad_input_is_named_and_changes_nothing(forest, x, row, column, method):
    query = np.random.default_rng(2).normal(size=(20, 4))
    before = forest.score(query)
    with pytest.raises(fastrcf.InvalidInputError) as error:
        getattr(forest, method)(x)
    assert error.value.row == row
    assert error.value.column == column
    if row is not None:
        assert f"row {row}" in str(error.value)
    assert forest.n_seen == 100
    np.testing.assert_array_equal(forest.score(query), before)


@pytest.mark.parametrize("method", ["insert", "score", "process", "delete"])
def test_no_rows_are_fine(forest, method):
    result = getattr(forest, method)(np.zeros((0, 4)))
    assert result is None or result.shape == (0,)
    assert forest.n_seen == 100


finite = st.floats(-1e30, 1e30, width=64) | st.sampled_from([0.0, -0.0, 5e-324, 1e-45, 1e-38])


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 5)), elements=finite))
def test_any_finite_rows_keep_all_invariants(x):
    f = fastrcf.RandomCutForest(5, 16, random_state=1)
    scores = f.process(x)
    f._core.check()
    assert np.isfinite(scores[4:]).all()
    assert ((scores[4:] > 0) & (scores[4:] <= np.log2(17) + 1e-6)).all()
    if len(x) >= 4:
        parts = f.attribution(x)
        np.testing.assert_allclose(parts.total.sum(axis=1), f.score(x), atol=1e-6)
        assert np.isfinite(f.codisp(x)).all()
        assert np.isfinite(f.displacement(x)).all()
    assert (f.delete(x) >= 0).all()
    f._core.check()


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 30), st.integers(1, 4)),
        elements=st.floats(allow_nan=True, allow_infinity=True),
    )
)
def test_bad_values_anywhere_are_found_first_in_row_order(x):
    f = fastrcf.RandomCutForest(3, 8, random_state=1)
    bad = np.argwhere(~(np.abs(x) <= 1e30))
    if len(bad) == 0:
        f.insert(x)
        return
    with pytest.raises(fastrcf.InvalidInputError) as error:
        f.insert(x)
    assert (error.value.row, error.value.column) == tuple(bad[0])
    assert f.n_seen == 0
