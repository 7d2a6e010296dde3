"""Which columns of a table a detector takes, and as what."""

import datetime
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import fastrcf
from fastrcf._tables import as_table

N = 60
USUAL = np.arange(float(N))
FEW = {"n_trees": 5, "random_state": 1}


def sparse(values, fill=0.0):
    return pd.arrays.SparseArray(values, fill_value=fill)


@pytest.mark.parametrize("dtype", [float, int, bool])
def test_sparse_numbers_are_taken(dtype):
    values = (np.arange(N) % 5 == 0).astype(dtype)
    thin = pd.DataFrame({"a": USUAL, "b": sparse(values, dtype(0))})
    dense = pd.DataFrame({"a": USUAL, "b": values})
    detector = fastrcf.Detector(**FEW).fit(thin)
    assert detector.columns == ["a", "b"]
    expected = fastrcf.Detector(**FEW).fit(dense)
    assert bytes(detector) == bytes(expected)
    np.testing.assert_array_equal(detector.score(thin), expected.score(dense))
    assert fastrcf.Detector(**FEW).fit(thin[["b"]]).columns == ["b"]


def test_a_missing_sparse_number_is_named():
    values = np.where(np.arange(N) == 3, np.nan, 1.0)
    with pytest.raises(fastrcf.InvalidInputError, match="row 3, column 'b': the value is missing"):
        fastrcf.Detector().fit(pd.DataFrame({"a": USUAL, "b": sparse(values, 1.0)}))


@pytest.mark.parametrize("column", [USUAL * 1j, sparse(USUAL * 1j, 0j)])
def test_complex_numbers_are_refused(column):
    table = pd.DataFrame({"a": USUAL, "b": column})
    said = "column 'b': expected numbers, found dtype .*complex128"
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fastrcf.Detector(["a", "b"]).fit(table)
    said = "expected numbers, found dtype .*complex128"
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fastrcf.SeriesDetector(["b"]).process(table)
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fastrcf.RandomCutForest().process(table)
    assert fastrcf.Detector(**FEW).fit(table).columns == ["a"]


OBJECTS = {
    "decimals": [Decimal(i) for i in range(N)],
    "a mixture": [Decimal(1), 2, 3.5, np.float32(4), None, np.int8(5)] * 10,
    "truth values": [True, None, False] * 20,
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_numbers_that_are_objects_are_not_left_out_in_silence(kind):
    table = pd.DataFrame({"a": USUAL, "b": pd.Series(OBJECTS[kind], dtype=object)})
    said = r"column 'b' holds numbers as objects and is left out: .*astype\(float\)"
    with pytest.warns(UserWarning, match=said) as told:
        detector = fastrcf.Detector(**FEW).fit(table)
    assert detector.columns == ["a"]
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match=said) as told:
        fastrcf.SeriesDetector(**FEW).process(table)
    assert told[0].filename == __file__
    # What is named, converted or other than numbers is not told.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastrcf.Detector(["a"], **FEW).fit(table)
        fastrcf.Detector(categorical=["b"], **FEW).fit(table.dropna())
        converted = table.dropna().astype({"b": float})
        assert fastrcf.Detector(**FEW).fit(converted).columns == ["a", "b"]
        table["b"] = pd.Series([1.0, "x", None] * 20, dtype=object)
        assert fastrcf.Detector(**FEW).fit(table).columns == ["a"]


def names_of(column):
    """Names that the categories of a column have."""
    found = []

    def encode(_, names):
        found.extend(names)
        return [float(i) for i in range(len(names))]

    as_table(pd.DataFrame({"c": column})).columns(["c"], {"c"}, encode)
    return found


def test_a_category_has_one_name_whatever_its_dtype():
    for dtype in ("int64", "Int64", "float64", "Float64", "int64[pyarrow]", object):
        assert names_of(pd.Series([1, 2, 3, 1], dtype=dtype)) == ["1", "2", "3"]
    assert names_of(pd.Series([1.0, 2.0, 3.0], dtype=object)) == ["1", "2", "3"]
    assert names_of(pd.Series([1.0, 2, "x", 2.5], dtype=object)) == ["1", "2", "2.5", "x"]
    assert names_of(pd.Series([True, False])) == ["false", "true"]
    assert names_of(pd.Series([True, False], dtype=object)) == ["false", "true"]
    assert names_of(pd.Series([True, False], dtype="category")) == ["false", "true"]
    assert names_of(pd.Series([1.0, 2.5], dtype="category")) == ["1", "2.5"]
    integers = pd.DataFrame({"a": USUAL, "c": [1, 2, 3] * 20})
    floats = integers.assign(c=integers["c"].astype(float).astype(object))
    detector = fastrcf.Detector(["a"], categorical=["c"], **FEW).fit(integers)
    np.testing.assert_array_equal(detector.score(floats), detector.score(integers))


DAYS = [f"2024-01-{1 + i // 6:02}T{4 * (i % 6):02}:00" for i in range(N)]
MOMENTS = [datetime.datetime.fromisoformat(text) for text in DAYS]
SECONDS = [moment.replace(tzinfo=datetime.UTC).timestamp() for moment in MOMENTS]
PER_DAY = {"alerts_per_day": 0.5, "time_column": "t", **FEW}


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_times_of_rows_a_day_may_be_texts(kind):
    expected = fastrcf.Detector(**PER_DAY).fit({"t": MOMENTS, "a": USUAL})
    for times in (DAYS, [f"{text}+02:00" for text in DAYS], [str(t) for t in SECONDS], SECONDS):
        columns = {"t": times, "a": USUAL}
        detector = fastrcf.Detector(**PER_DAY).fit(kind(columns))
        assert detector.rows_per_day == expected.rows_per_day
        assert bytes(detector) == bytes(expected)
    halves = [kind({"t": DAYS[i : i + 30], "a": USUAL[i : i + 30]}) for i in (0, 30)]
    assert bytes(fastrcf.Detector(**PER_DAY).fit(halves)) == bytes(expected)
    mixed = pd.Series([*DAYS[:30], *SECONDS[30:]], dtype=object)
    mixed = pd.DataFrame({"t": mixed, "a": USUAL})
    assert bytes(fastrcf.Detector(**PER_DAY).fit(mixed)) == bytes(expected)
    halves[1] = kind({"t": [*DAYS[30:40], "noon", *DAYS[41:]], "a": USUAL[30:]})
    with pytest.raises(fastrcf.InvalidInputError, match=r"t: .* found 'noon' in row 40") as error:
        fastrcf.Detector(**PER_DAY).fit(halves)
    assert error.value.row == 40


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(pd.Series([None] * N)),
        [datetime.time(i % 24) for i in range(N)],
        np.full(N, np.nan),
    ],
)
def test_what_is_no_time_is_refused_in_words(times):
    said = "column 't': expected datetimes or numbers in seconds"
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fastrcf.Detector(**PER_DAY).fit(pd.DataFrame({"t": times, "a": USUAL}))


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("place", [0, 7, N - 1])
def test_a_row_without_a_time_is_not_passed_over(kind, place):
    for times, missing in ((MOMENTS, None), (SECONDS, None), (SECONDS, float("nan"))):
        times = [missing if i == place else time for i, time in enumerate(times)]
        table = kind({"t": times, "a": USUAL})
        said = f"column 't', row {place}: the time is missing"
        with pytest.raises(fastrcf.InvalidInputError, match=said):
            fastrcf.Detector(**PER_DAY).fit(table)


def test_half_a_character_is_told_with_its_place():
    half = pd.DataFrame(
        {"a": USUAL, "c": pd.Series(["é"] * 7 + ["x\ud800"] * (N - 7), dtype=object)}
    )
    named = half[["a"]].set_axis(pd.Index(["é\ud800"], dtype=object), axis=1)
    for table in (half, half.to_numpy()):
        last = "c" if table is half else "x1"
        with pytest.raises(fastrcf.InvalidInputError, match=f"row 7, column '{last}': .* half a"):
            fastrcf.Detector(categorical=[last]).fit(table)
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 7, column 'c': .* half a character"):
        fastrcf.SeriesDetector(key_column="c").process(half)
    for work in (fastrcf.Detector().fit, fastrcf.SeriesDetector().process):
        with pytest.raises(fastrcf.InvalidInputError, match=r"'é\\ud800' of a column holds half"):
            work(named)
    for kind in (fastrcf.Detector, fastrcf.SeriesDetector):
        with pytest.raises(fastrcf.InvalidParameterError, match=r"columns: .* half a character"):
            kind(columns=["a", "\ud800"])


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("times", [[[1]] * N, [b"x"] * N, [datetime.timedelta(1)] * N])
def test_columns_without_an_order_are_no_times(kind, times):
    with pytest.raises(fastrcf.InvalidInputError, match=r"t'?: expected"):
        fastrcf.Detector(**PER_DAY).fit(kind({"t": times, "a": USUAL}))


@pytest.mark.parametrize("unit", [1e3, 1e6, 1e9])
def test_times_in_parts_of_a_second_are_refused(unit):
    times = [int(moment * unit) for moment in SECONDS]
    said = "is no time in seconds: if it is in milliseconds"
    with pytest.raises(fastrcf.InvalidInputError, match=f"column 't': [0-9]+ {said}"):
        fastrcf.Detector(**PER_DAY).fit({"t": times, "a": USUAL})
    with pytest.raises(fastrcf.InvalidInputError, match=f"time, row 0: [0-9.e+]+ {said}"):
        fastrcf.evaluate(USUAL, np.arange(N) % 2, times)
    limit = fastrcf.AlertLimit(1)
    with pytest.raises(fastrcf.InvalidInputError, match=f"times, row 0: [0-9.e+]+ {said}"):
        limit.keep_first([True] * N, ["a"] * N, times)
    # Whose day has another length counts in another unit.
    assert fastrcf.AlertLimit(1, day=86400 * unit).keep_first([True] * N, ["a"] * N, times).any()


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_truth_values_are_no_times(kind):
    with pytest.raises(fastrcf.InvalidInputError, match="column 't': expected datetimes"):
        fastrcf.Detector(**PER_DAY).fit(kind({"t": [True, False] * 30, "a": USUAL}))


def test_a_time_column_may_be_named_by_a_number():
    table = pd.DataFrame({0: SECONDS, 1: USUAL})
    detector = fastrcf.Detector(alerts_per_day=0.5, time_column=0, **FEW).fit(table)
    assert detector.columns == ["1"]


def test_alerts_are_asked_for_in_one_way():
    with pytest.raises(fastrcf.InvalidParameterError, match="alert_rate and alerts_per_day: give"):
        fastrcf.Detector(alerts_per_day=0.5, time_column="t", alert_rate=0.2)
    assert fastrcf.Detector(alert_rate=0.2).alert_rate == 0.2
    assert fastrcf.Detector().alert_rate == 0.001


@pytest.mark.parametrize("kind", ["decimals", "a mixture"])
def test_objects_that_are_numbers_count_as_numbers_where_they_are_named(kind):
    values = [1.0 if value is None else value for value in OBJECTS[kind]]
    table = pd.DataFrame({"a": USUAL, "b": pd.Series(values, dtype=object)})
    numbers = table.astype({"b": float})
    expected = fastrcf.Detector(["a", "b"], **FEW).fit(numbers)
    detector = fastrcf.Detector(["a", "b"], **FEW).fit(table)
    assert bytes(detector) == bytes(expected)
    assert detector.scaling["b"] != "category"
    for given in (table, pl.DataFrame({"a": USUAL, "b": pl.Series(values, dtype=pl.Object)})):
        np.testing.assert_array_equal(expected.score(given), expected.score(numbers))
        forest = fastrcf.RandomCutForest(5, random_state=1)
        forest.insert(given)
        assert forest.n_seen == N
        series = fastrcf.SeriesDetector(["b"], sample_size=16, **FEW)
        assert len(series.process(given)) == N
    table.loc[7, "b"] = None
    with pytest.raises(fastrcf.InvalidInputError, match="row 7, column 'b': the value is missing"):
        expected.score(table)
    table.loc[7, "b"] = "x"
    with pytest.raises(fastrcf.InvalidInputError, match="row 7, column 'b': 'x' is not a number"):
        expected.score(table)


def test_long_doubles_are_not_left_out():
    table = pd.DataFrame({"a": USUAL, "b": USUAL.astype(np.longdouble)})
    assert fastrcf.Detector(**FEW).fit(table).columns == ["a", "b"]


OTHERS = {
    "periods": pd.DataFrame({"a": USUAL, "b": pd.period_range("2024-01", periods=N, freq="M")}),
    "intervals": pd.DataFrame({"a": USUAL, "b": pd.interval_range(0, N)}),
    "runs": pa.table({"a": USUAL, "b": pc.run_end_encode(pa.array([1, 2, 3] * 20))}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_columns_of_other_kinds_are_refused_in_words(kind):
    said = "column 'b': expected numbers, found dtype"
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fastrcf.Detector(["a", "b"], **FEW).fit(OTHERS[kind])
    with pytest.raises(fastrcf.InvalidInputError, match="expected numbers, found dtype"):
        fastrcf.RandomCutForest().insert(OTHERS[kind])


MIDNIGHTS = [datetime.datetime(2024, 1, day) for day in (1, 2)]
CATEGORIES = {
    "times": [*MIDNIGHTS, datetime.datetime(2024, 1, 2, 12)],
    "durations": [datetime.timedelta(days=1), datetime.timedelta(hours=5), datetime.timedelta(0)],
    "dates": [moment.date() for moment in (*MIDNIGHTS, datetime.datetime(2024, 1, 3))],
    "lists": [[1], [1, 2], []],
    "bytes": [b"a", b"\xff", b""],
}


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("of", CATEGORIES)
def test_categories_have_one_name_whatever_rows_they_come_with(kind, of):
    columns = {"a": USUAL, "c": CATEGORIES[of] * 20}
    table = kind(columns)
    detector = fastrcf.Detector(categorical=["c"], **FEW).fit(table)
    expected = detector.score(table)
    for i in range(3):
        alone = kind({name: values[i : i + 1] for name, values in columns.items()})
        np.testing.assert_array_equal(detector.score(alone), expected[i : i + 1])
    # Nor with the kind of table, but for the types that it has.
    np.testing.assert_array_equal(detector.score(pd.DataFrame(columns)), expected)
    np.testing.assert_array_equal(detector.score(pa.table(columns)), expected)
