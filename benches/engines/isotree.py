"""PyPI's isotree: isolation forests in C++, for tables only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.protocol import Answer, Kind, PythonEngine, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping


class Isotree(PythonEngine):
    """The isolation forest of Liu et al., its fastest one."""

    name: ClassVar[str] = "isotree"
    settings: ClassVar[str] = (
        "IsolationForest(ndim=1, missing_action='fail', nthreads=1), column-major float32 "
        "arrays, one predict"
    )
    kind: ClassVar[Kind] = "other"
    whole_tables: ClassVar[bool] = True
    works: ClassVar[Mapping[Work, int]] = {"score": 4_000, "fit": 100_000}

    def __init__(self, shape: Shape) -> None:
        import isotree

        super().__init__(shape)
        self._make: Any = isotree.IsolationForest

    def convert(self, rows: Rows) -> Rows:
        """Lay columns out one after the other, as it does."""
        return np.asfortranarray(rows)

    def build(self, rows: Rows) -> None:
        """Fit on the rows."""
        self.fit(self.convert(rows))

    def fit(self, rows: Rows) -> None:
        """Fit on the rows."""
        shape = self.shape
        self._forest = self._make(
            ntrees=shape.n_trees,
            sample_size=shape.sample_size,
            ndim=1,
            missing_action="fail",
            nthreads=1,
            random_seed=shape.seed,
        ).fit(rows)

    def score(self, rows: Rows) -> Answer:
        """Score rows, one call."""
        return np.asarray(self._forest.predict(rows), np.float64)
