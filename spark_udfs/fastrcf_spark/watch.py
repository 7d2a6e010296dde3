"""What a query did: rows, alerts, rows without a score, and how far it has come.

Counts are Spark's observations, which classic Spark and Spark Connect have alike: they cost an
aggregation in the query and no pass of their own, and are exact for a query that ran whole. A
stream tells them with each micro-batch that is done.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark._features import column
from fastrcf_spark._watch_stream import SECONDS, Batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import Column, DataFrame

    from fastrcf_spark._shipping import Model


class Watch:
    """Counts what one query scores or fits, and tells the driver how far it has come.

    Parameters
    ----------
    name : str, default "fastrcf"
        Stands at the start of the line.
    progress : bool, optional
        Whether a line on standard error tells how many tasks are done, or of a stream how many
        micro-batches; default: where that is a terminal.

    Examples
    --------
    ``with Watch("score") as watch: score(df, model, watch=watch).write.parquet(path)``, then
    ``watch.rows``, ``watch.alerts``, ``watch.bad_rows`` and ``watch.seconds``. Of a stream these
    are counts of the micro-batches that were done since it was made; ``watch.batches`` is how
    many. Of models of keys they are ``watch.rows``, ``watch.keys`` and ``watch.models``.
    """

    def __init__(self, name: str = "fastrcf", *, progress: bool | None = None) -> None:
        self.name = name
        self._shows = sys.stderr.isatty() if progress is None else progress
        self._counts: Callable[[], Mapping[str, Any]] | None = None
        self._batches: Batches | None = None
        self._session: SparkSession | None = None
        self._started = self._ended = 0.0
        self._line: _Line | None = None

    def over_scores(self, df: DataFrame, output: str, model: Model | None) -> DataFrame:
        """Observe a data frame of scores; a forest, which has no threshold, has no alerts."""
        scores = column(output)
        alerts: Column = F.lit(False)
        if isinstance(model, fastrcf.Detector):
            alerts = scores > model.threshold
        return self._over_rows(df, alerts, scores.isNull())

    def over_alerts(self, df: DataFrame, is_anomaly: str) -> DataFrame:
        """Observe a data frame of alerts."""
        return self._over_rows(df, column(is_anomaly), column(is_anomaly).isNull())

    def over_models(self, df: DataFrame) -> DataFrame:
        """Observe a table of models of keys."""
        return self._over(
            df,
            {
                "rows": F.coalesce(F.sum("n_rows"), F.lit(0)),
                "keys": F.count(F.lit(1)),
                "models": F.count("model"),
            },
        )

    def begin(self, session: SparkSession) -> None:
        """Watch what a session does until it is told by :meth:`end`."""
        self._alone()
        self._session = session

    def end(self, **counts: int) -> None:
        """Take the counts of what began."""
        self._counts = lambda: counts

    def _over_rows(self, df: DataFrame, alert: Column, bad: Column) -> DataFrame:
        return self._over(
            df,
            {
                "rows": F.count(F.lit(1)),
                "alerts": F.count(F.when(alert, 1)),
                "bad_rows": F.count(F.when(bad, 1)),
            },
        )

    def _over(self, df: DataFrame, counted: Mapping[str, Column]) -> DataFrame:
        self._alone()
        self._session = df.sparkSession
        columns = [value.alias(name) for name, value in counted.items()]
        if df.isStreaming:
            name = f"fastrcf_{uuid.uuid4().hex}"
            self._batches = Batches(self._session, name, list(counted))
            self._counts = self._batches.counts
            return df.observe(name, *columns)
        observation = Observation()
        self._counts = lambda: self._observed(observation)
        return df.observe(observation, *columns)

    def _observed(self, observation: Observation) -> Mapping[str, Any]:
        """Give what was observed; classic Spark would wait for it for ever."""
        found: list[Mapping[str, Any]] = []
        if not self._ended:
            found.append(observation.get)
        else:
            asking = threading.Thread(target=lambda: found.append(observation.get), daemon=True)
            asking.start()
            asking.join(SECONDS)
        if not found or not found[0]:
            raise fastrcf.NotReadyError(
                "no query has run that was watched to its end: results are lazy, write or collect "
                "them within the with block"
            )
        return found[0]

    def _alone(self) -> None:
        if self._session is not None:
            raise fastrcf.InvalidParameterError("a watch counts one query: make another")

    def __enter__(self) -> Watch:
        self._started, self._ended = time.perf_counter(), 0.0
        if self._shows:
            self._line = _Line(self.name, lambda: self._session, lambda: self._batches)
            self._line.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended = time.perf_counter()
        if self._line is not None:
            self._line.stop()
        if self._batches is not None:
            self._batches.settle()

    def _counted(self, what: str) -> int:
        if self._counts is None:
            raise fastrcf.NotReadyError("nothing is watched: give the watch to score or detect")
        counts = self._counts()
        if what not in counts:
            raise fastrcf.NotReadyError(f"this watch counts {', '.join(counts)}, no {what}")
        return int(counts[what])

    @property
    def rows(self) -> int:
        """Rows that the query gave, or that it fitted to; waits for it until the block ends."""
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
    def keys(self) -> int:
        """Keys of a table of models."""
        return self._counted("keys")

    @property
    def models(self) -> int:
        """Keys that were given a model."""
        return self._counted("models")

    @property
    def batches(self) -> int:
        """Micro-batches of a stream that are done."""
        if self._batches is None:
            raise fastrcf.NotReadyError("this watch is over no stream, which has batches")
        self._batches.counts()
        return self._batches.done

    @property
    def seconds(self) -> float:
        """Time within the ``with`` block, on the wall."""
        if not self._started:
            raise fastrcf.NotReadyError("seconds are counted within a with block")
        return (self._ended or time.perf_counter()) - self._started

    def __str__(self) -> str:
        """Give the counts in one line."""
        counts = {} if self._counts is None else self._counts()
        rate = self.rows / max(self.seconds, 1e-9)
        said = [f"{self.rows:,} rows"]
        if "keys" in counts:
            said += [f"{self.keys:,} keys", f"{self.models:,} with a model"]
        if "alerts" in counts:
            said += [f"{self.alerts:,} alerts", f"{self.bad_rows:,} without a score"]
        if self._batches is not None:
            said.append(f"{self._batches.done:,} batches")
        said += [f"{self.seconds:.1f} s", f"{rate:,.0f} rows/s"]
        return f"{self.name}: {', '.join(said)}"


class _Line(threading.Thread):
    """A line on standard error, written anew twice a second."""

    def __init__(
        self,
        name: str,
        session: Callable[[], SparkSession | None],
        batches: Callable[[], Batches | None],
    ) -> None:
        super().__init__(daemon=True, name="fastrcf-watch")
        self._title, self._session, self._batches = name, session, batches
        self._done = threading.Event()
        self._remote: tuple[int, int] | None = None
        self._told: Any = None

    def run(self) -> None:
        while not self._done.wait(0.5):
            said = self._said()
            if said is not None:
                sys.stderr.write(f"\r{self._title}: {said} \x1b[K")
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

    def _said(self) -> str | None:
        batches = self._batches()
        if batches is not None:
            return f"{batches.done:,} batches, {batches.so_far('rows'):,} rows"
        tasks = self._tasks()
        return None if tasks is None else f"{tasks[0]} of {tasks[1]} tasks"

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
