"""Reports on columns of whatever kind a detector takes."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import fastrcf
from fastrcf import report
from fastrcf.report import words

MOMENTS = [datetime.datetime(2024, 1, 1, hour) for hour in (0, 8, 16)]
KINDS = {
    "times": MOMENTS,
    "durations": [datetime.timedelta(hours=hour) for hour in (0, 8, 30)],
    "periods": pd.period_range("2024-01", periods=3, freq="M"),
    "bytes": [b"a", b"b", b"c"],
    "lists": [[1], [1, 2], []],
    "a mixture": pd.Series([1, "x", 2.5], dtype=object),
    "truth values": pd.Series([True, False, True], dtype=object),
    "floats": pd.Categorical([1.0, 2.0, 2.5]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_categories_of_any_kind_are_those_that_were_fitted(kind):
    table = pd.DataFrame({"a": np.arange(60.0), "c": list(KINDS[kind]) * 20})
    detector = fastrcf.Detector(["a"], categorical=["c"], n_trees=5, random_state=1).fit(table)
    facts = report.build(detector, table, keep=["c"]).facts
    (found,) = facts.categories
    assert found.unseen == 0
    assert found.n_found == found.n_fitted
    assert facts.scores.alerts.rows == int(detector.detect(table)["is_anomaly"].sum())


@pytest.mark.parametrize(
    "column",
    [
        pd.arrays.SparseArray([0.0, 1.0, 2.0] * 20),
        np.arange(60, dtype=np.longdouble),
        pd.Series([1, 2.5, Decimal(3)] * 20, dtype=object),
    ],
)
def test_numbers_of_any_kind_are_reported(column):
    table = pd.DataFrame({"a": np.arange(60.0), "b": column, "id": ["x", 7, None] * 20})
    detector = fastrcf.Detector(["a", "b"], n_trees=5, random_state=1).fit(table)
    facts = report.build(detector, table, keep=["id"]).facts
    assert [one.name for one in facts.numbers] == ["a", "b"]
    assert {row.kept[0] for row in facts.top} <= {"x", "7", words.value(None)}


def test_what_is_no_detector_and_columns_that_are_two_things_are_refused():
    table = {"a": np.arange(60.0), "y": np.arange(60) % 2}
    with pytest.raises(fastrcf.InvalidParameterError, match="expected a Detector, found Random"):
        report.build(fastrcf.RandomCutForest(), table)
    detector = fastrcf.Detector(["a"], n_trees=5, random_state=1).fit(table)
    with pytest.raises(fastrcf.InvalidParameterError, match="label and time: both are 'y'"):
        report.build(detector, table, label="y", time="y")
    with pytest.raises(fastrcf.InvalidParameterError, match="top: expected an integer"):
        report.build(detector, table, top="x")
