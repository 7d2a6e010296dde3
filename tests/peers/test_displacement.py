"""Displacement and collusive displacement against rrcf, the paper's own measures."""

import numpy as np
import pytest

import fastrcf
from benches.rows import mixture
from tests.peers.noise import SEEDS, assert_same_rows, by_seed

pytestmark = [pytest.mark.peers, pytest.mark.slow]
HELD, TREES = 64, 60
# Displacements spread more between seeds than scores do.
SHARPNESS = 0.08


@pytest.fixture(scope="module")
def rows():
    learnt = mixture(HELD, 3, seed=6, outliers=0.05)
    learnt[50:54] = learnt[50]  # copies of one row hide each other from displacement alone
    return learnt.astype(np.float64), mixture(40, 3, seed=7, outliers=0.3).astype(np.float64)


@pytest.fixture(scope="module")
def theirs(rows):
    """By seed: codisp of held rows, then displacement and codisp of new ones."""
    rrcf = pytest.importorskip("rrcf", reason="rrcf is not installed")
    learnt, new = rows
    held = np.zeros((SEEDS, len(learnt)))
    displaced, codisplaced = np.zeros((2, SEEDS, len(new)))
    for seed in range(SEEDS):
        for state in np.random.SeedSequence(seed).generate_state(TREES):
            tree = rrcf.RCTree(learnt, random_state=int(state))
            held[seed] += [tree.codisp(i) for i in range(len(learnt))]
            for i, row in enumerate(new):
                leaf = tree.insert_point(row, index="new")
                displaced[seed, i] += tree.disp(leaf)
                codisplaced[seed, i] += tree.codisp(leaf)
                tree.forget_point("new")
    return held / TREES, displaced / TREES, codisplaced / TREES


def ours(learnt, ask):
    def values(seed):
        forest = fastrcf.RandomCutForest(TREES, HELD, sampling="window", random_state=seed)
        forest.insert(learnt)
        return ask(forest)

    return by_seed(values)


def test_codisp_of_held_rows(rows, theirs):
    learnt, _ = rows
    found = ours(learnt, lambda forest: forest.codisp(learnt))
    assert_same_rows(found, theirs[0], sharpness=SHARPNESS)


def test_displacement_of_new_rows(rows, theirs):
    learnt, new = rows
    found = ours(learnt, lambda forest: forest.displacement(new))
    assert_same_rows(found, theirs[1], sharpness=SHARPNESS)


def test_codisp_of_new_rows(rows, theirs):
    learnt, new = rows
    found = ours(learnt, lambda forest: forest.codisp(new))
    assert_same_rows(found, theirs[2], sharpness=SHARPNESS)
