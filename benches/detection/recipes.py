"""What else a detector's default could be: other views of columns, and other ways to join them.

``python -m benches.detection.recipes`` prints what docs/detection.md says of it. Forests of
fifty trees see the columns as a view says; a recipe joins the scores of some views. Every
recipe joins the same trees, and a view is fitted and scored once, so that recipes cost
nothing. ``standard + log`` is the detector as it is, to the last bits. Sets of ADBench are
halved by name: what is chosen on half A has to hold on half B.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

import fastrcf
from benches.detection.case import Absent, folder
from benches.detection.detectors import Isolation
from benches.detection.detectors.protocol import SAMPLE_SIZE
from benches.detection.families import FAMILIES, adbench, card
from benches.detection.metrics import measures
from benches.detection.paired import compare
from benches.detection.record import Results
from benches.detection.run import RESULTS, SEEDS
from benches.run import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benches.detection.case import Case, Rows, Table

# Trees of a view, as a detector's two have them, and how far the seeds of views are apart.
TREES = 50
APART = 0x9E37_79B9_7F4A_7C15
# Fitted rows that are scored too: a view's own median, spread and variance are of them.
SAMPLE = 8192


@dataclass(frozen=True)
class View:
    """How trees see columns.

    Attributes
    ----------
    base : str
        ``standard``, ``log`` or ``rank``.
    power : tuple of float
        Least and greatest power of their deviation that columns are divided by, drawn for
        each tree.
    spread : float
        Columns are weighed by ``exp(spread · N(0, 1))``.
    plain : int
        Trees for which nothing is drawn.
    draws : int
        How often powers and weights are drawn; the other trees share the draws.
    """

    base: str
    power: tuple[float, float] = (0.0, 0.0)
    spread: float = 0.0
    plain: int = 0
    draws: int = TREES

    @property
    def forests(self) -> list[tuple[int, bool]]:
        """Trees of each forest, and whether something is drawn for it."""
        if self.power[0] == self.power[1] and not self.spread:
            return [(TREES, False)]
        drawn = [((TREES - self.plain) // self.draws, True)] * self.draws
        return [(self.plain, False), *drawn] if self.plain else drawn


# Those with one forest have the detector's own seeds.
VIEWS: dict[str, View] = {
    "standard": View("standard"),
    "log": View("log"),
    "log / deviation^1/2": View("log", (0.5, 0.5)),
    "log / deviation": View("log", (1.0, 1.0)),
    "log / deviation^U": View("log", (0.0, 1.0)),
    "rank": View("rank"),
    "standard, weighed": View("standard", spread=1.0),
    "standard, weighed 1/2": View("standard", spread=0.5),
    "log, weighed": View("log", spread=1.0),
    "log, weighed 1/2": View("log", spread=0.5),
    "log / deviation^U, weighed": View("log", (0.0, 1.0), spread=1.0),
    "log, weighed 2": View("log", spread=2.0),
    "log, weighed 3/2": View("log", spread=1.5),
    "log, half weighed": View("log", spread=1.0, plain=25, draws=25),
    "log, half weighed by five": View("log", spread=1.0, plain=25, draws=5),
}


@dataclass(frozen=True)
class Scores:
    """What a view's trees say.

    Attributes
    ----------
    local, depth : ndarray of float64, shape (m,)
        Local range and expected inverse depth of the scored rows.
    local_fitted, depth_fitted : ndarray of float64
        The same of a sample of the fitted ones.
    """

    local: Rows
    depth: Rows
    local_fitted: Rows
    depth_fitted: Rows


class Columns:
    """A table's columns as a detector fits them, relations last.

    Parameters
    ----------
    fitted : ndarray of float64, shape (n, d)
    relations : bool
        Whether the relations that a detector finds are watched.
    """

    def __init__(self, fitted: Rows, *, relations: bool) -> None:
        self._quartiles = np.quantile(fitted, (0.25, 0.5, 0.75), axis=0)
        self._mean, deviation = fitted.mean(axis=0), fitted.std(axis=0)
        self._deviation = _positive(deviation)
        skewness = ((fitted - self._mean) ** 3).mean(axis=0) / self._deviation**3
        self._bent = (fitted.min(axis=0) >= 0) & (skewness > 5)
        self._log_deviation = signed_log(fitted).std(axis=0)
        self._sorted = np.sort(fitted, axis=0)
        self._relations: list[tuple[str, list[tuple[int, float]], float, float]] = []
        if relations:
            found = fastrcf.Detector(random_state=0, n_threads=1).fit(fitted[: 1 << 16])
            # What the engine knows of them; the public form rounds nothing, but names columns.
            self._relations = found._fitted().relations()

    def seen(self, rows: Rows, base: str) -> tuple[Rows, Rows]:
        """Give rows as a view's base has them, and the deviations to divide by, 1 for relations."""
        one = np.ones(rows.shape[1])
        if base == "standard":
            made, deviation = self._first(rows), one
        elif base == "log":
            made = signed_log(rows) - signed_log(self._quartiles[1])
            deviation = _positive(self._log_deviation)
        else:
            made, deviation = self._ranks(rows), one
        sums = [
            (sum(weight * rows[:, j] for j, weight in terms) - usual) / scale
            for _, terms, usual, scale in self._relations
        ]
        return np.column_stack((made, *sums)), np.append(deviation, np.ones(len(sums)))

    def _first(self, rows: Rows) -> Rows:
        low, median, high = signed_log(self._quartiles)
        spread = np.where(high > low, (high - low) / 1.349, self._log_deviation)
        return np.where(
            self._bent,
            (signed_log(rows) - median) / _positive(spread),
            (rows - self._mean) / self._deviation,
        )

    def _ranks(self, rows: Rows) -> Rows:
        out = np.empty_like(rows)
        for j, values in enumerate(self._sorted.T):
            below = np.searchsorted(values, rows[:, j], "left")
            out[:, j] = (below + np.searchsorted(values, rows[:, j], "right")) / (2 * len(values))
        return out


def signed_log(rows: Rows) -> Rows:
    """Give ``sign(x) ln(1 + |x|)``."""
    return np.asarray(np.copysign(np.log1p(np.abs(rows)), rows))


def _positive(scales: Rows) -> Rows:
    return np.where(scales > 0, scales, 1.0)


def scored(table: Table, columns: Columns, name: str, seed: int) -> Scores:
    """Fit a view's trees and score the table's rows."""
    view, number = VIEWS[name], list(VIEWS).index(name)
    fitted, deviation = columns.seen(table.fitted, view.base)
    every = max(1, len(fitted) // SAMPLE)
    asked = fitted if table.asked is None else columns.seen(table.asked, view.base)[0]
    together = np.concatenate((asked, fitted[::every]))
    rng = np.random.default_rng((seed, number))
    sums = np.zeros((2, len(together)))
    for n_trees, is_drawn in view.forests:
        weights = deviation ** -rng.uniform(*(view.power if is_drawn else (view.power[0],) * 2))
        if is_drawn and view.spread:
            weights = weights * np.exp(view.spread * rng.standard_normal(len(weights)))
        own = int(rng.integers(1 << 62)) if is_drawn else seed + APART * (view.base != "standard")
        forest = fastrcf.RandomCutForest(
            n_trees,
            min(SAMPLE_SIZE, len(fitted)),
            sampling="uniform",
            random_state=own % (1 << 64),
            n_threads=1,
        )
        forest.insert(fitted * weights)
        frozen = forest.freeze()
        for kind, total in zip(("local_range", "expected_inverse_depth"), sums, strict=True):
            total += n_trees / TREES * frozen.score(together * weights, kind=kind)
    local, depth = sums
    m = len(asked)
    return Scores(local[:m], depth[:m], local[m:], depth[m:])


# From scores by view, of scored and of fitted rows, to one for each scored row.
Join = "Callable[[Sequence[Rows], Sequence[Rows]], Rows]"


def mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Mean over views, as it is."""
    return np.asarray(np.mean(asked, axis=0))


def _standardised(asked: Sequence[Rows], fitted: Sequence[Rows]) -> list[Rows]:
    made = []
    for rows, of_fitted in zip(asked, fitted, strict=True):
        low, median, high = np.quantile(of_fitted, (0.25, 0.5, 0.75))
        spread = (high - low) / 1.349 or float(of_fitted.std()) or 1.0
        made.append((rows - median) / spread)
    return made


def standardised_mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Each view less its median over fitted rows, over their quartiles' spread; then the mean."""
    return np.asarray(np.mean(_standardised(asked, fitted), axis=0))


def standardised_max(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """The greatest of the standardised views."""
    return np.asarray(np.max(_standardised(asked, fitted), axis=0))


def deviation_mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Each view over its deviation; then the mean."""
    parts = [a / (float(f.std()) or 1.0) for a, f in zip(asked, fitted, strict=True)]
    return np.asarray(np.mean(parts, axis=0))


def rank_mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Mean of ranks among the fitted rows; beyond them the place among the scored."""
    return np.asarray(np.mean([rankdata(a) / len(a) for a in asked], axis=0))


def tail_mean(asked: Sequence[Rows], fitted: Sequence[Rows]) -> Rows:
    """Mean of bits of surprise: ``-log2`` of the share of rows that score as high."""
    parts = [-np.log2(rankdata(-a, "max") / len(a)) for a in asked]
    return np.asarray(np.mean(parts, axis=0))


@dataclass(frozen=True)
class Recipe:
    """How a score is made of views.

    Attributes
    ----------
    views : tuple of str
    depth : callable
        From the mean local range of fitted rows to the weight of the depth.
    join : callable
    shares : tuple of float, or None
        Part of each view in the mean; None for equal ones.
    """

    views: tuple[str, ...]
    depth: Callable[[Rows], float] = lambda _: 0.5
    join: Callable[[Sequence[Rows], Sequence[Rows]], Rows] = mean
    shares: tuple[float, ...] | None = None

    def __call__(self, scores: dict[str, Scores]) -> Rows:
        """Give the score of each scored row."""
        parts = [scores[name] for name in self.views]
        weight = self.depth(np.mean([p.local_fitted for p in parts], axis=0))
        asked = [p.local + weight * p.depth for p in parts]
        fitted = [p.local_fitted + weight * p.depth_fitted for p in parts]
        if self.shares is not None:
            return np.asarray(np.average(asked, axis=0, weights=self.shares))
        return self.join(asked, fitted)


def by_variance(local: Rows) -> float:
    """Weigh the depth by a sixth of the local range's variance, at least by half."""
    return max(0.5, float(local.var()) / 6)


S, L = "standard", "log"
SW, LU = "standard, weighed", "log / deviation^U"
FIRST = (S, SW, "standard, weighed 1/2")
SECOND = tuple(name for name in VIEWS if name.startswith(L))

RECIPES: dict[str, Recipe] = {
    **{name: Recipe((name,)) for name in VIEWS},
    **{f"{one} + {two}": Recipe((one, two)) for one in FIRST for two in SECOND},
    **{
        f"{one} + {two} + rank": Recipe((one, two, "rank"))
        for one in (S, SW)
        for two in (L, LU, "log, weighed")
    },
    **{f"{S} + {two} + {L}": Recipe((S, two, L)) for two in (SW, LU, "log / deviation")},
    **{
        f"{one} + {two}, {share:g} log": Recipe((one, two), shares=(1 - share, share))
        for one in (S, SW)
        for two in (L, LU)
        for share in (0.25, 1 / 3, 2 / 3)
    },
    **{
        f"{one} + {two}, {join.__name__}": Recipe((one, two), join=join)
        for one in (S, SW)
        for two in (L, LU)
        for join in (
            standardised_mean,
            standardised_max,
            deviation_mean,
            rank_mean,
            tail_mean,
        )
    },
    **{
        f"{one} + {two}, variance / 6": Recipe((one, two), by_variance)
        for one in FIRST
        for two in SECOND
    },
}


def kept(scores: Callable[[], Scores], path: Path | None) -> Scores:
    """Give scores from a file, or work them out and keep them there."""
    if path is not None and path.exists():
        with np.load(path) as file:
            return Scores(*(file[name].astype(np.float64) for name in Scores.__annotations__))
    made = scores()
    if path is not None:
        np.savez(path, **{name: getattr(made, name) for name in Scores.__annotations__})
    return made


def measured(
    case: Case, recipes: dict[str, Recipe], seeds: Sequence[int], cache: Path | None, *, relations: bool
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
            scores[name] = kept(lambda name=name, seed=seed: work(name, seed), path)
        for recipe, join in recipes.items():
            found[recipe].append(measures(table, join(scores)))
    return found


def halves(names: Sequence[str]) -> dict[str, set[str]]:
    """Halve sets: every other one by name."""
    ordered = sorted(names, key=str.lower)
    return {"A": set(ordered[::2]), "B": set(ordered[1::2])}


def line(
    family: str, cases: dict[str, list[dict[str, float]]], recorded: Results | None
) -> str:
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
    for family, relations in ((f, r) for f in FAMILIES for r in ((True, False) if f.name == card.NAME else (True,))):
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
            print(f"  {recipe:60} {line(family.name, of_recipe, recorded)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
