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
from typing import TYPE_CHECKING

import numpy as np

import fastrcf
from benches.detection.case import Absent, Family, folder
from benches.detection.detectors import Isolation
from benches.detection.families import FAMILIES, adbench
from benches.detection.metrics import measures
from benches.detection.paired import compare
from benches.detection.record import Results
from benches.detection.run import RESULTS, SEEDS
from benches.run import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benches.detection.case import Rows, Table

# Fitted rows that a table's variance is taken of.
SAMPLE = 8192
# Tables that are made of each set, all of different columns.
DRAWS = 10
# A few columns of a set: cut on one side at a quantile, so that what lies beyond becomes equal, or
# rounded to whole deviations.
COLUMNS = (2, 5)
SHARES = (0.4, 0.95)


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


DEFAULT = "1/2, the default"
# From the parts to the weight of the depth.
RULES: dict[str, Callable[[Parts], float]] = {
    "0": lambda _: 0.0,
    "1/4": lambda _: 0.25,
    DEFAULT: lambda _: 0.5,
    "1": lambda _: 1.0,
    "2": lambda _: 2.0,
    "8": lambda _: 8.0,
    "deviation": lambda parts: parts.variance**0.5,
    "variance / 6, at least 1/2": lambda parts: max(0.5, parts.variance / 6),
}


def cut(rows: Rows, rng: np.random.Generator) -> Rows:
    """Cut each column at a quantile of its own, from above or from below."""
    rows = rows * rng.choice((-1.0, 1.0), rows.shape[1])
    bounds = [np.quantile(column, rng.uniform(*SHARES)) for column in rows.T]
    return np.asarray(np.maximum(rows, bounds))


def rounded(rows: Rows, _: np.random.Generator) -> Rows:
    """Round to whole deviations."""
    return np.asarray(np.round(rows / rows.std(axis=0)))


EQUAL = {"ADBench, cut": cut, "ADBench, rounded": rounded}


def made(table: Table, how: Callable[[Rows, np.random.Generator], Rows], draw: int) -> Table:
    """Draw some columns that vary and make their values equal in many rows."""
    rng = np.random.default_rng((draw, len(table.fitted)))
    varying = np.flatnonzero(table.fitted.std(axis=0) > 0)
    columns = rng.permutation(varying)[: rng.integers(*COLUMNS, endpoint=True)]
    return replace(table, fitted=how(table.fitted[:, columns], rng))


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


def weighed(tables: Iterable[tuple[Table, int]]) -> dict[str, dict[str, float]]:
    """Give the mean over tables, each with a seed, of each measure, by rule."""
    found: dict[str, dict[str, list[float]]] = {rule: defaultdict(list) for rule in RULES}
    for table, seed in tables:
        of = parts(table, seed)
        for rule, weight in RULES.items():
            for name, value in measures(table, of.local + weight(of) * of.depth).items():
                found[rule][name].append(value)
    return {
        rule: {name: float(np.mean(values)) for name, values in of_rule.items()}
        for rule, of_rule in found.items()
    }


def tables(family: str, table: Table) -> Iterator[tuple[Table, int]]:
    """Give a case's tables, each with the seed of its detector."""
    how = EQUAL.get(family)
    if how is None:
        yield from ((table, seed) for seed in SEEDS)
    else:
        yield from ((made(table, how, draw), draw) for draw in range(DRAWS))


def lines(
    family: str, cases: dict[str, dict[str, dict[str, float]]], recorded: Results | None
) -> list[str]:
    """Lay a family out, a rule a line.

    Beside it ADBench has IsolationForest as it was recorded, and the tables that were made have
    the default.
    """
    out = [f"{family}, {len(cases)} cases"]
    for rule in RULES:
        line = f"  {rule:28}"
        for name in ("auc", "ap"):
            ours = {case: by_rule[rule][name] for case, by_rule in cases.items()}
            line += f"{name} {np.mean(list(ours.values())):.3f}  "
            theirs: dict[str, float] = {}
            if family in EQUAL:
                theirs = {case: by_rule[DEFAULT][name] for case, by_rule in cases.items()}
            elif family == adbench.NAME and recorded:
                theirs = recorded.by_case(family, Isolation.name, name)
            paired = compare(ours, theirs)
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
    equal = (Family(name, adbench.cases) for name in EQUAL)
    for family in (*FAMILIES, *equal):
        if options.only not in family.name:
            continue
        cases = {}
        try:
            for case in family.cases(folder()):
                tell(f"{family.name}, {case.name}")
                cases[case.name] = weighed(tables(family.name, case.load()))
        except Absent as error:
            tell("")
            print(f"{family.name}: left out, {error}")
            continue
        tell("")
        print("\n".join(lines(family.name, cases, recorded)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
