"""Tables that people really have: constant, empty, full of duplicates, full of gaps."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastrcf

KINDS = ("auto", "expected_inverse_depth", "local_range", "displacement")


# Displacement counts the rows that a row is separated from: all of them, whatever it is.
@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_constant_table_has_one_score_and_anything_else_is_an_alert(kind):
    table = np.full((500, 3), 7.0)
    detector = fastrcf.Detector(score=kind, random_state=1).fit(table)
    assert detector.relations == []
    scores = detector.score(table)
    assert np.isfinite(scores).all()
    assert (scores == scores[0]).all()
    found = detector.detect(np.vstack([table[:3], [[7.0, 7.0, 7.5]]]))
    assert found.is_anomaly.tolist() == [False, False, False, True]
    assert found.reasons[3][0].column == "x2" or "2" in found.reasons[3][0].column


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_duplicates_is_fitted(kind, rng):
    table = np.repeat(rng.normal(size=(4, 3)), 200, axis=0)
    detector = fastrcf.Detector(score=kind, random_state=1).fit(table)
    scores = detector.score(table)
    assert np.isfinite(scores).all()
    assert not detector.detect(table).is_anomaly.any()
    assert detector.detect(table[:1] + 5).is_anomaly.all()


def test_no_rows_and_one_row_are_too_few():
    for rows in (np.empty((0, 3)), np.ones((1, 3))):
        with pytest.raises(fastrcf.NotReadyError, match="too few to fit to: at least 2"):
            fastrcf.Detector().fit(rows)
    two = fastrcf.Detector(random_state=1).fit(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert np.isfinite(two.score([[1.5, 1.5]])).all()


USUAL = np.arange(10.0)
EMPTY = {
    "NumPy": np.column_stack((USUAL, np.full(10, np.nan))),
    "NumPy objects": np.array([[x, None] for x in USUAL], dtype=object),
    "pandas NaN": pd.DataFrame({"x0": USUAL, "x1": np.nan}),
    "pandas None": pd.DataFrame({"x0": USUAL, "x1": [None] * 10}),
    "pandas NA": pd.DataFrame({"x0": USUAL, "x1": pd.array([pd.NA] * 10, dtype="Float64")}),
    "Polars null": pl.DataFrame({"x0": USUAL, "x1": [None] * 10}),
    "Polars floats": pl.DataFrame({"x0": USUAL, "x1": [None] * 10}, schema_overrides={"x1": float}),
    "Polars NaN": pl.DataFrame({"x0": USUAL, "x1": [float("nan")] * 10}),
    "Arrow null": pa.table({"x0": USUAL, "x1": pa.nulls(10)}),
    "Arrow floats": pa.table({"x0": USUAL, "x1": pa.nulls(10, pa.float64())}),
    "Arrow NaN and null": pa.table({"x0": USUAL, "x1": [float("nan"), None] * 5}),
    "mapping": {"x0": USUAL, "x1": [None] * 10},
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_column_without_values_is_named(kind):
    table = EMPTY[kind]
    said = "column 'x1' has no value at all in rows 0 to 9: leave it out"
    for columns in (None, ["x0", "x1"]):
        with pytest.raises(fastrcf.InvalidInputError, match=said):
            fastrcf.Detector(columns).fit(table)
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fastrcf.Detector(["x0"], categorical=["x1"]).fit(table)
    detector = fastrcf.Detector(["x0"], random_state=1).fit(table)
    assert detector.columns == ["x0"]
    detector = fastrcf.Detector(random_state=1).fit({"x0": USUAL, "x1": USUAL})
    for work in (detector.score, detector.detect, detector.process, detector.explain):
        with pytest.raises(fastrcf.InvalidInputError, match=said):
            work(table)


def test_a_column_without_values_is_told_by_the_rows_of_its_batch():
    full = {"x0": USUAL, "x1": USUAL}
    empty = {"x0": USUAL, "x1": [None] * 10}
    with pytest.raises(fastrcf.InvalidInputError, match=r"'x1' has no value .* in rows 10 to 19"):
        fastrcf.Detector().fit([full, empty])
    # One row is no column: it has a missing value.
    detector = fastrcf.Detector(random_state=1).fit(full)
    with pytest.raises(fastrcf.InvalidInputError, match="row 0, column 'x1': the value is missing"):
        detector.score(pl.DataFrame({"x0": [1.0], "x1": [None]}))


def test_text_without_values_is_left_out():
    table = pl.DataFrame({"a": USUAL, "note": pl.Series([None] * 10, dtype=pl.String)})
    assert fastrcf.Detector().fit(table).columns == ["a"]


@pytest.mark.parametrize("kind", ["pandas None", "Polars null", "Arrow null", "mapping"])
def test_a_series_may_begin_without_values_if_its_columns_are_named(kind):
    table = EMPTY[kind]
    with pytest.raises(fastrcf.InvalidInputError, match="column 'x1' has no value at all"):
        fastrcf.SeriesDetector().process(table)
    series = fastrcf.SeriesDetector(["x0", "x1"], n_trees=5, sample_size=16)
    assert np.isnan(np.asarray(series.process(table)["score"], dtype=float)).all()
    assert series.n_missing == 10


def test_a_missing_value_changes_nothing_and_is_named(rng):
    table = pd.DataFrame(rng.normal(size=(300, 3)), columns=["a", "b", "c"])
    detector = fastrcf.Detector(random_state=1).fit(table)
    before = bytes(detector)
    bad = table.copy()
    bad.loc[120, "b"] = np.nan
    for work in (detector.score, detector.detect, detector.process, detector.explain):
        with pytest.raises(fastrcf.InvalidInputError, match="row 120, column 'b'"):
            work(bad)
    assert bytes(detector) == before


def test_heavy_tails_and_one_hot_columns_are_fitted(rng):
    n = 3000
    table = {
        "money": rng.pareto(0.8, n) * 1e6,
        "one": (rng.random(n) < 0.02).astype(float),
        "other": (rng.random(n) < 0.5).astype(float),
        "usual": rng.normal(size=n),
    }
    detector = fastrcf.Detector(alert_rate=0.01, random_state=1).fit(table)
    scores = detector.score(table)
    assert np.isfinite(scores).all()
    # No column takes all the cuts: each can make a row odd.
    base = {name: np.repeat(np.median(values), 3) for name, values in table.items()}
    base["money"][0] *= 1e6
    base["usual"][1] = 12.0
    assert (detector.score(base)[:2] > detector.score(base)[2] + 1).all()
