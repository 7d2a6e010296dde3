"""The report of a week of sessions."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom.report import gather
from fastrcf.telecom.report.facts import Facts, Made
from fastrcf.telecom.report.render import EACH, TOLD, render
from fastrcf.telecom.stories import cases, read_sessions, stories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrcf.telecom.evaluation import IncidentEvaluation
    from fastrcf.telecom.findings import Findings
    from fastrcf.telecom.places import PlaceEvents


@dataclass(frozen=True)
class Report:
    """A report, made.

    Attributes
    ----------
    facts : Facts
        All that it says, typed.
    html : str
        The page.
    """

    facts: Facts
    html: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page; what was there before is replaced at once or not at all."""
        target = Path(path)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            part.write_text(self.html, encoding="utf-8")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def build(
    findings: Findings,
    sessions: pl.DataFrame | pl.LazyFrame | str | Path,
    *,
    training_until: datetime | None = None,
    evaluation: IncidentEvaluation | None = None,
    baselines: Sequence[tuple[str, IncidentEvaluation]] = (),
    incidents: pl.DataFrame | None = None,
    put_aside: Mapping[str, int] | None = None,
    places: Sequence[PlaceEvents] = (),
    made: Made | None = None,
) -> Report:
    """Make one page of what a detector found in sessions.

    Parameters
    ----------
    findings : Findings
        As ``SessionDetector.detect`` gives them.
    sessions : DataFrame, LazyFrame or path
        All sessions, with the days before the judged ones; a Parquet file, or a folder with
        ``sessions/date=*/part-*.parquet``. They are summed up lazily.
    training_until : datetime, optional
        Sessions before it say what is usual for families; default: the first judged session.
    evaluation : IncidentEvaluation, optional
        Where it is known what happened.
    baselines : sequence of (str, IncidentEvaluation)
        Others to compare with, judged on the same sessions.
    incidents : DataFrame, optional
        ``label``, ``onset``, ``end``, ``sim_ids``: tells which silent SIMs had gone silent.
    put_aside : mapping of str to int, optional
        Why records were put aside on load, and how many, as
        :func:`fastrcf.telecom.week.put_aside` gives them; empty if none was.
    places : sequence of PlaceEvents
        Cells and operators at hours that stand out, as ``PlaceDetector.detect`` gives them.
    made : Made, optional
        How all of it came about.

    Raises
    ------
    InvalidInputError
        If there are no sessions.
    """
    frame = read_sessions(sessions)
    week = gather.week(frame, findings)
    each = stories(findings, frame, training_until=training_until)
    of = cases(each)
    drawn = [story for case in of[:TOLD] for story in case.stories[:EACH]]
    kinds, days = gather.by_day(findings)
    known = gather.labels(findings, incidents)
    has_labels = bool(known) or evaluation is not None
    network, at_place = gather.network(findings, places)
    made = made or Made()
    versions = {"Python": platform.python_version(), "Polars": pl.__version__}
    # The page tells these and its own by itself.
    told = {"fastrcf", *map(str.lower, versions)}
    versions |= {name: one for name, one in made.versions.items() if name.lower() not in told}
    facts = Facts(
        week=week,
        scores=gather.scores(findings),
        cases=tuple(of),
        reasons={alert: tuple(why) for alert, why in findings.reasons.items()},
        lines=gather.lines(frame, findings, drawn),
        kinds=kinds,
        days=days,
        fleets=gather.places(frame, findings, "customer"),
        cells=gather.places(frame, findings, "cell"),
        network=network,
        at_place=at_place,
        evaluation=evaluation,
        baselines=tuple(baselines),
        curve=gather.curve(findings),
        confusion=gather.confusion(findings, known, kinds) if has_labels else (),
        labels=known,
        quality=gather.quality(frame, week, put_aside),
        made=replace(made, versions=versions),
        created=datetime.now(UTC),
    )
    return Report(facts, render(facts))
