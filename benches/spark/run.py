"""Measure Spark's part: ``python -m benches.spark.run`` (or ``make bench-spark``).

Each session is a process of its own, since cores are fixed when a JVM starts. Within one, lanes
take turns, one unmeasured round first; ratios pair the times of a round. Tables are Parquet
files of float32 columns in build/spark, results are written as Parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches import machine
from benches.record import write
from benches.spark import stream, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benches.spark.lanes import Lanes

RESULTS = Path("benches/spark.json")
ROUNDS = 3
GROWTH = ("count", "identity", "score", "score_parquet")
STREAM = {"n_keys": 1_000, "n_columns": 4, "n_trees": 30, "sample_size": 64}


@dataclass
class Session:
    """What one JVM measures."""

    cores: int
    n_columns: int
    n_rows: int
    lanes: tuple[str, ...]


def sessions(n_rows: int) -> list[Session]:
    """Give the sessions of a run: all lanes on two cores first, then how costs grow."""
    every = (*GROWTH, "score_checked", "identity_checked", "detector", "udf", "isolation", "fit")
    return [
        Session(2, 30, n_rows, every),
        Session(2, 30, n_rows // 4, GROWTH),
        Session(1, 30, n_rows // 4, GROWTH),
        Session(2, 8, n_rows, GROWTH),
        Session(2, STREAM["n_columns"], n_rows // 5, ("stream",)),
    ]


def measured(session: Session, rounds: int) -> dict[str, Any]:
    """Run a session in this process."""
    from pyspark.sql import SparkSession

    from benches.spark.lanes import Lanes, ways

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(f"local[{session.cores}]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", 2 * session.cores)
        .config(
            "spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        )
        .config("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    found: dict[str, Any] = {"session": asdict(session), "seconds": {}}
    if session.lanes == ("stream",):
        found |= stream.measured(spark, session.n_rows, rounds, STREAM)
        return found
    folder = table.written(session.n_rows, session.n_columns)
    lanes = Lanes(spark, folder, session.n_rows, session.n_columns)
    lanes.uncheck()
    found["model_bytes"] = len(bytes(lanes.forest))
    found["agrees"] = _agrees(lanes)
    todo = {name: way for name, way in ways(lanes).items() if name in session.lanes}
    memory = _Memory()
    memory.start()
    found["kernel"] = []
    for turn in range(rounds + 1):
        if turn:
            found["kernel"].append(lanes.kernel())
        for name, way in todo.items():
            memory.peak = 0
            begun = time.perf_counter()
            way()
            seconds = time.perf_counter() - begun
            if turn:
                found["seconds"].setdefault(name, []).append(seconds)
                found.setdefault("worker_mb", {})[name] = memory.peak // 1024
            print(f"  {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    memory.stop()
    lanes.clean()
    spark.stop()
    return found


def _agrees(lanes: Lanes) -> bool:
    """Whether a part of the table gets the model's own scores: no nonsense is timed."""
    from fastrcf_spark import score

    part = lanes.df().where("id % 997 = 1")
    found = score(part, lanes.forest, lanes.names).toArrow()
    expected = lanes.forest.score(found.select(lanes.names))
    return bool((found["score"].to_numpy() == expected).all())


class _Memory(threading.Thread):
    """Watches the largest of Spark's Python workers, in kB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.2):
            for path in Path("/proc").glob("[0-9]*"):
                try:
                    if b"pyspark.daemon" not in (path / "cmdline").read_bytes():
                        continue
                    for line in (path / "status").read_text().splitlines():
                        if line.startswith("VmRSS"):
                            self.peak = max(self.peak, int(line.split()[1]))
                except OSError:
                    continue

    def stop(self) -> None:
        """End watching."""
        self._done.set()
        self.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all sessions, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benches.spark.run", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the table")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--state",
        action="store_true",
        help="measure a stream's bytes of state alone, which are the same on any machine; keep "
        "the times that are there",
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.state:
        results = json.loads(given.out.read_text())
        write(given.out, results | {"state": stream.state(STREAM)}, "sessions")
        return 0
    if given.child:
        plain = json.loads(given.child)
        plain["lanes"] = tuple(plain["lanes"])
        print(json.dumps(measured(Session(**plain), given.rounds)))
        return 0
    found = []
    for session in sessions(given.rows):
        print(f"{session.cores} cores, {session.n_rows:,} x {session.n_columns}", file=sys.stderr)
        command = [sys.executable, "-m", "benches.spark.run", "--rounds", str(given.rounds)]
        done = subprocess.run(
            [*command, "--child", json.dumps(asdict(session))],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    about = machine.describe()
    results = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": about,
        "rows": given.rows,
        "rounds": given.rounds,
        "state": stream.state(STREAM),
        "sessions": found,
    }
    write(given.out, results, "sessions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
