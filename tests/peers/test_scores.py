"""Scores against AWS's forests: the same algorithm, so the same but for the seeds."""

import re
from dataclasses import replace

import numpy as np
import pytest

from benches.engines.java import JavaForest
from benches.engines.krcf import Krcf
from benches.engines.living import Living
from benches.engines.protocol import Shape, Unavailable
from benches.rows import mixture
from tests.peers.noise import assert_same_quantiles, assert_same_rows, by_seed

pytestmark = [pytest.mark.peers, pytest.mark.slow]
SHAPE = Shape(n_trees=50, sample_size=128)
# Greatest standard error that seeds may leave, as a share of the score.
SHARPNESS = 0.02


@pytest.fixture(scope="module")
def java():
    try:
        peer = JavaForest(SHAPE)
    except Unavailable as reason:
        pytest.skip(f"the Java forest cannot run: {reason}")
    with peer:
        yield peer


@pytest.fixture(scope="module")
def krcf():
    pytest.importorskip("krcf", reason="krcf is not installed")
    return Krcf(SHAPE)


@pytest.fixture(params=["java", "krcf"])
def theirs(request):
    return request.getfixturevalue(request.param)


def results(peer, work, learnt, asked):
    """Work of forests with several seeds."""
    shape = peer.shape

    def one(seed):
        peer.shape = replace(shape, seed=seed)
        peer.build(learnt)
        return peer.run(work, asked).answer

    try:
        return by_seed(one)
    finally:
        peer.shape = shape


def compare(ours, theirs, work, learnt, asked):
    found, expected = (results(peer, work, learnt, asked) for peer in (ours, theirs))
    assert_same_quantiles(found, expected, sharpness=SHARPNESS)
    assert_same_rows(found, expected, sharpness=2 * SHARPNESS)


@pytest.mark.parametrize("width", [1, 4, 12])
def test_scores_of_new_rows(theirs, width):
    learnt = mixture(3000, width, seed=1)
    asked = mixture(600, width, seed=2, outliers=0.1)
    compare(Living(SHAPE), theirs, "score", learnt, asked)


def test_scores_of_held_and_repeated_rows(java):
    """Rows that trees hold, once and several times (krcf counts copies otherwise)."""
    held = mixture(128, 3, seed=3, outliers=0.1)
    held[40:60] = held[40]
    held[60:65] = held[60]
    compare(Living(SHAPE), java, "score", held, held)


def test_a_stream_that_changes(theirs):
    """What was learnt is forgotten at the same pace."""
    before = mixture(2000, 3, seed=4)
    after = mixture(500, 3, seed=5) + np.float32(4)
    compare(Living(SHAPE), theirs, "process", before, after)


def test_the_comparison_is_sharp():
    """Trees of 112 rows for 128 would not pass for the same forest."""
    learnt = mixture(3000, 4, seed=1)
    asked = mixture(600, 4, seed=2, outliers=0.1)
    with pytest.raises(AssertionError, match="standard errors"):
        compare(Living(SHAPE), Living(replace(SHAPE, sample_size=112)), "score", learnt, asked)


@pytest.mark.parametrize("work", ["score", "row", "process", "attribution", "insert"])
def test_the_java_forest_warms_up_at_every_work(java, work, monkeypatch):
    """It says how it went, and a forest that was only asked is still the same."""
    learnt, asked = mixture(1000, 3, seed=1), mixture(100, 3, seed=2)
    java.build(learnt)
    before = java.run("score", asked).answer
    monkeypatch.setattr("benches.engines.java.MOST", 1)
    said = java.settle(work, 3)
    # Five repetitions of 0.2 s are the least that can agree.
    assert said is None or re.search(r"after 1 s \([1-9]\d* repetitions\)", said)
    same = np.array_equal(java.run("score", asked).answer, before)
    assert same == (work not in ("process", "insert"))
