"""What else a detector's default could be: other views of columns, and other ways to join them.

``python -m benches.detection.recipes`` prints what docs/detection.md says of it. A recipe joins
the scores of some views (`views.py`), which are fitted and scored once for all recipes; with
``--cache`` they are kept for the next run. ``standard + log`` is the detector as it is. Sets of
ADBench are halved by name: what is chosen on half A has to hold on half B.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from benches.detection.case import Absent, folder
from benches.detection.detectors import Isolation
from benches.detection.families import FAMILIES, adbench, card
from benches.detection.metrics import measures
from benches.detection.paired import compare
from benches.detection.record import Results
from benches.detection.run import RESULTS, SEEDS
from benches.detection.views import VIEWS, Columns, Scores, scored
from benches.run import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benches.detection.case import Case, Rows


# Of a view's scores in a file.
NAMES = tuple(field.name for field in fields(Scores))


def mean(asked: Sequence[Rows], _: Sequence[Rows]) -> Rows:
    """Mean over views, as it is."""
    return np.asarray(np.mean(asked, axis=0))


def _standardised(asked: Sequence[Rows], fitted: Sequence[Rows]) -> list[Rows]:
    made = []
    for rows, of_fitted in zip(asked, fitted, strict=True):
        low, median, high = np.quantile(of_fitted, (0.25, 0.5, 0.75))
        made.append((rows - median) / ((high - low) / 1.349 or float(of_fitted.std()) or 1.0))
    return made


def standardised_mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Each view less its median over fitted rows, over their quartiles' spread; then the mean."""
    return np.asarray(np.mean(_standardised(asked, fitted), axis=0))


def standardised_max(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Take the greatest of the standardised views."""
    return np.asarray(np.max(_standardised(asked, fitted), axis=0))


def deviation_mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Each view over its deviation among fitted rows; then the mean."""
    parts = [a / (float(f.std()) or 1.0) for a, f in zip(asked, fitted, strict=True)]
    return np.asarray(np.mean(parts, axis=0))


def rank_mean(asked: Sequence[Rows], _: Sequence[Rows]) -> Rows:
    """Mean of ranks among the scored rows."""
    return np.asarray(np.mean([rankdata(a) / len(a) for a in asked], axis=0))


def tail_mean(asked: Sequence[Rows], _: Sequence[Rows]) -> Rows:
    """Mean of bits of surprise: ``-log2`` of the share of rows that score as high."""
    return np.asarray(np.mean([-np.log2(rankdata(-a, "max") / len(a)) for a in asked], axis=0))


@dataclass(frozen=True)
class Recipe:
    """How a score is made of views.

    Attributes
    ----------
    views : tuple of str
    weigh : callable
        From the variance of the fitted rows' local range, in bits squared, to the weight of the
        depth.
    join : callable
        From scores by view, of scored and of fitted rows, to one for each scored row.
    shares : tuple of float, or None
        Each view's part of the trees; None for equal ones.
    depths : tuple of float, or None
        Each view's part of the weight; None for all of it.
    """

    views: tuple[str, ...]
    weigh: Callable[[float], float] = lambda _: 0.5
    join: Callable[[Sequence[Rows], Sequence[Rows]], Rows] = mean
    shares: tuple[float, ...] | None = None
    depths: tuple[float, ...] | None = None

    def __call__(self, scores: dict[str, Scores]) -> Rows:
        """Give the score of each scored row."""
        parts = [scores[name] for name in self.views]
        local = np.average([p.local_fitted for p in parts], axis=0, weights=self.shares)
        weight = self.weigh(float(local.var()))
        weights = [weight * of_view for of_view in self.depths or (1.0,) * len(parts)]
        asked = [p.local + w * p.depth for p, w in zip(parts, weights, strict=True)]
        fitted = [p.local_fitted + w * p.depth_fitted for p, w in zip(parts, weights, strict=True)]
        if self.shares is not None:
            return np.asarray(np.average(asked, axis=0, weights=self.shares))
        return self.join(asked, fitted)


def always(weight: float) -> Callable[[float], float]:
    """Weigh alike whatever the variance."""
    return lambda _: weight


def at_least(least: float, divisor: float) -> Callable[[float], float]:
    """Weigh by the variance over a divisor, at least so much."""
    return lambda variance: max(least, variance / divisor)


S, L, W = "standard", "log", "log, weighed"
WEIGHTS: dict[str, Callable[[float], float]] = {
    **{f"{weight:g}": always(weight) for weight in (0, 0.25, 0.375, 0.75, 1, 2)},
    "deviation": lambda variance: variance**0.5,
    "deviation / 3, at least 1/2": lambda variance: max(0.5, variance**0.5 / 3),
    "1/2 + variance / 12": lambda variance: 0.5 + variance / 12,
    **{
        f"variance / {divisor:g}, at least 1/2": at_least(0.5, divisor)
        for divisor in (6, 8, 10, 12, 16)
    },
}
JOINS = (standardised_mean, standardised_max, deviation_mean, rank_mean, tail_mean)
# Sixty trees and forty: those that were chosen, and what is nearest to them.
SIXTY = ("standard, 60", "log, weighed, 40")
FIVES = ("standard, 60", "log, weighed, 40 by fives")
SHARES = (0.6, 0.4)
CHOSEN = "standard, 60 + log, weighed, 40; variance / 12, at least 3/8"

RECIPES: dict[str, Recipe] = {
    **{name: Recipe((name,)) for name in VIEWS},
    **{
        f"{one} + {two}": Recipe((one, two))
        for one in (S, "standard, weighed", "standard, weighed 1/2")
        for two in VIEWS
        if two.startswith(L) and "40" not in two
    },
    **{
        f"{one} + {two} + {three}": Recipe((one, two, three))
        for one, two, three in (
            (S, L, "rank"),
            (S, W, "rank"),
            (S, "log / deviation^U", "rank"),
            (S, "standard, weighed", L),
            (S, "log / deviation^U", L),
            (S, L, W),
        )
    },
    **{
        f"{S} + {two}, {share:.2f} log": Recipe((S, two), shares=(1 - share, share))
        for two in (L, W, "log / deviation^U")
        for share in (0.25, 1 / 3, 0.4, 0.6, 2 / 3)
    },
    **{
        f"{S} + {two}, {join.__name__}": Recipe((S, two), join=join)
        for two in (L, W, "log / deviation^U")
        for join in JOINS
    },
    **{
        f"{S} + {two}, {name}": Recipe((S, two), weigh)
        for two in (L, W)
        for name, weigh in WEIGHTS.items()
    },
    f"{S} + {L}, depth in log alone": Recipe((S, L), depths=(0, 2)),
    f"{S} + {W}, depth in log alone": Recipe((S, W), depths=(0, 2)),
    **{
        f"{' + '.join(views)}; {name}": Recipe(views, weigh, shares=SHARES)
        for views in (SIXTY, FIVES)
        for name, weigh in (
            ("1/2", always(0.5)),
            ("3/8", always(0.375)),
            ("variance / 12, at least 1/2", at_least(0.5, 12)),
            ("variance / 12, at least 3/8", at_least(0.375, 12)),
            ("variance / 16, at least 3/8", at_least(0.375, 16)),
        )
    },
}


def kept(scores: Callable[[], Scores], path: Path | None) -> Scores:
    """Give scores from a file, or work them out and keep them there."""
    if path is not None and path.exists():
        with np.load(path) as file:
            return Scores(*(file[name].astype(np.float64) for name in NAMES))
    made = scores()
    if path is not None:
        np.savez(path, **{name: getattr(made, name) for name in NAMES})
    return made


def measured(
    case: Case,
    recipes: dict[str, Recipe],
    seeds: Sequence[int],
    cache: Path | None,
    *,
    relations: bool,
) -> dict[str, list[dict[str, float]]]:
    """Give the measures of a case, by recipe and seed."""
    table = case.load()
    columns: list[Columns] = []

    def work(name: str, seed: int) -> Scores:
        if not columns:
            columns.append(Columns(table.fitted, relations=relations))
        return scored(table, columns[0], name, seed)

    needed = dict.fromkeys(name for recipe in recipes.values() for name in recipe.views)
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in seeds:
        scores = {}
        for name in needed:
            tell(f"{case.family}, {case.name}: {name}, seed {seed}")
            stem = f"{case.family}-{case.name}-{relations:d}-{seed}-{name}".replace("/", "over")
            path = None if cache is None else cache / f"{stem}.npz"
            scores[name] = kept(partial(work, name, seed), path)
        for recipe, join in recipes.items():
            found[recipe].append(measures(table, join(scores)))
    return found


def halves(names: Sequence[str]) -> dict[str, set[str]]:
    """Halve sets: every other one by name."""
    ordered = sorted(names, key=str.lower)
    return {"A": set(ordered[::2]), "B": set(ordered[1::2])}


def line(family: str, cases: dict[str, list[dict[str, float]]], recorded: Results | None) -> str:
    """Lay a recipe's figures out; ADBench beside IsolationForest as it was recorded."""
    out = ""
    for name in ("auc", "ap", "cp100"):
        if not all(name in of_seed for found in cases.values() for of_seed in found):
            continue
        ours = {case: float(np.mean([f[name] for f in found])) for case, found in cases.items()}
        out += f"{name} {np.mean(list(ours.values())):.4f} "
        theirs = recorded.by_case(family, Isolation.name, name) if recorded else {}
        paired = compare(ours, theirs) if family == adbench.NAME else None
        if paired:
            out += f"({paired.won:2} of {paired.of}, p {paired.p:.3f}) "
    return out.rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print, family by family."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.detection.recipes", description=__doc__
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="families whose name holds this")
    parser.add_argument(
        "--recipe", metavar="NAME", action="append", help="this alone; may be given more than once"
    )
    parser.add_argument("--half", choices=("A", "B"), help="of ADBench's sets by name")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="1 to this many")
    parser.add_argument("--cache", type=Path, help="folder where views' scores are kept")
    options = parser.parse_args(arguments)
    recorded = Results.load(RESULTS) if RESULTS.exists() else None
    recipes = {name: RECIPES[name] for name in options.recipe} if options.recipe else RECIPES
    if options.cache is not None:
        options.cache.mkdir(parents=True, exist_ok=True)
    # Card data also without relations.
    both = ((f, r) for f in FAMILIES for r in ((True, False) if f.name == card.NAME else (True,)))
    for family, relations in both:
        if options.only not in family.name:
            continue
        try:
            cases = list(family.cases(folder()))
        except Absent as error:
            print(f"{family.name}: left out, {error}")
            continue
        if options.half and family.name == adbench.NAME:
            of_half = halves([case.name for case in cases])[options.half]
            cases = [case for case in cases if case.name in of_half]
        seeds = range(1, options.seeds + 1)
        found = {
            case.name: measured(case, recipes, seeds, options.cache, relations=relations)
            for case in cases
        }
        tell("")
        print(f"{family.name}{'' if relations else ', relations off'}, {len(cases)} cases")
        for recipe in recipes:
            of_recipe = {case: by_recipe[recipe] for case, by_recipe in found.items()}
            print(f"  {recipe:68} {line(family.name, of_recipe, recorded)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
