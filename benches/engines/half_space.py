"""river's half-space trees: another algorithm for streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.protocol import Answer, Kind, PythonEngine, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

Dicts = list[dict[int, float]]


class HalfSpace(PythonEngine):
    """A dict per call; it has no other way for scores."""

    name: ClassVar[str] = "river HalfSpaceTrees"
    settings: ClassVar[str] = (
        "n_trees as the others, height=8, window_size=sample size, limits from the first rows; "
        "a dict a call"
    )
    kind: ClassVar[Kind] = "other"
    works: ClassVar[Mapping[Work, int]] = {
        "score": 100,
        "row": 100,
        "process": 100,
        "insert": 100,
    }

    def __init__(self, shape: Shape) -> None:
        from river.anomaly import HalfSpaceTrees

        super().__init__(shape)
        self._make: Any = HalfSpaceTrees

    def convert(self, rows: Rows) -> Dicts:
        """Make dicts."""
        return [dict(enumerate(row)) for row in rows.tolist()]

    def build(self, rows: Rows) -> None:
        """Make trees over the box of the rows, which they then take in."""
        low, high = rows.min(axis=0), rows.max(axis=0)
        self._trees = self._make(
            n_trees=self.shape.n_trees,
            height=8,
            window_size=self.shape.sample_size,
            limits={j: (float(low[j]), float(high[j])) for j in range(rows.shape[1])},
            seed=self.shape.seed,
        )
        self.insert(self.convert(rows))

    def score(self, rows: Dicts) -> Answer:
        """Score rows, a call each."""
        score = self._trees.score_one
        return np.array([score(row) for row in rows], np.float64)

    row = score

    def insert(self, rows: Dicts) -> None:
        """Take rows in, a call each."""
        learn = self._trees.learn_one
        for row in rows:
            learn(row)

    def process(self, rows: Dicts) -> Answer:
        """Score each row, then take it in; two calls each."""
        score, learn = self._trees.score_one, self._trees.learn_one
        scores = np.empty(len(rows))
        for i, row in enumerate(rows):
            scores[i] = score(row)
            learn(row)
        return scores
