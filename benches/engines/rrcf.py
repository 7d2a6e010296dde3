"""PyPI's rrcf, the forest of the paper's measures in Python."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.protocol import Answer, Kind, PythonEngine, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

# Trees that are enough to tell odd rows from usual ones.
JUDGES = 20


class Rrcf(PythonEngine):
    """Used as its manual says: a sliding window that every tree takes in.

    Its score is the collusive displacement of the row once it is in the trees.
    """

    name: ClassVar[str] = "rrcf"
    settings: ClassVar[str] = (
        "RCTree, float64 rows; each row pushes the oldest one out of all trees, then codisp; "
        "deletion: forget_point in every tree"
    )
    kind: ClassVar[Kind] = "other"
    works: ClassVar[Mapping[Work, int]] = {"process": 5, "delete": 5}
    warm_up: ClassVar[int] = 256
    # It takes 30 ms for each.
    planted: ClassVar[int] = 60

    def __init__(self, shape: Shape) -> None:
        import rrcf

        super().__init__(shape)
        self._make: Any = rrcf.RCTree

    def convert(self, rows: Rows) -> Any:
        """Make doubles, which it computes with."""
        return rows.astype(np.float64)

    def build(self, rows: Rows) -> None:
        """Make trees over the last rows."""
        window = rows[-self.shape.sample_size :].astype(np.float64)
        states = np.random.SeedSequence(self.shape.seed).generate_state(self.shape.n_trees)
        self._trees = [self._make(window, random_state=int(state)) for state in states]
        self._held = deque(range(len(window)))
        self._next = len(window)

    def process(self, rows: Any) -> Answer:
        """Let each row push the oldest one out of every tree, and displace the rest."""
        scores = np.zeros(len(rows))
        for i, row in enumerate(rows):
            old, new = self._held.popleft(), self._next
            self._next += 1
            self._held.append(new)
            for tree in self._trees:
                tree.forget_point(old)
                tree.insert_point(row, index=new)
                scores[i] += tree.codisp(new)
        return scores / len(self._trees)

    def prepare(self, work: Work, rows: Rows) -> None:
        """Take in what is taken out, the oldest making room where the window is full."""
        if work != "delete":
            return
        for row in self.convert(rows):
            full = len(self._held) == self.shape.sample_size
            old = self._held.popleft() if full else None
            for tree in self._trees:
                if old is not None:
                    tree.forget_point(old)
                tree.insert_point(row, index=self._next)
            self._held.append(self._next)
            self._next += 1

    def judged(self, rows: Rows) -> Answer:
        """Displace rows of some trees, which forget them again."""
        scores = np.zeros(len(rows))
        for i, row in enumerate(self.convert(rows)):
            for tree in self._trees[:JUDGES]:
                tree.insert_point(row, index=self._next)
                scores[i] += tree.codisp(self._next)
                tree.forget_point(self._next)
        return scores

    def delete(self, rows: Any) -> Answer:
        """Take the latest rows out of every tree, by their index, as it wants it."""
        copies = np.zeros(len(rows))
        for i in range(len(rows)):
            index = self._next - len(rows) + i
            for tree in self._trees:
                tree.forget_point(index)
                copies[i] += 1
        for _ in range(len(rows)):
            self._held.pop()
        return copies
