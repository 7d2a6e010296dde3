"""Runs the measurements: ``python -m benches.stack.run``; writes ``benches/stack.json``.

``--soak SECONDS`` measures the memory of the local cloud under a load that lasts, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from benches.machine import describe
from benches.report import ROOT
from benches.serve.run import model as plain_model
from benches.stack.cloud import GENERATED, generated, seed, sustained
from fastrcf.stack.function.clients import Clients
from fastrcf.stack.function.function import Function
from fastrcf.stack.function.records import encode
from fastrcf.stack.function.settings import Settings
from fastrcf.stack.local.cloud import STREAM
from fastrcf.stack.local.sink import FirehoseFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Singles

RESULTS = ROOT / "benches" / "stack.json"
_COLD = """
from time import perf_counter
began = perf_counter()
import fastrcf.stack.function as function
imported = perf_counter()
function.start()
print((imported - began) * 1e3, (perf_counter() - imported) * 1e3)
print(function.entry._made().cold_start_ms)
"""


def models() -> dict[str, tuple[fastrcf.Detector, Singles]]:
    """Fit the detector of the server's bench, and one with the defaults, to the same rows."""
    detector, rows = plain_model()
    default = fastrcf.Detector(random_state=0).fit(rows)
    return {"plain": (detector, rows), "default": (default, rows)}


def event(path: str, body: str, kind: str = "application/json") -> dict[str, Any]:
    """Make an event of the gateway."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": {"content-type": kind},
        "multiValueHeaders": {"content-type": [kind]},
        "requestContext": {"requestId": "bench"},
        "body": body,
        "isBase64Encoded": False,
    }


def handler(path: Path, rows: Singles, folder: Path, repeats: int) -> dict[str, float]:
    """Time the handler in this process, milliseconds of the middle request; results stored."""
    clients = Clients()
    clients.firehose = FirehoseFiles(folder / "firehose", STREAM)
    settings = Settings(model_uri=str(path), delivery_stream=STREAM, refresh_seconds=1.0)
    log = (folder / "log").open("wb")

    def write(line: dict[str, Any]) -> None:
        log.write(encode(line))
        log.flush()

    function = Function(settings, clients, write=write)
    many = rows[:1000]
    csv = "\n".join(",".join(map(str, row)) for row in many.tolist())
    requests = {
        "invocations_1": (event("/invocations", seed(rows[:1])), repeats),
        "score_1": (event("/v1/score", json.dumps(rows[:1].tolist())), repeats),
        "detect_1": (event("/v1/detect", json.dumps(rows[:1].tolist())), repeats),
        "score_1000_json": (event("/v1/score", json.dumps(many.tolist())), repeats // 50),
        "score_1000_csv": (event("/v1/score", csv, "text/csv"), repeats // 50),
        "invocations_1000": (event("/invocations", seed(many)), repeats // 50),
    }
    found = {}
    for name, (given, n) in requests.items():
        times = []
        for _ in range(n + 5):
            began = perf_counter()
            result = function(given, None)
            times.append(perf_counter() - began)
            assert result["statusCode"] == 200, result
        found[name] = median(times[5:]) * 1e3
    detector = fastrcf.load(path)
    for name, task in {"engine_1": rows[:1], "engine_1000": many}.items():
        times = []
        for _ in range(repeats if len(task) == 1 else repeats // 50):
            began = perf_counter()
            detector.score(task)  # type: ignore[union-attr]
            times.append(perf_counter() - began)
        found[name] = median(times) * 1e3
    log.close()
    clients.firehose.close()
    return found


def cold(path: Path, repeats: int) -> dict[str, Any]:
    """Start processes that import the function and load the model, milliseconds of the middle."""
    found: dict[str, Any] = {}
    with TemporaryDirectory() as empty:
        for name, more in {
            "compiled": {},
            # As in a folder that nothing can be written to.
            "uncompiled": {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"},
        }.items():
            environment = {**os.environ, "FASTRCF_MODEL_URI": str(path), **more}
            runs = []
            for _ in range(repeats):
                done = subprocess.run(
                    [sys.executable, "-c", _COLD],
                    env=environment,
                    check=True,
                    capture_output=True,
                    text=True,
                )
                runs.append([float(word) for word in done.stdout.split()])
            found[name] = dict(
                zip(("import", "model", "process"), np.median(runs, axis=0).tolist(), strict=True)
            )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benches.stack.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each load")
    parser.add_argument("--repeats", type=int, default=3000, help="of a single row")
    parser.add_argument("--soak", type=float, help="seconds of a load that lasts; nothing else")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.soak:
        soak(given.soak, given.out)
        return 0
    results: dict[str, Any] = {"machine": describe(), "handler": {}, "cloud": {}, "traffic": {}}
    with TemporaryDirectory() as name:
        folder = Path(name)
        held = models()
        for kind, (detector, rows) in held.items():
            detector.save(folder / f"{kind}.rcf")
            results["handler"][kind] = handler(folder / f"{kind}.rcf", rows, folder, given.repeats)
            print(kind, results["handler"][kind], flush=True)
        results["cold"] = cold(folder / "plain.rcf", 9)
        print("cold", results["cold"], flush=True)
        rows = held["plain"][1]
        for auth in ("none", "key", "iam"):
            results["cloud"][auth] = sustained(
                folder / "plain.rcf", rows, folder / auth, auth, given.seconds
            )
            print(auth, results["cloud"][auth], flush=True)
        for auth in GENERATED:
            results["traffic"][auth] = generated(
                folder / "plain.rcf", folder / f"traffic-{auth}", auth, given.seconds
            )
            print("traffic", auth, results["traffic"][auth], flush=True)
    results["load_average"] = os.getloadavg()
    write(results, given.out)
    return 0


def soak(seconds: float, out: Path) -> None:
    """Keep the local cloud under load, by key; results are put beside those that are there."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        detector, rows = plain_model()
        detector.save(folder / "plain.rcf")
        found = sustained(folder / "plain.rcf", rows, folder, "key", seconds)
    write({"soak": {**found, "machine": describe()}}, out)


def write(results: dict[str, Any], out: Path) -> None:
    """Put results into a file; others that it has stay."""
    others = json.loads(out.read_text()) if out.exists() else {}
    out.write_text(json.dumps(others | results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
