"""Engines with forests of the shapes that a contest needs, each checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches import plausible
from benches.engines import BY_NAME
from benches.engines.protocol import Unavailable
from benches.rows import mixture, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.engines.protocol import Answer, Engine, Rows, Shape, Work
    from benches.rows import Planted
    from benches.workloads import Lane

# Works after which a forest holds the rows that it was checked with.
LEARNS = ("process", "insert", "fit")
# Works after which the same rows would be cheaper: they always get new ones.
NEW_ROWS = ("process", "insert", "delete")
# Rows of a forest in its steady state, in sample sizes.
STEADY = 3


class Stage:
    """Makes engines once per shape and keeps them until the next width.

    Attributes
    ----------
    absent : dict of str to str
        Engines that cannot run here, and why.
    implausible : dict of (str, str, int, Shape) to str
        Engine, work, width and shape whose answer was nonsense, and why.
    """

    def __init__(self, told: Callable[[str], None]) -> None:
        self.absent: dict[str, str] = {}
        self.implausible: dict[tuple[str, str, int, Shape], str] = {}
        self._told = told
        self._width = 0
        self._engines: dict[tuple[str, Shape], Engine] = {}
        self._checked: set[tuple[str, str, Shape]] = set()
        self._expected: dict[tuple[Shape, Work, int], Answer] = {}
        self._tables: dict[tuple[int, int], Rows] = {}

    def engine(self, lane: Lane) -> Engine | None:
        """Give a lane's engine, its forest in a steady state; None if it cannot compete."""
        if lane.engine in self.absent:
            return None
        if lane.n_columns != self._width:
            self.clear()
            self._width = lane.n_columns
        engine = self._engines.get((lane.engine, lane.shape))
        if engine is None:
            engine = self._make(lane)
            if engine is None:
                return None
        key = (lane.engine, lane.work, lane.n_columns, lane.shape)
        if (lane.engine, lane.work, lane.shape) not in self._checked:
            self._checked.add((lane.engine, lane.work, lane.shape))
            self._told(f"{lane.engine}: is its {lane.work} plausible?")
            reason = self._check(engine, lane)
            if reason is not None:
                self.implausible[key] = reason
        return None if key in self.implausible else engine

    def clear(self) -> None:
        """Close all engines."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()
        self._checked.clear()
        self._expected.clear()
        self._tables.clear()

    def rows(self, lane: Lane, n_rows: int, turn: int) -> Rows:
        """Give the rows of a repetition, the same for all lanes of one size."""
        if lane.work in NEW_ROWS:
            return mixture(n_rows, lane.n_columns, seed=10 + turn)
        key = (n_rows, lane.n_columns)
        if key not in self._tables:
            self._tables[key] = mixture(n_rows, lane.n_columns, seed=3)
        return self._tables[key]

    def drop(self, lane: Lane) -> None:
        """Close a lane's engine, which has failed."""
        engine = self._engines.pop((lane.engine, lane.shape), None)
        if engine is not None:
            engine.close()

    def _make(self, lane: Lane) -> Engine | None:
        self._told(f"{lane.engine} takes its first rows, d={lane.n_columns}")
        try:
            engine = BY_NAME[lane.engine](lane.shape)
        except ModuleNotFoundError as error:
            self.absent[lane.engine] = f"{error.name} is not installed"
            return None
        except Unavailable as error:
            self.absent[lane.engine] = str(error)
            return None
        self._engines[lane.engine, lane.shape] = engine
        engine.build(self._learnt(lane, engine.warm_up))
        return engine

    def _learnt(self, lane: Lane, n_rows: int) -> Rows:
        return mixture(max(n_rows, STEADY * lane.shape.sample_size), lane.n_columns, seed=1)

    def _check(self, engine: Engine, lane: Lane) -> str | None:
        asked = self._asked(lane)
        learnt = self._learnt(lane, 10_000)
        key = (lane.shape, lane.work, len(asked.rows))
        if key not in self._expected:
            self._expected[key] = plausible.expected_scores(
                learnt, asked.rows, lane.shape, lane.work
            )
        try:
            reason = plausible.check(engine, lane.work, learnt, asked, self._expected[key])
        except Exception as error:  # Whatever a peer raises is its own failure, not the bench's.
            reason = f"{type(error).__name__}: {error}"
        if lane.work in LEARNS and reason is None:
            # The odd rows are no part of what is measured.
            engine.build(self._learnt(lane, engine.warm_up))
        return reason

    def _asked(self, lane: Lane) -> Planted:
        return planted(BY_NAME[lane.engine].planted, lane.n_columns, seed=5)
