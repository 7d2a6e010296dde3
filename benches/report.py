"""Writes the figures into the documents: ``python -m benches.report``.

Between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` a page holds what this
makes of benches/results.json; nobody types a figure by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benches import goals, inputs, parquet_table, profile, reach, tables
from benches.engines import (
    BY_NAME,
    ByRow,
    Frozen,
    Isolation,
    JavaForest,
    Krcf,
    Living,
    Rrcf,
)
from benches.growth import growth_table
from benches.record import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benches.engines.protocol import Engine, Work
    from benches.record import Measurement

ROOT = Path(__file__).resolve().parent.parent
# A run on the class of machine that goals in time were set for, kept beside the newest.
ZEN_5 = ROOT / "benches" / "results-zen5.json"
PAGES = ("docs/benchmarks.md", "README.md")
FIGURES = "docs/figures"
# Verdicts that a page words in its own way.
SAID = {"missed": "**missed**", "not measured": "not measured in this run"}


def machine(results: Results) -> str:
    """Say on what and how was measured."""
    about = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{_where(results)[:-1]}; {about['system']}, Python {about['python']}, "
        f"rustc {about['rustc']}, {about['java'] or 'no Java'}, {versions}. "
        f"Selection `{results.selection}`, {results.rounds} rounds{_took(results)}."
    )


def _took(results: Results) -> str:
    took = tables.duration(results)
    return f"; it took {took}, with all preparations" if took else ""


def _where(results: Results) -> str:
    about = results.machine
    return (
        f"Measured {results.measured[:10]} on {about['processor']}, {about['cores']} cores, "
        f"instruction set {about['simd']}."
    )


def goal_table(results: Results) -> str:
    """Lay the goals out beside what was measured, here and on Zen 5."""
    zen5 = Results.load(ZEN_5)
    lines = [
        "| goal | asked | stretch | measured (quartiles) | | another machine: Zen 5, "
        f"{zen5.measured[:10]} | |",
        "|---|---:|---:|---:|---|---:|---|",
    ]
    for here, there in zip(goals.verdicts(results), goals.verdicts(zen5), strict=True):
        asked = (goals.wanted(here), goals.stretch(here))
        cells = (here.goal.what, *asked, *_judged(here), *_judged(there))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _judged(verdict: goals.Verdict) -> tuple[str, str]:
    return goals.shown(verdict), SAID.get(verdict.said, goals.judged(verdict))


def peer_tables(results: Results) -> str:
    """Lay out all engines, a table a work, widths side by side."""
    found: dict[str, dict[int, list[Measurement]]] = {}
    for work, width, beside in tables.contests(results):
        found.setdefault(work, {})[width] = beside
    parts = []
    for work, widths in found.items():
        shown = sorted(widths)
        unit = "µs an opening" if work == "load" else "µs a row"
        head = "".join(f" d = {width}, {unit} | times ours |" for width in shown)
        lines = [f"**{tables.HEADINGS[work]}**", "", f"| engine | rows |{head}"]
        lines.append("|---|---:|" + "---:|---:|" * len(shown))
        names = _names(
            widths, {name for w in shown for name, _ in tables.nonsense(results, work, w)}
        )
        for name in names:
            lines.append(_engine_row(results, work, name, widths))
        parts.append("\n".join(lines))
    left_out = [f"* {name}: {why.splitlines()[0]}" for name, why in results.absent.items()]
    wrong: dict[str, str] = {}
    for of in results.implausible:
        wrong.setdefault(f"{of['engine']}, {of['work']}", of["reason"])
    left_out += [f"* {what}: implausible, {why}" for what, why in wrong.items()]
    left_out += [f"* {what}: failed, {why}" for what, why in results.failed.items()]
    if left_out:
        parts.append("Not timed:\n\n" + "\n".join(left_out))
    if results.unsettled:
        wavered = [f"* {what}: {why}" for what, why in results.unsettled.items()]
        parts.append(
            "Not at rest when their rounds began, by compilation or noise:\n\n" + "\n".join(wavered)
        )
    return "\n\n".join(parts)


def _names(widths: Mapping[int, Sequence[Measurement]], wrong: set[str]) -> list[str]:
    """Give what a table has rows for, in the order of the engines."""
    names = {tables.named(made) for beside in widths.values() for made in beside} | wrong
    order = list(BY_NAME)
    return sorted(names, key=lambda name: (order.index(name.partition(": ")[0]), name))


def _engine_row(
    results: Results, work: str, name: str, widths: Mapping[int, list[Measurement]]
) -> str:
    cells: list[str] = []
    rows: list[str] = []
    for width, beside in sorted(widths.items()):
        made = next((made for made in beside if tables.named(made) == name), None)
        if made is None:
            wrong = any(engine == name for engine, _ in tables.nonsense(results, work, width))
            cells += ["implausible" if wrong else "", ""]
            continue
        rows.append(f"{made.n_rows:,}")
        spread = tables.ratio(made, beside)
        quartiles = (
            ""
            if spread is None
            else f"{goals.value(spread.middle)} ({goals.value(spread.low)} to "
            f"{goals.value(spread.high)})"
        )
        cells += [goals.value(made.median), quartiles]
    # One number where all widths have the same.
    told = " / ".join(rows if len(set(rows)) > 1 else rows[:1])
    return f"| {name} | {told} | " + " | ".join(cells) + " |"


def settings(results: Results) -> str:
    """List what each engine is run with."""
    lines = ["| engine | settings |", "|---|---|"]
    lines += [f"| {name} | {how} |" for name, how in results.settings.items()]
    return "\n".join(lines)


def readme(results: Results) -> str:
    """Give the short table: how many times as long peers take."""
    works: list[tuple[str, Work, type[Engine]]] = [
        ("score a table", "score", Frozen),
        ("stream: score each row, then learn it", "process", Living),
        ("split scores by column", "attribution", Frozen),
        ("score one row a call, from Python", "row", ByRow),
    ]
    peers: list[type[Engine]] = [JavaForest, Krcf, Rrcf, Isolation]
    found = {(work, width): beside for work, width, beside in tables.contests(results)}
    lines = ["| work | fastrcf, µs a row | " + " | ".join(peer.name for peer in peers) + " |"]
    lines.append("|---|---|" + "---|" * len(peers))
    for label, work, _ in works:
        cells = []
        for name in ("", *(peer.name for peer in peers)):
            said = []
            for width in (8, 30):
                beside = found.get((work, width), [])
                ours = tables.reference(beside)
                made = ours if not name else next((m for m in beside if m.engine == name), None)
                if made is not None and ours is not None:
                    spread = tables.ratio(made, beside)
                    number = made.median if spread is None else spread.middle
                    said.append(f"{goals.value(number)} ({width})")
            cells.append(", ".join(said))
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    opens = results.find("load, d=30", Frozen.name, "load")
    rest = [] if opens is None else [f"a frozen forest opens in {opens.median / 1e3:.1f} ms"]
    rest += [
        f"{words} {goals.value(cost)} {unit}"
        for words, name, unit in (
            ("a living forest of 30 columns takes", "living_mb", "MB"),
            ("the import takes", "import_ms", "ms"),
            ("the wheel has", "wheel_mb", "MB"),
        )
        if (cost := results.resting.get(name)) is not None
    ]
    return "\n".join([*lines, "", _where(results), "At rest: " + ", ".join(rest) + "."])


PARTS: dict[str, Callable[[Results], str]] = {
    "machine": machine,
    "goals": goal_table,
    "peers": peer_tables,
    "parquet": parquet_table.page,
    "growth": growth_table,
    "settings": settings,
    "readme": readme,
    # Of a run of its own, which takes a build of its own.
    "profile": lambda _: profile.page(),
    "reach": lambda results: reach.table(results, profile.load()),
    "inputs": lambda _: inputs.page(inputs.load()),
}


def filled(page: str, results: Results) -> str:
    """Put the figures of the bench between a page's markers."""
    return between(page, {name: partial(make, results) for name, make in PARTS.items()})


def between(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Put what parts make between a page's markers of their names.

    Raises
    ------
    ValueError
        If a marker names nothing that is known, or is not closed.
    """

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in parts:
            raise ValueError(f"bench:{name} is none of {', '.join(parts)}")
        return f"<!-- bench:{name} -->\n{parts[name]()}\n<!-- /bench:{name} -->"

    opened = len(re.findall(r"<!-- bench:\w+ -->", page))
    page, closed = re.subn(
        r"<!-- bench:(\w+) -->\n.*?<!-- /bench:\1 -->", fill, page, flags=re.DOTALL
    )
    if opened != closed:
        raise ValueError(f"{opened} bench markers are opened, {closed} are closed")
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the pages and draw the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benches.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benches" / "results.json")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the pages are")
    options = parser.parse_args(arguments)
    # Drawn last and imported late: tables can be filled where matplotlib is not.
    from benches import plots

    results = Results.load(options.results)
    for name in PAGES:
        page = options.root / name
        page.write_text(filled(page.read_text(), results))
        print(name)
    for path in plots.write(results, options.root / FIGURES):
        print(path.relative_to(options.root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
