"""Measures against values worked out by hand, and pairs against known tests."""

import numpy as np
import pytest

from benches.detection.case import Table
from benches.detection.metrics import card_precision, measures
from benches.detection.paired import compare

ROWS = np.zeros((4, 1))
LABELS = np.array([False, True, False, True])


def test_ranking_is_measured():
    found = measures(Table(ROWS, None, LABELS), np.array([1.0, 2.0, 3.0, 4.0]))
    assert found == {"auc": pytest.approx(0.75), "ap": pytest.approx((1 + 2 / 3) / 2)}


def test_weights_count_as_rows():
    scores = np.array([1.0, 2.0, 3.0, 4.0])
    weights = np.array([3.0, 1.0, 5.0, 1.0])
    repeated = np.repeat(np.arange(4), weights.astype(int))
    weighted = measures(Table(ROWS, None, LABELS, weights), scores)
    table = Table(np.zeros((len(repeated), 1)), None, LABELS[repeated])
    assert weighted == pytest.approx(measures(table, scores[repeated]))


def test_a_card_counts_once_a_day():
    cards = np.array([1, 1, 2, 3, 1, 2])
    days = np.array([0, 0, 0, 0, 1, 1])
    labels = np.array([False, True, False, True, False, True])
    scores = np.array([9.0, 1.0, 8.0, 7.0, 1.0, 2.0])
    # First day: card 1 and 2 of which 1 is compromised, by another row; second: card 2.
    assert card_precision(scores, labels, cards, days, at=1) == 1.0
    assert card_precision(scores, labels, cards, days, at=2) == 0.5
    table = Table(np.zeros((6, 1)), None, labels, None, cards, days)
    assert measures(table, scores)["cp100"] == pytest.approx((2 + 1) / 100 / 2)


@pytest.mark.parametrize(
    ("labels", "scores", "why"),
    [
        (LABELS, [1.0, np.nan, 2.0, 3.0], "score of row 1"),
        (np.zeros(4, bool), [1.0, 2.0, 3.0, 4.0], "all labels are the same"),
    ],
)
def test_nonsense_is_refused(labels, scores, why):
    with pytest.raises(ValueError, match=why):
        measures(Table(ROWS, None, labels), np.array(scores))


def test_pairs_are_of_the_same_cases():
    ours = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.5, "e": 0.6, "only ours": 0.0}
    theirs = {"a": 0.8, "b": 0.6, "c": 0.4, "d": 0.1, "e": 0.1, "only theirs": 1.0}
    found = compare(ours, theirs)
    # All five ahead: two in 2^5 orders of signs are as far.
    assert (found.won, found.of, found.p) == (5, 5, pytest.approx(2 / 32))
    assert compare(theirs, ours).won == 0
    assert compare(ours, ours).p == 1.0
    assert compare({"a": 1.0}, {"b": 1.0}) is None
