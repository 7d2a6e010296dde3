"""Writes docs/benchmarks-spark.md's figures and picture: ``python -m benches.spark.report``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure

from benches.plots import OURS, OURS_TOO, STYLE
from benches.report import between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "benchmarks-spark.md"
PICTURE = ROOT / "docs" / "figures" / "spark-growth.svg"
WORDS = {
    "count": "count of the needed columns",
    "identity": "the boundary: mapInArrow that gives a column back",
    "identity_checked": "the same, Spark measuring batches (its default)",
    "score": "score, forest",
    "score_checked": "score, forest, Spark measuring batches (its default)",
    "detector": "score, default Detector",
    "udf": "score_udf, forest",
    "score_parquet": "score_parquet, forest",
    "isolation": "scikit-learn IsolationForest in mapInArrow",
    "fit": "fit, default Detector",
}
# What sections of a model file hold.
SECTIONS = {
    "points: 4 bytes a column, some points in several trees": ("PNTS",),
    "keys: 8 bytes a row and tree": ("KEYS",),
    "nodes: 5 bytes each, two a row and tree": ("NODE", "TREE", "COPY"),
    "leaves of the keys": ("PLCS",),
    "two generators a tree": ("SMPL",),
}


class Goal(NamedTuple):
    """What was asked, and what came."""

    what: str
    asked: str
    measured: str
    met: bool


def ratio(found: dict[str, Any], above: str, below: str) -> float:
    """Median of the times of one lane over those of another, round by round."""
    seconds = found["seconds"]
    pairs = zip(seconds[above], seconds[below], strict=True)
    return float(median(a / b for a, b in pairs))


def share(found: dict[str, Any]) -> float:
    """Give the speed of scoring over what the boundary and the kernel allow together.

    The kernel's seconds are those of a core; tasks on all cores share them.
    """
    cores = found["session"]["cores"]
    seconds = zip(
        found["seconds"]["identity"], found["kernel"], found["seconds"]["score"], strict=True
    )
    return float(median((identity + kernel / cores) / score for identity, kernel, score in seconds))


def goals(results: dict[str, Any]) -> list[Goal]:
    """Hold the run against what was asked."""
    main, stream = results["sessions"][0], results["sessions"][-1]
    of_both = share(main)
    isolation = ratio(main, "isolation", "score")
    parquet = ratio(main, "score", "score_parquet")
    memory = max(main["worker_mb"][name] for name in ("score", "score_parquet", "detector"))
    fit = ratio(main, "fit", "count")
    rate = median(stream["rows_per_second"])
    state = results["state"]["bytes"] / 1000
    return [
        Goal(
            "score, Parquet to Parquet: of what boundary and kernel allow",
            "≥ 0.8",
            f"{of_both:.2f}",
            of_both >= 0.8,
        ),
        Goal(
            "score: times as fast as scikit-learn's IsolationForest in mapInArrow",
            "≥ 2",
            f"{isolation:.2f}",
            isolation >= 2,
        ),
        Goal("score_parquet: times as fast as score", "≥ 1.5", f"{parquet:.2f}", parquet >= 1.5),
        Goal("memory of a Python worker", "< 400 MB", f"{memory} MB", memory < 400),
        Goal("fit: times a count of the needed columns", "≤ 5", f"{fit:.1f}", fit <= 5),
        Goal(
            "keyed stream, 1,000 keys: rows per second", "≥ 20,000", f"{rate:,.0f}", rate >= 20_000
        ),
        Goal(
            "state a key (30 trees of 64 rows, 4 columns)",
            "≤ 40 kB",
            f"{state:.1f} kB",
            state <= 40,
        ),
        Goal(
            "scores are those of the model, bit for bit",
            "yes",
            "yes" if main["agrees"] else "no",
            main["agrees"],
        ),
    ]


def machine(results: dict[str, Any]) -> str:
    """Say on what was measured."""
    about = results["machine"]
    kept = ("fastrcf", "pyspark", "pyarrow", "numpy", "scikit-learn")
    versions = ", ".join(f"{n} {about['versions'][n]}" for n in kept if n in about["versions"])
    return (
        f"Measured {results['measured']} on {about['processor']}, {about['cores']} cores, "
        f"instruction set {about['simd']}; Python {about['python']}, {about['java']}, {versions}. "
        f"{results['rows']:,} rows, {results['rounds']} rounds, medians; local mode."
    )


def goal_table(results: dict[str, Any]) -> str:
    """Lay out the goals."""
    lines = ["| goal | asked | measured | |", "|---|---:|---:|---|"]
    for goal in goals(results):
        said = "met" if goal.met else "**missed**"
        lines.append(f"| {goal.what} | {goal.asked} | {goal.measured} | {said} |")
    return "\n".join(lines)


def lane_table(results: dict[str, Any]) -> str:
    """Lay out what each way took in the session of all lanes."""
    found = results["sessions"][0]
    n_rows, n_columns = found["session"]["n_rows"], found["session"]["n_columns"]
    lines = [
        f"{n_rows:,} rows of {n_columns} columns, {found['session']['cores']} cores; the forest "
        f"alone takes {median(found['kernel']) / n_rows * 1e6:.2f} µs of a core a row.",
        "",
        "| work | seconds | rows per second | largest worker |",
        "|---|---:|---:|---:|",
    ]
    for name, seconds in found["seconds"].items():
        middle = median(seconds)
        lines.append(
            f"| {WORDS[name]} | {middle:.1f} ({min(seconds):.1f} to {max(seconds):.1f}) | "
            f"{n_rows / middle:,.0f} | {found['worker_mb'][name]} MB |"
        )
    return "\n".join(lines)


def stream_table(results: dict[str, Any]) -> str:
    """Say what the keyed stream did."""
    found = results["sessions"][-1]
    rates = found["rows_per_second"]
    return (
        f"{found['n_keys']:,} keys, {found['session']['n_rows']:,} rows in {found['batches']} "
        f"micro-batches: {median(rates):,.0f} rows per second ({min(rates):,.0f} to "
        f"{max(rates):,.0f})."
    )


def state_table(results: dict[str, Any]) -> str:
    """Lay out what a key's state is made of."""
    state = results["state"]
    parts = state["parts"]
    lines = ["| part of the model file | bytes |", "|---|---:|"]
    for what, names in SECTIONS.items():
        lines.append(f"| {what} | {sum(parts[name] for name in names):,} |")
    rest = state["file"] - sum(parts[name] for names in SECTIONS.values() for name in names)
    lines.append(f"| parameters, clock, sizes, table of sections, checksum | {rest:,} |")
    lines.append(f"| all of it | {state['file']:,} |")
    lines.append(f"| **dense form of the same forest** | {state['dense']:,} |")
    rows = state["bytes"] - state["dense"]
    lines.append(
        f"| rows learnt since, and what else is kept with them, on average | {rows:,.0f} |"
    )
    lines.append(
        f"| a key's state, on average (at most {state['most']:,}) | {state['bytes']:,.0f} |"
    )
    return "\n".join(lines)


def picture(results: dict[str, Any]) -> Figure:
    """Draw throughput by rows, columns and cores."""
    grown = results["sessions"][:-1]
    big, small, one, narrow = grown
    panels: list[tuple[str, list[dict[str, Any]], Callable[[dict[str, Any]], str]]] = [
        ("rows", [small, big], lambda s: f"{s['n_rows'] / 1e6:g} M"),
        ("columns", [narrow, big], lambda s: str(s["n_columns"])),
        ("cores", [one, small], lambda s: str(s["cores"])),
    ]
    figure = Figure(figsize=(7.6, 2.6), layout="constrained")
    for axes, (what, pair, label) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        for at, (name, colour) in enumerate((("score", OURS), ("score_parquet", OURS_TOO))):
            rates = [
                found["session"]["n_rows"] / median(found["seconds"][name]) / 1e3 for found in pair
            ]
            places = [i + (at - 0.5) * 0.36 for i in range(2)]
            axes.bar(places, rates, 0.34, color=colour, label=name)
        axes.set_xticks(range(2), [label(found["session"]) for found in pair])
        axes.set_title(what)
        axes.grid(visible=False, axis="x")
    first = figure.axes[0]
    first.set_ylabel("thousand rows per second")
    first.legend(frameon=False, fontsize=7.5)
    return figure


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the page and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benches.spark.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benches" / "spark.json")
    given = parser.parse_args(arguments)
    results = json.loads(given.results.read_text())
    parts = {
        "machine": lambda: machine(results),
        "goals": lambda: goal_table(results),
        "lanes": lambda: lane_table(results),
        "stream": lambda: stream_table(results),
        "state": lambda: state_table(results),
    }
    PAGE.write_text(between(PAGE.read_text(), parts))
    with rc_context(STYLE):
        picture(results).savefig(PICTURE, format="svg", metadata={"Date": None, "Creator": None})
    for goal in goals(results):
        print(f"{goal.what:<66} {goal.asked:>10} {goal.measured:>10} {goal.met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
