"""PyPI's rcf3, a forest in Rust whose trees are cut by another rule.

Its insertion takes the first separating cut above the leaf, not the top-most
one, so its scores are on a scale of their own; its speed can be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.lists import ListEngine, Lists
from benches.engines.protocol import Answer, Kind, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rcf3(ListEngine):
    """A row per call; it has no other way."""

    name: ClassVar[str] = "rcf3"
    settings: ClassVar[str] = (
        "lists of floats, a call each (it has no other); update_and_score for streams, "
        "internal_shingling=False, initial_accept_fraction=1"
    )
    kind: ClassVar[Kind] = "rank"
    works: ClassVar[Mapping[Work, int]] = {
        "score": 300,
        "row": 300,
        "process": 200,
        "insert": 200,
        "attribution": 100,
        "load": 1,
    }

    def __init__(self, shape: Shape) -> None:
        import rcf3

        super().__init__(shape)
        self._make: Any = rcf3.Forest

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        self._forest = self._make(
            rows.shape[1],
            num_trees=self.shape.n_trees,
            capacity=self.shape.sample_size,
            time_decay=self.shape.decay,
            internal_shingling=False,
            initial_accept_fraction=1.0,
            seed=self.shape.seed,
        )
        self.insert(self.convert(rows))

    def process(self, rows: Lists) -> Answer:
        """Score each row, then take it in; one call each."""
        both = self._forest.update_and_score
        return np.array([both(row) for row in rows])

    def attribution(self, rows: Lists) -> Answer:
        """Split scores by column, a call each."""
        attribution = self._forest.attribution
        return np.array(
            [[part["below"] + part["above"] for part in attribution(row)] for row in rows]
        )

    def prepare(self, work: Work, rows: Rows) -> None:
        """Save what is opened."""
        if work == "load":
            self._saved = self._forest.to_json()

    def load(self, rows: Lists) -> None:
        """Open the saved forest, once for each row."""
        for _ in rows:
            self._make.from_json(self._saved)
