"""Nonsense gets no time, however fast it comes."""

from typing import ClassVar

import numpy as np
import pytest

from benches import plausible
from benches.engines import ByRow, Frozen, Living, Rrcf, Windowed
from benches.engines.protocol import PythonEngine, Shape
from benches.rows import mixture, planted

SHAPE = Shape(n_trees=50, sample_size=128)
LEARNT = mixture(3_000, 6, seed=1)
ASKED = planted(200, 6, seed=5)


@pytest.fixture(scope="module")
def expected():
    return plausible.expected_scores(LEARNT, ASKED.rows, SHAPE)


@pytest.fixture(scope="module")
def scores():
    forest = Living(SHAPE)
    forest.build(LEARNT)
    return forest.run("score", ASKED.rows).answer


def test_planted_rows_are_odd_in_every_column_and_most_in_one():
    odd, usual = ASKED.rows[ASKED.is_odd], ASKED.rows[~ASKED.is_odd]
    assert (len(odd), len(usual)) == (10, 190)
    assert np.abs(odd).min() >= 60 > np.abs(usual).max()
    assert (np.abs(odd).argmax(axis=1) == ASKED.column).all()


@pytest.mark.parametrize("work", ["score", "process", "insert", "attribution", "fit", "load"])
def test_our_forest_is_plausible_at_every_work(work):
    expected = plausible.expected_scores(LEARNT, ASKED.rows, SHAPE, work)
    forest = Living(SHAPE)
    forest.build(LEARNT)
    assert plausible.check(forest, work, LEARNT, ASKED, expected) is None
    forest.close()


@pytest.mark.parametrize("engine", [Living, ByRow, Windowed])
def test_our_forests_delete_what_they_took_in(engine):
    expected = plausible.expected_scores(LEARNT, ASKED.rows, SHAPE, "delete")
    forest = engine(SHAPE)
    forest.build(LEARNT)
    assert plausible.check(forest, "delete", LEARNT, ASKED, expected) is None
    copies = forest.run("delete", mixture(20, 6, seed=9)).answer
    # Of a window every tree holds every row.
    assert copies.sum() == 20 * 50 if engine is Windowed else 20 < copies.sum() < 20 * 25


def test_rrcf_deletes_what_it_took_in():
    pytest.importorskip("rrcf", reason="rrcf is not installed")
    shape = Shape(n_trees=20, sample_size=32)
    learnt, asked = mixture(100, 6, seed=1), planted(Rrcf.planted, 6, seed=5)
    forest = Rrcf(shape)
    forest.build(learnt)
    expected = plausible.expected_scores(learnt, asked.rows, shape, "delete")
    assert plausible.check(forest, "delete", learnt, asked, expected) is None
    assert forest.run("delete", asked.rows[:5]).answer.tolist() == [20.0] * 5
    # The window has room, and goes on.
    assert len(forest.run("process", asked.rows[:3]).answer) == 3


@pytest.mark.parametrize(
    ("deleted", "why"),
    [
        (lambda rows: np.ones(len(rows)), "after deletion: mean of odd rows 0."),
        (lambda rows: np.zeros(len(rows)), "deleted 0.00 of the rows"),
        (lambda rows: np.ones(3), "counts of copies for"),
        (lambda rows: None, "no counts of copies for"),
    ],
)
def test_a_deletion_that_leaves_rows_behind_is_told(deleted, why):
    expected = plausible.expected_scores(LEARNT, ASKED.rows, SHAPE, "delete")
    forest = Living(SHAPE)
    forest.build(LEARNT)
    forest.delete = deleted
    assert why in plausible.check(forest, "delete", LEARNT, ASKED, expected)


def test_a_local_range_only_has_to_find_odd_rows():
    expected = plausible.expected_scores(LEARNT, ASKED.rows, SHAPE, "local_range")
    forest = Frozen(SHAPE)
    forest.build(LEARNT)
    assert plausible.check(forest, "local_range", LEARNT, ASKED, expected) is None
    forest.local_range = lambda rows: np.ones(len(rows))
    assert "AUC" in plausible.check(forest, "local_range", LEARNT, ASKED, expected)


@pytest.mark.parametrize("width", [1, 2, 64])
def test_our_forest_is_plausible_at_every_width(width):
    learnt, asked = mixture(3_000, width, seed=1), planted(200, width, seed=5)
    forest = Living(SHAPE)
    forest.build(learnt)
    scores = plausible.expected_scores(learnt, asked.rows, SHAPE)
    for work in ("score", "attribution"):
        assert plausible.check(forest, work, learnt, asked, scores) is None


def in_order_and_no_more(scores):
    """Odd rows come last; the usual ones lie anywhere below."""
    anywhere = np.random.default_rng(1).uniform(0, scores[ASKED.is_odd].min(), len(scores))
    return np.where(ASKED.is_odd, scores, anywhere)


def nan_at_one(scores):
    return np.where(np.arange(len(scores)) == 7, np.nan, scores)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda scores: None, "no scores"),
        (lambda scores: scores[:-1], "scores for 200 rows"),
        (lambda scores: scores[:, None], "scores for 200 rows"),
        (nan_at_one, "1 of 200 scores are not finite"),
        (np.zeros_like, "AUC 0.500"),
        (np.negative, "AUC 0.000"),
        (lambda scores: np.roll(scores, 3), "AUC"),
        (lambda scores: np.random.default_rng(1).random(len(scores)), "AUC"),
        (in_order_and_no_more, "correlation"),
        (lambda scores: 1.3 * scores, "mean of usual rows 1.3"),
        (lambda scores: np.minimum(scores, 2), "mean of odd rows 0."),
    ],
)
def test_nonsense_is_told(spoil, why, scores, expected):
    assert plausible.why_not_scores(scores, ASKED, expected, "forest") is None
    assert why in plausible.why_not_scores(spoil(scores), ASKED, expected, "forest")


def test_a_scale_of_its_own_is_no_nonsense(scores, expected):
    assert plausible.why_not_scores(1.4 * scores, ASKED, expected, "rank") is None
    guessed = in_order_and_no_more(scores)
    assert "correlation" in plausible.why_not_scores(guessed, ASKED, expected, "rank")
    assert plausible.why_not_scores(guessed, ASKED, expected, "other") is None


def test_an_attribution_must_name_the_column(scores, expected):
    forest = Living(SHAPE)
    forest.build(LEARNT)
    parts = forest.run("attribution", ASKED.rows).answer
    assert plausible.why_not_parts(parts, ASKED, expected, "forest") is None
    moved = np.roll(parts, 1, axis=1)
    assert "column of 0.00" in plausible.why_not_parts(moved, ASKED, expected, "forest")
    even = np.repeat(parts.sum(axis=1, keepdims=True) / 6, 6, axis=1)
    assert "farthest column" in plausible.why_not_parts(even, ASKED, expected, "forest")
    assert "sums of parts" in plausible.why_not_parts(parts / 2, ASKED, expected, "forest")
    assert "parts for rows" in plausible.why_not_parts(scores, ASKED, expected, "forest")


class Forgets(PythonEngine):
    """Learns nothing: every row is as odd as another."""

    name = "forgets"
    settings = ""
    kind = "other"
    works: ClassVar = {"score": 1, "insert": 1}

    def build(self, rows):
        pass

    def insert(self, rows):
        pass

    def score(self, rows):
        return np.ones(len(rows))


def test_what_learns_is_asked_afterwards(expected):
    assert "AUC" in plausible.check(Forgets(SHAPE), "insert", LEARNT, ASKED, expected)


def test_auc_counts_ties_half():
    scores = np.where(ASKED.is_odd, 1.0, 0.0)
    assert plausible.auc(scores, ASKED) == 1
    scores[np.flatnonzero(~ASKED.is_odd)[:95]] = 1.0
    assert plausible.auc(scores, ASKED) == 0.75
