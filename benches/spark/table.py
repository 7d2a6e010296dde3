"""The tables that are scored: Parquet files of float32 columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path("build/spark")
N_FILES = 8
GROUP = 250_000


def names(n_columns: int) -> list[str]:
    """Name the inputs."""
    return [f"c{j}" for j in range(n_columns)]


def rows(seed: int, n_rows: int, n_columns: int) -> pa.Table:
    """Draw rows of three clouds, a hundredth of them far outside, with their numbers."""
    rng = np.random.default_rng(seed)
    centre = rng.integers(0, 3, n_rows)[:, None] * 4.0
    x = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    x += centre.astype(np.float32)
    x[rng.random(n_rows) < 0.01] *= 3
    columns = {name: x[:, j] for j, name in enumerate(names(n_columns))}
    return pa.table({"id": np.arange(n_rows) + seed * n_rows} | columns)


def written(n_rows: int, n_columns: int) -> Path:
    """Write a table once, in files as Spark would; give its folder."""
    folder = FOLDER / f"{n_rows}x{n_columns}"
    if (folder / "_done").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    per_file = n_rows // N_FILES
    for part in range(N_FILES):
        with pq.ParquetWriter(folder / f"part-{part}.parquet", rows(0, 1, n_columns).schema) as out:
            for first in range(0, per_file, GROUP):
                n = min(GROUP, per_file - first)
                block = rows(part * 1000 + first // GROUP + 1, n, n_columns)
                out.write_table(block)
    (folder / "_done").touch()
    return folder
