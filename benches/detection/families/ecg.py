"""An electrocardiogram, MBA_ECG805 of TSB-UAD (Paparrizos et al. 2022), as shingles."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benches.detection.case import Case, Table, drawn, needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "ECG"
# Values of a shingle, about a beat, and how far shingles lie apart.
SHINGLE = 100
STEP = 10


def cases(data: Path) -> Iterator[Case]:
    """Give the one case."""
    path = needed(data / "ecg" / "MBA_ECG805_data.out")
    yield Case(NAME, "MBA_ECG805", partial(load, path))


def load(path: Path) -> Table:
    """Cut the series into shingles; one is what its middle is."""
    series = np.loadtxt(path, delimiter=",", ndmin=2)
    shingles = np.lib.stride_tricks.sliding_window_view(series[:, 0], SHINGLE)[::STEP]
    middles = series[SHINGLE // 2 :: STEP, 1][: len(shingles)]
    return drawn(shingles, middles == 1)
