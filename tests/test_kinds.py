"""Kinds of scores: the same by every way, additive, and stored with a detector."""

import numpy as np
import pytest

import fastrcf

KINDS = ("auto", "expected_inverse_depth", "local_range", "displacement")


@pytest.fixture
def rows(rng):
    x = rng.normal(size=(600, 4))
    x[::9] = x[0]
    return x


@pytest.fixture
def forest(rows):
    forest = fastrcf.RandomCutForest(20, 64, random_state=3)
    forest.insert(rows[:400])
    return forest


@pytest.mark.parametrize("kind", KINDS)
def test_living_and_frozen_forests_agree_and_parts_sum(forest, rows, kind):
    scores = forest.score(rows, kind=kind)
    frozen = forest.freeze()
    np.testing.assert_array_equal(frozen.score(rows, kind=kind), scores)
    np.testing.assert_array_equal(
        [forest.score(row, kind=kind)[0] for row in rows[:30]], scores[:30]
    )
    parts = forest.attribution(rows, kind=kind)
    np.testing.assert_allclose(parts.total.sum(axis=1), scores, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(frozen.attribution(rows, kind=kind).low, parts.low)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_gets_each_row_scored_before_it_is_learnt(forest, rows, kind):
    again = fastrcf.loads(bytes(forest))
    found = forest.process(rows[400:450], kind=kind)
    for row, score in zip(rows[400:450], found, strict=True):
        assert again.score(row, kind=kind)[0] == score
        again.insert(row)
    assert bytes(again) == bytes(forest)


@pytest.mark.parametrize("width", [1, 3, 4, 8, 11, 16, 30, 45])
def test_displacements_are_the_same_in_blocks_and_alone(width, rng):
    rows = np.round(rng.normal(size=(3000, width)), 1)
    forest = fastrcf.RandomCutForest(10, 128, random_state=1)
    forest.insert(rows[:1000])
    frozen = forest.freeze()
    rows[1000:] *= rng.choice([0.5, 1, 8], size=(2000, 1))
    whole = frozen.displacement(rows)
    np.testing.assert_array_equal(forest.displacement(rows), whole)
    np.testing.assert_array_equal(frozen.score(rows, kind="displacement"), whole)
    for start in range(0, 3000, 300):
        some = slice(start, start + 20)
        np.testing.assert_array_equal(forest.displacement(rows[some]), whole[some])
        np.testing.assert_array_equal(frozen.displacement(rows[some]), whole[some])
    # Single precision: parts, in double precision, sum to nearly the same.
    parts = frozen.attribution(rows, kind="displacement").total.sum(axis=1)
    np.testing.assert_allclose(parts, whole, rtol=2e-6)


def test_what_the_kinds_are(forest, rows):
    of = {kind: forest.score(rows, kind=kind) for kind in KINDS}
    np.testing.assert_array_equal(of["expected_inverse_depth"], forest.score(rows))
    np.testing.assert_array_equal(of["displacement"], forest.displacement(rows))
    blend = of["local_range"] + 0.5 * of["expected_inverse_depth"]
    np.testing.assert_allclose(of["auto"], blend)
    assert (of["local_range"] >= 0).all()
    # Far outside there is more room than in the whole sample, twice as far one bit more.
    far, farther = forest.score([[1e6] * 4, [2e6] * 4], kind="local_range")
    assert far > 30
    assert farther - far == pytest.approx(1, abs=1e-3)


def test_an_unknown_kind_is_told_and_nothing_has_changed(forest, rows):
    before = bytes(forest)
    for call in (
        lambda: forest.score(rows, kind="depth"),
        lambda: forest.process(rows, kind="depth"),
        lambda: forest.attribution(rows, kind="depth"),
        lambda: forest.freeze().score(rows, kind="depth"),
        lambda: fastrcf.Detector(score="depth"),
        lambda: fastrcf.Detector(random_state=1).fit(rows).score(rows, kind="depth"),
    ):
        with pytest.raises(fastrcf.InvalidParameterError, match="'depth' is none of auto"):
            call()
    assert bytes(forest) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_detector_keeps_its_kind(rows, kind):
    detector = fastrcf.Detector(score=kind, alert_rate=0.02, random_state=5).fit(rows)
    again = fastrcf.loads(bytes(detector))
    assert again.score_kind == detector.score_kind == kind
    scores = detector.score(rows)
    np.testing.assert_array_equal(again.score(rows), scores)
    np.testing.assert_array_equal(detector.score(rows, kind=kind), scores)
    depth = fastrcf.Detector(score=KINDS[1], alert_rate=0.02, random_state=5).fit(rows)
    np.testing.assert_array_equal(detector.score(rows, kind=KINDS[1]), depth.score(rows))
    odd = rows[1:4].copy()
    odd[1, 2] = 40.0
    found = detector.detect(odd)
    assert found.is_anomaly[1]
    assert found.grade[1] > 0.9
    assert found.reasons[1][0].column == detector.columns[2]
    stream = again.process(odd)
    np.testing.assert_array_equal(stream.score[:1], detector.score(odd[:1]))
