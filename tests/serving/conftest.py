import numpy as np
import pytest

import fastrcf

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

COLUMNS = 3


@pytest.fixture(scope="session")
def rows():
    return np.random.default_rng(5).normal(size=(2000, COLUMNS)).astype(np.float32)


@pytest.fixture(scope="session")
def detector(rows):
    return fastrcf.Detector(
        scaling="none",
        score="expected_inverse_depth",
        relations="off",
        n_trees=30,
        sample_size=64,
        random_state=7,
        n_threads=2,
    ).fit(rows)
