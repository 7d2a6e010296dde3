"""The living forest of this project."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

import fastrcf
from benches.engines.protocol import Answer, Kind, PythonEngine, Rows, Shape, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

Sampling = Literal["decay", "uniform", "window"]


class Living(PythonEngine):
    """The living forest, from Python."""

    name: ClassVar[str] = "fastrcf"
    settings: ClassVar[str] = (
        "RandomCutForest, sampling='decay' ('uniform' to fit), float32 arrays, one call per array"
    )
    whole_tables: ClassVar[bool] = True
    sampling: ClassVar[Sampling] = "decay"
    works: ClassVar[Mapping[Work, int]] = {
        "score": 4_000,
        "process": 1_000,
        "insert": 2_000,
        "delete": 500,
        "attribution": 200,
        "fit": 100_000,
        "load": 4,
    }

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        self.close()
        shape = self.shape
        self._forest = fastrcf.RandomCutForest(
            shape.n_trees,
            shape.sample_size,
            sampling=self.sampling,
            random_state=shape.seed,
            n_threads=shape.n_threads,
        )
        self._forest.insert(rows)
        self._model: fastrcf.RandomCutForest | fastrcf.FrozenForest = self._forest

    def score(self, rows: Rows) -> Answer:
        """Score rows, one call."""
        return self._forest.score(rows)

    def insert(self, rows: Rows) -> None:
        """Take rows in, one call."""
        self._forest.insert(rows)

    def delete(self, rows: Rows) -> Answer:
        """Take rows out that the forest has just taken in, one call; copies of each."""
        return self._forest.delete(rows).astype(np.float64)

    def process(self, rows: Rows) -> Answer:
        """Score each row, then take it in; one call."""
        return self._forest.process(rows)

    def attribution(self, rows: Rows) -> Answer:
        """Split scores by column, one call."""
        return self._model.attribution(rows).total

    def fit(self, rows: Rows) -> None:
        """Make a forest from a table, every row as likely as another."""
        shape = self.shape
        self._forest = fastrcf.RandomCutForest(
            shape.n_trees,
            shape.sample_size,
            sampling="uniform",
            random_state=shape.seed,
            n_threads=shape.n_threads,
        )
        self._forest.insert(rows)

    def judged(self, rows: Rows) -> Answer:
        """Score rows with the living forest."""
        return self._forest.score(rows)

    def prepare(self, work: Work, rows: Rows) -> None:
        """Write the file that is opened, or take in what is taken out."""
        if work == "delete":
            self._forest.insert(rows)
        if work == "load" and self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fastrcf-bench-")
            self._model.save(self._file)

    def load(self, rows: Rows) -> None:
        """Open the saved model, once for each row."""
        for _ in range(len(rows)):
            fastrcf.load(self._file)

    def close(self) -> None:
        """Remove the file."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def _file(self) -> Path:
        if self._folder is None:
            raise RuntimeError("nothing is saved yet")
        return Path(self._folder.name, "model.rcf")


class Windowed(Living):
    """The living forest whose trees hold the last rows, all the same ones."""

    name: ClassVar[str] = "fastrcf, sliding window"
    settings: ClassVar[str] = (
        "RandomCutForest, sampling='window': every tree takes every row, as rrcf's do"
    )
    sampling: ClassVar[Sampling] = "window"
    # Of another sample of the stream.
    kind: ClassVar[Kind] = "rank"
    works: ClassVar[Mapping[Work, int]] = {"delete": 100}
