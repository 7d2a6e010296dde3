"""Measures ``fastrcf serve``: ``python -m benches.serve.service``.

What a request costs from its bytes to its answer's, without a server, beside the model alone;
requests a second on loopback beside the container's server, which answers the same rows; and
bodies of five megabytes, with the memory that they take.
Writes benches/serve-service.json and the figures of docs/service.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import fastrcf
from benches.machine import describe
from benches.record import write
from benches.report import ROOT, between
from benches.serve import large, run, servers
from benches.serve.load import attack
from fastrcf.container import artifact
from fastrcf.service.core import LocalModel, Request, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from fastrcf._typing import Singles

RESULTS = ROOT / "benches" / "serve-service.json"
PAGE = ROOT / "docs" / "service.md"
JSON = "application/json"
OURS, LOGGED = "fastrcf serve", "fastrcf serve, a line of log for each"


def times(tasks: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Give the median milliseconds of each task; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            began = perf_counter()
            task()
            found[name].append((perf_counter() - began) * 1e3)
    return {name: median(all_) for name, all_ in found.items()}


def in_process(detector: fastrcf.Detector, rows: Singles, repeats: int) -> list[dict[str, Any]]:
    """Measure requests without a server."""
    service = Service(LocalModel(detector, "1"))
    headers = {"content-type": JSON}
    out = []
    for n, path in ((1, "/v1/score"), (1, "/v1/detect"), (1000, "/v1/score"), (1000, "/v1/detect")):
        part = rows[:n].astype(float)
        listed = part.tolist()
        named = [dict(zip(detector.columns, row, strict=True)) for row in listed]
        ask = detector.detect if path == "/v1/detect" else detector.score
        tasks: dict[str, Callable[[], Any]] = {"model": partial(ask, part)}
        for name, given in (("positions", listed), ("names", named)):
            request = Request("POST", path, headers, json.dumps({"rows": given}).encode())
            assert service.answer(request).status == 200
            tasks[name] = partial(service.answer, request)
        found = times(tasks, repeats if n > 1 else 20 * repeats)
        out.append({"rows": n, "path": path, **found})
        print(out[-1], flush=True)
    return out


@contextmanager
def started(model: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Start ``fastrcf serve``; give its address and its process's number."""
    command = [sys.executable, "-m", "fastrcf.cli", "serve", str(model), "--port", "0", *options]
    with (
        TemporaryDirectory() as name,
        (Path(name) / "log").open("w") as log,
        subprocess.Popen(command, stderr=log) as process,
    ):
        try:
            yield _address(process, Path(name) / "log"), process.pid
        finally:
            process.terminate()
            process.wait(40)


def quietly(model: Path) -> AbstractContextManager[tuple[str, int]]:
    """Start it without a line of log for each request."""
    return started(model, "--no-access-log")


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        found = re.search(r"http://[\d.]+:\d+", log.read_text())
        if found:
            return found[0]
    raise RuntimeError(f"the server did not start: {log.read_text()}")


def loopback(folder: Path, rows: Singles, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Measure single rows as JSON over loopback."""
    contained = run.single(rows)
    ours = json.dumps(rows[0].tolist()).encode()
    found: dict[str, list[dict[str, Any]]] = {servers.OURS: [], OURS: [], LOGGED: []}
    for turn in range(rounds):
        names = list(found)
        for name in names if turn % 2 == 0 else names[::-1]:
            if name == servers.OURS:
                with servers.started(name, folder) as (url, _, _):
                    load = _attack(url, contained, "/invocations", seconds)
            else:
                options = ["--no-access-log"] if name == OURS else []
                with started(folder / "model" / artifact.NAME, *options) as (url, _):
                    load = _attack(url, ours, "/v1/score", seconds)
            found[name].append(load)
            print(name, load, flush=True)
    return [{"server": name, "rounds": all_} for name, all_ in found.items()]


def _attack(url: str, body: bytes, path: str, seconds: float) -> dict[str, Any]:
    attack(url, body, JSON, seconds=1, path=path)
    most = attack(url, body, JSON, seconds=seconds, path=path)
    half = attack(url, body, JSON, seconds=seconds, rate=run.RATED / 2, connections=64, path=path)
    return {"most": asdict(most), "half": asdict(half)}


def answer(results: dict[str, Any]) -> str:
    """Write the table of requests without a server."""
    lines = ["| rows | path | model alone, ms | by position, ms | by name, ms |"]
    lines += ["|---:|---|---:|---:|---:|"]
    lines += [
        f"| {one['rows']:,} | `{one['path']}` | {one['model']:.3f} | {one['positions']:.3f} "
        f"| {one['names']:.3f} |"
        for one in results["in_process"]
    ]
    return "\n".join(lines)


def lanes(results: dict[str, Any]) -> str:
    """Write the table of servers."""
    served = ["| | requests a second | p99 at 1,500 a second, ms |", "|---|---:|---:|"]
    for lane in results["lanes"]:
        rate = median(one["most"]["good"] / one["most"]["seconds"] for one in lane["rounds"])
        p99 = median(one["half"]["p99"] for one in lane["rounds"])
        served.append(f"| {lane['server']} | {rate:,.0f} | {p99:.1f} |")
    return "\n".join(served)


def machine(results: dict[str, Any]) -> str:
    """Say what was measured, and on what."""
    about = results["machine"]
    return (
        f"Measured {results['measured']} on {about['processor']}, {about['cores']} cores; a "
        f"detector of 100 trees of 256 rows, {run.COLUMNS} columns; medians; client and server "
        f"on the same cores. When it began, {results['busy']} processes were busy there already."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, save, write."""
    parser = argparse.ArgumentParser(prog="python -m benches.serve.service", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("--repeats", type=int, default=60, help="of a request of 1,000 rows")
    parser.add_argument("--only-report", action="store_true", help="write the page again")
    options = parser.parse_args(arguments)
    if not options.only_report:
        detector, rows = run.model()
        with TemporaryDirectory() as name:
            artifact.save(detector, Path(name) / "model")
            found = {
                "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
                "machine": describe(),
                "busy": round(os.getloadavg()[0], 1),
                "in_process": in_process(detector, rows, options.repeats),
                "large": large.measure(
                    Path(name) / "model" / artifact.NAME,
                    rows,
                    quietly,
                    options.seconds,
                ),
                "lanes": loopback(Path(name), rows, options.rounds, options.seconds),
            }
        write(RESULTS, found, "lanes")
    results = json.loads(RESULTS.read_text())
    parts = {"machine": machine, "answer": answer, "loopback": lanes}
    filled = {name: partial(part, results) for name, part in parts.items()}
    filled["large"] = partial(large.table, results.get("large", []))
    PAGE.write_text(between(PAGE.read_text(), filled))
    return 0


if __name__ == "__main__":
    sys.exit(main())
