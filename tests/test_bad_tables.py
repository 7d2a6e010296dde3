"""Tables that people really have: constant, empty, full of duplicates, full of gaps."""

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize("gap", [np.nan, None])
def test_a_column_without_values_is_named(gap):
    table = pd.DataFrame({"a": np.arange(10.0), "empty": pd.Series([gap] * 10, dtype=float)})
    with pytest.raises(fastrcf.InvalidInputError, match="row 0, column 'empty'"):
        fastrcf.Detector().fit(table)
    detector = fastrcf.Detector(["a"]).fit(table)
    assert detector.columns == ["a"]


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
