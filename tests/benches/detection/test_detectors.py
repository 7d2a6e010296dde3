"""Each detector finds what is planted, and streams do not look ahead."""

from contextlib import closing

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benches.detection.detectors import STREAMS, TABLES
from benches.detection.detectors.streams import standardised
from benches.detection.detectors.thresholded import Graded, GradedScore
from benches.engines.protocol import Unavailable
from tests.benches.detection.made import planted

BY_NAME = {"argvalues": TABLES, "ids": [made.name for made in TABLES]}
# These are built by Maven first.
JAVA = {Graded, GradedScore}


@pytest.fixture
def make():
    def made(detector, seed=1):
        try:
            return detector(seed)
        except Unavailable as error:
            pytest.skip(str(error))

    return made


@pytest.mark.parametrize("detector", **BY_NAME)
def test_odd_rows_are_found(detector, make):
    rows, labels = planted(400, 8, 4)
    new, new_labels = planted(200, 6, 4, seed=1)
    made = make(detector)
    made.fit(rows)
    assert roc_auc_score(labels, made.score_fitted(rows)) > 0.97
    assert roc_auc_score(new_labels, made.score(new)) > 0.97


@pytest.mark.parametrize("detector", **BY_NAME)
def test_who_draws_draws_by_the_seed(detector, make):
    rows, _ = planted(300, 8, 4)

    def scores(seed):
        made = make(detector, seed)
        made.fit(rows)
        return made.score(rows)

    np.testing.assert_array_equal(scores(1), scores(1))
    assert np.array_equal(scores(1), scores(2)) != detector.is_seeded


@pytest.mark.parametrize(
    "detector",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one in JAVA else [])
        for one in STREAMS
        if not one.looks_ahead
    ],
)
def test_the_future_changes_nothing(detector):
    rng = np.random.default_rng(0)
    values, seconds = rng.normal(size=2_400), 300.0 * np.arange(2_400)
    changed = values.copy()
    changed[2_200:] = 1_000 + 100 * rng.normal(size=200)
    try:
        with closing(detector(1)) as made:
            whole, other = (made.process(x, seconds) for x in (values, changed))
    except Unavailable as error:
        pytest.skip(str(error))
    assert whole.shape == (2_400,)
    assert np.isfinite(other).all()
    np.testing.assert_array_equal(whole[:2_200], other[:2_200])
    # Some detectors score only rows that tell something new.
    assert whole[1_500:2_200].max() > 0
    # Whether a forest takes early rows for odd while it is young is not asked here.
    assert other[2_200] > whole[1_500:2_200].max()


@pytest.mark.slow
def test_thresholded_forest_is_read_by_grade_and_score(make):
    rng = np.random.default_rng(0)
    values, seconds = rng.normal(size=1_000), np.arange(1_000.0)
    values[900] += 30
    with closing(make(Graded)) as by_grade, closing(make(GradedScore)) as by_both:
        grade, both = (made.process(values, seconds) for made in (by_grade, by_both))
        # Each series is as if it were the first.
        np.testing.assert_array_equal(by_grade.process(values, seconds), grade)
    assert grade[900] > 0.5
    assert 0 <= grade.min() <= grade.max() <= 1
    np.testing.assert_array_equal(both > 0, grade > 0)
    # Scores of a forest are around 1 where nothing is odd.
    assert both[900] / grade[900] > 1.5


def test_values_are_in_deviations_of_the_rows_before():
    values = np.random.default_rng(0).normal(50, 3, 200)
    found = standardised(values)
    for row in (2, 10, 199):
        before = values[:row]
        assert found[row] == pytest.approx((values[row] - before.mean()) / before.std())
    np.testing.assert_array_equal(standardised(np.full(50, 0.1)), np.zeros(50))
