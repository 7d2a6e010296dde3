"""Measure how well we detect: ``python -m benches.detection.run`` (or ``make bench-detection``).

All detectors get the same rows, without labels, and one setting for all data.
What is found is written after every case: a run that was stopped goes on where
it was, if it is asked the same of the same build on the same machine; `--missing` adds what a
whole run of them lacks, as after a new detector of series. Data that is not there is
left out and named. `python -m benches.detection.report` makes the documents.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benches import machine
from benches.detection import case, episodes, goals, tables
from benches.detection.detectors import STREAMS, TABLES
from benches.detection.families import FAMILIES, nab
from benches.detection.measure import on_series, on_table
from benches.detection.record import Results
from benches.run import ROOT, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = ROOT / "benches" / "detection.json"
PARTS = ROOT / "build" / "detection.json"
SEEDS = (1, 2, 3)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benches.detection.run", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="families whose name holds this")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--fresh", action="store_true", help="forget a run that was stopped")
    parser.add_argument(
        "--missing", action="store_true", help="add what --out lacks of --only; all seeds"
    )
    parser.add_argument("--out", type=Path, help="default: benches/detection.json for a whole run")
    options = parser.parse_args(arguments)
    if options.out is None:
        # Documents are made of whole runs only.
        whole = tuple(options.seeds) == SEEDS and (options.missing or not options.only)
        options.out = RESULTS if whole else PARTS
    return options


def started(seeds: list[int], only: str, partial: Path, *, fresh: bool) -> Results:
    """Give what a stopped run of the same has found, or an empty record."""
    now = _empty(seeds, only)
    if fresh or not partial.exists():
        return now
    try:
        before = Results.load(partial)
    except (ValueError, KeyError, TypeError):
        return now
    same = ("seeds", "only", "machine", "settings")
    if any(getattr(before, name) != getattr(now, name) for name in same):
        return now
    print(f"going on from {len(before.done)} cases; --fresh starts again")
    return before


def _empty(seeds: list[int], only: str) -> Results:
    return Results(
        datetime.now(UTC).isoformat(timespec="seconds"),
        machine.describe(),
        seeds,
        only,
        {
            **{made.name: made.settings for made in TABLES},
            **{made.name: made.settings for made in STREAMS},
        },
    )


def lacking(seeds: list[int], path: Path) -> Results:
    """Read a record of a whole run, to add to it.

    Raises
    ------
    SystemExit
        If it was measured with other seeds or settings: one record is not made of two.
        The message says which. Another machine or build is noted in the record.
    """
    if not path.exists():
        raise SystemExit(f"{path.name} is not there: run without --missing")
    before, now = Results.load(path), _empty(seeds, "")
    differing = [
        *(name for name in ("seeds", "only") if getattr(before, name) != getattr(now, name)),
        *(
            f"settings of {name}"
            for name, settings in before.settings.items()
            if now.settings.get(name) != settings
        ),
    ]
    if differing:
        raise SystemExit(
            f"{path.name} differs in {', '.join(differing)}: run without --missing, which "
            "measures everything"
        )
    if now.machine not in (before.machine, *(one["machine"] for one in before.added)):
        before.added.append({"measured": now.measured, "machine": dict(now.machine)})
    # In today's order, with those that are new.
    before.settings = now.settings
    before.has_ended = False
    return before


def run(results: Results, partial: Path, only: str) -> None:
    """Measure what is not done of families whose name holds a text, recording each as it ends."""
    data = case.folder()
    for family in FAMILIES:
        if only not in family.name:
            continue
        try:
            for one in family.cases(data):
                name = f"{one.family}, {one.name}"
                if name in results.done:
                    continue
                results.found += list(on_table(one, results, is_large=family.is_large, told=tell))
                results.done.append(name)
                results.save(partial)
        except case.Absent as error:
            results.absent[family.name] = str(error)
    for name, measured in ((nab.NAME, on_series), (episodes.NAME, episodes.on_lengths)):
        if only not in name:
            continue
        results.absent.pop(name, None)
        try:
            series, profiles = nab.load(data), nab.profiles(data)
            results.recorded = nab.recorded(data)
        except case.Absent as error:
            results.absent[name] = str(error)
            continue
        for found in measured(series, profiles, results, told=tell):
            results.found.append(found)
            results.save(partial)
        if name not in results.done:
            results.done.append(name)
        results.save(partial)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    options = parse(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    partial = options.out.with_suffix(".partial.json")
    if options.missing:
        results = lacking(options.seeds, options.out)
        # It holds all that was measured, whenever this is stopped.
        partial = options.out
    else:
        results = started(options.seeds, options.only, partial, fresh=options.fresh)
    try:
        run(results, partial, options.only)
    except KeyboardInterrupt:
        tell("")
        print("stopped; the same command goes on from here")
        return 130
    tell("")
    results.has_ended = True
    print(tables.text(results))
    print(goals.text(results))
    results.save(options.out)
    if partial != options.out:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    print(f"all figures: {os.path.relpath(options.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
