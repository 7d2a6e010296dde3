"""AWS's Rust forest as PyPI's krcf binds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.lists import ListEngine, Lists
from benches.engines.protocol import Answer, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping


class Krcf(ListEngine):
    """A row per call; it has no other way."""

    name: ClassVar[str] = "krcf"
    settings: ClassVar[str] = (
        "lists of floats, a call each (it has no other); parallel_execution_enabled=False, "
        "initial_accept_fraction=1 (all rows to all trees at first, as the others do)"
    )
    works: ClassVar[Mapping[Work, int]] = {
        "score": 300,
        "row": 300,
        "process": 200,
        "insert": 200,
        "attribution": 100,
        "load": 1,
    }

    def __init__(self, shape: Shape) -> None:
        import krcf

        super().__init__(shape)
        self._make: Any = krcf.RandomCutForest

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        self._forest = self._make(
            {
                "dimensions": rows.shape[1],
                "shingle_size": 1,
                "num_trees": self.shape.n_trees,
                "sample_size": self.shape.sample_size,
                "lambda": self.shape.decay,
                "random_seed": self.shape.seed,
                "parallel_execution_enabled": False,
                "internal_shingling": False,
                "initial_accept_fraction": 1.0,
            }
        )
        self.insert(self.convert(rows))

    def process(self, rows: Lists) -> Answer:
        """Score each row, then take it in; two calls each."""
        score, update = self._forest.score, self._forest.update
        scores = np.empty(len(rows))
        for i, row in enumerate(rows):
            scores[i] = score(row)
            update(row)
        return scores

    def attribution(self, rows: Lists) -> Answer:
        """Split scores by column, a call each."""
        attribution = self._forest.attribution
        parts = [attribution(row) for row in rows]
        low, high = (np.array([part[side] for part in parts]) for side in ("low", "high"))
        total: Answer = low + high
        return total

    def prepare(self, work: Work, rows: Rows) -> None:
        """Save what is opened."""
        if work == "load":
            self._saved = self._forest.to_msgpack()

    def load(self, rows: Lists) -> None:
        """Open the saved forest, once for each row."""
        for _ in rows:
            self._make.from_msgpack(self._saved)
