"""Runs of a water circuit with eight sensors: SKAB (Katser and Kozitsin 2020)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benches.detection.case import Absent, Case, Table, needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "SKAB"
# The rows that its own notebooks fit.
FITTED = 400
SENSORS = tuple(range(1, 9))
ANOMALY = 9


def cases(data: Path) -> Iterator[Case]:
    """Give a case for each run."""
    root = needed(data / "skab")
    paths = sorted(root.glob("valve*/*.csv"), key=lambda path: (path.parent.name, int(path.stem)))
    if not paths:
        raise Absent("no runs in skab")
    for path in paths:
        yield Case(NAME, f"{path.parent.name} {path.stem}", partial(load, path))


def load(path: Path) -> Table:
    """Fit the first 400 rows of a run, and score the rest."""
    table = np.loadtxt(path, delimiter=";", skiprows=1, usecols=(*SENSORS, ANOMALY), ndmin=2)
    rows, labels = table[:, :-1], table[:, -1] == 1
    return Table(rows[:FITTED], rows[FITTED:], labels[FITTED:])
