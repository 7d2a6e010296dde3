import gc
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import fastrcf
from tests.page import without_pictures
from tests.spark.needs import absent

ROOT = Path(__file__).resolve().parent.parent

# The same examples in every run: what lands must not depend on luck. New ones are looked for by
# HYPOTHESIS_PROFILE=thorough.
settings.register_profile("fast", deadline=None, max_examples=25, derandomize=True)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=1000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

# A shell has what it starts in the background ignore Ctrl-C, and so would every program
# that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes longest for its number of tests. It begins first, so that no process is left with it
# while others have nothing to do any more: a file's tests stay in one (see the Makefile).
LONGEST = ["telecom/test_runs.py", "benches/detection", "telecom", "sagemaker", "cli", "stack"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folders = [ROOT / "tests" / name for name in LONGEST]

    def rank(item: pytest.Item) -> int:
        ways = [item.path, *item.path.parents]
        return next((i for i, folder in enumerate(folders) if folder in ways), len(folders))

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    # All that is imported by now stays: no collection has to look through it again.
    gc.collect()
    gc.freeze()


def pytest_report_header() -> list[str]:
    header = [f"fastrcf {fastrcf.__version__} by {fastrcf.simd_level()}"]
    if absent() is not None:
        header.append(f"tests/spark is left out: {absent()}")
    return header


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def no_pictures():
    """Leave the pictures out of pages, for tests of what else is there."""
    with without_pictures():
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, or a skip that says why."""
    folder = Path(os.environ.get("FASTRCF_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set FASTRCF_DATA)")
    return folder
