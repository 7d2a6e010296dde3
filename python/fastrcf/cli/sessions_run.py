"""``fastrcf sessions detect`` and ``demo``: from session records to alerts and a report."""

from __future__ import annotations

import json
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from fastrcf.cli.progress import steps
from fastrcf.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from fastrcf.telecom.evaluation import IncidentEvaluation
    from fastrcf.telecom.report.facts import Facts
    from fastrcf.telecom.story import Case
    from fastrcf.telecom.week import Week

# Alerts that are told in words.
_TOLD = 3


@contextmanager
def _extras() -> Iterator[None]:
    """Name the extra that lacks."""
    try:
        yield
    except ImportError as error:
        if error.name is None or error.name.startswith("fastrcf"):
            raise
        raise MissingExtraError(
            f"this needs {error.name}: pip install 'fastrcf[cli,report]'"
        ) from None


def demo(
    out: Path,
    *,
    sims: int,
    days: int,
    seed: int,
    alerts_per_thousand: float | None,
    alerts_per_day: float | None,
    as_json: bool,
) -> None:
    """Make a week up, then find what is wrong in it."""
    with _extras():
        from fastrcf.telecom import kept, week
        from fastrcf.telecom.generator import Parameters, generate
    console = _console()
    seconds: list[tuple[str, float]] = []
    data = out / "data"
    parameters = Parameters(sims=sims, days=days, seed=seed)
    # What was found in other sessions may not lie beside these.
    kept.clear(out)
    with steps() as tell, week.timed(seconds, "make up", tell):
        made = generate(
            data,
            parameters,
            overwrite=True,
            progress=lambda share, rows: tell("make up", share, rows),
        )
    if not as_json:
        console.print(
            f"Made up {made.sessions:,} sessions of {sims:,} SIMs in {days} days, with "
            f"{made.incidents} incidents of nine kinds: {made.labelled:,} sessions, "
            f"{made.labelled / max(1, made.sessions):.2%}. Nothing that learns sees the labels.\n",
            highlight=False,
        )
    detect(
        data,
        out,
        until=None,
        timezone="UTC",
        alerts_per_thousand=alerts_per_thousand,
        alerts_per_day=alerts_per_day,
        random_state=seed,
        as_json=as_json,
        seconds=seconds,
        what=f"{days} days of {sims:,} SIMs, made up from seed {seed}",
    )


def detect(
    source: Path,
    out: Path,
    *,
    until: datetime | None,
    timezone: str,
    alerts_per_thousand: float | None,
    alerts_per_day: float | None,
    random_state: int,
    as_json: bool,
    resume: bool = False,
    seconds: list[tuple[str, float]] | None = None,
    what: str | None = None,
) -> None:
    """Learn from the first days, judge the others, write the report and tell the main alerts."""
    with _extras():
        from fastrcf.telecom import report, week
    took = [] if seconds is None else seconds
    # Read first: a file that is damaged is told before hours of work.
    aside = week.put_aside(source)
    place = out / "report.html"
    with steps() as tell:
        found = week.run(
            source,
            out,
            until=until,
            timezone=timezone,
            alerts_per_thousand=alerts_per_thousand,
            alerts_per_day=alerts_per_day,
            random_state=random_state,
            resume=resume,
            say=lambda words: print(words, file=sys.stderr),
            progress=tell,
            seconds=took,
        )
        with week.timed(took, "report", tell):
            page = report.build(
                found.findings,
                source,
                training_until=found.until,
                evaluation=found.evaluation,
                baselines=found.baselines,
                incidents=week.incidents(source),
                put_aside=aside,
                places=found.places,
                made=report.Made(
                    data=what or source.name,
                    seed=random_state,
                    parameters={
                        **dict([found.detector.budget.told()]),
                        "learnt until": f"{found.until:%Y-%m-%d %H:%M} UTC",
                        "time zone": timezone,
                        "columns": ", ".join(found.detector.columns),
                    },
                    seconds=dict(took),
                    versions=week.versions(),
                ),
            )
            page.save(place)
    if as_json:
        click.echo(json.dumps(_plain(found, page.facts, place), indent=1, default=str))
        return
    console = _console()
    _tell(console, found, page.facts)
    _times(console, found)
    console.print(f"The report: {place}", highlight=False, soft_wrap=True)
    console.print(f"The alerts: {out / 'alerts.parquet'}", highlight=False, soft_wrap=True)
    console.print(
        f"By SIM, fleet and cell: {out / 'by_*.parquet'}", highlight=False, soft_wrap=True
    )
    if found.places:
        console.print(
            f"Cells and networks: {out / 'places.parquet'}", highlight=False, soft_wrap=True
        )
    console.print(f"The detector: {out / 'sessions.rcf'}", highlight=False, soft_wrap=True)


def _console() -> Console:
    return Console(width=None if Console().is_terminal else 100)


def _tell(console: Console, found: Week, facts: Facts) -> None:
    alerts = found.findings.alerts
    console.print(
        f"[bold]Judged[/bold] {len(found.findings.scored):,} sessions from "
        f"{found.until:%Y-%m-%d} on: {len(alerts):,} alerts in "
        f"{alerts['case'].n_unique():,} cases.",
        highlight=False,
    )
    asked = found.detector.budget.cases_of(found.findings.scored["start_ts"])
    if alerts["case"].n_unique() > 1.5 * asked + 5:
        console.print(
            f"Asked for were about {asked:,.0f} cases. In the first week features have little "
            "history, and later days look unlike those that were learnt from: learn from more.",
            highlight=False,
        )
    if found.evaluation is not None:
        console.print()
        _evaluation(console, found.evaluation)
        for name, other in found.baselines:
            ours, theirs = (e.average_precision.value or 0.0 for e in (found.evaluation, other))
            console.print(
                f"Average precision of sessions: {found.evaluation.average_precision}; {name} on "
                f"the same features {other.average_precision}"
                + (f", so ours is {ours / theirs:.1f} times theirs." if theirs else "."),
                highlight=False,
            )
    console.print("\n[bold]What matters most[/bold]\n")
    for number, case in enumerate(_first(facts), 1):
        story = case.stories[0]
        said = [story.headline] + ([case.sentence] if case.sentence != story.headline else [])
        for at, sentence in enumerate([*said, *story.sentences[:3]]):
            first = "   " if at else f"{number}. "
            text = textwrap.fill(
                sentence,
                console.width,
                initial_indent=first,
                subsequent_indent="   ",
                break_on_hyphens=False,
            )
            console.print(text, highlight=False, markup=False)
        console.print()


def _first(facts: Facts) -> list[Case]:
    """Choose the most important case of each of the most important kinds."""
    of: dict[str, Case] = {}
    for case in facts.cases:
        of.setdefault(case.kind, case)
    return list(of.values())[:_TOLD]


def _evaluation(console: Console, evaluation: IncidentEvaluation) -> None:
    table = Table(
        title="Against what happened", title_justify="left", box=box.SIMPLE_HEAD, min_width=60
    )
    for name in ("incident", "found", "recall (95 %)", "sessions found", "after"):
        table.add_column(name, justify="left" if name == "incident" else "right")
    for kind in evaluation.kinds:
        low, high = kind.recall.low or 0.0, kind.recall.high or 0.0
        hours = kind.delay_hours
        table.add_row(
            kind.kind,
            f"{kind.found} of {kind.incidents}",
            f"{kind.recall.value or 0.0:.2f} ({low:.2f} to {high:.2f})",
            f"{kind.sessions_found:,} of {kind.sessions:,}",
            "" if hours is None else f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min",
        )
    console.print(table)
    true_cases = evaluation.true_cases
    if evaluation.cases is not None and true_cases is not None:
        console.print(
            f"Of {evaluation.cases:,} cases {true_cases:,} are part of an incident; a case for "
            f"every {evaluation.sessions / max(1, evaluation.cases):,.0f} sessions.",
            highlight=False,
        )


def _times(console: Console, found: Week) -> None:
    table = Table(title="What each step took", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for name, seconds in found.seconds:
        table.add_row(name, f"{seconds:.1f}")
    table.add_row("together", f"{sum(seconds for _, seconds in found.seconds):.1f}")
    console.print(table)


def _events(found: Week, level: str) -> int:
    """Count the times at which cells or operators stand out."""
    return sum(int((of.events["level"] == level).sum()) for of in found.places)


def _plain(found: Week, facts: Facts, place: Path) -> dict[str, Any]:
    """Give what is told as plain values."""
    return {
        "sessions": found.sessions,
        "judged": len(found.findings.scored),
        "until": found.until.isoformat(),
        "alerts": len(found.findings.alerts),
        "cases": found.findings.alerts["case"].n_unique(),
        "evaluation": None if found.evaluation is None else found.evaluation.to_dict(),
        "baselines": {name: other.to_dict() for name, other in found.baselines},
        "first": [
            {
                "kind": case.kind,
                "sims": case.sims,
                "headline": case.stories[0].headline,
                "case": case.sentence,
                "sentences": list(case.stories[0].sentences),
            }
            for case in _first(facts)
        ],
        "places": {of: _events(found, of) for of in ("cell", "operator")},
        "seconds": dict(found.seconds),
        "report": str(place),
    }
