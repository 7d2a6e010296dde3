import datetime
import decimal

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


class ArrowStream:
    """Knows nothing but the Arrow stream protocol."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class ArrowArray:
    """Knows nothing but the Arrow array protocol."""

    def __init__(self, batch):
        self.batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self.batch.__arrow_c_array__(requested_schema)


class ArrayFace:
    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return self.x


TABLES = {
    "table": lambda t: t,
    "batch": lambda t: t.to_batches()[0],
    "reader": lambda t: t.to_reader(),
    "struct array": lambda t: t.to_batches()[0].to_struct_array(),
    "chunks": lambda t: t.slice(0, 7).__class__.from_batches(
        [b for i in range(0, t.num_rows, 7) for b in t.slice(i, 7).to_batches()]
    ),
    "capsule stream": ArrowStream,
    "capsule array": lambda t: ArrowArray(t.to_batches()[0]),
    "nullable": lambda t: t.to_pandas().convert_dtypes(),
    "integer names": lambda t: t.to_pandas().set_axis(range(4), axis=1),
    "fortran frame": lambda t: frame("pandas", np.asfortranarray(t.to_pandas())),
    "lazy": lambda t: pytest.importorskip("polars").from_arrow(t).lazy(),
    "array face": lambda t: ArrayFace(t.to_pandas().to_numpy()),
    "unmasked": lambda t: np.ma.masked_array(t.to_pandas().to_numpy(), mask=False),
    "list of series": lambda t: [row for _, row in t.to_pandas().iterrows()],
    "longdouble": lambda t: t.to_pandas().to_numpy().astype(np.longdouble),
    "memoryview": lambda t: memoryview(np.ascontiguousarray(t.to_pandas().to_numpy())),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_face_of_a_table_gives_the_same_scores(forest, rng, kind):
    x = rng.normal(size=(50, 4))
    given = TABLES[kind](frame("pyarrow", x))
    np.testing.assert_array_equal(forest.score(given), forest.score(x))


def test_a_series_is_one_row(forest):
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    row = [1.0, 2.0, 3.0, 4.0]
    expected = forest.score(row)
    mixed = pd.DataFrame({"a": [1], "b": [2.0], "c": [3], "d": [4.0]}, dtype=object).iloc[0]
    for series in (
        pd.Series(row),
        pd.Series(row, dtype="Int64"),
        pd.Index(row),
        mixed,
        pl.Series(row),
        pa.array(row),
        pa.chunked_array([row[:1], row[1:]]),
    ):
        np.testing.assert_array_equal(forest.score(series), expected)


@pytest.mark.parametrize(
    "dtype",
    ["Int8", "UInt64", "Int128", "Float32", "Boolean", "decimal"],
)
def test_columns_of_any_number_are_converted(forest, dtype):
    pl = pytest.importorskip("polars")
    kind = pl.Decimal(10, 2) if dtype == "decimal" else getattr(pl, dtype)
    x = np.array([[0, 1, 1, 0], [1, 0, 1, 1]])
    columns = {n: pl.Series(x[:, j]).cast(kind) for j, n in enumerate("abcd")}
    expected = forest.score(x)
    np.testing.assert_array_equal(forest.score(pl.DataFrame(columns)), expected)
    if dtype != "Int128":
        np.testing.assert_array_equal(forest.score(pl.DataFrame(columns).to_arrow()), expected)


def test_what_single_precision_cannot_hold_is_rounded_as_numpy_does(forest):
    """The loss that the class states: 24 bits count."""
    big = np.array([[2**53 + 1, -(2**63), 2**24 + 1, 7]])
    np.testing.assert_array_equal(forest.score(big), forest.score(big.astype(np.float32)))
    assert "24 bits" in fastrcf.RandomCutForest.__doc__
    tiny = np.array([[5e-324, 1e-45, -1e-310, 1e-40]])
    np.testing.assert_array_equal(forest.score(tiny), forest.score(tiny.astype(np.float32)))
    exact = [[decimal.Decimal("1.5"), True, np.float16(2), np.int8(3)]]
    np.testing.assert_array_equal(forest.score(exact), forest.score([[1.5, 1, 2, 3]]))


def masked(row, column):
    x = np.ma.masked_array(np.ones((3, 4)))
    x[row, column] = np.ma.masked
    return x


def arrow(values):
    pa = pytest.importorskip("pyarrow")
    return pa.table({name: pa.array(values) for name in "abcd"})


def nullable(dtype):
    pd = pytest.importorskip("pandas")
    values = [True, None] if dtype == "boolean" else [1, None]
    return pd.DataFrame({name: pd.array(values, dtype=dtype) for name in "abcd"})


def sparse():
    return pytest.importorskip("scipy.sparse").csr_matrix(np.ones((2, 4)))


def twice(kind):
    table = arrow([1.0]).rename_columns(list("abca"))
    return table if kind == "pyarrow" else table.to_pandas()


# What is refused: how it is made, row, column, and what the message says.
REFUSED = [
    (lambda: masked(2, 1), 2, 1, "masked"),
    (lambda: masked(2, 1)[2], 0, 1, "masked"),
    (lambda: list(masked(1, 3)), 1, 3, "masked"),
    (lambda: nullable("Int64"), 1, 0, "missing"),
    (lambda: nullable("Float64"), 1, 0, "missing"),
    (lambda: nullable("boolean"), 1, 0, "missing"),
    (lambda: nullable("Int64").iloc[1], 0, 0, "missing"),
    (lambda: [[1, 2, 3, 4], [1, None, 3, 4]], 1, 1, "missing"),
    (lambda: [[1, 2, 3, 4], [1, 2, "x", 4]], 1, 2, "'x' is not a number"),
    (lambda: np.array([[1, "2", 3, 4]], dtype=object), 0, 1, "'2' is not a number"),
    (lambda: np.array([[1, "nan", 3, 4]], dtype=object), 0, 1, "'nan' is not a number"),
    (lambda: [[1, 2, 3, 4], [1, 2, [3], 4]], 1, 2, "not a number"),
    (lambda: [[1, 2, 3, 4], [1, 2, 3]], 1, None, "row 1 has 3 values, row 0 has 4"),
    (lambda: [[1, 2, 3, decimal.Decimal("NaN")]], 0, 3, "not finite"),
    (lambda: [[1, 2, 3, 10**400]], 0, 3, "not a number"),
    (lambda: [[1, datetime.datetime(2020, 1, 1), 3, 4]], 0, 1, "not a number"),
    (lambda: np.array([[1, 1j, 3, 4]], dtype=object), 0, 1, "not a number"),
    (lambda: np.full((1, 4), np.longdouble("1e4000")), 0, 0, "not finite"),
    (lambda: np.array([[1, np.inf, 2, 3]], dtype=np.float16), 0, 1, "not finite"),
    (lambda: np.zeros((2, 4), "m8[s]"), None, None, "timedelta64"),
    (lambda: np.zeros(2, [(name, "f8") for name in "abcd"]), None, None, "expected numbers"),
    (lambda: np.zeros(2, [(n, "f8") for n in "abcd"]).view(np.recarray), None, None, "numbers"),
    (lambda: (row for row in np.ones((2, 4))), None, None, "found generator"),
    (lambda: map(list, np.ones((2, 4))), None, None, "found map"),
    (lambda: {1.0, 2.0, 3.0, 4.0}, None, None, "found set"),
    (lambda: {"a": [1.0]}, None, None, "found dict"),
    (lambda: b"1234", None, None, "found bytes"),
    (lambda: bytearray(b"1234"), None, None, "found bytearray"),
    (sparse, None, None, "toarray"),
    (list, None, None, "no columns"),
    (lambda: [[], []], None, None, "no columns"),
    (lambda: twice("pandas"), None, None, "same name"),
    (lambda: twice("pyarrow"), None, None, "same name"),
    (lambda: arrow(["x"]), 0, 0, "holds String"),
    (lambda: arrow([datetime.datetime(2020, 1, 1)]), 0, 0, "holds Datetime"),
    (lambda: arrow(["x"]).to_pandas().iloc[0], None, None, "series of String"),
    (lambda: arrow([1.0, None]), 1, 0, "missing"),
    (lambda: arrow([None]), 0, 0, "missing"),
    (lambda: arrow([1.5, 1.5]).column(0).dictionary_encode(), None, None, "series of"),
    (lambda: ArrowStream(arrow([1.0]).column(0)), None, None, "expected a table"),
    (lambda: arrow([1.0]).column(0), None, None, "expected 4 columns, found 1"),
]


@pytest.mark.parametrize("place", range(len(REFUSED)))
@pytest.mark.parametrize("method", ["insert", "score", "process", "delete", "codisp"])
def test_what_is_refused_is_named_and_changes_nothing(forest, place, method):
    make, row, column, message = REFUSED[place]
    before = bytes(forest)
    with pytest.raises(fastrcf.InvalidInputError, match=message) as error:
        getattr(forest, method)(make())
    assert (error.value.row, error.value.column) == (row, column)
    if column is not None:
        assert f"column {column}" in str(error.value)
    assert bytes(forest) == before


DTYPES = ["f2", "<f4", ">f4", "<f8", ">f8", "g", "i1", "<i8", ">i8", "u8", "?"]


@given(st.data())
def test_any_view_gives_the_scores_of_its_copy(data):
    """Strides of any sign, orders, byte orders and dtypes."""
    f = fastrcf.RandomCutForest(5, 16, random_state=1)
    f.insert(np.random.default_rng(1).normal(size=(40, 3)))
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    n = data.draw(st.integers(1, 8))
    least = 0 if dtype.kind in "ub" else -50
    values = hnp.arrays(np.int64, (4 * n, 12), elements=st.integers(least, 50))
    base = np.asarray(data.draw(values), dtype=dtype, order=data.draw(st.sampled_from("CF")))
    steps = st.sampled_from([-2, -1, 1, 2])
    view = base[:: data.draw(steps), :: data.draw(steps)]
    first, left = data.draw(st.integers(0, n)), data.draw(st.integers(0, 3))
    view = view[first : first + n, left : left + 3]
    if data.draw(st.booleans()):
        view = np.ascontiguousarray(view.T).T
    view.flags.writeable = data.draw(st.booleans()) and view.flags.writeable
    expected = f.score(np.array(view, dtype=np.float64, order="C"))
    np.testing.assert_array_equal(f.score(view), expected)
    np.testing.assert_array_equal(f.score(view.astype(object)), expected)
    np.testing.assert_array_equal(f.score(view.tolist()), expected)
    np.testing.assert_array_equal(f.freeze().score(view), expected)


@given(
    st.sampled_from(["pandas", "polars", "pyarrow", "nullable", "masked", "object", "list"]),
    hnp.arrays(np.bool_, st.tuples(st.integers(1, 8), st.just(3)), fill=st.nothing()),
)
def test_the_first_missing_value_of_a_column_is_named(kind, missing):
    """In row order for arrays; tables are read column by column."""
    pa = pytest.importorskip("pyarrow")
    f = fastrcf.RandomCutForest(5, 16, random_state=1)
    f.insert(np.random.default_rng(1).normal(size=(40, 3)))
    before = bytes(f)
    values = np.arange(missing.size, dtype=float).reshape(missing.shape)
    rows = np.where(missing, None, values.astype(object))
    table = pa.table({n: pa.array(rows[:, j].tolist(), pa.float64()) for j, n in enumerate("abc")})
    given = {
        "pandas": table.to_pandas,
        "polars": lambda: pytest.importorskip("polars").from_arrow(table),
        "pyarrow": lambda: table,
        "nullable": lambda: table.to_pandas().astype("Float64"),
        "masked": lambda: np.ma.masked_array(values, mask=missing),
        "object": lambda: rows,
        "list": rows.tolist,
    }[kind]()
    if not missing.any():
        np.testing.assert_array_equal(f.score(given), f.score(values))
        return
    if kind in ("masked", "object", "list"):
        row, column = np.argwhere(missing)[0]
    else:
        column, row = np.argwhere(missing.T)[0]
    for method in (f.insert, f.score, f.process, f.delete):
        with pytest.raises(fastrcf.InvalidInputError, match=f"row {row}, column {column}") as error:
            method(given)
        assert (error.value.row, error.value.column) == (row, column)
    assert bytes(f) == before
