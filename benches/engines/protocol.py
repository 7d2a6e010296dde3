"""What the bench asks of an engine.

Each module of an engine is imported when it is made, so that a missing one costs
its own measurements only.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Rows: TypeAlias = NDArray[np.float32]
Answer: TypeAlias = NDArray[np.float64]
Work = Literal[
    "score",
    "row",
    "process",
    "insert",
    "delete",
    "attribution",
    "local_range",
    "detect",
    "fit",
    "parquet",
    "load",
]
WORKS: tuple[Work, ...] = get_args(Work)
# What an engine's scores can be held to.
#   "forest": a random cut forest on AWS's scale: our scores but for the seed
#   "rank": a random cut forest on a scale of its own
#   "other": another algorithm; only the planted rows must stand out
#   "reader": learns nothing; only has to read every row
Kind = Literal["forest", "rank", "other", "reader"]


@dataclass(frozen=True)
class Shape:
    """What all forests of a comparison share.

    Attributes
    ----------
    n_trees, sample_size : int
        Trees and rows that each holds.
    n_threads : int
        Threads of whole-array calls; peers always get one.
    seed : int
        Of the forest's own generator.
    """

    n_trees: int = 100
    sample_size: int = 256
    n_threads: int = 1
    seed: int = 7

    @property
    def decay(self) -> float:
        """Decay rate per row, the default of all streaming forests here."""
        return 0.1 / self.sample_size


@dataclass(frozen=True)
class Timed:
    """One piece of work.

    Attributes
    ----------
    cpu, wall : int
        Nanoseconds of the working thread (of all threads if there are several),
        and of the clock on the wall.
    answer : numpy.ndarray of float64 or None
        Scores, shape (n,), or parts of them by column, shape (n, d); copies of each
        row that were deleted, shape (n,); rows read from a file, shape (1,); None
        for works that give none of them.
    """

    cpu: int
    wall: int
    answer: Answer | None


class Unavailable(Exception):
    """The engine cannot run here; the message says why."""


class Engine(ABC):
    """One way to do some of the works.

    Attributes
    ----------
    name : str
        How tables call it.
    settings : str
        What it is run with, in words.
    kind : {"forest", "rank", "other", "reader"}
        What its scores are held to.
    works : mapping from work to int
        Rows of a first try at each work that it can do: some hundredths of a
        second, from which the rows of a repetition follow.
    whole_tables : bool
        Whether it takes a table in one call, so that the number of its rows
        matters; others would only repeat themselves.
    warm_up : int
        Rows that its forest takes before it is measured.
    planted : int
        Rows with odd ones among them that it is checked with: enough for a share
        of the odd ones in hundredths.
    shape : Shape
        Of the forests that :meth:`build` makes.
    """

    name: ClassVar[str]
    settings: ClassVar[str]
    kind: ClassVar[Kind] = "forest"
    works: ClassVar[Mapping[Work, int]]
    whole_tables: ClassVar[bool] = False
    warm_up: ClassVar[int] = 10_000
    planted: ClassVar[int] = 200

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @abstractmethod
    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""

    @abstractmethod
    def run(self, work: Work, rows: Rows, batch: int | None = None) -> Timed:
        """Do one work on rows, timed.

        Parameters
        ----------
        work : str
            One of :attr:`works`.
        rows : numpy.ndarray of float32, shape (n, d)
        batch : int, optional
            Rows of one call; default: what suits the engine best.
        """

    def settle(self, work: Work, n_columns: int) -> str | None:
        """Do a work until it gets no faster, before it is measured.

        Parameters
        ----------
        work : str
            One of :attr:`works`; the forest may learn from what it is done on.
        n_columns : int
            Width of the rows that the forest has been built on.

        Returns
        -------
        str or None
            How it has not settled; None if it has, as what is compiled
            beforehand always does.
        """
        return None

    def judged(self, rows: Rows) -> Answer | None:
        """Score rows by what "parquet" or "delete" has left, for the check of sense alone."""
        return None

    def close(self) -> None:  # noqa: B027 - most engines hold nothing to give back
        """Give back what the engine holds."""


class PythonEngine(Engine):
    """An engine in this process, with a method of its own name for each work."""

    def convert(self, rows: Rows) -> Any:
        """Bring rows into the form this engine likes best; not timed."""
        return rows

    def prepare(self, work: Work, rows: Rows) -> None:
        """Get ready for a work on these rows; not timed."""

    def run(self, work: Work, rows: Rows, batch: int | None = None) -> Timed:
        """Do one work on rows, timed."""
        call = getattr(self, work)
        self.prepare(work, rows)
        step = batch or max(1, len(rows))
        parts = [self.convert(rows[at : at + step]) for at in range(0, len(rows), step)]
        clock = time.thread_time_ns if self.shape.n_threads == 1 else time.process_time_ns
        wall, cpu = time.perf_counter_ns(), clock()
        answers = [call(part) for part in parts]
        cpu, wall = clock() - cpu, time.perf_counter_ns() - wall
        given = [answer for answer in answers if answer is not None]
        return Timed(cpu, wall, np.concatenate(given) if given else None)
