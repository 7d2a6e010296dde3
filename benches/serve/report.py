"""Writes docs/benchmarks-serve.md's figures: ``python -m benches.serve.report``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benches.report import ROOT, between
from benches.serve.run import COLUMNS, RATED, RESULTS
from benches.serve.servers import OURS, PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE = ROOT / "docs" / "benchmarks-serve.md"
# Requests after which the server has all the memory that it works in.
_WARM = 100_000


class Goal(NamedTuple):
    """What was asked, and what came."""

    what: str
    asked: str
    measured: str
    met: bool | None


def rate(load: dict[str, Any]) -> float:
    """Good answers a second."""
    return float(load["good"] / load["seconds"])


def sent_rate(load: dict[str, Any]) -> float:
    """Give the requests that were sent a second, until the last answer."""
    return float(load["sent"] / load["seconds"])


def rows(load: dict[str, Any]) -> float:
    """Rows that were answered a second."""
    return rate(load) * float(load["rows"])


def goals(results: dict[str, Any]) -> list[Goal]:
    """Hold the figures to what was asked."""
    ours = results["lanes"][0]["rounds"]
    most = median(rate(lane["most"]) for lane in ours)
    p99 = median(lane["half"]["p99"] for lane in ours)
    csv = median(rows(lane["csv"]) for lane in ours)
    records = median(rows(lane["recordio"]) for lane in ours)
    ready = median(lane["ready"] for lane in ours)
    over = results["overload"]
    honest = over["wrong"] == 0 and set(over["statuses"]) <= {"200", "429", "503"}
    wrong = sum(lane[kind]["wrong"] for lane in ours for kind in ("most", "csv", "recordio"))
    grown, last = growth(results)
    return [
        Goal("single rows as JSON, requests a second", "≥ 3,000", f"{most:,.0f}", most >= 3000),
        Goal(
            f"their p99 at half load ({RATED // 2:,} requests a second)",
            "< 10 ms",
            f"{p99:.1f} ms",
            p99 < 10,
        ),
        Goal("5 MB of CSV, rows a second", "≥ 250,000", f"{csv:,.0f}", csv >= 250_000),
        Goal("5 MB of RecordIO, rows a second", "≥ 400,000", f"{records:,.0f}", records >= 400_000),
        Goal(
            f"memory gained between {_WARM:,} and {last:,} requests",
            "flat",
            f"{grown / 1e6:+.1f} MB",
            None if last < 1_000_000 else grown < 4e6,
        ),
        Goal(
            f"at {sent_rate(over):,.0f} requests a second, of {10 * RATED:,} that were asked for: "
            "only 200, 429 and 503, none wrong",
            "yes",
            "yes" if honest else "no",
            honest,
        ),
        Goal("wrong answers of all others", "0", f"{wrong}", wrong == 0),
        Goal("from the start to the first answer", "< 2 s", f"{ready:.2f} s", ready < 2),
    ]


def growth(results: dict[str, Any]) -> tuple[int, int]:
    """Give the memory gained once the server is warm, and how many requests it had by then."""
    held = results["memory"]
    warm = next((size for sent, size in held if sent >= _WARM), held[0][1])
    return held[-1][1] - warm, held[-1][0]


def goal_table(results: dict[str, Any]) -> str:
    """Write the goals as a table."""
    words = {True: "met", False: "**missed**", None: "not judged"}
    lines = ["| goal | asked | measured | |", "|---|---:|---:|---|"]
    lines += [f"| {g.what} | {g.asked} | {g.measured} | {words[g.met]} |" for g in goals(results)]
    return "\n".join(lines)


def server_table(results: dict[str, Any]) -> str:
    """Write what each server did, and the ratio of ours to the plain one in the same round."""
    both = {lane["server"]: lane["rounds"] for lane in results["lanes"]}
    figures: dict[str, Callable[[dict[str, Any]], float]] = {
        "single rows, requests a second": lambda lane: rate(lane["most"]),
        "rows a second, CSV": lambda lane: rows(lane["csv"]),
        "rows a second, RecordIO": lambda lane: rows(lane["recordio"]),
    }
    lines = [f"| | {OURS} | {PLAIN} | ratio |", "|---|---:|---:|---:|"]
    for what, figure in figures.items():
        ours, plain = ([figure(lane) for lane in both[name]] for name in (OURS, PLAIN))
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        lines.append(
            f"| {what} | {median(ours):,.0f} | {median(plain):,.0f} | {median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
    ours, plain = ([lane["half"]["p99"] for lane in both[name]] for name in (OURS, PLAIN))
    ratios = [a / b for a, b in zip(ours, plain, strict=True)]
    lines.append(
        f"| p99 at {RATED // 2:,} requests a second, ms | {median(ours):.1f} | {median(plain):.1f} "
        f"| {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
    )
    shares = {
        kind: median(rows(lane[kind]) / lane["engine"] for lane in both[OURS])
        for kind in ("csv", "recordio")
    }
    engine = median(lane["engine"] for lane in both[OURS])
    return "\n".join(
        [
            *lines,
            "",
            f"The detector alone, in a process without a server, scores {engine:,.0f} such rows a "
            f"second on all cores: of that CSV gets {shares['csv']:.0%} through, RecordIO "
            f"{shares['recordio']:.0%}, with the client on the same cores.",
        ]
    )


def overload(results: dict[str, Any]) -> str:
    """Say what became of ten times the load."""
    over = results["overload"]
    statuses = ", ".join(f"{n:,} with {status}" for status, n in sorted(over["statuses"].items()))
    return (
        f"Asked for {10 * RATED:,} requests a second, the client got {over['sent']:,} off in "
        f"{over['seconds']:.0f} seconds ({sent_rate(over):,.0f} a second) over 2,000 connections; "
        f"answered: {statuses}; wrong: "
        f"{over['wrong']}."
    )


def machine(results: dict[str, Any]) -> str:
    """Say on what and how was measured."""
    about = results["machine"]
    n_rounds = len(results["lanes"][0]["rounds"])
    return (
        f"Measured {results['measured']} on {about['processor']}, {about['cores']} cores, "
        f"instruction set {about['simd']}; Python {about['python']}, uvicorn "
        f"{about['versions']['uvicorn']}. {n_rounds} rounds, medians; a detector of 100 trees of "
        f"256 rows, {COLUMNS} columns; client and server on the same cores."
    )


def filled(text: str, results: dict[str, Any]) -> str:
    """Fill a page's parts."""
    parts = {
        "machine": lambda: machine(results),
        "goals": lambda: goal_table(results),
        "servers": lambda: server_table(results),
        "overload": lambda: overload(results),
    }
    return between(text, parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the page."""
    parser = argparse.ArgumentParser(prog="python -m benches.serve.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    results = json.loads(given.results.read_text())
    PAGE.write_text(filled(PAGE.read_text(), results))
    for goal in goals(results):
        print(f"{goal.what:<80} {goal.asked:>10} {goal.measured:>10} {goal.met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
