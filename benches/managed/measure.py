"""How near a recorded run is to trainings of our own, and how near those are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from benches.managed import runs
from fastrcf.sagemaker import ManagedForest, cutoff

if TYPE_CHECKING:
    from pathlib import Path

    from benches.detection.case import Rows
    from benches.managed.runs import Run, Training
    from fastrcf.sagemaker.sampling import Plan

MEASURES = ("scale", "correlation", "rmse")
# What is asked of each run that allows it.
CORRELATION = 0.998
# Of our trainings: the least, the middle 95 % and the median, the largest.
QUANTILES = (0.0, 0.025, 0.5, 0.975, 1.0)
# No run tells more scores above its cutoff.
_HIGHEST = 200


@dataclass(frozen=True)
class Found:
    """One run beside our trainings.

    Attributes
    ----------
    name : str
    rows : int
        Recorded scores.
    tree_size : int
        Rows that our trees hold.
    kind : str
        How they were chosen.
    theirs : dict of str to float
        Measures of the recorded scores against the mean of our trainings.
    ours : dict of str to list of float
        Of each training of ours against the mean of the others.
    """

    name: str
    rows: int
    tree_size: int
    kind: str
    theirs: dict[str, float]
    ours: dict[str, list[float]]

    def chance(self, measure: str) -> float:
        """Share of our trainings that are as far from the others as the recorded one."""
        own = np.array(self.ours[measure])
        if measure == "scale":
            center = np.median(own)
            far = np.abs(own - center) >= abs(self.theirs[measure] - center)
        else:
            is_worse = own <= self.theirs[measure]
            far = is_worse if measure == "correlation" else own >= self.theirs[measure]
        return float((1 + far.sum()) / (1 + len(own)))

    @property
    def least_chance(self) -> float:
        """The least of :meth:`chance` over measures."""
        return min(self.chance(measure) for measure in MEASURES)

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON; of our trainings least, quantiles and largest.

        ``correlated`` is the share of them that have the correlation asked for.
        """
        shares = np.quantile(list(self.ours.values()), QUANTILES, axis=1).T
        return {
            **vars(self),
            "trainings": len(self.ours["scale"]),
            "correlated": _short(
                sum(one >= CORRELATION for one in self.ours["correlation"])
                / len(self.ours["correlation"])
            ),
            "theirs": {name: _short(value) for name, value in self.theirs.items()},
            "ours": {
                name: [_short(value) for value in row]
                for name, row in zip(self.ours, shares, strict=True)
            },
            "chance": {name: _short(self.chance(name)) for name in MEASURES},
        }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def against(scores: Rows, center: Rows) -> dict[str, float]:
    """Measure scores against expected ones, row by row."""
    return {
        "scale": float(scores @ center / (center @ center)),
        "correlation": float(np.corrcoef(scores, center)[0, 1]),
        "rmse": float(np.sqrt(((scores - center) ** 2).mean())),
    }


@lru_cache(maxsize=4)
def trainings(
    data: Path, training: Training, asked: tuple[int, ...] | None, times: int
) -> tuple[Rows, Plan]:
    """Score rows by several trainings of ours.

    Parameters
    ----------
    data : Path
    training : Training
        Of what, and how.
    asked : tuple of int, or None
        Which rows; None for the highest scores of all, the first the highest.
    times : int

    Returns
    -------
    scores : numpy.ndarray of float64, shape (times, n)
    plan : Plan
        Which rows the trees hold.
    """
    rows = runs.training_rows(data, training)
    shown = rows if asked is None else rows[list(asked)]
    forest = _forest(training, rows)
    scores = []
    for i in range(times):
        # The service always draws the same sample; its cuts differ.
        found = forest.redrawn(i).score(shown)
        scores.append(found if asked is not None else np.sort(found)[::-1][:_HIGHEST])
    return np.array(scores), forest.plan


def measure(data: Path, run: Run, times: int) -> Found:
    """Train several times and compare."""
    known = runs.printed(data, run)
    theirs = known.scores
    asked = None if known.rows is None else _asked(data, run.training)
    ours, plan = trainings(data, run.training, asked, times)
    if asked is None or known.rows is None:
        ours = ours[:, : len(theirs)]
    else:
        ours = ours[:, np.searchsorted(asked, known.rows)]
    total = ours.sum(axis=0)
    own = [against(one, (total - one) / (times - 1)) for one in ours]
    return Found(
        name=run.name,
        rows=len(theirs),
        tree_size=plan.tree_size,
        kind=plan.kind,
        theirs=against(theirs, total / times),
        ours={name: [one[name] for one in own] for name in MEASURES},
    )


def whole(data: Path, run: Run, times: int) -> dict[str, list[float]]:
    """Mean, deviation, least, largest and rows above the cutoff, for each of our trainings."""
    rows = runs.training_rows(data, run.training)
    forest = _forest(run.training, rows)
    out: dict[str, list[float]] = {}
    for i in range(times):
        scores = forest.redrawn(i).score(rows)
        for name, value in (
            ("mean", scores.mean()),
            ("deviation", scores.std()),
            ("least", scores.min()),
            ("largest", scores.max()),
            ("above", (scores > cutoff(scores)).sum()),
        ):
            out.setdefault(name, []).append(float(f"{value:.6g}"))
    return out


@lru_cache(maxsize=16)
def _asked(data: Path, training: Training) -> tuple[int, ...]:
    """Give the rows that any run of this training tells, so that one set of ours serves all."""
    rows: set[int] = set()
    for run in runs.RUNS:
        if run.kind == "rows" and run.training == training:
            known = runs.printed(data, run).rows
            rows.update([] if known is None else known.tolist())
    return tuple(sorted(rows))


def _forest(training: Training, rows: Rows) -> ManagedForest:
    return ManagedForest(
        training.num_trees, training.num_samples_per_tree, random_state=1000, n_threads=1
    ).fit(rows)
