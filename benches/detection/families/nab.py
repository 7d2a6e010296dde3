"""The Numenta Anomaly Benchmark (Lavin and Ahmad 2015): series, windows and profiles."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benches.detection.case import Absent, needed
from benches.detection.nab_score import Profile, Windows

if TYPE_CHECKING:
    from pathlib import Path

    from benches.detection.case import Rows

NAME = "NAB"


@dataclass(frozen=True)
class Series:
    """One file.

    Attributes
    ----------
    name : str
        Folder and file.
    seconds : ndarray of float64, shape (n,)
        Time of each row since 1970, as if all clocks showed UTC.
    values : ndarray of float64, shape (n,)
    windows : ndarray of int64, shape (k, 2)
        First and last row of each labelled window, in order.
    """

    name: str
    seconds: Rows
    values: Rows
    windows: Windows


def load(data: Path) -> list[Series]:
    """Read all series, by name.

    Raises
    ------
    Absent
        If there is no such folder.
    """
    root = needed(data / "nab")
    labels = json.loads(needed(root / "labels" / "combined_windows.json").read_text())
    if not labels:
        raise Absent("no windows in nab/labels")
    return [read(root / "data", name, labels[name]) for name in sorted(labels)]


def read(folder: Path, name: str, windows: list[list[str]]) -> Series:
    """Read a file, and find the rows of its windows' ends.

    Raises
    ------
    ValueError
        If a window begins or ends between rows.
    """
    with needed(folder / name).open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    seconds = _seconds([stamp for stamp, _ in lines])
    # The first row that has a time: a clock may show an hour twice.
    times, first = np.unique(seconds, return_index=True)
    ends = _seconds([end for window in windows for end in window])
    places = np.minimum(np.searchsorted(times, ends), len(times) - 1)
    if not np.array_equal(times[places], ends):
        raise ValueError(f"{name} has no row at an end of a window")
    return Series(
        name,
        seconds,
        np.array([float(value) for _, value in lines]),
        first[places].astype(np.int64).reshape(-1, 2),
    )


def profiles(data: Path) -> dict[str, Profile]:
    """Read what a find, a miss and a false row count, by profile."""
    told = json.loads(needed(data / "nab" / "config" / "profiles.json").read_text())
    return {name: Profile(**_weights(given["CostMatrix"])) for name, given in told.items()}


def recorded(data: Path) -> dict[str, dict[str, float]]:
    """Read the results that the benchmark has published, by detector and profile."""
    path = needed(data / "nab" / "results" / "final_results.json")
    found: dict[str, dict[str, float]] = json.loads(path.read_text())
    return found


def _weights(matrix: dict[str, float]) -> dict[str, float]:
    return {
        "found": matrix["tpWeight"],
        "missed": matrix["fnWeight"],
        "false": matrix["fpWeight"],
    }


def _seconds(stamps: list[str]) -> Rows:
    return np.array(stamps, dtype="datetime64[us]").astype(np.int64) / 1e6
