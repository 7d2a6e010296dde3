"""What a query did: rows, alerts, rows without a score, and how far it has come.

Counts are Spark's observations, which classic Spark and Spark Connect have alike: they cost an
aggregation in the query and no pass of their own, and are exact for a query that ran whole.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark._features import column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from fastrcf_spark._shipping import Model


class Watch:
    """Counts what one query scores, and tells the driver how far it has come.

    Parameters
    ----------
    name : str, default "fastrcf"
        Stands at the start of the line.
    progress : bool, optional
        Whether a line on standard error tells how many tasks are done; default: where that is a
        terminal.

    Examples
    --------
    ``with Watch("score") as watch: score(df, model, watch=watch).write.parquet(path)``, then
    ``watch.rows``, ``watch.alerts``, ``watch.bad_rows`` and ``watch.seconds``.
    """

    def __init__(self, name: str = "fastrcf", *, progress: bool | None = None) -> None:
        self.name = name
        self._shows = sys.stderr.isatty() if progress is None else progress
        self._observation: Observation | None = None
        self._session: SparkSession | None = None
        self._started = self._ended = 0.0
        self._line: _Line | None = None

    def over_scores(self, df: DataFrame, output: str, model: Model) -> DataFrame:
        """Observe a data frame of scores; a forest, which has no threshold, has no alerts."""
        scores = column(output)
        alerts: Column = F.lit(False)
        if isinstance(model, fastrcf.Detector):
            alerts = scores > model.threshold
        return self._over(df, alerts, scores.isNull())

    def over_alerts(self, df: DataFrame, is_anomaly: str) -> DataFrame:
        """Observe a data frame of alerts."""
        return self._over(df, column(is_anomaly), column(is_anomaly).isNull())

    def _over(self, df: DataFrame, alert: Column, bad: Column) -> DataFrame:
        if self._observation is not None:
            raise fastrcf.InvalidParameterError("a watch counts one query: make another")
        if df.isStreaming:
            raise fastrcf.InvalidParameterError(
                "a watch counts a query that ends; a stream tells its progress itself"
            )
        self._observation = Observation()
        self._session = df.sparkSession
        return df.observe(
            self._observation,
            F.count(F.lit(1)).alias("rows"),
            F.count(F.when(alert, 1)).alias("alerts"),
            F.count(F.when(bad, 1)).alias("bad_rows"),
        )

    def __enter__(self) -> Watch:
        self._started, self._ended = time.perf_counter(), 0.0
        if self._shows:
            self._line = _Line(self.name, lambda: self._session)
            self._line.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended = time.perf_counter()
        if self._line is not None:
            self._line.stop()

    def _counted(self, what: str) -> int:
        if self._observation is None:
            raise fastrcf.NotReadyError("nothing is watched: give the watch to score or detect")
        return int(self._observation.get[what])

    @property
    def rows(self) -> int:
        """Rows that the query gave; waits until it has run."""
        return self._counted("rows")

    @property
    def alerts(self) -> int:
        """Rows above the threshold."""
        return self._counted("alerts")

    @property
    def bad_rows(self) -> int:
        """Rows that were given no score."""
        return self._counted("bad_rows")

    @property
    def seconds(self) -> float:
        """Time within the ``with`` block, on the wall."""
        if not self._started:
            raise fastrcf.NotReadyError("seconds are counted within a with block")
        return (self._ended or time.perf_counter()) - self._started

    def __str__(self) -> str:
        """Give the counts in one line."""
        rate = self.rows / max(self.seconds, 1e-9)
        return (
            f"{self.name}: {self.rows:,} rows, {self.alerts:,} alerts, {self.bad_rows:,} without a "
            f"score, {self.seconds:.1f} s, {rate:,.0f} rows/s"
        )


class _Line(threading.Thread):
    """A line on standard error, written anew twice a second."""

    def __init__(self, name: str, session: Any) -> None:
        super().__init__(daemon=True, name="fastrcf-watch")
        self._title, self._session = name, session
        self._done = threading.Event()
        self._remote: tuple[int, int] | None = None
        self._told: Any = None

    def run(self) -> None:
        while not self._done.wait(0.5):
            tasks = self._tasks()
            if tasks is not None:
                done, total = tasks
                sys.stderr.write(f"\r{self._title}: {done} of {total} tasks \x1b[K")
                sys.stderr.flush()

    def stop(self) -> None:
        """End the line."""
        self._done.set()
        self.join()
        session = self._session()
        if self._told is not None and session is not None:
            session.removeProgressHandler(self._told)
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _tasks(self) -> tuple[int, int] | None:
        session = self._session()
        if session is None:
            return None
        if type(session).__module__.startswith("pyspark.sql.connect"):
            if self._told is None and hasattr(session, "registerProgressHandler"):
                self._told = self._hear
                session.registerProgressHandler(self._told)
            return self._remote
        tracker = session.sparkContext.statusTracker()
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        found = [(stage.numCompletedTasks, stage.numTasks) for stage in stages if stage is not None]
        return (sum(d for d, _ in found), sum(n for _, n in found)) if found else None

    def _hear(self, stages: Any, **_: Any) -> None:
        if stages:
            self._remote = (
                sum(stage.num_completed_tasks for stage in stages),
                sum(stage.num_tasks for stage in stages),
            )
