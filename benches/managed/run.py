"""Reproduces the managed service's recorded runs: ``python -m benches.managed.run``.

Writes benches/managed.json; ``python -m benches.managed.report`` makes the page of it. Needs the
real data (../shared/data, or FASTRCF_DATA).
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.detection.case import Absent, folder
from benches.machine import describe
from benches.managed import ranking, speed
from benches.managed.measure import measure, whole
from benches.managed.runs import ABOVE, RUNS
from benches.record import write
from benches.report import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = ROOT / "benches" / "managed.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and save."""
    parser = argparse.ArgumentParser(prog="python -m benches.managed.run", description=__doc__)
    parser.add_argument("--times", type=int, default=400, help="trainings of ours beside a run")
    parser.add_argument("--seeds", type=int, default=3, help="of each detector on labelled tables")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    data, found = folder(), []
    try:
        for run in RUNS:
            one = measure(data, run, options.times)
            print(f"{one.name:<14} {one.theirs} chance {one.least_chance:.3f}", flush=True)
            found.append(one.to_dict())
        every = {
            run.name: whole(data, run, max(2, options.times // 10))
            for run in RUNS
            if run.name in ABOVE
        }
    except Absent as why:
        print(why, file=sys.stderr)
        return 1
    ranked: list[dict[str, Any]] = []
    for row in ranking.tables(data, options.seeds):
        print(row, flush=True)
        ranked.append(row)
    plain = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe(),
        "times": options.times,
        "seeds": options.seeds,
        "settings": {kind.name: kind.settings for kind in ranking.DETECTORS},
        "speed": speed.measure(),
        "whole": every,
        "runs": found,
        "ranked": ranked,
    }
    write(options.out, plain, "ranked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
