"""A forest and a detector fitted from a Parquet file, batch by batch as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import fastrcf
from benches.engines.parquet import ParquetEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benches.engines.protocol import Answer, Kind, Rows


class ForestFromParquet(ParquetEngine):
    """The forest, which takes a batch in and asks for the next."""

    name: ClassVar[str] = "fastrcf from Parquet"
    settings: ClassVar[str] = (
        "RandomCutForest(sampling='uniform').insert of each batch; read as PyArrow alone reads, "
        "in the same thread"
    )

    def through(self, batches: Iterator[Any]) -> None:
        """Make a forest of all batches."""
        shape = self.shape
        self._forest = fastrcf.RandomCutForest(
            shape.n_trees,
            shape.sample_size,
            sampling="uniform",
            random_state=shape.seed,
            n_threads=shape.n_threads,
        )
        for batch in batches:
            self._forest.insert(batch)

    def judged(self, rows: Rows) -> Answer:
        """Score rows with what was made of the last file."""
        return self._forest.score(rows)


class AheadFromParquet(ForestFromParquet):
    """The same, the next batches read meanwhile."""

    name: ClassVar[str] = "fastrcf from Parquet, read ahead"
    settings: ClassVar[str] = (
        "the same of pyarrow.dataset.dataset(path).to_batches(batch_size=131072), its default, "
        "which reads ahead in PyArrow's one thread; n_threads=1, or 2"
    )
    batch_rows: ClassVar[int] = 1 << 17

    def batches(self, path: Path, n_rows: int) -> Iterable[Any]:
        """Read the file, in PyArrow's thread."""
        from pyarrow import dataset

        batches: Iterable[Any] = dataset.dataset(path).to_batches(batch_size=n_rows)
        return batches


class DetectorFromParquet(AheadFromParquet):
    """The detector, fitted to batches that are read ahead."""

    name: ClassVar[str] = "fastrcf Detector from Parquet, read ahead"
    settings: ClassVar[str] = "Detector().fit of the same batches"
    # Its scores are on a scale of their own.
    kind: ClassVar[Kind] = "other"

    def through(self, batches: Iterator[Any]) -> None:
        """Fit a detector to all batches."""
        shape = self.shape
        self._detector = fastrcf.Detector(
            n_trees=shape.n_trees,
            sample_size=shape.sample_size,
            random_state=shape.seed,
            n_threads=shape.n_threads,
        ).fit(batches)

    def judged(self, rows: Rows) -> Answer:
        """Score rows with what was made of the last file, found by their place."""
        return self._detector.score(rows)
