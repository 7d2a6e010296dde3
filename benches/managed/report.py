"""Writes docs/managed.md's figures and picture: ``python -m benches.managed.report``."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from benches.detection.paired import compare
from benches.managed import ranking
from benches.managed.measure import CORRELATION, MEASURES
from benches.managed.run import RESULTS
from benches.managed.runs import ABOVE, LEFT_OUT, RUNS, WHOLE
from benches.plots import OURS, STYLE
from benches.report import ROOT, between

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE, PICTURE = "docs/managed.md", "docs/figures/managed.svg"
THEIRS, BAND = "#c4442b", "#c9d8ec"
# What is asked of all runs together.
SCALE = 0.01


class Goal(NamedTuple):
    """What was asked, and what came."""

    what: str
    asked: str
    measured: str
    met: bool


def machine(results: dict[str, Any]) -> str:
    """Say on what and how was measured."""
    about = results["machine"]
    return (
        f"Measured {results['measured']} on {about['processor']}, instruction set "
        f"{about['simd']}; numpy {about['versions']['numpy']}. {results['times']} trainings of "
        f"ours beside each run, {results['seeds']} seeds on labelled tables."
    )


def scales(results: dict[str, Any]) -> tuple[float, float]:
    """Mean scale of the runs whose rows are told, and its standard error."""
    kinds = {run.name: run.kind for run in RUNS}
    found = [one["theirs"]["scale"] for one in results["runs"] if kinds[one["name"]] == "rows"]
    return mean(found), stdev(found) / sqrt(len(found))


def at_most(n: int, chances: Sequence[float]) -> float:
    """Give the chance that at most ``n`` of independent events with these chances happen."""
    of_counts = np.ones(1)
    for chance in chances:
        of_counts = np.convolve(of_counts, [1 - chance, chance])
    return float(of_counts[: n + 1].sum())


def goals(results: dict[str, Any]) -> list[Goal]:
    """Hold the runs against what was asked."""
    scale, error = scales(results)
    # Trainings of one service do not all reach it either: how many do is told beside.
    allow = [one for one in results["runs"] if one["ours"]["correlation"][2] >= CORRELATION]
    usual = sum(one["correlated"] for one in allow)
    reach = [one for one in allow if one["theirs"]["correlation"] >= CORRELATION]
    below = [one["name"] for one in allow if one not in reach]
    as_few = at_most(len(reach), [one["correlated"] for one in allow])
    figures = [(one, name) for one in results["runs"] for name in MEASURES]
    beyond = [
        f"{name} of {one['name']}"
        for one, name in figures
        if one["chance"][name] < 1.5 / (one["trainings"] + 1)
    ]
    rare = sum(one["chance"][name] < 0.05 for one, name in figures)
    return [
        Goal(
            "mean scale of the runs whose rows are told",
            f"1 ± {SCALE}",
            f"{scale:.4f}, standard error {error:.4f}",
            abs(scale - 1) <= SCALE,
        ),
        Goal(
            f"correlation at least {CORRELATION}, of the runs where half of ours have it",
            f"{len(allow)} of {len(allow)}",
            f"{len(reach)}"
            + (f" (not {', '.join(below)})" if below else "")
            + f"; of ours {usual:.1f} on average, as few by chance: {as_few:.2f}",
            not below,
        ),
        Goal(
            "figures of runs beyond all trainings of ours",
            f"0 of {len(figures)}",
            f"{len(beyond)}" + (f" ({', '.join(beyond)})" if beyond else ""),
            not beyond,
        ),
        Goal(
            "figures of runs that fewer than 5 % of ours are as far as",
            f"about {0.05 * len(figures):.1f} by chance",
            f"{rare}",
            rare <= 0.15 * len(figures),
        ),
    ]


def goal_table(results: dict[str, Any]) -> str:
    """Lay out the goals."""
    lines = ["| goal | asked | measured | |", "|---|---:|---:|---|"]
    for goal in goals(results):
        said = "met" if goal.met else "**missed**"
        lines.append(f"| {goal.what} | {goal.asked} | {goal.measured} | {said} |")
    return "\n".join(lines)


def run_table(results: dict[str, Any]) -> str:
    """Lay out each run beside what ours are among themselves."""
    known = {run.name: run for run in RUNS}
    head = ["run", "data", "trees", "scores", "scale", "ours", "correlation", "ours", "rmse"]
    head += ["ours", "chance"]
    lines = [f"| {' | '.join(head)} |", "|---|---|" + "---:|" * (len(head) - 2)]
    for one in results["runs"]:
        run, theirs, ours = known[one["name"]], one["theirs"], one["ours"]
        data = Path(run.series).stem + (f", windows of {run.window}" if run.window > 1 else "")
        scores = f"{one['rows']}" + ("" if run.kind == "rows" else ", sorted")
        size = f"{run.num_trees} of {one['tree_size']}" + (
            ", random" if one["kind"] == "random" else ""
        )
        lines.append(
            f"| {one['name']} | {data} | {size} | {scores} | {theirs['scale']:.3f} | "
            f"{ours['scale'][1]:.3f} to {ours['scale'][3]:.3f} | {theirs['correlation']:.4f} | "
            f"from {ours['correlation'][1]:.4f} | {theirs['rmse']:.3f} | "
            f"to {ours['rmse'][3]:.3f} | {min(one['chance'].values()):.3f} |"
        )
    lines += ["", "Not reproduced:", ""]
    lines += [f"* {names}: {why}" for names, why in LEFT_OUT.items()]
    return "\n".join(lines)


def whole_table(results: dict[str, Any]) -> str:
    """Lay out what notebooks print of all 10,320 scores."""
    lines = ["| run | figure | recorded | ours, least to largest |", "|---|---|---:|---:|"]
    for name, found in results["whole"].items():
        span = f"{min(found['above']):.0f} to {max(found['above']):.0f}"
        lines.append(f"| {name} | rows above mean + 3 sd | {ABOVE[name]} | {span} |")
        figures = zip(("mean", "deviation", "least", "largest"), WHOLE.get(name, ()), strict=False)
        for figure, value in figures:
            span = f"{min(found[figure]):.3f} to {max(found[figure]):.3f}"
            lines.append(f"| {name} | {figure} | {value:.3f} | {span} |")
    return "\n".join(lines)


def ranks(results: dict[str, Any], measure: str, detector: str) -> dict[str, dict[str, float]]:
    """Give a detector's measure by family and case."""
    out: dict[str, dict[str, float]] = {}
    for one in results["ranked"]:
        if one["detector"] == detector:
            out.setdefault(one["family"], {})[one["case"]] = one[measure]
    return out


def ranking_table(results: dict[str, Any]) -> str:
    """Lay out how well labelled rows are ranked, and on how many sets ours are ahead."""
    names = [kind.name for kind in ranking.DETECTORS]
    families = list(dict.fromkeys(one["family"] for one in results["ranked"]))
    head = " | ".join(f"{family}: AUC | AP" for family in families)
    lines = [f"| detector | {head} |", "|---|" + "---:|" * 2 * len(families)]
    for name in names:
        values = [
            f"{mean(ranks(results, measure, name)[family].values()):.3f}"
            for family in families
            for measure in ("auc", "ap")
        ]
        lines.append(f"| {name} | {' | '.join(values)} |")
    lines += ["", "| beside the managed forest, order of the file | AUC | AP |", "|---|---:|---:|"]
    theirs = ranking.Managed.name
    for name in names:
        if name == theirs:
            continue
        said = []
        for measure in ("auc", "ap"):
            ours, others = (
                {
                    f"{family} {case}": value
                    for family, cases in ranks(results, measure, of).items()
                    for case, value in cases.items()
                }
                for of in (name, theirs)
            )
            pair = compare(ours, others)
            said.append(
                "" if pair is None else f"ahead on {pair.won} of {pair.of}, p = {pair.p:.2g}"
            )
        lines.append(f"| {name} | {' | '.join(said)} |")
    return "\n".join(lines)


def settings(results: dict[str, Any]) -> str:
    """List what each detector is run with."""
    lines = ["| detector | settings |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in results["settings"].items()]
    return "\n".join(lines)


def speed(results: dict[str, Any]) -> str:
    """Lay out how long scoring takes beside one frozen forest."""
    lines = [
        "| columns | table, µs a row | one forest | times | single row, µs | one forest | times |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in results["speed"]:
        table, row = one["table"], one["row"]
        lines.append(
            f"| {one['columns']} | {table[0]:.2f} | {table[1]:.2f} | {table[0] / table[1]:.1f} | "
            f"{row[0]:.0f} | {row[1]:.0f} | {row[0] / row[1]:.1f} |"
        )
    return "\n".join(lines)


PARTS = {
    "machine": machine,
    "goals": goal_table,
    "runs": run_table,
    "whole": whole_table,
    "ranking": ranking_table,
    "settings": settings,
    "speed": speed,
}


def filled(page: str, results: dict[str, Any]) -> str:
    """Put the figures between a page's markers."""
    return between(page, {name: partial(make, results) for name, make in PARTS.items()})


def picture(results: dict[str, Any]) -> Figure:
    """Draw each run on the range of trainings of our own."""
    found = results["runs"]
    figure = Figure(figsize=(9.5, 5.2), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 3, sharey=True), MEASURES, strict=True):
        for at, one in enumerate(found):
            least, low, middle, high, largest = (_shown(measure, x) for x in one["ours"][measure])
            axes.plot([least, largest], [at, at], color=BAND, lw=1.2)
            axes.plot([low, high], [at, at], color=BAND, lw=6, solid_capstyle="butt")
            axes.plot([middle], [at], "|", ms=7, color=OURS)
            axes.plot([_shown(measure, one["theirs"][measure])], [at], "o", ms=4.5, color=THEIRS)
        axes.set_title("1 - correlation" if measure == "correlation" else measure)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        if measure == "correlation":
            axes.set_xscale("log")
    first = figure.axes[0]
    first.set_yticks(range(len(found)), [one["name"] for one in found], fontsize=7.5)
    first.invert_yaxis()
    first.axvline(1.0, color="#9a9a9a", lw=0.8)
    figure.supxlabel(
        "dots: recorded runs; bands: 95 % of our own trainings, lines: all of them, marks: medians",
        fontsize=8,
    )
    return figure


def _shown(measure: str, value: float) -> float:
    return 1.0 - value if measure == "correlation" else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the page and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benches.managed.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--root", type=Path, default=ROOT, help="where the page is")
    given = parser.parse_args(arguments)
    results = json.loads(given.results.read_text())
    page, place = given.root / PAGE, given.root / PICTURE
    page.write_text(filled(page.read_text(), results))
    place.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        picture(results).savefig(place, format="svg", metadata={"Date": None, "Creator": None})
    for goal in goals(results):
        print(f"{goal.what:<75} {goal.asked:>20} {goal.measured} {goal.met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
