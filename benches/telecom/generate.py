"""Speed and memory of the generator: ``python -m benches.telecom.generate --sims 100000``.

Says also where the time goes: making sessions, making columns, writing Parquet, each on one
thread, in nanoseconds a session.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from fastrcf import _fastrcf
from fastrcf.telecom import writing
from fastrcf.telecom.generator import Parameters, generate


def measure(parameters: Parameters, n_threads: int, place: str | None) -> dict[str, Any]:
    """Generate into a temporary folder."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        before = time.process_time()
        started = time.perf_counter()
        made = generate(Path(folder) / "sessions", parameters, n_threads=n_threads)
        seconds = time.perf_counter() - started
        return {
            "sessions": made.sessions,
            "labelled": made.labelled,
            "blocks": made.blocks,
            "threads": n_threads,
            "seconds": seconds,
            "processor_seconds": time.process_time() - before,
            "sessions_a_second": made.sessions / seconds,
            "bytes_a_session": made.n_bytes / made.sessions,
            "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }


def stages(parameters: Parameters, place: str | None) -> dict[str, float]:
    """Where a thread's time goes, in nanoseconds a session of the first block."""
    world = _fastrcf.SessionWorld(
        sims=parameters.sims,
        days=parameters.days,
        seed=parameters.seed,
        first_day=(parameters.start - type(parameters.start)(1970, 1, 1)).days,
        fraud=parameters.fraud,
    )
    spent = {"sessions": 0.0, "columns": 0.0, "parquet": 0.0}
    with tempfile.TemporaryDirectory(dir=place) as folder:
        clock = time.thread_time
        at = clock()
        block = world.block(0, min(parameters.sims_a_block, parameters.sims))
        spent["sessions"] = clock() - at
        for day in range(parameters.days):
            at = clock()
            table = writing.record_table(block.day(day))
            spent["columns"] += clock() - at
            at = clock()
            writing.write_records(table, Path(folder) / "part.parquet")
            spent["parquet"] += clock() - at
    return {stage: seconds / len(block) * 1e9 for stage, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", help="where to put the temporary folder")
    given = parser.parse_args()
    parameters = Parameters(given.sims, given.days, given.seed)
    found = measure(parameters, given.threads, given.folder)
    found["stages_ns"] = stages(parameters, given.folder)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
