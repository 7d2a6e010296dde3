"""Values that goals ask for, found in the results of a run; None where they were not measured."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benches.engines import (
    AheadFromParquet,
    ByRow,
    Frozen,
    Living,
    Reader,
    Rust,
)
from benches.record import Measurement, Results, Spread, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benches.engines.protocol import Engine, Work

    Found = Callable[[Results], Spread | None]

# Time on the wall over that of the thread, above which others had the core too.
BUSY = 1.1
# Which of our engines answers for a work.
OURS: dict[Work, type[Engine]] = {
    "score": Frozen,
    "process": Living,
    "insert": Living,
    "delete": Living,
    "attribution": Frozen,
    "local_range": Frozen,
    "row": ByRow,
    "fit": Living,
    "load": Frozen,
}


def ratio(work: Work, width: int, peer: type[Engine], ours: type[Engine] | None = None) -> Found:
    """How many times as long a peer takes as ours, by default the one that answers for the work."""
    return between(f"{work}, d={width}", (peer, work), (ours or OURS[work], work), width)


def between(
    contest: str,
    above: tuple[type[Engine], Work],
    below: tuple[type[Engine], Work],
    width: int,
) -> Found:
    """How many times as long the first takes."""

    def measure(results: Results) -> Spread | None:
        theirs, ours = (
            results.find(contest, engine.name, work, n_columns=width)
            for engine, work in (above, below)
        )
        return None if theirs is None or ours is None else paired_ratio(theirs, ours)

    return measure


def threads(engine: type[Engine], work: Work, width: int) -> Found:
    """How many times as fast two threads are as one, on the wall."""

    def measure(results: Results) -> Spread | None:
        one, two = (
            results.find(f"threads, d={width}", engine.name, work, n_threads=threads)
            for threads in (1, 2)
        )
        # On one core two threads show nothing.
        if one is None or two is None or results.machine.get("cores", 1) < 2:
            return None
        return paired_ratio(one, two)

    return measure


def was_quiet(engine: type[Engine], work: Work, width: int) -> Callable[[Results], bool]:
    """Whether one thread got a core for itself: its clock beside the wall's."""

    def told(results: Results) -> bool:
        one = results.find(f"threads, d={width}", engine.name, work, n_threads=1)
        return one is not None and _alone(one)

    return told


def slowest_call(engine: type[Engine], work: Work, width: int) -> Found:
    """How many times as fast two threads are as one, where they gain least over sizes of a call."""

    def measure(results: Results) -> Spread | None:
        if results.machine.get("cores", 1) < 2:
            return None
        found = [
            paired_ratio(one, two)
            for one, two in _calls(results, engine, work, width)
            if two is not None
        ]
        return min(found, key=lambda spread: spread.middle, default=None)

    return measure


def calls_were_quiet(engine: type[Engine], work: Work, width: int) -> Callable[[Results], bool]:
    """Whether one thread got a core for itself at every size of a call."""

    def told(results: Results) -> bool:
        pairs = list(_calls(results, engine, work, width))
        return bool(pairs) and all(_alone(one) for one, _ in pairs)

    return told


def _calls(
    results: Results, engine: type[Engine], work: Work, width: int
) -> Iterator[tuple[Measurement, Measurement | None]]:
    """Give what one thread took and what two took, by size of a call."""
    contest = f"threads n, d={width}"
    for single in results.all(contest, engine.name, work, n_threads=1):
        batch = single.batch or single.n_rows
        yield single, results.find(contest, engine.name, work, n_threads=2, batch=batch)


def _alone(found: Measurement) -> bool:
    """Whether a thread had its core to itself."""
    return median(found.wall) <= BUSY * median(found.cpu)


def as_fast_as_the_reader(results: Results) -> Spread | None:
    """Time of the reader alone over that of a fit on two cores, on the wall."""
    reader = results.find("parquet, d=30", Reader.name, "parquet")
    ours = results.find("parquet, d=30", AheadFromParquet.name, "parquet", n_threads=2)
    # Reading ahead needs a core more than reading.
    if reader is None or ours is None or results.machine.get("cores", 1) < 2:
        return None
    return paired_ratio(reader, ours)


def reader_was_alone(results: Results) -> bool:
    """Whether the reader, which has one thread, got a core for itself."""
    found = results.find("parquet, d=30", Reader.name, "parquet")
    return found is not None and _alone(found)


def one(
    contest: str, engine: type[Engine], work: Work, of: Callable[[Measurement], list[float]]
) -> Found:
    """One engine's own times, in the unit that `of` gives."""

    def measure(results: Results) -> Spread | None:
        found = results.find(contest, engine.name, work)
        return None if found is None else Spread.of(of(found))

    return measure


def rate(found: Measurement) -> list[float]:
    """Rows per second."""
    return [1e6 / micros for micros in found.per_row]


def micros(found: Measurement) -> list[float]:
    """Microseconds of a row."""
    return list(found.per_row)


def overhead(width: int) -> Found:
    """Microseconds that Python adds to one row, from the same rounds."""

    def measure(results: Results) -> Spread | None:
        python, rust = (
            results.find(f"row, d={width}", engine.name, "row") for engine in (ByRow, Rust)
        )
        if python is None or rust is None:
            return None
        pairs = zip(python.cpu, rust.cpu, strict=True)
        return Spread.of([above - below for above, below in pairs])

    return measure


def threshold(results: Results) -> Spread | None:
    """Nanoseconds of a threshold's update, at the rate of alerts where they are most."""
    found = [Spread.of(times) for times in results.thresholds.values()]
    return max(found, key=lambda spread: spread.middle, default=None)


def resting(name: str) -> Found:
    """Give what the package or a model costs at rest."""

    def measure(results: Results) -> Spread | None:
        found = results.resting.get(name)
        return None if found is None else Spread(found, found, found)

    return measure
