"""What the package and its models cost at rest: import, download, opening, memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import fastrcf
from benches.data import mixture

if TYPE_CHECKING:
    from benches.peers import Shape

IMPORT = "import time; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"


def import_time(module: str, repetitions: int) -> float:
    """Import a module in fresh interpreters.

    Returns
    -------
    float
        Median milliseconds of the import statement, the module's own imports
        included, once its files are in the page cache.
    """
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", IMPORT.format(module)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for _ in range(repetitions + 1)
    ]
    return statistics.median(times[1:]) * 1e3


def wheel_size(folder: Path) -> float | None:
    """Megabytes (10^6 bytes) of the newest wheel in a folder, None without one."""
    wheels = sorted(folder.glob("fastrcf-*.whl"), key=lambda path: path.stat().st_mtime)
    return wheels[-1].stat().st_size / 1e6 if wheels else None


def model_costs(shape: Shape, n_columns: int, repetitions: int) -> dict[str, float]:
    """Open saved models and ask forests for their memory.

    Returns
    -------
    dict of str to float
        ``open_frozen_ms`` and ``open_living_ms``: median milliseconds to load a
        file that is in the page cache. ``living_mb`` and ``frozen_mb``: 10^6
        bytes of the forests.
    """
    forest = fastrcf.RandomCutForest(shape.n_trees, shape.sample_size, random_state=shape.seed)
    forest.insert(mixture(20_000, n_columns, seed=1))
    frozen = forest.freeze()
    costs = {"living_mb": forest.memory_usage() / 1e6, "frozen_mb": frozen.memory_usage() / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in (("frozen", frozen), ("living", forest)):
            path = Path(folder) / f"{name}.rcf"
            model.save(path)
            times = []
            for _ in range(10 * repetitions):
                started = time.perf_counter()
                fastrcf.load(path)
                times.append(time.perf_counter() - started)
            costs[f"open_{name}_ms"] = statistics.median(times) * 1e3
    return costs
