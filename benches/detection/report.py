"""Writes what was found into the documents: ``python -m benches.detection.report``.

Between their markers the pages hold what this makes of benches/detection.json, and of
benches/exhibit.json (see `exhibit.py`).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.detection import exhibit, goals, tables
from benches.detection.record import Results
from benches.report import FIGURES, ROOT, between

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STOPPED = (
    " **The run was stopped before its end**: what has no figure was not measured, and the "
    "last family below has only some of its cases."
)
PAGES = ("docs/detection.md", "docs/series.md")
# Columns of words; numbers go to the right.
WORDS = ("detector", "set", "", "goal", "settings", "episodes of", "series", "window")


def machine(results: Results) -> str:
    """Say on what and how was measured."""
    minutes = sum(one.seconds for one in results.found) / 60
    is_whole = results.is_through(goals.ORDER[-1], goals.ORDER)
    added = "".join(
        f" What was not there yet was added {_where(one['measured'], one['machine'])}."
        for one in results.added
    )
    return (
        f"Measured {_where(results.measured, results.machine)}. "
        f"Seeds {', '.join(map(str, results.seeds))}; detectors worked for "
        f"{minutes:.0f} minutes.{added}{'' if is_whole else STOPPED}"
    )


def _where(measured: str, about: Mapping[str, Any]) -> str:
    wanted = ("numpy", "scikit-learn", "pyod", "krcf")
    versions = ", ".join(
        f"{name} {about['versions'][name]}" for name in wanted if name in about["versions"]
    )
    return f"{measured[:10]} on {about['processor']}, {about['cores']} cores; {versions}"


def goal_table(results: Results) -> str:
    """Lay the goals out beside what was measured."""
    rows = [["goal", "asked", "measured", ""]]
    for goal in goals.GOALS:
        verdict = goals.judge(goal, results)
        said = f"**{verdict.said}**" if verdict.said == "missed" else verdict.said
        rows.append([goal.what, goals.wanted(goal), goals.shown(verdict), said])
    return _laid_out(rows)


def table_families(results: Results) -> str:
    """Lay out all families of tables."""
    parts = []
    for name, rows in tables.families(results):
        cases = [key for key in results.shapes if key.startswith(f"{name}, ")]
        parts.append(f"**{name}**, {len(cases)} case{'s' * (len(cases) > 1)}\n\n{_laid_out(rows)}")
    left_out = tables.missing(results)
    if left_out:
        parts.append("Left out:\n\n" + "\n".join(f"* {told}" for told in left_out))
    return "\n\n".join(parts)


def sets(results: Results) -> str:
    """Lay out ADBench set by set."""
    return _laid_out(tables.sets(results))


def series(results: Results) -> str:
    """Lay out NAB."""
    return _laid_out(tables.series(results))


def lengths(results: Results) -> str:
    """Lay out NAB with episodes of several lengths."""
    return _laid_out(tables.lengths(results))


def alerts(shown: Sequence[exhibit.Shown]) -> str:
    """Lay out the alerts of the command line beside the labelled windows."""
    return _laid_out(exhibit.rows(shown))


def settings(results: Results) -> str:
    """List what each detector is run with."""
    return _laid_out([["detector", "settings"], *map(list, results.settings.items())])


def filled(page: str, results: Results, shown: Sequence[exhibit.Shown]) -> str:
    """Put the figures between a page's markers."""
    parts: dict[str, Callable[[Results], str]] = {
        "machine": machine,
        "goals": goal_table,
        "tables": table_families,
        "sets": sets,
        "series": series,
        "settings": settings,
        "lengths": lengths,
    }
    made = {name: partial(make, results) for name, make in parts.items()}
    return between(page, {**made, "alerts": partial(alerts, shown)})


def _laid_out(rows: Sequence[Sequence[str]]) -> str:
    """Make a table of a head and rows."""
    if not rows:
        return "Not measured."
    rule = "|".join("---" if name in WORDS else "---:" for name in rows[0])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the pages and draw the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benches.detection.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benches" / "detection.json")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the pages are")
    options = parser.parse_args(arguments)
    # Drawn last and imported late: tables can be filled where matplotlib is not.
    from benches.detection import plots

    results = Results.load(options.results)
    shown = exhibit.load(exhibit.RECORD)
    for name in PAGES:
        page = options.root / name
        page.write_text(filled(page.read_text(), results, shown))
        print(name)
    for path in plots.write(results, options.root / FIGURES):
        print(path.relative_to(options.root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
