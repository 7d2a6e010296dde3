"""What a run leaves behind: figures as plain values, and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benches.engines.protocol import Timed
    from benches.workloads import Lane


@dataclass(frozen=True)
class Measurement:
    """One lane, all its repetitions.

    Attributes
    ----------
    contest, engine, work : str
        Who did what, beside whom.
    n_columns, n_rows : int
        Shape of the rows of one repetition.
    n_trees, sample_size, n_threads : int
        Shape of the forest.
    batch : int or None
        Rows of one call, None for what suits the engine.
    cpu, wall : tuple of float
        Microseconds per row (per opening for "load"), one value a round, in the
        order of time; of all working threads, and on the wall.
    """

    contest: str
    engine: str
    work: str
    n_columns: int
    n_rows: int
    n_trees: int
    sample_size: int
    n_threads: int
    batch: int | None
    cpu: tuple[float, ...]
    wall: tuple[float, ...]

    @classmethod
    def of(cls, contest: str, lane: Lane, n_rows: int, times: Sequence[Timed]) -> Measurement:
        """Bring a lane's times to microseconds per row."""
        return cls(
            contest,
            lane.engine,
            lane.work,
            lane.n_columns,
            n_rows,
            lane.shape.n_trees,
            lane.shape.sample_size,
            lane.shape.n_threads,
            lane.batch,
            tuple(_short(timed.cpu / n_rows / 1e3) for timed in times),
            tuple(_short(timed.wall / n_rows / 1e3) for timed in times),
        )

    @property
    def per_row(self) -> tuple[float, ...]:
        """Microseconds per row: of the working thread, on the wall where there are several."""
        return self.wall if self.contest.startswith(("threads", "parquet")) else self.cpu

    @property
    def median(self) -> float:
        """Median of :attr:`per_row`."""
        return float(np.median(self.per_row))


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise values."""
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        return cls(float(low), float(middle), float(high))


def paired_ratio(
    theirs: Measurement,
    ours: Measurement,
    clock: Literal["per_row", "cpu", "wall"] = "per_row",
) -> Spread:
    """Say how many times as long they take, from the times of the same rounds.

    Parameters
    ----------
    theirs, ours : Measurement
    clock : {"per_row", "cpu", "wall"}
        Which times of theirs; default: those that count in their contest.

    Raises
    ------
    ValueError
        If the two did not take turns.
    """
    if theirs.contest != ours.contest or len(theirs.cpu) != len(ours.cpu):
        raise ValueError(f"{theirs.engine} and {ours.engine} did not take turns")
    return Spread.of(np.divide(getattr(theirs, clock), getattr(ours, clock)).tolist())


@dataclass
class Results:
    """A run.

    Attributes
    ----------
    selection : str
        Which contests.
    rounds : int
        Repetitions of each lane.
    measured : str
        When it began.
    machine : mapping
        On what; see :mod:`benches.machine`.
    settings : mapping of str to str
        What each engine is run with.
    absent : mapping of str to str
        Engines left out, and why.
    implausible : list of mapping
        Engine, work, n_columns and reason of each answer that was nonsense.
    failed : dict of str to str
        Lanes whose engine raised, and what.
    unsettled : dict of str to str
        Lanes whose time had not come to rest when they had to begin, and how that showed.
    resting : mapping of str to float
        What package and models cost at rest; see :mod:`benches.resting`.
    thresholds : dict of str to list of float
        Nanoseconds of one threshold's update by the rate of alerts; see
        :mod:`benches.threshold`.
    seconds : dict of str to float
        What each contest and other part took on the wall, with its preparation.
    measurements : list of Measurement
    done : list of str
        Contests that are through.
    """

    selection: str
    rounds: int
    measured: str
    machine: Mapping[str, Any]
    settings: Mapping[str, str]
    absent: dict[str, str] = field(default_factory=dict)
    implausible: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unsettled: dict[str, str] = field(default_factory=dict)
    resting: dict[str, float | None] = field(default_factory=dict)
    thresholds: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def find(self, contest: str, engine: str, work: str, **shape: int) -> Measurement | None:
        """Give the one measurement of that description, if it was made."""
        return next(self.all(contest, engine, work, **shape), None)

    def all(self, contest: str, engine: str, work: str, **shape: int) -> Iterator[Measurement]:
        """Give all measurements of that description."""
        for found in self.measurements:
            if (found.contest, found.engine, found.work) == (contest, engine, work) and all(
                getattr(found, name) == value for name, value in shape.items()
            ):
                yield found

    def save(self, path: Path) -> None:
        """Write JSON, a measurement a line, whole or not at all."""
        write(path, asdict(self), "measurements")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what :meth:`save` wrote."""
        plain = json.loads(path.read_text())
        measurements = [
            Measurement(**{**given, "cpu": tuple(given["cpu"]), "wall": tuple(given["wall"])})
            for given in plain.pop("measurements")
        ]
        return cls(measurements=measurements, **plain)


def write(path: Path, plain: dict[str, Any], listed: str) -> None:
    """Write JSON whole or not at all, the entries of one list a line each, at the end."""
    entries = plain.pop(listed)
    head = json.dumps(plain, indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    written = path.with_suffix(".writing")
    written.write_text(f'{head},\n "{listed}": [\n{lines}\n ]\n}}\n')
    written.replace(path)


def _short(value: float) -> float:
    """Keep four digits; the machine gives no more."""
    return float(f"{value:.4g}")
