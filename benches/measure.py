"""Interleaved rounds: what one lane suffers from the machine, the next suffers too."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING

from benches.record import Measurement
from benches.rows import mixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.engines.protocol import Engine, Timed
    from benches.stage import Stage
    from benches.workloads import Contest, Lane


def measure(
    contest: Contest,
    stage: Stage,
    rounds: int,
    seconds: float,
    *,
    told: Callable[[str], None],
    failed: dict[str, str],
    unsettled: dict[str, str],
) -> list[Measurement]:
    """Let all lanes of a contest take turns.

    Parameters
    ----------
    contest : Contest
        Its lanes' engines come from ``stage``; those that cannot compete are
        left out.
    stage : Stage
    rounds : int
        Measured ones; one more comes first, unmeasured, so that caches and clocks
        are warm. What is compiled while it runs has settled before that.
    seconds : float
        Time of one repetition aimed at, unless the lane says how many rows.
    told : callable
        Told what begins.
    failed : dict of str to str
        Gets lanes whose engine raised, and what; the others go on.
    unsettled : dict of str to str
        Gets lanes that were still getting faster, or wavered, when they had to begin.

    Returns
    -------
    list of Measurement
        In the order of the lanes.
    """
    running: list[tuple[Lane, Engine, int]] = []
    for lane in contest.lanes:
        with _Guarded(contest, lane, stage, failed):
            engine = stage.engine(lane)
            if engine is not None:
                told(f"{contest.name}: {lane.engine} warms up")
                reason = engine.settle(lane.work, lane.n_columns)
                if reason is not None:
                    unsettled[named(contest, lane)] = reason
                running.append((lane, engine, _rows_of(lane, engine, seconds)))
    times: dict[Lane, list[Timed]] = {lane: [] for lane, _, _ in running}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds + 1):
            told(f"{contest.name}: round {turn} of {rounds}")
            for lane, engine, n_rows in list(running):
                with _Guarded(contest, lane, stage, failed) as guarded:
                    rows = stage.rows(lane, n_rows, turn)
                    timed = engine.run(lane.work, rows, lane.batch)
                    if turn > 0:
                        times[lane].append(timed)
                if guarded.raised:
                    running.remove((lane, engine, n_rows))
                    del times[lane]
    finally:
        gc.enable()
    return [Measurement.of(contest.name, lane, n_rows, times[lane]) for lane, _, n_rows in running]


def named(contest: Contest, lane: Lane) -> str:
    """Name a lane for people."""
    return f"{contest.name}: {lane.engine}, {lane.work}"


def _rows_of(lane: Lane, engine: Engine, seconds: float) -> int:
    """Rows that take a lane about so many seconds, as far as it has them."""
    if lane.exact:
        return lane.n_rows
    first = min(engine.works[lane.work], lane.n_rows)
    rows = mixture(first, lane.n_columns, seed=2)
    # The second try is warm.
    wall = min(engine.run(lane.work, rows, lane.batch).wall for _ in range(2))
    wanted = first * seconds * 1e9 / max(wall, 1)
    # Two digits: row counts that people can read, and say again.
    digits = 10 ** max(0, math.floor(math.log10(max(wanted, 1))) - 1)
    return int(min(max(wanted // digits * digits, first), lane.n_rows))


class _Guarded:
    """Lets one lane fail without the others; Ctrl-C passes."""

    def __init__(self, contest: Contest, lane: Lane, stage: Stage, failed: dict[str, str]) -> None:
        self._name = named(contest, lane)
        self._lane, self._stage, self._failed = lane, stage, failed
        self.raised = False

    def __enter__(self) -> _Guarded:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.raised = True
        self._failed[self._name] = f"{type(error).__name__}: {error}"
        self._stage.drop(self._lane)
        return True
