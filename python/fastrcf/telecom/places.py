"""Hours of cells and operators that are unlike those before: a second, small forest.

Sessions are judged SIM by SIM, and an alert says what a SIM did. What a place did is another
question: how many sessions began there in an hour, how many ended abnormally, and how fast data
went through (``place_hours.py``). An outage is no fraud, but who looks at alerts has to know of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

import fastrcf
from fastrcf.errors import InvalidInputError, InvalidParameterError, NotFittedError
from fastrcf.telecom.checked import moment
from fastrcf.telecom.place_hours import COLUMNS, LEAST_A_DAY, LEAST_HOURS, LEVELS, hours

if TYPE_CHECKING:
    from fastrcf.detection import Reason
    from fastrcf.telecom.peers import PeerTable

_TREES: Final = 50


@dataclass(frozen=True)
class PlaceEvents:
    """Hours of places that stand out.

    Attributes
    ----------
    events : DataFrame
        A row for each event, the highest score first: ``level``, ``place`` (a cell, or a network
        and a technology), ``first`` and ``last`` (when its first and its last hour began),
        ``hours`` (that stand out), ``sessions``, ``usual_sessions``, ``failed_share``,
        ``usual_failed_share``, ``throughput`` and ``usual_throughput`` (bytes a second of busy
        time), all of these of the hours that stand out; ``score``, the highest of them.
    reasons : tuple of list of Reason
        Of the highest hour of each event, in the same order.
    judged : int
        Hours of places that were judged.
    """

    events: pl.DataFrame
    reasons: tuple[list[Reason], ...]
    judged: int


class PlaceDetector:
    """Finds hours of cells or operators that are unlike those learnt from.

    Parameters
    ----------
    level : {"cell", "operator"}, default "cell"
        What is judged.
    alert_rate : float, default 0.001
        Share of the hours learnt from that stand out, in (0, 1).
    random_state : int, default 7
        Seed of the forest.

    Raises
    ------
    InvalidParameterError
        If there is no such level, or the rate is out of its range.
    """

    def __init__(
        self, level: str = "cell", *, alert_rate: float = 0.001, random_state: int = 7
    ) -> None:
        if level not in LEVELS:
            raise InvalidParameterError(f"{level!r} is none of {', '.join(LEVELS)}")
        self.level = level
        self._detector = fastrcf.Detector(
            list(COLUMNS), alert_rate=alert_rate, n_trees=_TREES, random_state=random_state
        )
        self._fitted = False

    def fit(self, peers: PeerTable, until: datetime) -> PlaceDetector:
        """Learn what hours of places are like.

        Parameters
        ----------
        peers : PeerTable
            Counts of sessions; those of later hours are not looked at.
        until : datetime
            Hours that begin before it are learnt from.

        Raises
        ------
        InvalidInputError
            If no place has sessions enough before ``until``.
        InvalidParameterError
            If ``until`` is no datetime with a time zone.
        """
        until = moment("until", until)
        learnt = hours(peers, self.level).filter(pl.col("hour") < until)
        if learnt.is_empty():
            raise InvalidInputError(
                f"no {self.level} has {LEAST_A_DAY:.0f} sessions a day and {LEAST_HOURS} hours "
                f"before {until}: nothing to learn from"
            )
        self._detector.fit(_seen(learnt))
        self._fitted = True
        return self

    def score(self, peers: PeerTable, since: datetime | None = None) -> pl.DataFrame:
        """Give the hours of places as ``place_hours.hours`` does, each with its ``score``.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if not self._fitted:
            raise NotFittedError("fit the detector of places first")
        since = None if since is None else moment("since", since)
        found = hours(peers, self.level, since)
        scores = self._detector.score(_seen(found)) if len(found) else np.zeros(0)
        return found.with_columns(score=pl.Series(scores, dtype=pl.Float64))

    @property
    def threshold(self) -> float:
        """The score above which hours stand out."""
        return float(self._detector.threshold)

    def detect(self, peers: PeerTable, since: datetime) -> PlaceEvents:
        """Find the hours from a moment on that stand out; those that follow on another are one.

        Parameters
        ----------
        peers : PeerTable
            Counts of sessions, with those of a week before.
        since : datetime
            Hours that begin at it or later are judged.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        judged = self.score(peers, since)
        above = judged.filter(pl.col("score") > self.threshold).sort("place", "hour")
        apart = pl.col("hour").diff().over("place") > timedelta(hours=1)
        above = above.with_columns(event=apart.fill_null(True).cum_sum()).with_row_index("row")
        busy = pl.col("busy_ms").sum()
        events = (
            above.group_by("event", maintain_order=True)
            .agg(
                pl.col("place").first(),
                first=pl.col("hour").first(),
                last=pl.col("hour").last(),
                hours=pl.len().cast(pl.Int64),
                sessions=pl.col("sessions").sum(),
                usual_sessions=pl.col("usual_sessions").sum(),
                failed_share=pl.col("failed").sum() / pl.col("sessions").sum().clip(1),
                usual_failed_share=pl.col("usual_failed_share").mean(),
                throughput=pl.when(busy > 0).then(1000 * pl.col("bytes").sum() / busy),
                usual_throughput=pl.col("usual_throughput").mean(),
                score=pl.col("score").max(),
                row=pl.col("row").sort_by("score").last(),
            )
            .sort(["score", "first", "place"], descending=[True, False, False])
        )
        highest = above[events["row"]]
        reasons = self._detector.explain(_seen(highest)) if len(highest) else []
        return PlaceEvents(
            events.drop("event", "row").select(pl.lit(self.level).alias("level"), pl.all()),
            tuple(reasons),
            len(judged),
        )


def _seen(found: pl.DataFrame) -> pl.DataFrame:
    return found.select(pl.col(f"x_{name}").alias(name) for name in COLUMNS)
