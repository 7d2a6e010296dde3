"""A Parquet file read batch by batch: what reading costs before anything is made of it."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benches.engines.protocol import Engine, Kind, Rows, Shape, Timed, Work
from benches.parquet_file import Files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FILES = Files()


class ParquetEngine(Engine):
    """What goes through a Parquet file in batches, with one thread of PyArrow's.

    The clock is that of all threads: who reads ahead does it in another one.

    Attributes
    ----------
    batch_rows : int
        Rows of a batch, where the lane does not say.
    """

    works: ClassVar[Mapping[Work, int]] = {"parquet": 10_000}
    whole_tables: ClassVar[bool] = True
    warm_up: ClassVar[int] = 1
    # PyArrow's default, and the command line's. Reading alone is slower with more.
    batch_rows: ClassVar[int] = 1 << 16

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        # Imported here: who lacks it loses this contest alone.
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa, self._pq = pa, pq

    def build(self, rows: Rows) -> None:
        """Do nothing: everything begins with the file."""

    def run(self, work: Work, rows: Rows, batch: int | None = None) -> Timed:
        """Go through the file of these rows, timed.

        Returns
        -------
        Timed
            Its answer is the number of rows that were read, shape (1,).
        """
        path = FILES.of(rows)
        self._seen = 0
        threads = self._pa.cpu_count()
        self._pa.set_cpu_count(1)
        try:
            wall, cpu = time.perf_counter_ns(), time.process_time_ns()
            self.through(self._counted(self.batches(path, batch or self.batch_rows)))
            cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
        finally:
            self._pa.set_cpu_count(threads)
        return Timed(cpu, wall, np.array([float(self._seen)]))

    def batches(self, path: Path, n_rows: int) -> Iterable[Any]:
        """Read the file, in the thread that asks for a batch."""
        batches: Iterable[Any] = self._pq.ParquetFile(path).iter_batches(
            batch_size=n_rows, use_threads=False
        )
        return batches

    @abstractmethod
    def through(self, batches: Iterator[Any]) -> None:
        """Take every batch."""

    def _counted(self, batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            self._seen += batch.num_rows
            yield batch


class Reader(ParquetEngine):
    """The reader alone."""

    name: ClassVar[str] = "PyArrow, reading alone"
    settings: ClassVar[str] = (
        "ParquetFile.iter_batches(batch_size=65536, use_threads=False), set_cpu_count(1); "
        "batches are dropped untouched"
    )
    kind: ClassVar[Kind] = "reader"

    def through(self, batches: Iterator[Any]) -> None:
        """Drop every batch."""
        for _ in batches:
            pass
