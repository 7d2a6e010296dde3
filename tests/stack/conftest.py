import numpy as np
import pytest

import fastrcf

pytest.importorskip("msgspec", reason="the extra serve is not installed")

ROW = "25.0,3,0.5"
FAR = "90000.5,3,0.5"


@pytest.fixture(scope="session")
def table():
    rng = np.random.default_rng(3)
    n = 4000
    return {
        "amount": rng.lognormal(3, 1, n),
        "items": rng.poisson(3, n).astype(float),
        "hour": rng.normal(size=n),
    }


@pytest.fixture(scope="session")
def detector(table):
    return fastrcf.Detector(
        columns=["amount", "items", "hour"], n_trees=30, sample_size=64, random_state=7, n_threads=1
    ).fit(table)


@pytest.fixture(scope="session")
def other(table):
    """Another model of the same columns."""
    return fastrcf.Detector(
        columns=["amount", "items", "hour"], n_trees=20, sample_size=64, random_state=8, n_threads=1
    ).fit(table)


@pytest.fixture
def model(detector, tmp_path):
    path = tmp_path / "model.rcf"
    detector.save(path)
    return path
