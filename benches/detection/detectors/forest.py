"""The forest of this project with the open-source score, on raw and on standardised columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import fastrcf
from benches.detection.detectors.protocol import N_TREES, SAMPLE_SIZE, Scale, TableDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows


class Raw(TableDetector):
    """A forest of rows drawn alike, columns as they come."""

    name: ClassVar[str] = "fastrcf forest, raw"
    settings: ClassVar[str] = f'n_trees={N_TREES}, sample_size={SAMPLE_SIZE}, sampling="uniform"'

    def fit(self, rows: Rows) -> None:
        """Insert the rows, in order."""
        self._forest = fastrcf.RandomCutForest(
            N_TREES, SAMPLE_SIZE, sampling="uniform", random_state=self.seed
        )
        self._forest.insert(rows)

    def score(self, rows: Rows) -> Rows:
        """Score rows, one call."""
        return self._forest.score(rows)


class Standardised(Raw):
    """The same forest, columns in standard deviations of the fitted rows."""

    name: ClassVar[str] = "fastrcf forest, standardised"
    settings: ClassVar[str] = f"{Raw.settings}; columns less their mean, over their deviation"

    def fit(self, rows: Rows) -> None:
        """Scale and insert the rows."""
        self._scale = Scale(rows)
        super().fit(self._scale(rows))

    def score(self, rows: Rows) -> Rows:
        """Scale and score rows."""
        return super().score(self._scale(rows))
