"""Counts of a stream's micro-batches, as Spark tells them to listeners on the driver."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pyspark.sql.streaming.listener import StreamingQueryListener

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

# How long the last words of a query that has ended are waited for.
SECONDS = 10.0


class Batches(StreamingQueryListener):
    """Adds up what the micro-batches of queries with an observation of a name counted.

    A micro-batch counts once, when it is done: what a query did that died within one is told by
    the query that does it again.

    Parameters
    ----------
    session : SparkSession
        Classic or Connect.
    name : str
        Of the observation.
    counted : sequence of str
        Its columns.
    """

    def __init__(self, session: SparkSession, name: str, counted: Sequence[str]) -> None:
        super().__init__()
        self.done = 0
        self._streams, self._name = session.streams, name
        self._counts = dict.fromkeys(counted, 0)
        self._changed = threading.Condition()
        self._started: set[str] = set()
        self._ended: set[str] = set()
        self._listens = True
        self._streams.addListener(self)

    def onQueryStarted(self, event: Any) -> None:
        """Note a query, of which it is not known yet whether it is ours."""
        with self._changed:
            self._started.add(str(event.runId))

    def onQueryProgress(self, event: Any) -> None:
        """Take the counts of a micro-batch."""
        row = event.progress.observedMetrics.get(self._name)
        if row is None:
            return
        with self._changed:
            self.done += 1
            for name in self._counts:
                self._counts[name] += row[name] or 0

    def onQueryIdle(self, event: Any) -> None:
        """Nothing to do."""

    def onQueryTerminated(self, event: Any) -> None:
        """Note that no more comes of a query."""
        with self._changed:
            self._ended.add(str(event.runId))
            self._changed.notify_all()

    def so_far(self, what: str) -> int:
        """Give a count of what was told by now."""
        with self._changed:
            return self._counts[what]

    def counts(self) -> dict[str, int]:
        """Give all counts, with what was told last of queries that have ended."""
        self._wait()
        with self._changed:
            return dict(self._counts)

    def settle(self) -> None:
        """Hear what queries that have ended told last; and no more, if none is left."""
        if self._wait() and self._listens:
            self._listens = False
            self._streams.removeListener(self)

    def _wait(self) -> bool:
        """Wait for the end of what has ended; give whether all has."""
        if not self._listens:
            return True
        active = {str(query.runId) for query in self._streams.active}
        with self._changed:
            gone = self._started - active
            self._changed.wait_for(lambda: gone <= self._ended, SECONDS)
            return self._started <= self._ended
