"""Measure features of sessions: ``python -m benches.telecom.features DIR``.

DIR holds sessions as the generator writes them. Ways take turns, each in a process of its own,
since that tells its peak of memory; ratios pair the times of a round. All go from Parquet to
Parquet, below the folder that DIR is in: on one machine and by Spark's workers as they write,
from Spark's own windows and of "spark-rows", where features come to Spark as rows, by Spark.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

#: What Spark's own windows can say too.
CORE: Final = (
    "gap_s",
    "device_changed",
    "sessions_1h",
    "sessions_24h",
    "sessions_7d",
    "log_bytes_1h",
    "log_bytes_24h",
    "log_bytes_7d",
    "short_share_24h",
)
WAYS: Final = ("embedded", "spark", "spark-rows", "embedded-core", "spark-core", "spark-windows")


def embedded(source: str, features: tuple[str, ...] | None) -> int:
    """Compute on this machine, into a folder."""
    from fastrcf.telecom.feature_files import features_folder

    peers: Any = "fit" if features is None else None
    with _out(source) as out:
        return features_folder(source, out, peers=peers, features=features).rows


@contextmanager
def _out(source: str) -> Iterator[Path]:
    """Give a folder to make, on the disk that the sessions are on."""
    with tempfile.TemporaryDirectory(dir=Path(source).resolve().parent) as folder:
        yield Path(folder, "out")


def _spark() -> SparkSession:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "8g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", 16)
        .config("spark.sql.session.timeZone", "UTC")
        # Without it Spark measures every batch after every row (docs/spark.md).
        .config("spark.sql.execution.arrow.maxBytesPerBatch", (1 << 31) - 1)
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    return session


def on_spark(source: str, features: tuple[str, ...] | None, *, rows: bool) -> tuple[int, float]:
    """Compute on Spark's workers; returns rows and seconds without the JVM's start.

    Workers write what they computed; with ``rows`` they give it to Spark, which writes.
    """
    from fastrcf_spark import session_features

    df = _read(source)
    started = time.perf_counter()
    peers: Any = "fit" if features is None else None
    keep = ("session_id", "sim_id", "start_ts")
    with _out(source) as out:
        output = None if rows else out
        found = session_features(df, peers=peers, features=features, keep=keep, output=output)
        if rows:
            found.write.parquet(str(out))
        return _counted(df, started)


def windows(source: str) -> tuple[int, float]:
    """Compute the core features by Spark's own range windows."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    df = _read(source)
    started = time.perf_counter()
    ordered = Window.partitionBy("sim_id").orderBy("at")
    spans = {
        name: ordered.rangeBetween(-seconds * 1_000_000 + 1, 0)
        for name, seconds in (("1h", 3_600), ("24h", 86_400), ("7d", 604_800))
    }
    volume = F.col("bytes_up") + F.col("bytes_down")
    short = (F.col("end") - F.col("at") < 10_000_000).cast("int")
    before = ordered.rowsBetween(Window.unboundedPreceding, -1)
    found = df.select(
        "session_id",
        "sim_id",
        "start_ts",
        "device_id",
        "bytes_up",
        "bytes_down",
        F.unix_micros("start_ts").alias("at"),
        F.unix_micros("end_ts").alias("end"),
    ).select(
        "session_id",
        "sim_id",
        "start_ts",
        ((F.col("at") - F.max("end").over(before)) / 1e6).alias("gap_s"),
        (F.lag("device_id").over(ordered) != F.col("device_id")).alias("device_changed"),
        *[F.count("at").over(span).alias(f"sessions_{name}") for name, span in spans.items()],
        *[
            F.log1p(F.sum(volume).over(span)).alias(f"log_bytes_{name}")
            for name, span in spans.items()
        ],
        F.avg(short).over(spans["24h"]).alias("short_share_24h"),
    )
    with _out(source) as out:
        found.write.parquet(str(out))
        return _counted(df, started)


def _read(source: str) -> DataFrame:
    root = Path(source, "sessions")
    return _spark().read.parquet(str(root if root.is_dir() else source))


def _counted(df: DataFrame, started: float) -> tuple[int, float]:
    seconds = time.perf_counter() - started
    return df.count(), seconds


def _processor_seconds() -> float:
    """Sum up what this process and all below it have used: Spark's JVM and its workers too."""
    used: dict[int, tuple[int, float]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has just ended.
        # Of proc(5): parent, and user and system time of its own and of waited for children.
        ticks = sum(map(int, fields[11:15]))
        used[int(place.parent.name)] = int(fields[1]), ticks / os.sysconf("SC_CLK_TCK")
    below, ours = {os.getpid()}, 0
    while len(below) > ours:
        ours = len(below)
        below |= {number for number, (parent, _) in used.items() if parent in below}
    return sum(used[number][1] for number in below if number in used)


def measured(way: str, source: str) -> dict[str, Any]:
    """Go one way in this process."""
    features = CORE if way.endswith("-core") else None
    started = time.perf_counter()
    if way.startswith("embedded"):
        rows = embedded(source, features)
        seconds = time.perf_counter() - started
    elif way == "spark-windows":
        rows, seconds = windows(source)
    else:
        rows, seconds = on_spark(source, features, rows=way.endswith("-rows"))
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "way": way,
        "rows": rows,
        "seconds": round(seconds, 2),
        "rows_per_s": round(rows / seconds),
        "cpu_s": round(_processor_seconds(), 2),
        "peak_mb": round(own.ru_maxrss / 1024) if way.startswith("embedded") else None,
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Go all ways in turns and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="folder of sessions")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one, given.source)))
        return
    seconds: dict[str, list[float]] = {way: [] for way in given.ways}
    for _ in range(given.rounds):
        for way in given.ways:
            command = [sys.executable, "-m", "benches.telecom.features", given.source]
            done = subprocess.run(
                [*command, "--one", way], check=True, stdout=subprocess.PIPE, text=True
            )
            line = done.stdout.strip().splitlines()[-1]
            print(line, flush=True)
            seconds[way].append(json.loads(line)["seconds"])
    pairs = (
        ("spark", "embedded"),
        ("spark-rows", "embedded"),
        ("spark-core", "embedded-core"),
        ("spark-windows", "spark-core"),
    )
    for slow, fast in pairs:
        if slow in seconds and fast in seconds:
            ratios = [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]
            print(f"{slow} / {fast}: {statistics.median(ratios):.2f} (median of rounds)")


if __name__ == "__main__":
    main()
