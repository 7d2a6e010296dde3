"""What is measured, as data.

A contest is a list of lanes that take turns: the times of one round lie within
seconds of each other, so that a ratio of two lanes pairs times which suffered
the same from the rest of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from benches.engines import (
    BY_NAME,
    AheadFromParquet,
    ByRow,
    Detecting,
    DetectorFromParquet,
    ForestFromParquet,
    Frozen,
    Isolation,
    Isotree,
    JavaForest,
    Krcf,
    Living,
    Reader,
    Rrcf,
    RustPortable,
    Windowed,
)
from benches.engines.protocol import Shape
from benches.measures import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benches.engines.protocol import Engine, Work


@dataclass(frozen=True)
class Lane:
    """One engine at one work.

    Attributes
    ----------
    engine : str
        Its name.
    work : str
        One of its works.
    n_columns : int
        Width of the rows.
    n_rows : int
        Rows of a repetition; engines that take a row a call get the first ones,
        as many as the time of a repetition allows.
    shape : Shape
        Of the forest.
    batch : int or None
        Rows of one call, None for what suits the engine.
    exact : bool
        Whether a repetition has ``n_rows`` rows however long it takes.
    """

    engine: str
    work: Work
    n_columns: int
    n_rows: int
    shape: Shape = field(default_factory=Shape)
    batch: int | None = None
    exact: bool = False


@dataclass(frozen=True)
class Contest:
    """Lanes that take turns.

    Attributes
    ----------
    name : str
        Unique within a selection.
    lanes : tuple of Lane
    rounds : int or None
        Measured repetitions where they are not the selection's.
    """

    name: str
    lanes: tuple[Lane, ...]
    rounds: int | None = None


@dataclass(frozen=True)
class Selection:
    """Which contests, and how thoroughly.

    Attributes
    ----------
    name : str
    contests : tuple of Contest
        The issue's goals first.
    rounds : int
        Measured repetitions of each lane.
    seconds : float
        Time of a repetition aimed at.
    thresholds : bool
        Whether the criterion bench of thresholds is part of it.
    """

    name: str
    contests: tuple[Contest, ...]
    rounds: int
    seconds: float
    thresholds: bool = True


# Rows of a table that is scored, and of a stream.
TABLE = {"score": 100_000, "detect": 100_000, "process": 20_000, "insert": 40_000}
OF_ALL: tuple[Work, ...] = ("score", "row", "process", "insert", "attribution", "load")
# What growth and threads are looked at in.
STEADY_WORKS: tuple[tuple[type[Engine], Work], ...] = ((Frozen, "score"), (Living, "process"))
USUAL = Shape()
# What else grows with the columns.
OTHER_WORKS: tuple[Work, ...] = ("insert", "attribution")
# The same for slow engines and works.
SMALL = 10_000


def _beside_peers(widths: Sequence[int], works: Sequence[Work]) -> Iterator[Contest]:
    """Every engine at each work that it can do."""
    for width in widths:
        for work in works:
            rows = TABLE.get(work, SMALL)
            able = [engine for engine in BY_NAME.values() if work in engine.works]
            # The detector's scores have their own contest. What only is there to be compared
            # with takes as many rows as the time allows.
            lanes = [
                Lane(
                    engine.name,
                    work,
                    width,
                    rows,
                    exact=engine.whole_tables and work in TABLE and engine is not RustPortable,
                )
                for engine in able
                if engine is not Detecting
            ]
            yield Contest(f"{work}, d={width}", tuple(lanes))


def _detector(widths: Sequence[int]) -> Iterator[Contest]:
    for width in widths:
        name = Detecting.name
        yield Contest(
            f"detect, d={width}",
            (
                # Which the detector's score is compared with.
                Lane(Frozen.name, "score", width, TABLE["score"], exact=True),
                Lane(name, "score", width, TABLE["score"], exact=True),
                Lane(name, "detect", width, TABLE["detect"], exact=True),
            ),
        )


def _local_range(widths: Sequence[int], shape: Shape = USUAL) -> Iterator[Contest]:
    """Two kinds of score of one frozen forest."""
    works: tuple[Work, ...] = ("score", "local_range")
    for width in widths:
        lanes = [
            Lane(Frozen.name, work, width, TABLE["score"], shape, exact=True) for work in works
        ]
        yield Contest(f"local_range, d={width}", tuple(lanes))


def _delete(
    widths: Sequence[int], peers: Sequence[type[Engine]] = (Rrcf,), shape: Shape = USUAL
) -> Iterator[Contest]:
    """Rows that a forest has just taken in: few enough that its samples still hold them."""
    for width in widths:
        # With decay a tree takes one row in ten, of a window every one.
        ours = ((Living, 4), (ByRow, 4), (Windowed, 0.5))
        lanes = [
            Lane(engine.name, "delete", width, int(many * shape.sample_size), shape, exact=True)
            for engine, many in ours
        ]
        lanes += [
            Lane(engine.name, "delete", width, shape.sample_size // 2, shape) for engine in peers
        ]
        yield Contest(f"delete, d={width}", tuple(lanes))


# As the goal says: what a fit costs once must not be counted ten times.
FITTED = 10_000_000


def _fit(width: int, n_rows: int, rounds: int | None = None) -> Contest:
    engines: list[type[Engine]] = [Living, Isolation, Isotree]
    return Contest(
        f"fit, d={width}",
        tuple(Lane(engine.name, "fit", width, n_rows, exact=True) for engine in engines),
        rounds,
    )


# A young forest takes many of its rows, which is seen where there are few.
YOUNG = 1_000_000


def _parquet(
    name: str, width: int, n_rows: int, rounds: int | None = None, **shape: int
) -> Contest:
    ways: list[tuple[type[Engine], int]] = [
        (Reader, 1),
        (ForestFromParquet, 1),
        (AheadFromParquet, 1),
        (AheadFromParquet, 2),
        (DetectorFromParquet, 1),
    ]
    lanes = [
        Lane(engine.name, "parquet", width, n_rows, Shape(n_threads=n, **shape), exact=True)
        for engine, n in ways
    ]
    return Contest(f"{name}, d={width}", tuple(lanes), rounds)


def _threads(widths: Sequence[int]) -> Iterator[Contest]:
    for width in widths:
        lanes = [
            Lane(engine.name, work, width, TABLE[work], Shape(n_threads=threads), exact=True)
            for engine, work in STEADY_WORKS
            for threads in (1, 2)
        ]
        yield Contest(f"threads, d={width}", tuple(lanes))


# Rows of a call, from a service's to a table's.
CALLS = (1, 16, 256, 1_024, 10_000, 100_000)


def _threads_n(
    widths: Sequence[int], sizes: Sequence[int], shape: Shape = USUAL
) -> Iterator[Contest]:
    """Call with every size, with one thread and with two, which must not be slower."""
    for width in widths:
        lanes = [
            Lane(
                engine.name,
                work,
                width,
                _rows_of_calls(size),
                replace(shape, n_threads=threads),
                batch=size,
                exact=True,
            )
            for engine, work in STEADY_WORKS
            for size in sizes
            for threads in (1, 2)
        ]
        yield Contest(f"threads n, d={width}", tuple(lanes))


def _rows_of_calls(size: int) -> int:
    """Repeat small calls, so that what they need is in cache as in a loop."""
    return max(size, 2_000 if size < 100 else 10_000)


def _growth_n(width: int, sizes: Sequence[int], rounds: int | None = None) -> Contest:
    lanes: list[Lane] = []
    for engine, work in STEADY_WORKS:
        for size in sizes:
            # Streams gain nothing from longer calls.
            if work == "process" and size > 10_000:
                continue
            rows = _rows_of_calls(size)
            lanes.append(Lane(engine.name, work, width, rows, batch=size, exact=True))
    return Contest(f"growth n, d={width}", tuple(lanes), rounds)


def _growth_d(
    widths: Sequence[int], peers: Sequence[type[Engine]], rounds: int | None = None
) -> Iterator[Contest]:
    """One contest for each width, since a width's engines do not fit beside all others."""
    for width in widths:
        # Wide rows take long, and a part of them takes as long a row.
        lanes = [
            Lane(engine.name, work, width, TABLE[work] // max(1, width // 16), exact=True)
            for engine, work in STEADY_WORKS
        ]
        lanes += [
            Lane(OURS[work].name, work, width, TABLE.get(work, SMALL)) for work in OTHER_WORKS
        ]
        lanes += [
            Lane(engine.name, work, width, SMALL)
            for engine in peers
            for _, work in STEADY_WORKS
            if work in engine.works
        ]
        yield Contest(f"growth d={width}", tuple(lanes), rounds)


def _growth_shape(
    name: str, width: int, shapes: Sequence[Shape], rounds: int | None = None
) -> Contest:
    lanes = [
        Lane(engine.name, work, width, TABLE[work], shape)
        for engine, work in STEADY_WORKS
        for shape in shapes
    ]
    return Contest(f"growth {name}, d={width}", tuple(lanes), rounds)


def _quick() -> Selection:
    """Fill ten minutes: five rounds where a goal is judged, three where long ones add up."""
    trees = [Shape(n_trees=trees) for trees in (10, 30, 100, 300)]
    sizes = [Shape(sample_size=size) for size in (64, 256, 1024, 4096)]
    contests = (
        *_goals_of(8, ("score", "process", "row", "attribution", "insert")),
        *_threads_n((8,), CALLS),
        _growth_n(8, [10**k for k in range(6)], FEW),
        _growth_shape("T", 8, trees, FEW),
        _growth_shape("S", 8, sizes, FEW),
        *_goals_of(30, ("score", "process", "row", "attribution", "insert", "load")),
        *_fits(30, FEW),
        *_growth_d((1, 4, 16, 64, 128), (JavaForest, Krcf, Isolation), FEW),
    )
    return Selection("quick", contests, rounds=5, seconds=0.2)


def _full() -> Selection:
    widths = (1, 4, 16, 64, 128)
    trees = [Shape(n_trees=trees) for trees in (10, 30, 100, 300, 1000)]
    sizes = [Shape(sample_size=size) for size in (64, 256, 1024, 4096, 16_384)]
    contests = [*_goals_of(8, OF_ALL), *_goals_of(30, OF_ALL), *_fits(30)]
    contests += _beside_peers(widths, ("score", "process", "insert", "attribution"))
    for width in (8, 30):
        contests += _threads_n((width,), CALLS)
        contests.append(_growth_n(width, [10**k for k in range(7)]))
        contests.append(_growth_shape("T", width, trees))
        contests.append(_growth_shape("S", width, sizes))
    return Selection("full", tuple(contests), rounds=11, seconds=0.5)


# Measured rounds of what a quick run has no time for otherwise.
FEW = 3


def _goals_of(width: int, works: Sequence[Work]) -> Iterator[Contest]:
    """Give what goals of a width rest on, together: engines are kept until the next width."""
    yield from _beside_peers((width,), works)
    yield from _delete((width,))
    yield from _local_range((width,))
    yield from _detector((width,))
    yield from _threads((width,))


def _fits(width: int, rounds: int | None = None) -> Iterator[Contest]:
    """Fits of a table, which they share, from memory and from its file."""
    yield _fit(width, FITTED, rounds)
    yield _parquet("parquet", width, FITTED, rounds)
    yield _parquet("parquet young", width, YOUNG, rounds)


def _smoke() -> Selection:
    """Run every part of the bench within seconds, for its tests."""
    small = Shape(n_trees=20, sample_size=64)
    contests = [
        Contest(
            f"{work}, d=4",
            tuple(
                Lane(engine.name, work, 4, 2_000, small)
                for engine in (Frozen, Living, Isolation)
                if work in engine.works
            ),
        )
        for work in OF_ALL
        if work != "row"
    ]
    contests += _delete((4,), peers=(), shape=small)
    contests += _local_range((4,), small)
    contests += _threads_n((4,), (1, 256), small)
    contests.append(_parquet("parquet", 4, 2_000, n_trees=20, sample_size=64))
    growth = _growth_shape("T", 4, [Shape(n_trees=trees, sample_size=64) for trees in (10, 20)])
    return Selection("smoke", (*contests, growth), rounds=2, seconds=0.02, thresholds=False)


SELECTIONS = {made.name: made for made in (_quick(), _full(), _smoke())}
