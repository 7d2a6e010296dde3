"""A stream of many keys, each with a forest that learns."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import fastrcf
from benches.spark import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

BATCHES = 5


def measured(
    spark: SparkSession, n_rows: int, rounds: int, shape: Mapping[str, int]
) -> dict[str, Any]:
    """Send a table through ``process_stream``, a file a micro-batch.

    The first micro-batch of each query starts workers and makes all forests, and is not
    counted; neither is the first query.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "rows", n_rows, shape)
        rates = [_rate(spark, folder, shape) for _ in range(rounds + 1)][1:]
    forest = fastrcf.RandomCutForest(shape["n_trees"], shape["sample_size"], random_state=0)
    forest.insert(np.random.default_rng(0).normal(size=(10_000, shape["n_columns"])))
    spark.stop()
    return {
        "n_keys": shape["n_keys"],
        "batches": BATCHES,
        "rows_per_second": rates,
        "state_bytes": len(bytes(forest)),
    }


def _write(folder: Path, n_rows: int, shape: Mapping[str, int]) -> None:
    folder.mkdir()
    per_batch = n_rows // BATCHES
    keys = np.random.default_rng(1)
    for part in range(BATCHES):
        rows = table.rows(part + 1, per_batch, shape["n_columns"])
        key = pa.array(keys.integers(0, shape["n_keys"], per_batch))
        pq.write_table(rows.append_column("key", key), folder / f"part-{part}.parquet")


def _rate(spark: SparkSession, folder: Path, shape: Mapping[str, int]) -> float:
    from fastrcf_spark import process_stream

    names = table.names(shape["n_columns"])
    schema = ", ".join(["id long", *[f"{name} float" for name in names], "key long"])
    rows = (
        spark.readStream.schema(schema)
        .option("maxFilesPerTrigger", 1)
        .parquet(str(folder / "rows"))
    )
    scored = process_stream(
        rows,
        "key",
        names,
        time_column="id",
        keep=["id"],
        n_trees=shape["n_trees"],
        sample_size=shape["sample_size"],
        n_buckets=32,
    )
    checkpoint = folder / "checkpoint"
    shutil.rmtree(checkpoint, ignore_errors=True)
    query = (
        scored.writeStream.format("noop")
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    counted = [p for p in query.recentProgress if p["numInputRows"]][1:]
    seconds = sum(p["durationMs"]["triggerExecution"] for p in counted) / 1000
    return float(sum(p["numInputRows"] for p in counted) / seconds)
