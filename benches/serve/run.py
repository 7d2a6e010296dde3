"""Measures the HTTP server on loopback: ``python -m benches.serve.run``.

Client and server share the machine's cores, as they do in no real use. Each figure is the median
of rounds in which the servers take turns. Writes benches/serve.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from benches.machine import describe
from benches.record import write
from benches.report import ROOT
from benches.serve.load import attack
from benches.serve.servers import OURS, PLAIN, memory, started
from fastrcf.container import artifact
from fastrcf.sagemaker import encode_recordio
from fastrcf.sagemaker.payload import csv_rows
from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.serving.invocation import Question, answer
from fastrcf.serving.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Singles

RESULTS = ROOT / "benches" / "serve.json"
COLUMNS, BATCH_BYTES = 30, 5_000_000
# What is asked of two cores; half of it is half load, ten times it is overload.
RATED = 3_000


def model() -> tuple[fastrcf.Detector, Singles]:
    """Fit what a training job fits by default, to rows of clusters."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (12, COLUMNS))
    noise = rng.normal(size=(50_000, COLUMNS))
    rows: Singles = (centres[rng.integers(0, 12, 50_000)] + noise).astype(np.float32)
    detector = fastrcf.Detector(
        scaling="none", score="expected_inverse_depth", relations="off", random_state=0
    )
    return detector.fit(rows), rows


def single(rows: Singles) -> bytes:
    """Write one row as JSON."""
    return json.dumps({"instances": [{"features": rows[0].tolist()}]}).encode()


def batches(rows: Singles) -> dict[str, tuple[bytes, str, int]]:
    """Write five megabytes of rows in both formats: body, content type, rows."""
    n = BATCH_BYTES // (sum(map(len, csv_rows(rows[:1000]))) // 1000 + 1)
    lines = b"\n".join(csv_rows(rows[:n]))
    records = BATCH_BYTES // len(encode_recordio(rows[:1]))
    return {
        "csv": (lines, "text/csv", n),
        "recordio": (encode_recordio(rows[:records]), RECORDIO, records),
    }


def expected(scorer: Scorer, body: bytes, kind: str) -> bytes:
    """Give the answer that a body has to get."""
    return answer(scorer, Question.of(kind, ""), body)


def engine_rate(detector: fastrcf.Detector, rows: Singles) -> float:
    """Give the rows a second that the detector scores without a server, on all cores."""
    part = rows[:30_000]
    times = []
    for _ in range(7):
        began = perf_counter()
        detector.score(part)
        times.append(perf_counter() - began)
    return len(part) / median(times)


def measure(folder: Path, n_rounds: int, seconds: float, requests: int) -> dict[str, Any]:
    """Run all contests."""
    detector, rows = model()
    artifact.save(detector, folder / "model")
    scorer = Scorer(detector)
    one = single(rows)
    right = expected(scorer, one, "application/json")
    found: dict[str, list[dict[str, Any]]] = {OURS: [], PLAIN: []}
    for turn in range(n_rounds):
        for name in (OURS, PLAIN) if turn % 2 == 0 else (PLAIN, OURS):
            with started(name, folder) as (url, _, ready):
                attack(url, one, "application/json", seconds=1)
                most = attack(
                    url, one, "application/json", seconds=seconds, connections=16, expected=right
                )
                half = attack(
                    url, one, "application/json", seconds=seconds, rate=RATED / 2, connections=64
                )
                lane: dict[str, Any] = {
                    "ready": ready,
                    "most": asdict(most),
                    "half": asdict(half),
                    "engine": engine_rate(detector, rows),
                }
                for kind, (body, content, n) in batches(rows).items():
                    answers = expected(scorer, body, content)
                    load = attack(
                        url, body, content, seconds=seconds, connections=3, expected=answers
                    )
                    lane[kind] = {**asdict(load), "rows": n}
            found[name].append(lane)
            print(name, _words(lane), flush=True)
    with started(OURS, folder) as (url, pid, _):
        over = attack(
            url,
            one,
            "application/json",
            seconds=seconds,
            rate=10 * RATED,
            connections=2000,
            expected=right,
        )
        print("overload", over, flush=True)
    with started(OURS, folder) as (url, pid, _):
        held, sent = [], 0
        while sent < requests:
            load = attack(url, one, "application/json", seconds=10, connections=16)
            sent += load.good
            held.append((sent, memory(pid)))
            print("memory", held[-1], flush=True)
    lanes = [{"server": name, "rounds": rounds} for name, rounds in found.items()]
    return {"overload": asdict(over), "memory": held, "lanes": lanes}


def _words(lane: dict[str, Any]) -> str:
    most, half = lane["most"], lane["half"]
    rate = {k: lane[k]["good"] * lane[k]["rows"] / lane[k]["seconds"] for k in ("csv", "recordio")}
    return (
        f"ready {lane['ready']:.2f} s, {most['good'] / most['seconds']:.0f} requests/s, "
        f"half load p99 {half['p99']:.1f} ms, {rate['csv']:.0f} rows/s of CSV, "
        f"{rate['recordio']:.0f} of RecordIO, engine {lane['engine']:.0f}, "
        f"wrong {most['wrong'] + lane['csv']['wrong'] + lane['recordio']['wrong']}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and save."""
    parser = argparse.ArgumentParser(prog="python -m benches.serve.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of each load")
    parser.add_argument("--requests", type=int, default=1_000_000, help="while memory is watched")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as name:
        found = measure(Path(name), options.rounds, options.seconds, options.requests)
    about = {"measured": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": describe()}
    write(options.out, {**about, **found}, "lanes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
