"""Bodies of five megabytes that the server's bench sends, and how it tells of them."""

import numpy as np
import pytest

pytest.importorskip("msgspec", reason="the extra serve is not installed")

from benches.serve import large, run
from fastrcf.service.answers import BODIES
from fastrcf.service.columns import Columns
from fastrcf.service.rows import Rows
from fastrcf.serving.media import body_format

NAMES = [f"a {j}" for j in range(30)]
FIGURES = {"rows": 1000, "sent": 20, "good": 20, "seconds": 2.0, "engine": 20_000.0, "wrong": 0}
MEMORY = {"p99": 12.3, "before": 100e6, "peak": 150e6, "after": 120e6}


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(0, 3, (15_000, 30)).astype(np.float32)


def test_each_body_has_the_rows_and_five_megabytes(rows):
    read = Rows(Columns(NAMES, ()), 100_000)
    seen = []
    for one in large.bodies(rows, NAMES):
        assert 0.9 * run.BATCH_BYTES < len(one.body) < 1.05 * run.BATCH_BYTES, one.words
        found = read.read(one.body, body_format(one.kind, BODIES), False)
        assert found.shape == (one.rows, 30)
        # Nine digits are all that single precision has.
        expected = np.resize(rows, found.shape)
        np.testing.assert_array_equal(found.astype(np.float32), expected)
        seen.append(one.words)
    assert len(set(seen)) == 5


def test_the_table_tells_rates_memory_and_whatever_went_wrong():
    assert large.table([]) == "Not measured yet."
    line = large.table([{"words": "JSON", **FIGURES, **MEMORY}]).splitlines()[-1]
    assert line == "| JSON | 1,000 | 10,000 | 50% | 12 | 100 | 150 | 120 | 0 |"
    bad = {"words": "JSON", **FIGURES, **MEMORY, "good": 17, "wrong": 2}
    assert large.table([bad]).splitlines()[-1].endswith("| 5 |")
    slow = {"words": "CSV", **FIGURES, **MEMORY}
    fast = {"words": "Arrow", **FIGURES, **MEMORY, "rows": 41_000}
    assert large.table([slow, fast]).splitlines()[-1] == (
        "Asked for are, rows a second, 250,000 of CSV: **missed**; 400,000 of Arrow: met."
    )
