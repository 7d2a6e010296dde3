"""What the parts of the detector of series do, on NAB, and what it takes.

``python -m benches.detection.series`` prints the tables of docs/series.md.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from benches.detection import nab_score
from benches.detection.case import folder
from benches.detection.detectors.streams import scored
from benches.detection.families import nab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benches.detection.case import Rows
    from benches.detection.families.nab import Series
    from benches.detection.nab_score import Profile

    Flags = NDArray[np.bool_]

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
# Numbers of alerts in place of a threshold.
ASKED: dict[str, dict[str, Any]] = {
    "a threshold of 0.075": {},
    "1 of 2,000 rows": {"alert_rate": 0.0005},
    "1 of 1,000 rows": {"alert_rate": 0.001},
    "1 of 500 rows": {"alert_rate": 0.002},
    "3 in ten days": {"alerts_per_day": 0.3},
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


def detected(one: Series, **options: Any) -> tuple[Rows, Flags]:
    """Give scores, 0 for none, and which rows are alerts."""
    detector = fastrcf.SeriesDetector(time_column="x0", random_state=SEED, **options)
    found = detector.process(np.column_stack((one.seconds, one.values)))
    return np.nan_to_num(found.score), found.is_anomaly


def in_windows(one: Series) -> Flags:
    """Say which rows are in a window."""
    inside = np.zeros(len(one.values), dtype=bool)
    for first, last in one.windows:
        inside[first : last + 1] = True
    return inside


def ages(corpus: Sequence[Series]) -> None:
    """Print how old series are when alerts come, inside windows and outside.

    With a threshold and with a share of rows; and what a hundredth of the rows outside
    scores more than, as it is and as it is compared where a share is asked for.
    """
    bounds = (*AGES, max(len(one.values) for one in corpus))
    rows = np.sum([np.diff(np.minimum(bounds, len(one.values))) for one in corpus], axis=0)
    counts = {name: np.zeros((2, len(AGES)), dtype=np.int64) for name in ("above", "share")}
    usual: list[list[Rows]] = [[] for _ in AGES]
    for one in corpus:
        inside, scores = in_windows(one), np.empty(0)
        for name, options in (("share", ASKED["1 of 1,000 rows"]), ("above", {})):
            scores, alerts = detected(one, **options)
            for k, where in enumerate((inside, ~inside)):
                counts[name][k] += np.histogram(np.flatnonzero(alerts & where), bounds)[0]
        for k, (first, last) in enumerate(pairwise(bounds)):
            usual[k].append(scores[first:last][~inside[first:last]])
    memory = fastrcf.SeriesDetector()._engine["sample_size"]
    print("\n| rows before | rows | alerts in windows | others | others in 1,000 rows", end=" | ")
    print("1 of 1,000: in windows | others | 1 % score above | as compared |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for k, first in enumerate(AGES):
        (right, wrong), (found, false) = counts["above"][:, k], counts["share"][:, k]
        filled = np.minimum(1.0, np.arange(bounds[k], bounds[k + 1]) / memory)
        compared = [part * filled[: len(part)] for part in usual[k]]
        high, level = (float(np.quantile(np.concatenate(x), 0.99)) for x in (usual[k], compared))
        print(
            f"| {first:,} | {rows[k]:,} | {right} | {wrong} | {1000 * wrong / rows[k]:.1f} | "
            f"{found} | {false} | {high:.3f} | {level:.3f} |"
        )


def budgets(corpus: Sequence[Series], profiles: dict[str, Profile]) -> None:
    """Print what is found where a number of alerts is asked for in place of a threshold."""
    print(f"\n| asked for | {' | '.join(profiles)} | alerts in 1,000 rows | in windows |")
    print("|---|---:|---:|---:|---:|---:|")
    n_rows = sum(len(one.values) for one in corpus)
    for name, options in ASKED.items():
        found = [detected(one, **options)[1] for one in corpus]
        right = sum(int((a & in_windows(one)).sum()) for a, one in zip(found, corpus, strict=True))
        labelled = [
            nab_score.label(alerts.astype(float), one.windows)
            for alerts, one in zip(found, corpus, strict=True)
        ]
        values = [nab_score.corpus_at(labelled, one, 0.5) for one in profiles.values()]
        n_alerts = sum(int(alerts.sum()) for alerts in found)
        print(
            f"| {name} | {' | '.join(f'{value:.1f}' for value in values)} | "
            f"{1000 * n_alerts / n_rows:.2f} | {right} of {n_alerts} |",
            flush=True,
        )


def main() -> None:
    """Print all tables."""
    memory()
    corpus, profiles = nab.load(folder()), nab.profiles(folder())
    print(f"\n| | best threshold: {', '.join(profiles)} | | | default threshold | | |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, options in VARIANTS.items():
        print(row(name, figures(corpus, profiles, **options)), flush=True)
    ages(corpus)
    budgets(corpus, profiles)


if __name__ == "__main__":
    main()
