"""What is measured, as data.

A contest is a list of lanes that take turns: the times of one round lie within
seconds of each other, so that a ratio of two lanes pairs times which suffered
the same from the rest of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benches.engines import (
    BY_NAME,
    AheadFromParquet,
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
)
from benches.engines.protocol import Shape

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
    """

    name: str
    lanes: tuple[Lane, ...]


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
    """

    name: str
    contests: tuple[Contest, ...]
    rounds: int
    seconds: float


# Rows of a table that is scored, and of a stream.
TABLE = {"score": 100_000, "detect": 100_000, "process": 20_000, "insert": 40_000}
OF_ALL: tuple[Work, ...] = ("score", "row", "process", "insert", "attribution", "load")
# What growth and threads are looked at in.
STEADY_WORKS: tuple[tuple[type[Engine], Work], ...] = ((Frozen, "score"), (Living, "process"))
# The same for slow engines and works.
SMALL = 10_000


def _beside_peers(widths: Sequence[int], works: Sequence[Work]) -> Iterator[Contest]:
    """Every engine at each work that it can do."""
    for width in widths:
        for work in works:
            rows = TABLE.get(work, SMALL)
            able = [engine for engine in BY_NAME.values() if work in engine.works]
            # The detector's scores have their own contest.
            lanes = [
                Lane(engine.name, work, width, rows, exact=engine.whole_tables and work in TABLE)
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


# As the goal says: what a fit costs once must not be counted ten times.
FITTED = 10_000_000


def _fit(width: int, n_rows: int) -> Contest:
    engines: list[type[Engine]] = [Living, Isolation, Isotree]
    return Contest(
        f"fit, d={width}",
        tuple(Lane(engine.name, "fit", width, n_rows, exact=True) for engine in engines),
    )


# A young forest takes many of its rows, which is seen where there are few.
YOUNG = 1_000_000


def _parquet(name: str, width: int, n_rows: int, **shape: int) -> Contest:
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
    return Contest(f"{name}, d={width}", tuple(lanes))


def _threads(widths: Sequence[int]) -> Iterator[Contest]:
    for width in widths:
        lanes = [
            Lane(engine.name, work, width, TABLE[work], Shape(n_threads=threads), exact=True)
            for engine, work in STEADY_WORKS
            for threads in (1, 2)
        ]
        yield Contest(f"threads, d={width}", tuple(lanes))


def _growth_n(width: int, sizes: Sequence[int]) -> Contest:
    lanes: list[Lane] = []
    for engine, work in STEADY_WORKS:
        for size in sizes:
            # Streams gain nothing from longer calls.
            if work == "process" and size > 10_000:
                continue
            # Small calls are repeated, so that what they need is in cache as in a loop.
            rows = max(size, 2_000 if size < 100 else 10_000)
            lanes.append(Lane(engine.name, work, width, rows, batch=size, exact=True))
    return Contest(f"growth n, d={width}", tuple(lanes))


def _growth_d(widths: Sequence[int], peers: Sequence[type[Engine]]) -> Iterator[Contest]:
    """One contest for each width, since a width's engines do not fit beside all others."""
    for width in widths:
        lanes = [
            Lane(engine.name, work, width, TABLE[work], exact=True) for engine, work in STEADY_WORKS
        ]
        lanes += [
            Lane(engine.name, work, width, SMALL)
            for engine in peers
            for _, work in STEADY_WORKS
            if work in engine.works
        ]
        yield Contest(f"growth d={width}", tuple(lanes))


def _growth_shape(name: str, width: int, shapes: Sequence[Shape]) -> Contest:
    lanes = [
        Lane(engine.name, work, width, TABLE[work], shape)
        for engine, work in STEADY_WORKS
        for shape in shapes
    ]
    return Contest(f"growth {name}, d={width}", tuple(lanes))


def _quick() -> Selection:
    contests = (
        *_beside_peers((8, 30), ("score", "process", "row", "attribution", "insert")),
        *_detector((8, 30)),
        *_threads((8, 30)),
        _fit(30, FITTED),
        _parquet("parquet", 30, FITTED),
        _parquet("parquet young", 30, YOUNG),
        *_beside_peers((30,), ("load",)),
        _growth_n(8, [10**k for k in range(7)]),
        *_growth_d((1, 4, 16, 64, 128), (JavaForest, Krcf, Isolation)),
        _growth_shape("T", 8, [Shape(n_trees=trees) for trees in (10, 30, 100, 300)]),
        _growth_shape("S", 8, [Shape(sample_size=size) for size in (64, 256, 1024, 4096)]),
    )
    return Selection("quick", contests, rounds=5, seconds=0.2)


def _full() -> Selection:
    widths = (8, 30, 1, 4, 16, 64, 128)
    trees = [Shape(n_trees=trees) for trees in (10, 30, 100, 300, 1000)]
    sizes = [Shape(sample_size=size) for size in (64, 256, 1024, 4096, 16_384)]
    contests = (
        *_beside_peers(widths[:2], OF_ALL),
        *_detector((8, 30)),
        *_threads((8, 30)),
        _fit(30, FITTED),
        _parquet("parquet", 30, FITTED),
        _parquet("parquet young", 30, YOUNG),
        *_beside_peers(widths[2:], ("score", "process", "insert", "attribution")),
        _growth_n(8, [10**k for k in range(7)]),
        _growth_n(30, [10**k for k in range(7)]),
        *(_growth_shape("T", width, trees) for width in (8, 30)),
        *(_growth_shape("S", width, sizes) for width in (8, 30)),
    )
    return Selection("full", contests, rounds=11, seconds=0.5)


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
    contests.append(_parquet("parquet", 4, 2_000, n_trees=20, sample_size=64))
    growth = _growth_shape("T", 4, [Shape(n_trees=trees, sample_size=64) for trees in (10, 20)])
    return Selection("smoke", (*contests, growth), rounds=2, seconds=0.02)


SELECTIONS = {made.name: made for made in (_quick(), _full(), _smoke())}
