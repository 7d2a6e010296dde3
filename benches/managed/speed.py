"""How long a managed forest takes to score, beside one frozen forest of as many trees."""

from __future__ import annotations

from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

import fastrcf
from benches.rows import mixture
from fastrcf.sagemaker import ManagedForest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTHS = (1, 8, 30)
TREES, SIZE, TABLE, SINGLE, ROUNDS = 100, 256, 20_000, 100, 5


def measure() -> list[dict[str, object]]:
    """Microseconds a row of a processor, [managed, one forest], in turns; medians of rounds."""
    return [_width(width) for width in WIDTHS]


def _width(width: int) -> dict[str, object]:
    learnt = mixture(TREES * SIZE, width, seed=1)
    asked = mixture(TABLE, width, seed=2, outliers=0.05)
    managed = ManagedForest(TREES, SIZE, random_state=1, n_threads=1).fit(learnt)
    forest = fastrcf.RandomCutForest(TREES, SIZE, sampling="uniform", random_state=1, n_threads=1)
    forest.insert(learnt)
    scores = (managed.score, forest.freeze().score)
    found: dict[str, list[list[float]]] = {"table": [[], []], "row": [[], []]}
    for _ in range(ROUNDS):
        for i, score in enumerate(scores):
            found["table"][i].append(_seconds(score, [asked]) / TABLE)
            found["row"][i].append(_seconds(score, list(asked[:SINGLE])) / SINGLE)
    return {
        "columns": width,
        **{
            name: [float(f"{1e6 * median(times):.4g}") for times in both]
            for name, both in found.items()
        },
    }


def _seconds(score: Callable[[Any], object], parts: Sequence[object]) -> float:
    started = process_time()
    for part in parts:
        score(part)
    return process_time() - started
