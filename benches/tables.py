"""Tables of the measurements, for a terminal and for documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benches import measures
from benches.engines import Detecting
from benches.record import Measurement, Results, Spread, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADINGS = {
    "score": "Scoring a table, nothing learnt",
    "row": "Scoring one row a call, nothing learnt",
    "process": "A stream: score each row, then learn it",
    "insert": "Learning alone",
    "delete": "Deleting rows that the forest has just taken in",
    "attribution": "Splitting scores by column",
    "local_range": "Scoring a table by its local range",
    "detect": "Detection: score, grade, and reasons of 0.1 % of the rows",
    "fit": "Learning a table, every row as likely as another",
    "load": "Opening a saved model",
}
# Which of our engines others are compared with.
OURS: dict[str, str] = {work: engine.name for work, engine in measures.OURS.items()}
# Contests in which one engine does several works.
OF_SEVERAL = ("detect", "local_range")
BESIDE_PEERS = re.compile(r"(\w+), d=(\d+)")


def contests(results: Results) -> Iterator[tuple[str, int, list[Measurement]]]:
    """Give work, width and measurements of the contests between engines."""
    for name in results.done:
        found = BESIDE_PEERS.fullmatch(name)
        if found is not None and found[1] in HEADINGS:
            of_it = [made for made in results.measurements if made.contest == name]
            yield found[1], int(found[2]), of_it


def ratio(made: Measurement, beside: list[Measurement]) -> Spread | None:
    """Say how many times as long as ours it takes; None for ours."""
    ours = reference(beside)
    return None if ours is None or made is ours else paired_ratio(made, ours)


def reference(beside: list[Measurement]) -> Measurement | None:
    """Give the measurement of a contest that others are compared with."""
    for made in beside:
        if made.contest.startswith("detect"):
            # Not the forest that its score is compared with.
            if (made.engine, made.work) == (Detecting.name, "score"):
                return made
        elif OURS.get(made.work) == made.engine:
            return made
    return None


def named(made: Measurement) -> str:
    """Name a line of a contest: by the engine, and its work where that tells it apart."""
    several = made.contest.partition(",")[0] in OF_SEVERAL
    return f"{made.engine}: {made.work}" if several else made.engine


def by_width(results: Results, engine: str, work: str) -> list[Measurement]:
    """Give one measurement a width, of forests with the usual shape."""
    found: dict[int, Measurement] = {}
    for made in results.measurements:
        usual = made.contest in (f"growth d={made.n_columns}", f"{work}, d={made.n_columns}")
        if usual and (made.engine, made.work) == (engine, work):
            found.setdefault(made.n_columns, made)
    return [found[width] for width in sorted(found)]


def duration(results: Results) -> str:
    """Say how long it all took, or nothing of a run that did not note it."""
    if not results.seconds:
        return ""
    minutes, seconds = divmod(round(sum(results.seconds.values())), 60)
    return f"{minutes} min {seconds} s"


def nonsense(results: Results, work: str, width: int) -> Iterator[tuple[str, str]]:
    """Give engines that were implausible at a work, and why."""
    for found in results.implausible:
        if (found["work"], found["n_columns"]) == (work, width):
            yield found["engine"], found["reason"]


def text(results: Results) -> str:
    """Lay everything out for a terminal."""
    about = results.machine
    lines = [
        f"{about['processor']}, {about['cores']} cores, {about['simd']}; {about['system']}",
        f"100 trees of 256 rows, one thread; medians of {results.rounds} interleaved rounds, "
        "quartiles of paired ratios",
    ]
    for work, width, beside in contests(results):
        lines += ["", f"{HEADINGS[work]}, d = {width}"]
        per = "us/row" if work != "load" else "us/open"
        lines.append(f"  {'':34}{'rows':>10}{per:>11}{'rows/s':>12}{'x ours':>9}  quartiles")
        for made in beside:
            line = (
                f"  {named(made):34}{made.n_rows:10,}{made.median:11.3f}{1e6 / made.median:12,.0f}"
            )
            found = ratio(made, beside)
            if found is not None:
                line += f"{found.middle:9.2f}  {found.low:.2f} to {found.high:.2f}"
            lines.append(line)
        lines += [
            f"  {engine:34}{'implausible: ' + why}"
            for engine, why in nonsense(results, work, width)
        ]
    lines.append("")
    lines += [
        f"not measured: {name} ({why.splitlines()[0]})" for name, why in results.absent.items()
    ]
    lines += [f"not settled: {name} ({why})" for name, why in results.unsettled.items()]
    lines += [f"FAILED: {name} ({why})" for name, why in results.failed.items()]
    if results.seconds:
        lines.append(f"took {duration(results)}")
    return "\n".join(lines)
