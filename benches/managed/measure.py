"""How near a recorded run is to trainings of our own, and how near those are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benches.managed import runs
from fastrcf.sagemaker import ManagedForest, cutoff

if TYPE_CHECKING:
    from pathlib import Path

    from benches.detection.case import Rows
    from benches.managed.runs import Run

MEASURES = ("scale", "correlation", "rmse")


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
        """Give plain values for JSON, five digits each."""
        return {
            **vars(self),
            "theirs": {key: float(f"{value:.6g}") for key, value in self.theirs.items()},
            "ours": {
                key: [float(f"{value:.5g}") for value in values]
                for key, values in self.ours.items()
            },
        }


def against(scores: Rows, center: Rows) -> dict[str, float]:
    """Measure scores against expected ones, row by row."""
    return {
        "scale": float(scores @ center / (center @ center)),
        "correlation": float(np.corrcoef(scores, center)[0, 1]),
        "rmse": float(np.sqrt(((scores - center) ** 2).mean())),
    }


def trainings(data: Path, run: Run, times: int) -> tuple[Rows, ManagedForest]:
    """Score a run's rows by several trainings of ours, shape (times, n), and give the last."""
    rows = runs.training_rows(data, run)
    known = runs.printed(data, run)
    asked = rows if known.rows is None else rows[known.rows]
    scores, forest = np.zeros((times, len(known.scores))), None
    for i in range(times):
        # The service always draws the same sample; its cuts differ.
        forest = _forest(run, rows) if forest is None else forest.redrawn(i)
        found = forest.score(asked)
        scores[i] = found if known.rows is not None else _highest(found, len(known.scores))
    assert forest is not None
    return scores, forest


def measure(data: Path, run: Run, times: int) -> Found:
    """Train several times and compare."""
    ours, forest = trainings(data, run, times)
    theirs = runs.printed(data, run).scores
    total = ours.sum(axis=0)
    own = [against(one, (total - one) / (times - 1)) for one in ours]
    return Found(
        name=run.name,
        rows=len(theirs),
        tree_size=forest.plan.tree_size,
        kind=forest.plan.kind,
        theirs=against(theirs, total / times),
        ours={name: [one[name] for one in own] for name in MEASURES},
    )


def whole(data: Path, run: Run, times: int) -> dict[str, list[float]]:
    """Mean, deviation, least, largest and rows above the cutoff, for each of our trainings."""
    rows = runs.training_rows(data, run)
    forest = _forest(run, rows)
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


def _forest(run: Run, rows: Rows) -> ManagedForest:
    return ManagedForest(
        run.num_trees, run.num_samples_per_tree, random_state=1000, n_threads=1
    ).fit(rows)


def _highest(scores: Rows, n: int) -> Rows:
    return np.sort(scores)[::-1][:n]
