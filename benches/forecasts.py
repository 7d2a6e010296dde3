"""How much of what comes calibrated ranges of forecasts hold, and what a backtest takes.

python -m benches.forecasts prints the table of docs/questions.md. NAB's series are left out
where the data is absent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastrcf
from benches.detection.case import folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Series = NDArray[np.float64]

LENGTH = 4000
# Rows of a real series at most.
REAL = 6000
HORIZON = 12
# A backtest holds for so many rows; a forecast is made every so many.
CYCLE, EVERY = 200, 10
COVERAGES = (0.8, 0.9, 0.95)
NAB = {
    "NAB nyc_taxi": ("realKnownCause/nyc_taxi", 48, 700),
    "NAB machine_temperature": ("realKnownCause/machine_temperature_system_failure", 24, 300),
    "NAB ambient_temperature": ("realKnownCause/ambient_temperature_system_failure", 24, 300),
    "NAB ec2_cpu_utilization_5f5533": ("realAWSCloudwatch/ec2_cpu_utilization_5f5533", 12, 300),
    "NAB occupancy_6005": ("realTraffic/occupancy_6005", 12, 300),
}


class Case(NamedTuple):
    """A series with the shingle size and the length of history that suit it."""

    name: str
    values: Series
    shingle_size: int
    history: int


class Found(NamedTuple):
    """Shares of what came that ranges held, and what they cost."""

    by_trees: float
    calibrated: dict[float, NDArray[np.float64]]
    least: float
    seconds: float


def season() -> Series:
    """Give a season of 24 rows, its amplitude ten times its noise's deviation."""
    noise = np.random.default_rng(1).normal(size=LENGTH)
    return np.asarray(10 * np.sin(np.arange(LENGTH) * 2 * np.pi / 24) + noise)


def uneven() -> Series:
    """Give the same with noise that comes and goes with the season."""
    t = np.sin(np.arange(LENGTH) * 2 * np.pi / 24)
    return np.asarray(10 * t + (1.1 + t) * np.random.default_rng(2).normal(size=LENGTH))


def trend() -> Series:
    """Give the season on a level that rises."""
    return np.asarray(season() + 0.01 * np.arange(LENGTH))


def walk() -> Series:
    """Give a random walk."""
    return np.cumsum(np.random.default_rng(3).normal(size=LENGTH))


def autoregressive() -> Series:
    """Give a series that keeps nine tenths of its last value."""
    noise = np.random.default_rng(4).normal(size=LENGTH)
    values = np.zeros(LENGTH)
    for i in range(1, LENGTH):
        values[i] = 0.9 * values[i - 1] + noise[i]
    return values


def heavy() -> Series:
    """Give noise with heavy tails, of which nothing can be foretold."""
    return np.random.default_rng(6).standard_t(3, size=LENGTH)


def counts() -> Series:
    """Give small counts with a season."""
    mean = 2 + np.sin(np.arange(LENGTH) * 2 * np.pi / 24)
    return np.random.default_rng(7).poisson(mean).astype(np.float64)


MADE: dict[str, tuple[Callable[[], Series], int]] = {
    "season with noise": (season, 24),
    "season with uneven noise": (uneven, 24),
    "season on a trend": (trend, 24),
    "random walk": (walk, 12),
    "autoregressive": (autoregressive, 12),
    "noise with heavy tails": (heavy, 8),
    "counts with a season": (counts, 12),
}


def cases() -> Iterator[Case]:
    """Give all series that are there."""
    for name, (make, shingle_size) in MADE.items():
        yield Case(name, make(), shingle_size, 300)
    for name, (file, shingle_size, history) in NAB.items():
        path = folder() / "nab" / "data" / f"{file}.csv"
        if not path.exists():
            print(f"left out: no {path.name} (set FASTRCF_DATA)")
            continue
        values = np.loadtxt(path, delimiter=",", skiprows=1, usecols=1)[:REAL]
        yield Case(name, values, shingle_size, history)


def measure(case: Case, n_trees: int = 50) -> Found:
    """Forecast through a series, with a backtest for each cycle of rows."""
    x = case.values[:, None]
    forest = fastrcf.RandomCutForest(
        n_trees, 256, shingle_size=case.shingle_size, random_state=1, n_threads=1
    )
    at = min(1500, len(x) // 2)
    forest.insert(x[:at])
    plain: list[Any] = []
    hits: dict[float, list[Any]] = {coverage: [] for coverage in COVERAGES}
    by_cycle, seconds = [], []
    while at + CYCLE + HORIZON <= len(x):
        start = time.perf_counter()
        past = forest.backtest(x[at - case.history : at], HORIZON)
        seconds.append(time.perf_counter() - start)
        for origin in range(at, at + CYCLE, EVERY):
            actual = x[origin : origin + HORIZON]
            plain.append(_held(forest.forecast(HORIZON), actual))
            for coverage in COVERAGES:
                found = forest.forecast(HORIZON, backtest=past, coverage=coverage)
                hits[coverage].append(_held(found, actual))
            forest.insert(x[origin : origin + EVERY])
        by_cycle.append(np.mean(hits[0.9][-CYCLE // EVERY :]))
        at += CYCLE
    means = {coverage: np.mean(found, axis=0) for coverage, found in hits.items()}
    return Found(float(np.mean(plain)), means, float(min(by_cycle)), float(np.median(seconds)))


def _held(found: fastrcf.Forecast, actual: Series) -> NDArray[np.bool_]:
    held = (found.lower <= actual) & (actual <= found.upper)
    return np.asarray(held[:, 0])


def main() -> None:
    """Print a row for each series."""
    print(
        "| series | trees' ranges | asked 0.8 | asked 0.9 | its first, last step | its worst cycle"
        " | asked 0.95 | backtest, s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for case in cases():
        found = measure(case)
        of = found.calibrated
        low, middle, high = (f"{of[coverage].mean():.2f}" for coverage in COVERAGES)
        ends = f"{of[0.9][0]:.2f}, {of[0.9][-1]:.2f}"
        print(
            f"| {case.name} | {found.by_trees:.2f} | {low} | {middle} | {ends} |"
            f" {found.least:.2f} | {high} | {found.seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
