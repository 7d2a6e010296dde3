"""A stream of many keys, each with a forest that learns."""

from __future__ import annotations

import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benches.spark import table
from fastrcf import _dense

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

BATCHES = 5
# Rows of a key in a micro-batch, of a run of 1 M rows.
A_KEY = 40


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
    spark.stop()
    return {
        "n_keys": shape["n_keys"],
        "batches": BATCHES,
        "rows_per_second": rates,
    }


def state(shape: Mapping[str, int]) -> dict[str, Any]:
    """Say what one key's state takes, from micro-batch to micro-batch of a full forest.

    Rows are of float32, as the stream's; what is learnt since is that of as many rows a
    micro-batch as the stream's keys have in the middle.
    """
    from fastrcf_spark._stream_state import Forests

    class Values(dict[Any, Any]):
        """State of Spark's, in memory."""

        containsKey = dict.__contains__
        getValue = dict.get
        updateValue = dict.__setitem__

    given = {"n_trees": shape["n_trees"], "sample_size": shape["sample_size"], "random_state": 0}
    logs, bases = Values(), Values()
    mine = Forests({"ttl": None, "forest": given}, logs, bases)
    x = np.random.default_rng(0).normal(size=(12_000, shape["n_columns"]))
    x = x.astype(np.float32).astype(np.float64)
    sizes = []
    for rows in np.split(x, len(x) // A_KEY):
        living = mine.wake("key")
        living.forest.process(rows)
        mine.rest("key", living, rows, None)
        sizes.append(len(logs[("key",)][0]) + len(bases[("key",)][0]))
    settled = sizes[len(sizes) // 2 :]
    file = bytes(living.forest)
    return {
        "bytes": float(np.mean(settled)),
        "most": max(settled),
        "file": len(file),
        "parts": _parts(file),
        "dense": len(_dense.dumps(living.forest)),
    }


def _parts(file: bytes) -> dict[str, int]:
    """Give the length of each section of a model file."""
    (n,) = struct.unpack_from("<I", file, 24)
    entries = [struct.unpack_from("<4s4xQQ", file, 32 + 24 * i) for i in range(n)]
    return {name.decode(): length for name, _, length in entries}


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
