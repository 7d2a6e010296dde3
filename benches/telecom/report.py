"""Writes what is found into docs/telecom.md: ``python -m benches.telecom.report``.

Between its markers the page holds what this makes of benches/telecom.json.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.report import ROOT, between
from benches.telecom.record import OURS, RESULTS, RULE, Results
from fastrcf._parameters import wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE = "docs/telecom.md"
NONE = "no incident"


def measured(results: Results) -> str:
    """Say on what and how was measured."""
    about = results.machine
    wanted = ("scikit-learn", "pyod")
    versions = ", ".join(f"{n} {about['versions'][n]}" for n in wanted if n in about["versions"])
    sessions = sum(week.sessions for week in results.weeks)
    judged = sum(week.judged for week in results.weeks)
    seeds = [str(week.seed) for week in results.weeks]
    weeks = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(seeds)}, a set for each"
    said = (
        f"Measured {results.measured[:10]} on {about['cores']} cores in "
        f"{sum(week.seconds for week in results.weeks):.0f} s; {versions}. {results.days} days of "
        f"{results.sims:,} SIMs, {weeks}: {sessions:,} sessions, {judged:,} of them judged; "
        f"{results.alerts_per_thousand:g} case{'s' * (results.alerts_per_thousand != 1)} for "
        "every 1,000 of them."
    )
    for name, why in results.absent.items():
        said += f" Left out: {name}, {why}."
    return said


def recall(results: Results) -> str:
    """Lay out by kind how many incidents each detector found."""
    head = ["kind", "incidents", f"{OURS}: recall, 95 %", *results.names]
    rows = []
    for kind in [*results.kinds, None]:
        n, of = results.found(OURS, kind)
        low, high = wilson(n / of, of) if of else (0.0, 1.0)
        each = [str(results.found(name, kind)[0]) for name in results.names]
        share = f"{n / max(1, of):.2f} ({low:.2f} to {high:.2f})"
        rows.append([kind or "all", str(of), share, *each])
    return _laid_out([head, *rows])


def overall(results: Results) -> str:
    """Lay out average precision, cases and precision of each detector."""
    seeds = [week.seed for week in results.weeks]
    head = [
        "detector",
        *(f"average precision, seed {seed}" for seed in seeds),
        "alerts per 1,000",
        "cases per 1,000",
        "precision of alerts",
        "precision of cases",
        "median delay",
    ]
    rows = []
    for name in results.names:
        sessions = max(1, results.total(name, "sessions"))
        rows.append(
            [
                name,
                *(_estimate(week.detectors[name]["average_precision"]) for week in results.weeks),
                f"{1000 * results.total(name, 'alerts') / sessions:.2f}",
                f"{1000 * results.total(name, 'cases') / sessions:.2f}",
                _part(results.total(name, "true_alerts"), results.total(name, "alerts")),
                _part(results.total(name, "true_cases"), results.total(name, "cases")),
                _hours(results.delay_hours(name)),
            ]
        )
    return "\n\n".join([_laid_out([head, *rows]), *_times(results)])


def _times(results: Results) -> list[str]:
    """Say how many times that of others our average precision is, week by week."""
    said = []
    for name in results.names:
        if name == OURS or name.startswith(RULE):
            continue
        of = [
            [week.detectors[each]["average_precision"]["value"] for each in (OURS, name)]
            for week in results.weeks
        ]
        times = ", ".join(f"{ours / theirs:.1f}" for ours, theirs in of if ours and theirs)
        said.append(f"{times} times that of {name}")
    return [f"Our average precision is, week by week, {'; '.join(said)}."] if said else []


def delay(results: Results) -> str:
    """Lay out the median time from onset to the first alert, of incidents that were found."""
    rows = [
        [kind, *(_hours(results.delay_hours(name, kind)) for name in results.names)]
        for kind in results.kinds
    ]
    return _laid_out([["kind", *results.names], *rows])


def confusion(results: Results) -> str:
    """Lay out all of our alerts by what they are part of and what they were called."""
    rows = sorted(results.confusion, key=lambda label: (label == "", label))
    given = {kind for row in results.confusion.values() for kind in row}
    kinds = [label for label in rows if label in given]
    kinds += sorted(given - set(kinds))
    body = [
        [
            label or NONE,
            *(str(results.confusion[label].get(kind, "")) for kind in kinds),
            str(sum(results.confusion[label].values())),
        ]
        for label in rows
    ]
    return _laid_out([["part of", *kinds, "all"], *body])


def _estimate(plain: dict[str, Any]) -> str:
    if plain["value"] is None:
        return ""
    return f"{plain['value']:.2f} ({plain['low']:.2f} to {plain['high']:.2f})"


def _part(n: int, of: int) -> str:
    return f"{n / of:.2f} ({n} of {of})" if of else "none"


def _hours(hours: float | None) -> str:
    if hours is None:
        return ""
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def _laid_out(rows: Sequence[Sequence[str]]) -> str:
    """Make a table of a head and rows: words to the left, figures to the right."""
    rule = "|".join(["---", *["---:"] * (len(rows[0]) - 1)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


PARTS: dict[str, Callable[[Results], str]] = {
    "measured": measured,
    "recall": recall,
    "overall": overall,
    "delay": delay,
    "confusion": confusion,
}


def filled(page: str, results: Results) -> str:
    """Put the figures between a page's markers."""
    return between(page, {name: partial(make, results) for name, make in PARTS.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the page."""
    parser = argparse.ArgumentParser(prog="python -m benches.telecom.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--root", type=Path, default=ROOT, help="where the page is")
    options = parser.parse_args(arguments)
    page = options.root / PAGE
    page.write_text(filled(page.read_text(), Results.load(options.results)))
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
