"""The forests of this project asked row by row, as a service does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benches.engines.living import Living

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benches.engines.protocol import Answer, Rows, Work


class ByRow(Living):
    """One row a call, from Python: the frozen forest scores, the living one learns."""

    name: ClassVar[str] = "fastrcf, row by row"
    settings: ClassVar[str] = "one float32 row a call; scores of the frozen forest"
    whole_tables: ClassVar[bool] = False
    works: ClassVar[Mapping[Work, int]] = {"row": 500, "process": 500, "insert": 500, "delete": 200}

    def build(self, rows: Rows) -> None:
        """Make both forests."""
        super().build(rows)
        self._frozen = self._forest.freeze()

    def row(self, rows: Rows) -> Answer:
        """Score rows, a call each."""
        score = self._frozen.score
        return np.concatenate([score(row) for row in rows])

    def insert(self, rows: Rows) -> None:
        """Take rows in, a call each."""
        for row in rows:
            self._forest.insert(row)

    def delete(self, rows: Rows) -> Answer:
        """Take rows out, a call each; copies of each."""
        delete = self._forest.delete
        return np.concatenate([delete(row) for row in rows]).astype(np.float64)

    def process(self, rows: Rows) -> Answer:
        """Score each row and take it in, a call each."""
        process = self._forest.process
        return np.concatenate([process(row) for row in rows])
