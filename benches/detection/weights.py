"""How much the depth should weigh in a detector's score, in all tables or in each by itself.

``python -m benches.detection.weights`` prints what docs/detection.md says of it. A default
detector gives both parts of its score, and every rule weighs the same parts of the same
trees. Beside the families of the bench there is one of tables with many equal rows, as the
handbook's made features have: `CUT`.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import fastrcf
from benches.detection.case import Absent, Case, Family, folder
from benches.detection.detectors import Isolation
from benches.detection.families import FAMILIES, adbench
from benches.detection.metrics import measures
from benches.detection.paired import compare
from benches.detection.record import Results
from benches.detection.run import RESULTS, SEEDS
from benches.run import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benches.detection.case import Rows, Table

# Fitted rows that a table's variance is taken of.
SAMPLE = 8192
# Sets of ADBench, few columns of each, and of these the highest or lowest quarter of values
# only, the others made equal.
CUT = "ADBench, cut"
COLUMNS, KEPT = 4, 0.25
# Values that a column has at least to be cut.
DISTINCT = 9


@dataclass(frozen=True)
class Parts:
    """Both parts of a table's scores.

    Attributes
    ----------
    local, depth : ndarray of float64, shape (m,)
        Local range and expected inverse depth of the scored rows.
    variance : float
        Of the local range of fitted rows, in bits squared.
    """

    local: Rows
    depth: Rows
    variance: float


# From the parts to the weight of the depth.
RULES: dict[str, Callable[[Parts], float]] = {
    "0": lambda _: 0.0,
    "1/4": lambda _: 0.25,
    "1/2, the default": lambda _: 0.5,
    "1": lambda _: 1.0,
    "2": lambda _: 2.0,
    "8": lambda _: 8.0,
    "deviation": lambda parts: parts.variance**0.5,
    "variance / 6, at least 1/2": lambda parts: max(0.5, parts.variance / 6),
}


def cut_cases(data: Path) -> Iterator[Case]:
    """Give a case for each set of ADBench that has columns to cut."""
    for case in adbench.cases(data):
        if len(_columns(case.load())) > 2:
            yield Case(CUT, case.name, partial(cut, case))


def cut(case: Case) -> Table:
    """Draw columns of a set and the side that is kept of each."""
    table = case.load()
    rng = np.random.default_rng(0)
    columns = rng.permutation(_columns(table))[:COLUMNS]
    rows = table.fitted[:, columns] * rng.choice((-1.0, 1.0), len(columns))
    return replace(table, fitted=np.maximum(rows, np.quantile(rows, 1 - KEPT, axis=0)))


def _columns(table: Table) -> list[int]:
    return [j for j, x in enumerate(table.fitted.T) if len(np.unique(x)) >= DISTINCT]


def parts(table: Table, seed: int) -> Parts:
    """Fit a default detector and score the table's rows both ways."""
    detector = fastrcf.Detector(random_state=seed).fit(table.fitted)
    asked = table.fitted if table.asked is None else table.asked
    sample = table.fitted[:: max(1, len(table.fitted) // SAMPLE)]
    local, depth, of_fitted = (
        np.asarray(detector.score(rows, kind=kind), np.float64)
        for rows, kind in (
            (asked, "local_range"),
            (asked, "expected_inverse_depth"),
            (sample, "local_range"),
        )
    )
    return Parts(local, depth, float(of_fitted.var()))


def weighed(table: Table) -> dict[str, dict[str, float]]:
    """Give the mean over seeds of each measure, by rule."""
    found: dict[str, dict[str, list[float]]] = {rule: defaultdict(list) for rule in RULES}
    for seed in SEEDS:
        made = parts(table, seed)
        for rule, weight in RULES.items():
            for name, value in measures(table, made.local + weight(made) * made.depth).items():
                found[rule][name].append(value)
    return {
        rule: {name: float(np.mean(values)) for name, values in of_rule.items()}
        for rule, of_rule in found.items()
    }


def lines(
    family: str, cases: dict[str, dict[str, dict[str, float]]], recorded: Results | None
) -> list[str]:
    """Lay a family out, a rule a line; ADBench beside IsolationForest as it was recorded."""
    out = [f"{family}, {len(cases)} cases"]
    for rule in RULES:
        line = f"  {rule:28}"
        for name in ("auc", "ap"):
            ours = {case: by_rule[rule][name] for case, by_rule in cases.items()}
            line += f"{name} {np.mean(list(ours.values())):.3f}  "
            theirs = recorded.by_case(family, Isolation.name, name) if recorded else {}
            paired = compare(ours, theirs) if family == adbench.NAME else None
            if paired:
                line += f"({paired.won} of {paired.of}, p {paired.p:.3f})  "
        out.append(line.rstrip())
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print, family by family."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.detection.weights", description=__doc__
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="families whose name holds this")
    options = parser.parse_args(arguments)
    recorded = Results.load(RESULTS) if RESULTS.exists() else None
    for family in (*FAMILIES, Family(CUT, cut_cases)):
        if options.only not in family.name:
            continue
        cases = {}
        try:
            for case in family.cases(folder()):
                tell(f"{family.name}, {case.name}")
                cases[case.name] = weighed(case.load())
        except Absent as error:
            tell("")
            print(f"{family.name}: left out, {error}")
            continue
        tell("")
        print("\n".join(lines(family.name, cases, recorded)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
