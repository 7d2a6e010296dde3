"""What the package and its models cost at rest: import, download, memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import fastrcf
from benches.rows import mixture

IMPORT = "import time; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"
DIST = Path(__file__).resolve().parent.parent / "dist"


def costs(repetitions: int) -> dict[str, float | None]:
    """Measure all of it.

    Returns
    -------
    dict of str to float or None
        ``import_ms`` and ``import_numpy_ms``: medians in fresh interpreters.
        ``wheel_mb``: of the newest wheel in dist/, None without one.
        ``living_mb`` and ``frozen_mb``: 100 trees of 256 rows and 30 columns.
        ``small_resting_kb`` and ``small_awake_kb``: 30 trees of 64 rows and 4
        columns, as bytes and living.
    """
    large, small = _forest(100, 256, 30), _forest(30, 64, 4)
    return {
        "import_ms": import_time("fastrcf", repetitions),
        "import_numpy_ms": import_time("numpy", repetitions),
        "wheel_mb": wheel_size(DIST),
        "living_mb": large.memory_usage() / 1e6,
        "frozen_mb": large.freeze().memory_usage() / 1e6,
        "small_resting_kb": len(bytes(small)) / 1e3,
        "small_awake_kb": small.memory_usage() / 1e3,
    }


def import_time(module: str, repetitions: int) -> float:
    """Import a module in fresh interpreters.

    Returns
    -------
    float
        Median milliseconds of the import statement, the module's own imports
        included, once its files are in the page cache.
    """
    command = [sys.executable, "-c", IMPORT.format(module)]
    times = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(repetitions + 1)
    ]
    return statistics.median(times[1:]) * 1e3


def wheel_size(folder: Path) -> float | None:
    """Megabytes (10^6 bytes) of the newest wheel in a folder, None without one."""
    wheels = sorted(folder.glob("fastrcf-*.whl"), key=lambda path: path.stat().st_mtime)
    return wheels[-1].stat().st_size / 1e6 if wheels else None


def _forest(n_trees: int, sample_size: int, n_columns: int) -> fastrcf.RandomCutForest:
    """Make a forest in its steady state."""
    forest = fastrcf.RandomCutForest(n_trees, sample_size, random_state=7)
    forest.insert(mixture(20_000, n_columns, seed=1))
    return forest
