"""Measure this project beside its peers: ``python -m benches.run`` (or ``make bench``).

All engines get the same rows, trees, sample size and decay, and one thread.
Times are those of the working thread, so that other work on the machine counts
less; benches/results.json holds the clock on the wall too. What is measured is
written after every contest: a run that was stopped goes on where it was, if it
is asked the same of the same build on the same machine. `python -m benches.report` makes the
documents.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benches import goals, machine, parquet_table, resting, tables, threshold
from benches.engines import ENGINES
from benches.engines.protocol import Unavailable
from benches.measure import measure
from benches.record import Results
from benches.stage import Stage
from benches.workloads import SELECTIONS, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benches" / "results.json"
PARTS = ROOT / "build" / "bench.json"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benches.run", description=__doc__)
    parser.add_argument("selection", nargs="?", default="quick", choices=sorted(SELECTIONS))
    parser.add_argument("--only", metavar="TEXT", help="contests whose name holds this")
    parser.add_argument("--rounds", type=int, help="repetitions of each lane")
    parser.add_argument("--seconds", type=float, help="time of a repetition")
    parser.add_argument("--fresh", action="store_true", help="forget a run that was stopped")
    parser.add_argument("--out", type=Path, help="default: benches/results.json for a whole run")
    options = parser.parse_args(arguments)
    if options.out is None:
        # Documents are made of whole runs only.
        whole = options.only is None and options.selection != "smoke"
        options.out = RESULTS if whole else PARTS
    return options


def tell(message: str) -> None:
    """Show progress on a terminal, and nowhere else."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="", file=sys.stderr, flush=True)


def started(selection: str, rounds: int, partial: Path, *, fresh: bool) -> Results:
    """Give what a stopped run of the same has measured, or an empty record."""
    now = Results(
        selection,
        rounds,
        datetime.now(UTC).isoformat(timespec="seconds"),
        machine.describe(),
        {engine.name: engine.settings for engine in ENGINES},
    )
    if fresh or not partial.exists():
        return now
    try:
        before = Results.load(partial)
    except (ValueError, KeyError, TypeError):
        return now
    same = ("selection", "rounds", "machine", "settings")
    if any(getattr(before, name) != getattr(now, name) for name in same):
        return now
    print(f"going on from {len(before.done)} contests; --fresh starts again")
    return before


def run(selection: Selection, results: Results, seconds: float, partial: Path) -> None:
    """Measure the contests that are not done, and record each as it ends."""
    stage = Stage(tell)
    try:
        for contest in selection.contests:
            if contest.name in results.done:
                continue
            with _clocked(results, contest.name):
                results.measurements += measure(
                    contest,
                    stage,
                    # Whoever asks for fewer than the contest's own gets them.
                    min(results.rounds, contest.rounds or results.rounds),
                    seconds,
                    told=tell,
                    failed=results.failed,
                    unsettled=results.unsettled,
                )
            results.done.append(contest.name)
            results.absent |= stage.absent
            for (engine, work, width, shape), reason in stage.implausible.items():
                found = {"engine": engine, "work": work, "n_columns": width, **asdict(shape)}
                if not any(found.items() <= known.items() for known in results.implausible):
                    results.implausible.append({**found, "reason": reason})
            results.save(partial)
    finally:
        stage.clear()
    if not results.resting:
        tell("the package at rest")
        with _clocked(results, "at rest"):
            results.resting = resting.costs(results.rounds)
        results.save(partial)
    if selection.thresholds and not results.thresholds:
        tell("updates of thresholds")
        with _clocked(results, "thresholds"):
            try:
                results.thresholds = threshold.updates()
            except Unavailable as reason:
                results.absent["thresholds"] = str(reason)


@contextlib.contextmanager
def _clocked(results: Results, part: str) -> Iterator[None]:
    """Note what a part takes on the wall."""
    began = time.monotonic()
    yield
    results.seconds[part] = round(time.monotonic() - began, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    options = parse(arguments)
    selection = SELECTIONS[options.selection]
    if options.only is not None:
        kept = tuple(made for made in selection.contests if options.only in made.name)
        thresholds = selection.thresholds and options.only in "thresholds"
        selection = replace(selection, contests=kept, thresholds=thresholds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    partial = options.out.with_suffix(".partial.json")
    results = started(
        selection.name, options.rounds or selection.rounds, partial, fresh=options.fresh
    )
    try:
        run(selection, results, options.seconds or selection.seconds, partial)
    except KeyboardInterrupt:
        tell("")
        print("stopped; the same command goes on from here")
        return 130
    tell("")
    print(tables.text(results))
    print(parquet_table.text(results))
    print(goals.text(results))
    results.save(options.out)
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    print(f"all figures: {os.path.relpath(options.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
