"""Writes the figures into docs/function.md and docs/local-cloud.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import linear_regression
from typing import TYPE_CHECKING, Any, NamedTuple

from benches.report import ROOT, between
from benches.stack.cloud import RATE
from benches.stack.run import RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGES = ("function.md", "local-cloud.md")
# Seconds after which the process has all that it works in.
_WARM = 60


class Goal(NamedTuple):
    """What was asked, and what came."""

    what: str
    asked: str
    measured: str
    met: bool


def goals(results: dict[str, Any]) -> list[Goal]:
    """Hold the figures to what was asked."""
    handler, cold = results["handler"]["plain"], results["cold"]["compiled"]
    start = cold["import"] + cold["model"]
    found = [
        Goal(
            "a row through the handler, stored",
            "≤ 0.3 ms",
            f"{handler['score_1']:.2f} ms",
            handler["score_1"] <= 0.3,
        ),
        Goal(
            "1,000 rows in one request",
            "≤ 5 ms",
            f"{handler['score_1000_csv']:.1f} ms",
            handler["score_1000_csv"] <= 5,
        ),
        Goal("import and model", "< 400 ms", f"{start:.0f} ms", start < 400),
    ]
    for auth, load in results["cloud"].items():
        found += [
            Goal(
                f"requests a second, authorisation {auth}",
                f"{RATE:,}",
                f"{load['good'] / load['seconds']:,.0f}",
                load["good"] >= 0.98 * RATE * load["seconds"],
            ),
            Goal(f"their p99, {auth}", "< 25 ms", f"{load['p99']:.1f} ms", load["p99"] < 25),
            Goal(
                f"errors, and results not stored, {auth}",
                "0",
                f"{load['sent'] - load['good']}, {load['good'] - load['stored']}",
                load["sent"] == load["good"] == load["stored"],
            ),
        ]
    return found + traffic_goals(results)


def traffic_goals(results: dict[str, Any]) -> list[Goal]:
    """Hold what our own generator sent, and got, to what was asked."""
    found = []
    for auth, run in results.get("traffic", {}).items():
        told, who = run["traffic"], f"by fastrcf traffic, {auth}"
        requests, p99 = told["requests"], told["latency_ms"]["from_due"]["p99"]
        off = told["rate"]["off"]
        found += [
            Goal(f"rate {who}", "within 2 %", f"{off:+.2%}", abs(off) <= 0.02),
            Goal(f"p99 from due {who}", "< 25 ms", f"{p99:.1f} ms", p99 < 25),
            Goal(
                f"errors, and results not stored, {who}",
                "0",
                f"{requests['failed']}, {requests['good'] - run['stored']}",
                requests["due"] == requests["good"] == run["stored"],
            ),
        ]
    return found


def handler_table(results: dict[str, Any]) -> str:
    """Write what the handler takes, beside the engine alone."""
    names = {
        "score_1": "`/v1/score`, one row of JSON",
        "detect_1": "`/v1/detect`, one row of JSON",
        "invocations_1": "`/invocations`, one row",
        "score_1000_csv": "`/v1/score`, 1,000 rows of CSV",
        "score_1000_json": "`/v1/score`, 1,000 rows of JSON",
        "invocations_1000": "`/invocations`, 1,000 rows",
        "engine_1": "the engine alone, one row",
        "engine_1000": "the engine alone, 1,000 rows",
    }
    plain, default = results["handler"]["plain"], results["handler"]["default"]
    lines = ["| milliseconds | plain | default |", "|---|---:|---:|"]
    lines += [
        f"| {words} | {plain[key]:.2f} | {default[key]:.2f} |" for key, words in names.items()
    ]
    return "\n".join(lines)


def cold_table(results: dict[str, Any]) -> str:
    """Write what a start takes."""
    lines = ["| milliseconds | with bytecode | without |", "|---|---:|---:|"]
    compiled, uncompiled = results["cold"]["compiled"], results["cold"]["uncompiled"]
    for key, words in {
        "import": "import",
        "model": "model",
        "process": "the process from its start",
    }.items():
        lines.append(f"| {words} | {compiled[key]:.0f} | {uncompiled[key]:.0f} |")
    return "\n".join(lines)


def goal_table(results: dict[str, Any]) -> str:
    """Write the goals as a table, with how busy the machine was."""
    lines = ["| goal | asked | measured | |", "|---|---:|---:|---|"]
    lines += [
        f"| {g.what} | {g.asked} | {g.measured} | {'met' if g.met else '**missed**'} |"
        for g in goals(results)
    ]
    each = ", ".join(f"{name} {run['cpu_ms']:.2f}" for name, run in results["cloud"].items())
    lines += ["", f"Of a core's time a request takes, in milliseconds: {each}."]
    if "traffic" in results:
        each = ", ".join(f"{name} {run['cpu_ms']:.2f}" for name, run in results["traffic"].items())
        lines[-1] = f"{lines[-1][:-1]}; of those of `fastrcf traffic` {each}."
    machine, load = results["machine"], results["load_average"][0]
    processor = machine.get("processor") or "this machine"
    lines += ["", f"On {processor}; load average at the end: {load:.1f}."]
    return "\n".join(lines)


def soak_text(results: dict[str, Any]) -> str:
    """Write how memory went under a load that lasted, and what a day of it would come to."""
    soak = results.get("soak")
    if soak is None:
        return "Not measured yet."
    megabytes = [(seconds, held / 1e6) for seconds, held in soak["memory"]]
    warm = [(seconds, held) for seconds, held in megabytes if seconds >= _WARM]
    times, held = zip(*warm, strict=True)
    slope = linear_regression(times, held).slope
    machine = soak["machine"]
    processor = machine.get("processor") or "this machine"
    return (
        f"{soak['seconds']:,.0f} seconds by key, on {processor}: of {soak['sent']:,} requests "
        f"{soak['good']:,} were answered with 200 and {soak['stored']:,} results stored, p99 "
        f"{soak['p99']:.1f} ms. The process held {megabytes[0][1]:.1f} MB at the start, "
        f"{held[0]:.1f} after {_WARM} seconds and {held[-1]:.1f} at the end; the line through what "
        f"it held in between rises by {slope * 86_400:+.1f} MB a day."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the pages."""
    parser = argparse.ArgumentParser(prog="python -m benches.stack.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    results = json.loads(given.results.read_text())
    parts = {
        "stack_goals": lambda: goal_table(results),
        "stack_handler": lambda: handler_table(results),
        "stack_cold": lambda: cold_table(results),
        "stack_soak": lambda: soak_text(results),
    }
    for name in PAGES:
        page = ROOT / "docs" / name
        page.write_text(between(page.read_text(), parts))
    for goal in goals(results):
        print(f"{goal.what:<60} {goal.asked:>10} {goal.measured:>12} {goal.met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
