"""What forests share that take a list of floats a call and have no other way."""

from __future__ import annotations

from typing import Any

import numpy as np

from benches.engines.protocol import Answer, PythonEngine, Rows

Lists = list[list[float]]


class ListEngine(PythonEngine):
    """A forest with ``score(row)`` and ``update(row)``, a row a call."""

    _forest: Any

    def convert(self, rows: Rows) -> Lists:
        """Make lists, which these forests read faster than arrays."""
        values: Lists = rows.tolist()
        return values

    def score(self, rows: Lists) -> Answer:
        """Score rows, a call each."""
        score = self._forest.score
        return np.array([score(row) for row in rows])

    row = score

    def insert(self, rows: Lists) -> None:
        """Take rows in, a call each."""
        update = self._forest.update
        for row in rows:
            update(row)
