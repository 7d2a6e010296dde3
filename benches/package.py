"""What the package itself costs: import and download."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

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
