"""ADBench's tables, one npz each: X, and y with 1 for anomalies (Han et al. 2022)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benches.detection.case import Absent, Case, Table, drawn, needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "ADBench"


def cases(data: Path) -> Iterator[Case]:
    """Give a case for each set, in the order of their numbers."""
    paths = sorted(needed(data / "adbench").glob("*.npz"), key=lambda path: _number(path.stem))
    if not paths:
        raise Absent("no sets in adbench")
    for path in paths:
        yield Case(NAME, path.stem.partition("_")[2], partial(load, path))


def load(path: Path) -> Table:
    """Read a set."""
    with np.load(path, allow_pickle=False) as file:
        return drawn(file["X"], file["y"])


def _number(stem: str) -> tuple[int, str]:
    number = stem.partition("_")[0]
    return (int(number) if number.isdigit() else 0, stem)
