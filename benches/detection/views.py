"""Forests that see a table's columns in one way, as half of a detector's trees do.

``standard`` and ``log`` are the two views of a default detector, to the last bits; the others
are what it could have in their place (`recipes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import fastrcf
from benches.detection.detectors.protocol import SAMPLE_SIZE

if TYPE_CHECKING:
    from benches.detection.case import Rows, Table

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
        Least and greatest power of their deviation that columns are divided by, drawn
        like the weights.
    spread : float
        Columns are weighed by ``exp(spread · N(0, 1))``.
    plain : int
        Trees for which nothing is drawn.
    draws : int
        How often powers and weights are drawn; the other trees share the draws.
    trees : int
        All of them.
    """

    base: str
    power: tuple[float, float] = (0.0, 0.0)
    spread: float = 0.0
    plain: int = 0
    draws: int = TREES
    trees: int = TREES

    @property
    def forests(self) -> list[tuple[int, bool]]:
        """Trees of each forest, and whether something is drawn for it."""
        if self.power[0] == self.power[1] and not self.spread:
            return [(self.trees, False)]
        drawn = [((self.trees - self.plain) // self.draws, True)] * self.draws
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
    "standard, 60": View("standard", trees=60),
    "log, weighed, 40": View("log", spread=1.0, draws=40, trees=40),
    "log, weighed, 40 by fives": View("log", spread=1.0, draws=8, trees=40),
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
        bent = (signed_log(rows) - median) / _positive(spread)
        return np.asarray(np.where(self._bent, bent, (rows - self._mean) / self._deviation))

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
    return np.asarray(np.where(scales > 0, scales, 1.0))


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
        weights = deviation ** -rng.uniform(*view.power)
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
            total += n_trees / view.trees * frozen.score(together * weights, kind=kind)
    local, depth = sums
    m = len(asked)
    return Scores(local[:m], depth[:m], local[m:], depth[m:])
