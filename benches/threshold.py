"""What a stream's threshold costs a row beside its score.

A hundred nanoseconds are lost between two calls from Python, and in the difference
of two streams of fifteen microseconds, so criterion measures them in Rust
(`rust/core/benches/kernels.rs`) and this reads what it has written.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benches.engines.protocol import Unavailable

ROOT = Path(__file__).resolve().parent.parent
GROUP = "threshold"


def updates() -> dict[str, list[float]]:
    """Run the criterion bench of thresholds.

    Returns
    -------
    dict of str to list of float
        Nanoseconds of one update, one value a sample, by the rate of alerts.

    Raises
    ------
    Unavailable
        If there is no cargo, the bench fails, or it writes no figures.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        raise Unavailable("cargo not on the PATH")
    words = ["bench", "--locked", "--package", "fastrcf", "--bench", "kernels", "--", GROUP]
    with tempfile.TemporaryDirectory(prefix="fastrcf-bench-") as folder:
        done = subprocess.run(
            [cargo, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "CRITERION_HOME": folder},
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(f"cargo bench failed:\n{done.stderr}")
        return read(Path(folder))


def read(folder: Path) -> dict[str, list[float]]:
    """Read criterion's samples of the group.

    Parameters
    ----------
    folder : pathlib.Path
        Where criterion keeps its figures, ``CRITERION_HOME``.

    Raises
    ------
    Unavailable
        If there are none.
    """
    found: dict[str, list[float]] = {}
    for about in sorted(folder.glob(f"{GROUP}/**/new/benchmark.json")):
        bench = json.loads(about.read_text())
        sample = json.loads(about.with_name("sample.json").read_text())
        rows = bench["throughput"]["Elements"]
        pairs = zip(sample["times"], sample["iters"], strict=True)
        found[bench["value_str"]] = [
            float(f"{nanoseconds / iterations / rows:.4g}") for nanoseconds, iterations in pairs
        ]
    if not found:
        raise Unavailable("criterion wrote no figures of thresholds")
    return found
