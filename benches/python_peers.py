"""Forests that Python imports: ours, krcf, rrcf and scikit-learn's."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.peers import PythonPeer, Rows, Scores, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping


class Ours(PythonPeer):
    """The living forest of this project."""

    name: ClassVar[str] = "fastrcf"
    rows: ClassVar[Mapping[Work, int]] = {"score": 40_000, "process": 8_000, "insert": 16_000}

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        import fastrcf

        shape = self.shape
        self._forest = fastrcf.RandomCutForest(
            shape.n_trees, shape.sample_size, random_state=shape.seed, n_threads=1
        )
        self._forest.insert(rows)

    def score(self, rows: Rows) -> Scores:
        """Score rows, one call."""
        return self._forest.score(rows)

    def insert(self, rows: Rows) -> None:
        """Take rows in, one call."""
        self._forest.insert(rows)

    def process(self, rows: Rows) -> Scores:
        """Score each row, then take it in; one call."""
        return self._forest.process(rows)


class OursFrozen(Ours):
    """The frozen forest of this project."""

    name: ClassVar[str] = "fastrcf, frozen"
    rows: ClassVar[Mapping[Work, int]] = {"score": 40_000}

    def build(self, rows: Rows) -> None:
        """Freeze a forest that has taken ``rows`` in."""
        super().build(rows)
        self._frozen = self._forest.freeze()

    def score(self, rows: Rows) -> Scores:
        """Score rows, one call."""
        return self._frozen.score(rows)


class OursByRow(Ours):
    """The living forest of this project, asked row by row as a service does."""

    name: ClassVar[str] = "fastrcf, row by row"
    rows: ClassVar[Mapping[Work, int]] = {"score": 8_000, "process": 4_000, "insert": 8_000}

    def score(self, rows: Rows) -> Scores:
        """Score rows, a call each."""
        return np.concatenate([self._forest.score(row) for row in rows])

    def insert(self, rows: Rows) -> None:
        """Take rows in, a call each."""
        for row in rows:
            self._forest.insert(row)

    def process(self, rows: Rows) -> Scores:
        """Score each row and take it in, a call each."""
        return np.concatenate([self._forest.process(row) for row in rows])


class Krcf(PythonPeer):
    """AWS's Rust forest as PyPI's krcf binds it; it takes a row per call."""

    name: ClassVar[str] = "krcf"
    rows: ClassVar[Mapping[Work, int]] = {"score": 4_000, "process": 2_000, "insert": 3_000}

    def __init__(self, shape: Shape) -> None:
        import krcf

        super().__init__(shape)
        self._make: Any = krcf.RandomCutForest

    def convert(self, rows: Rows) -> list[list[float]]:
        """Make lists, which krcf reads a little faster than arrays."""
        values: list[list[float]] = rows.tolist()
        return values

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        options: dict[str, Any] = {
            "dimensions": rows.shape[1],
            "shingle_size": 1,
            "num_trees": self.shape.n_trees,
            "sample_size": self.shape.sample_size,
            "lambda": self.shape.decay,
            "random_seed": self.shape.seed,
            "parallel_execution_enabled": False,
            "internal_shingling": False,
            # The default spreads the first rows over the trees; the others take them all.
            "initial_accept_fraction": 1.0,
        }
        self._forest = self._make(options)
        self.insert(self.convert(rows))

    def score(self, rows: list[list[float]]) -> Scores:
        """Score rows, a call each."""
        score = self._forest.score
        return np.array([score(row) for row in rows])

    def insert(self, rows: list[list[float]]) -> None:
        """Take rows in, a call each."""
        update = self._forest.update
        for row in rows:
            update(row)

    def process(self, rows: list[list[float]]) -> Scores:
        """Score each row, then take it in; two calls each."""
        score, update = self._forest.score, self._forest.update
        scores = np.empty(len(rows))
        for i, row in enumerate(rows):
            scores[i] = score(row)
            update(row)
        return scores


class Rrcf(PythonPeer):
    """PyPI's rrcf, used as its manual says: a sliding window that every tree takes in.

    Its score is the collusive displacement of the row once it is in the trees.
    """

    name: ClassVar[str] = "rrcf"
    rows: ClassVar[Mapping[Work, int]] = {"process": 20}
    warm_up: ClassVar[int] = 256

    def __init__(self, shape: Shape) -> None:
        import rrcf

        super().__init__(shape)
        self._make: Any = rrcf.RCTree

    def build(self, rows: Rows) -> None:
        """Make trees over the last rows."""
        window = rows[-self.shape.sample_size :].astype(np.float64)
        seed, n_trees = self.shape.seed, self.shape.n_trees
        states = np.random.SeedSequence(seed).generate_state(n_trees)
        self._trees = [self._make(window, random_state=int(state)) for state in states]
        self._held = deque(range(len(window)))

    def process(self, rows: Rows) -> Scores:
        """Let each row push the oldest one out of every tree, and displace the rest."""
        scores = np.zeros(len(rows))
        for i, row in enumerate(rows):
            old, new = self._held.popleft(), self._held[-1] + 1
            self._held.append(new)
            for tree in self._trees:
                tree.forget_point(old)
                tree.insert_point(row, index=new)
                scores[i] += tree.codisp(new)
        return scores / len(self._trees)


class Isolation(PythonPeer):
    """scikit-learn's isolation forest: another algorithm, for tables only."""

    name: ClassVar[str] = "scikit-learn IsolationForest"
    rows: ClassVar[Mapping[Work, int]] = {"score": 40_000}

    def __init__(self, shape: Shape) -> None:
        from sklearn.ensemble import IsolationForest

        super().__init__(shape)
        self._make: Any = IsolationForest

    def build(self, rows: Rows) -> None:
        """Fit on the rows."""
        shape = self.shape
        self._forest = self._make(
            n_estimators=shape.n_trees,
            max_samples=shape.sample_size,
            n_jobs=1,
            random_state=shape.seed,
        ).fit(rows)

    def score(self, rows: Rows) -> Scores:
        """Score rows, one call; higher is more unusual, as for the others."""
        return -np.asarray(self._forest.score_samples(rows), np.float64)
