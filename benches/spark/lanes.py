"""One session's work: each lane goes through the same table, in turns."""

from __future__ import annotations

import shutil
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import fastrcf
from benches.spark import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

N_TREES, SAMPLE_SIZE = 100, 256
# Rows that models are made of.
LEARNT = 100_000
# Rows a batch, Spark's default.
BATCH = 10_000
UNCHECKED = (1 << 31) - 1


class Lanes:
    """Ways through a table, each a function without arguments.

    Parameters
    ----------
    spark : SparkSession
    folder : Path
        The table's.
    n_rows, n_columns : int
        Its size.
    """

    def __init__(self, spark: SparkSession, folder: Path, n_rows: int, n_columns: int) -> None:
        self.spark, self.folder, self.n_rows = spark, folder, n_rows
        self.names = table.names(n_columns)
        sample = pq.read_table(next(folder.glob("*.parquet"))).slice(0, LEARNT)
        self.sample = sample.select(self.names)
        forest = fastrcf.RandomCutForest(N_TREES, SAMPLE_SIZE, sampling="uniform", random_state=1)
        forest.insert(self.sample)
        self.forest = forest.freeze()
        self.detector = fastrcf.Detector(
            n_trees=N_TREES, sample_size=SAMPLE_SIZE, random_state=1
        ).fit(self.sample)
        self.out = folder.parent / "out"

    def df(self) -> DataFrame:
        """Give the table."""
        return self.spark.read.parquet(str(self.folder))

    def written(self, df: DataFrame) -> None:
        """Write a result as Parquet."""
        df.write.mode("overwrite").parquet(str(self.out))

    def count(self) -> None:
        """Count the values of the needed columns: the least that reads them."""
        from pyspark.sql import functions as F

        self.df().agg(*[F.count(name) for name in self.names]).collect()

    def identity(self) -> None:
        """Send the inputs to the workers, and a column back: what the boundary costs."""

        def through(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                first = pc.cast(batch.column(1), pa.float64())
                yield pa.RecordBatch.from_arrays([batch.column(0), first], names=["id", "score"])

        df = self.df().select("id", *self.names)
        self.written(df.mapInArrow(through, "id long, score double"))

    def identity_checked(self) -> None:
        """Do the same with Spark's own size of batches."""
        self.spark.conf.unset("spark.sql.execution.arrow.maxBytesPerBatch")
        try:
            self.identity()
        finally:
            self.uncheck()

    def uncheck(self) -> None:
        """Have Spark measure no batches."""
        self.spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(UNCHECKED))

    def score(self) -> None:
        """Score with the forest."""
        from fastrcf_spark import score

        self.written(score(self.df(), self.forest, self.names, keep=["id"]))

    def score_checked(self) -> None:
        """Score where the user has set nothing."""
        self.spark.conf.unset("spark.sql.execution.arrow.maxBytesPerBatch")
        try:
            self.score()
        finally:
            self.uncheck()

    def detector_score(self) -> None:
        """Score with the default detector."""
        from fastrcf_spark import score

        self.written(score(self.df(), self.detector, keep=["id"]))

    def udf(self) -> None:
        """Score with the UDF, the other columns beside it."""
        from fastrcf_spark import score_udf

        rcf = score_udf(self.forest)
        self.written(self.df().select("id", rcf(*self.names).alias("score")))

    def parquet(self) -> None:
        """Score without rows going through the JVM."""
        from fastrcf_spark import score_parquet

        self.clean()
        folder, out = str(self.folder), str(self.out)
        score_parquet(
            self.spark, folder, self.forest, self.names, keep=["id"], row_id=None, output=out
        )

    def isolation(self) -> None:
        """Score with scikit-learn's forest in mapInArrow, one thread a task."""
        from sklearn.ensemble import IsolationForest

        if not hasattr(self, "_isolation"):
            made = IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1)
            self._isolation = made.fit(self.sample.to_pandas().to_numpy())
        model = self._isolation

        def scored(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                x = np.column_stack(batch.columns[1:])
                scores = pa.array(-model.score_samples(x))
                yield pa.RecordBatch.from_arrays([batch.column(0), scores], names=["id", "score"])

        df = self.df().select("id", *self.names)
        self.written(df.mapInArrow(scored, "id long, score double"))

    def fit(self) -> None:
        """Fit a detector to the table, whose rows are told apart by their number."""
        from fastrcf_spark import fit

        fit(self.df(), self.names, seed=1, key="id")

    def kernel(self) -> float:
        """Give the seconds of a core that the forest alone takes for the whole table."""
        batches = self.sample.combine_chunks().to_batches(max_chunksize=BATCH)
        model = fastrcf.loads(bytes(self.forest), n_threads=1)
        if not isinstance(model, fastrcf.FrozenForest):
            raise TypeError("a frozen forest stays one")
        seconds = []
        for _ in range(3):
            begun = time.process_time()
            for batch in batches:
                model.score(batch)
            seconds.append(time.process_time() - begun)
        return float(statistics.median(seconds) * self.n_rows / self.sample.num_rows)

    def clean(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.out, ignore_errors=True)


def ways(lanes: Lanes) -> dict[str, Callable[[], Any]]:
    """Give the lanes by name, in the order of a round."""
    return {
        "count": lanes.count,
        "identity": lanes.identity,
        "score": lanes.score,
        "score_parquet": lanes.parquet,
        "score_checked": lanes.score_checked,
        "identity_checked": lanes.identity_checked,
        "detector": lanes.detector_score,
        "udf": lanes.udf,
        "isolation": lanes.isolation,
        "fit": lanes.fit,
    }
