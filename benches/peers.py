"""Forests of this project and of others behind one face.

Each module of a peer is imported when its forest is made, so that a missing one
costs its own measurements only.
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
Scores: TypeAlias = NDArray[np.float64]
Work = Literal["score", "process", "insert"]
WORKS: tuple[Work, ...] = get_args(Work)


@dataclass(frozen=True)
class Shape:
    """What all forests of a comparison share.

    Attributes
    ----------
    n_trees, sample_size : int
        Trees and rows that each holds.
    seed : int
        Of the forest's own generator.
    """

    n_trees: int = 100
    sample_size: int = 256
    seed: int = 0

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
        Nanoseconds of the working thread, and of the clock on the wall.
    scores : numpy.ndarray of float64, shape (n,), or None
        None for works that give no scores.
    """

    cpu: int
    wall: int
    scores: Scores | None


class Peer(ABC):
    """A forest to measure.

    Attributes
    ----------
    name : str
        How tables call it.
    rows : mapping from work to int
        Rows of one repetition of each work that it can do: enough for some
        tenths of a second.
    warm_up : int
        Rows that its forest takes before it is measured.
    shape : Shape
        Of the forests that :meth:`build` makes.
    """

    name: ClassVar[str]
    rows: ClassVar[Mapping[Work, int]]
    warm_up: ClassVar[int] = 20_000

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @abstractmethod
    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""

    @abstractmethod
    def run(self, work: Work, rows: Rows) -> Timed:
        """Do one work on rows, timed."""

    def close(self) -> None:  # noqa: B027 - most peers hold nothing to give back
        """Give back what the peer holds."""


class PythonPeer(Peer):
    """A forest in this process, with a method of its own name for each work."""

    def convert(self, rows: Rows) -> Any:
        """Bring rows into the form this peer likes best; not timed."""
        return rows

    def run(self, work: Work, rows: Rows) -> Timed:
        """Do one work on rows, timed."""
        call = getattr(self, work)
        converted = self.convert(rows)
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        scores = call(converted)
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        return Timed(cpu, wall, scores)
