"""What the parts of the detector of series do, on NAB, and what it takes.

``python -m benches.detection.series`` prints the tables of docs/series.md.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from benches.detection import nab_score
from benches.detection.case import folder
from benches.detection.detectors.streams import scored
from benches.detection.families import nab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benches.detection.families.nab import Series
    from benches.detection.nab_score import Profile

VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "no habituation": {"habituation": None},
    "no episodes": {"episode": None},
    "no period": {"period": None},
    "trees of 1,024 rows": {"sample_size": 1024},
    "trees of 512 rows": {"sample_size": 512},
    "trees of 256 rows": {"sample_size": 256},
    "150 rows of warm-up": {"warm_up": 150},
    "300 rows of warm-up": {"warm_up": 300},
}
SIZES = ((50, 2048), (50, 1024), (50, 512), (50, 256), (25, 256))
# How many rows a series had when an alert came.
AGES = (0, 100, 200, 300, 500, 750, 2000)
SEED = 1


def figures(
    corpus: Sequence[Series], profiles: dict[str, Profile], **options: Any
) -> tuple[list[float], list[float]]:
    """Give the score of each profile at its best threshold, and at the default one."""
    labelled = [
        nab_score.label(scored(one.values, one.seconds, SEED, **options), one.windows)
        for one in corpus
    ]
    usual = fastrcf.SeriesDetector(**options).threshold
    best = [nab_score.corpus(labelled, profile).value for profile in profiles.values()]
    return best, [nab_score.corpus_at(labelled, one, usual) for one in profiles.values()]


def row(name: str, found: tuple[list[float], list[float]]) -> str:
    """Lay out a line of the table."""
    cells = " | ".join(f"{value:.1f}" for part in found for value in part)
    return f"| {name} | {cells} |"


def memory() -> None:
    """Print what a detector of one column takes."""
    values = np.random.default_rng(0).normal(size=12_000)
    print(
        "| trees | rows of each | memory, MB | model file, MB | CPU us a row, in blocks | alone |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    for n_trees, sample_size in SIZES:
        detector = fastrcf.SeriesDetector(
            n_trees=n_trees, sample_size=sample_size, random_state=SEED, n_threads=1
        )
        detector.process(values[:10_000])
        began = time.process_time()
        detector.process(values[10_000:])
        block = (time.process_time() - began) / 2000
        began = time.process_time()
        for value in values[:500]:
            detector.process(value[None])
        alone = (time.process_time() - began) / 500
        held, saved = detector.memory_usage() / 1e6, len(bytes(detector)) / 1e6
        print(
            f"| {n_trees} | {sample_size:,} | {held:.1f} | {saved:.1f} | {block * 1e6:.0f} | "
            f"{alone * 1e6:.0f} |"
        )


def ages(corpus: Sequence[Series]) -> None:
    """Print how old series are when alerts come, inside windows and outside."""
    bounds = (*AGES, max(len(one.values) for one in corpus))
    counts = np.zeros((3, len(AGES)), dtype=np.int64)
    for one in corpus:
        detector = fastrcf.SeriesDetector(time_column="x0", random_state=SEED)
        found = detector.process(np.column_stack((one.seconds, one.values)))
        alerts = np.flatnonzero(found.is_anomaly)
        inside = np.array(
            [any(first <= i <= last for first, last in one.windows) for i in alerts], dtype=bool
        )
        counts[0] += np.diff(np.minimum(bounds, len(one.values)))
        counts[1] += np.histogram(alerts[inside], bounds)[0]
        counts[2] += np.histogram(alerts[~inside], bounds)[0]
    print("\n| rows before | rows | alerts in windows | others | others in 1,000 rows |")
    print("|---:|---:|---:|---:|---:|")
    for first, (rows, right, wrong) in zip(AGES, counts.T.tolist(), strict=True):
        print(f"| {first:,} | {rows:,} | {right} | {wrong} | {1000 * wrong / rows:.1f} |")


def main() -> None:
    """Print all tables."""
    memory()
    corpus, profiles = nab.load(folder()), nab.profiles(folder())
    print(f"\n| | best threshold: {', '.join(profiles)} | | | default threshold | | |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, options in VARIANTS.items():
        print(row(name, figures(corpus, profiles, **options)), flush=True)
    ages(corpus)


if __name__ == "__main__":
    main()
