"""Tables of any kind into a detector: columns by name, categories, batches."""

import numpy as np
import pytest

import fastrcf
from tests.test_input import REFUSED, TABLES, frame


def test_a_detector_takes_what_a_forest_takes_and_names_what_it_does_not(rng):
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    x = rng.normal(size=(300, 4))
    detector = fastrcf.Detector(random_state=1, n_trees=10).fit(frame("pandas", x))
    expected = detector.score(x)
    for kind in TABLES:
        if kind == "integer names":
            continue
        given = TABLES[kind](frame("pyarrow", x))
        np.testing.assert_array_equal(detector.score(given), expected)
    table = frame("pandas", x)
    np.testing.assert_array_equal(detector.score(table.iloc[7]), expected[7:8])
    # Names need not be text, nor in the fitted order.
    numbered = fastrcf.Detector(random_state=1, n_trees=10).fit(pd.DataFrame(x))
    assert numbered.columns == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(numbered.score(pd.DataFrame(x)[[3, 1, 0, 2]]), expected)
    before = bytes(detector)
    for make, _, _, message in REFUSED:
        given = make()
        if isinstance(given, (dict, pd.Series)) or "columns" in message:
            continue
        with pytest.raises(fastrcf.InvalidInputError, match=message):
            detector.process(given)
        assert bytes(detector) == before
    for rows in ([{"a": 1.0, "b": 2.0}] * 3, {"a": 1.0, "b": 2.0}):
        with pytest.raises(fastrcf.InvalidInputError, match=r"'a' is one value .*DataFrame\(rows"):
            detector.fit(rows)
    with pytest.raises(fastrcf.InvalidInputError, match="expected a table"):
        detector.score({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(fastrcf.InvalidInputError, match="row 1, column 'c': the value is missing"):
        detector.score(pa.table({n: [1.0, None if n == "c" else 2.0] for n in "abcd"}))


def test_rows_of_all_batches_are_counted_where_a_value_is_missing_too():
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    good = {"a": [1.0] * 100, "b": ["x"] * 100}
    for bad, column, what in (
        ({"a": [2.0, None], "b": ["x", "y"]}, "a", "missing"),
        ({"a": [2.0, np.inf], "b": ["x", "y"]}, "a", "not finite"),
        ({"a": [2.0, 3.0], "b": ["x", None]}, "b", "missing"),
    ):
        for kind in (pa.table, pd.DataFrame):
            with pytest.raises(fastrcf.InvalidInputError, match=what) as error:
                fastrcf.Detector(["a", "b"]).fit([kind(good), kind(bad)])
            assert error.value.row == 101
            assert f"row 101, column {column!r}" in str(error.value)


def test_arrays_and_lists_may_mix_numbers_and_categories():
    rows = [[float(i % 7), "http" if i % 50 else "ftp"] for i in range(300)]
    detector = fastrcf.Detector(["x0", "x1"], random_state=1, n_trees=10).fit(rows)
    array = np.array(rows, dtype=object)
    again = fastrcf.Detector(["x0", "x1"], random_state=1, n_trees=10).fit(array)
    assert bytes(again) == bytes(detector)
    np.testing.assert_array_equal(detector.score(array[3]), detector.score(rows)[3:4])
    for missing in (None, np.nan):
        array[5, 1] = missing
        with pytest.raises(fastrcf.InvalidInputError, match=r"row 5, column 'x1'.*missing"):
            detector.score(array)
    array[5] = ["1.0", "http"]
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 5, column 'x0': '1.0' is not"):
        detector.score(array)


FACES = {
    "pandas": lambda t: t.to_pandas(),
    "polars": lambda t: pytest.importorskip("polars").from_arrow(t),
    "lazy": lambda t: pytest.importorskip("polars").from_arrow(t).lazy(),
    "pyarrow": lambda t: t,
    "duckdb": lambda t: pytest.importorskip("duckdb").from_arrow(t),
    "mapping": lambda t: t.to_pydict(),
}


@pytest.mark.parametrize("kind", FACES)
def test_tables_without_rows_give_no_rows(kind):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": np.arange(50.0), "b": ["x", "y"] * 25})
    detector = fastrcf.Detector(["a", "b"], random_state=1, n_trees=5).fit(table)
    before = bytes(detector)
    if kind == "mapping":
        table = pa.table({"a": [], "b": pa.array([], pa.string())})
    for method in ("score", "detect", "process", "explain"):
        assert len(getattr(detector, method)(FACES[kind](table.slice(0, 0)))) == 0
    assert bytes(detector) == before


@pytest.mark.parametrize("kind", [*FACES, "array"])
@pytest.mark.parametrize(
    "values", [[1, 2, 3], [1.0, 2.0, 2.5], [True, False, True], ["x", "y", "z"]]
)
def test_categories_have_the_same_names_in_tables_of_every_kind(kind, values):
    pa = pytest.importorskip("pyarrow")
    columns = {"a": np.arange(60.0), "b": values * 20}

    def fitted(table):
        columns = ["x0", "x1"] if kind == "array" and table is not arrow else ["a", "b"]
        return fastrcf.Detector(columns, categorical=columns[1:], random_state=1, n_trees=5).fit(
            table
        )

    arrow = pa.table(columns)
    given = arrow
    if kind == "array":
        given = np.array(list(zip(columns["a"], columns["b"], strict=True)), dtype=object)
    else:
        given = FACES[kind](arrow)
    expected = fitted(arrow).score(arrow)
    np.testing.assert_array_equal(fitted(arrow).score(given), expected)
    np.testing.assert_array_equal(fitted(given).score(given), expected)
    # The same category, were it written as a float.
    if values == [1, 2, 3]:
        floats = pa.table({"a": columns["a"], "b": np.array(columns["b"], dtype=float)})
        np.testing.assert_array_equal(fitted(arrow).score(floats), fitted(arrow).score(arrow))


def test_a_missing_category_is_named_in_arrays_of_numbers_too(rng):
    x = rng.integers(0, 3, size=(50, 2)).astype(float)
    detector = fastrcf.Detector(categorical=["x1"], random_state=1, n_trees=5).fit(x)
    integers = fastrcf.Detector(categorical=["x1"], random_state=1, n_trees=5).fit(x.astype(int))
    assert bytes(integers) == bytes(detector)
    x[7, 1] = np.nan
    with pytest.raises(fastrcf.InvalidInputError, match="row 7, column 'x1': the value is missing"):
        detector.score(x)


def test_batches_of_arrays_have_one_width():
    with pytest.raises(fastrcf.InvalidInputError, match="row 3: expected 2 columns, found 3"):
        fastrcf.Detector(n_trees=5).fit([np.ones((3, 2)), np.ones((3, 3))])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["mapping", "polars", "pandas", "pyarrow"])
def test_thousands_of_columns_cost_each_their_own_time(rng, kind):
    # Four times as many columns took sixteen times as long, minutes for some kinds.
    columns = {f"c{j}": x for j, x in enumerate(rng.normal(size=(4000, 30)))}
    makers = {"polars": "DataFrame", "pandas": "DataFrame", "pyarrow": "table"}
    make = getattr(pytest.importorskip(kind), makers[kind]) if kind in makers else dict
    detector = fastrcf.Detector(n_trees=5, sample_size=16, relations="off", random_state=1)
    table = make(columns)
    scores = detector.fit(table).score(table)
    array = np.column_stack(list(columns.values()))
    np.testing.assert_array_equal(scores, detector.score(array))
