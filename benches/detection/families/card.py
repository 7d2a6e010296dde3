"""Card transactions of ULB (Dal Pozzolo et al. 2015): the first day, out of fold.

The file holds every fraud and one in 24.03 of the normal rows. Each normal row
that is scored counts 24.03 times, and of the frauds of the folds that are
fitted as large a part stays as of the normal rows, so that both parts have the
rate of the world.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from benches.detection.case import Case, Flags, Rows, Table, needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "card"
# Normal rows of the original file over those of the sample that both days came from.
WEIGHT = 284_315 / 11_833
FOLDS = 5
COLUMNS = [f"V{number}" for number in range(1, 29)]


def cases(data: Path) -> Iterator[Case]:
    """Give a case for each fold."""
    path = needed(data / "creditcard" / "day1_sample.parquet")
    for fold in range(FOLDS):
        yield Case(NAME, f"fold {fold + 1}", partial(load, path, fold))


def load(path: Path, fold: int) -> Table:
    """Fit all folds but one, and score that one."""
    rows, labels = read(path)
    rng = np.random.default_rng(0)
    folds = rng.permutation(len(rows)) % FOLDS
    asked = folds == fold
    kept = ~asked & (~labels | (rng.random(len(rows)) < 1 / WEIGHT))
    weights = np.where(labels[asked], 1.0, WEIGHT)
    return Table(rows[kept], rows[asked], labels[asked], weights)


@lru_cache(maxsize=1)
def read(path: Path) -> tuple[Rows, Flags]:
    """Read V1 to V28 and the logarithm of 1 + Amount, and which rows are frauds."""
    table = pq.read_table(path, columns=[*COLUMNS, "Amount", "Class"])
    columns = [table[name].to_numpy() for name in COLUMNS]
    amount = np.log1p(table["Amount"].to_numpy())
    return np.column_stack([*columns, amount]), table["Class"].to_numpy() == 1
