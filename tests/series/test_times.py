"""Times of series in whatever column they come, and what else a row may lack."""

import datetime
import decimal
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastrcf
from fastrcf import _series_input
from fastrcf.cli import stream_models

SMALL = {"n_trees": 5, "sample_size": 16, "random_state": 1}
TABLES = {
    "mapping": dict,
    "pandas": pd.DataFrame,
    "pandas objects": lambda columns: pd.DataFrame(columns, dtype=object),
    "pandas categories": lambda columns: pd.DataFrame(columns, dtype="category"),
    "Polars": pl.DataFrame,
    "Arrow": pa.table,
}
TEXTS = [
    "5",
    "1704067200",
    "1704067200.25",
    "20240101",
    "2024",
    "-1e3",
    "2024-01-01",
    " 2024-01-01 03:00 ",
    "2024-01-01T03:00:00.123456",
    "2024-01-01T03:00+02:00",
    "2024-01-01 03:00:00Z",
    "20240101T0300",
    "1969-12-31T23:59:59",
]


def read(table, name="t"):
    return _series_input.times(_series_input.as_rows(table), name, has_days=True)


@pytest.mark.parametrize("kind", TABLES)
def test_texts_are_read_as_the_command_line_reads_them(kind):
    expected = [stream_models.seconds(text) for text in TEXTS]
    assert None not in expected
    assert read(TABLES[kind]({"t": TEXTS})).tolist() == expected
    # The clock that is shown counts, whatever its offset.
    assert read(TABLES[kind]({"t": ["1970-01-01T01:00+05:00"]})).tolist() == [3600.0]


def test_texts_of_arrays_are_times_too():
    for dtype in (object, str):
        rows = np.array([["5", "1"], ["1970-01-01T00:01", "2"]], dtype=dtype)
        assert read(rows, "x0").tolist() == [5.0, 60.0]


def test_a_series_with_times_of_text_is_that_with_numbers():
    rng = np.random.default_rng(0)
    times, x = 3600.0 * np.arange(300), rng.normal(size=300)

    def scores(given):
        detector = fastrcf.SeriesDetector(["x"], time_column="t", **SMALL)
        return np.asarray(detector.process({"t": given, "x": x})["score"])

    moments = [datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=t) for t in times]
    expected = scores(times)
    np.testing.assert_array_equal(scores([str(t) for t in times]), expected)
    np.testing.assert_array_equal(
        scores([f"{moment.isoformat()}-03:00" for moment in moments]), expected
    )


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("bad", ["x", "nan", "inf", "1_0", "", "2024-13-01"])
def test_a_bad_time_is_named_with_its_row(kind, bad):
    with pytest.raises(fastrcf.InvalidInputError, match=r"^t: expected .* in row 1$") as caught:
        read(TABLES[kind]({"t": ["2024-01-01", bad]}))
    assert f"found {bad!r} in" in str(caught.value)
    assert caught.value.row == 1


@pytest.mark.parametrize("unit", [1e3, 1e6, 1e9])
def test_times_in_parts_of_a_second_are_refused_where_days_are_told_by_them(unit):
    table = {"t": np.arange(50) * 3600 * unit + 1704067200 * unit, "v": np.arange(50.0)}
    for given in ({}, {"period": None, "alerts_per_day": 1}):
        detector = fastrcf.SeriesDetector(time_column="t", **given)
        said = r"^t, row 0: [0-9.e+]+ is no time in seconds: if it is in milliseconds"
        with pytest.raises(fastrcf.InvalidInputError, match=said):
            detector.process(table)
        assert detector.n_seen == 0
    other = fastrcf.SeriesDetector(time_column="t", period=600 * unit, sample_size=16)
    assert len(other.process(pd.DataFrame(table))) == 50


@pytest.mark.parametrize("kind", TABLES)
def test_a_missing_text_is_named_with_its_row(kind):
    with pytest.raises(fastrcf.InvalidInputError, match="t, row 1: the value is missing"):
        read(TABLES[kind]({"t": ["2024-01-01", None]}))


def test_objects_are_read_one_by_one():
    day = 1704067200.0
    for value, seconds in (
        (5, 5.0),
        (decimal.Decimal("2.5"), 2.5),
        (np.float32(0.5), 0.5),
        (datetime.date(2024, 1, 1), day),
        (datetime.datetime(2024, 1, 1, 0, 0, 1, 500_000), day + 1.5),
        (pd.Timestamp("2024-01-01"), day),
        (np.datetime64("2024-01-01"), day),
    ):
        table = pd.DataFrame({"t": pd.Series(["7", value], dtype=object)})
        assert read(table).tolist() == [7.0, seconds]
    for bad in (True, b"5", datetime.time(3), 1j, [1, 2], math.inf):
        rows = np.empty((2, 1), dtype=object)
        rows[0, 0], rows[1, 0] = 7, bad
        with pytest.raises(fastrcf.InvalidInputError, match=r"x0: expected .* in row 1"):
            read(rows, "x0")
    for missing in (None, math.nan, pd.NA, pd.NaT, np.datetime64("NaT")):
        rows[1, 0] = missing
        with pytest.raises(fastrcf.InvalidInputError, match="x0, row 1: the value is missing"):
            read(rows, "x0")


GAPS = {
    "pandas": lambda x: pd.DataFrame({"x": pd.array(x, dtype="boolean")}),
    "pandas of Arrow": lambda x: pd.DataFrame({"x": pd.array(x, dtype="bool[pyarrow]")}),
    "Polars": lambda x: pl.DataFrame({"x": x}),
    "Arrow": lambda x: pa.table({"x": x}),
    "sparse": lambda x: pd.DataFrame({"x": pd.arrays.SparseArray(np.array(x, dtype=float))}),
}


@pytest.mark.parametrize("kind", GAPS)
def test_missing_truth_values_and_sparse_ones_are_as_missing_numbers(kind):
    values = [True, False, None, True, True] * 40
    numbers = [None if value is None else int(value) for value in values]
    expected = fastrcf.SeriesDetector(**SMALL)
    wanted = expected.process(pd.DataFrame({"x": pd.array(numbers, dtype="Int64")}))["score"]
    detector = fastrcf.SeriesDetector(**SMALL)
    found = detector.process(GAPS[kind](values))
    np.testing.assert_array_equal(np.asarray(found["score"], dtype=float), wanted)
    assert detector.n_missing == expected.n_missing == 40
