"""Trainings of the managed service that public notebooks recorded, and their data.

A run is one training: files that print rows of the same training are one run. Those whose
training data is not public, or not at hand, are listed with the reason (:data:`LEFT_OUT`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from benches.detection.case import needed

if TYPE_CHECKING:
    from pathlib import Path

    from benches.detection.case import Rows
    from fastrcf._typing import Integers

TAXI = "realKnownCause/nyc_taxi.csv"
CPU = "realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv"
ELB = "realAWSCloudwatch/elb_request_count_8c0756.csv"
# Rows of a window where notebooks score windows: a day of half hours.
WINDOW = 48

Kind = Literal["rows", "highest"]


@dataclass(frozen=True)
class Training:
    """What was trained, and how; the attributes are those of :class:`Run`."""

    series: str
    window: int
    num_trees: int
    num_samples_per_tree: int


@dataclass(frozen=True)
class Run:
    """One training and what was printed of its scores.

    Attributes
    ----------
    name : str
        Of the notebook's owner, with a number where there are several trainings.
    series : str
        The file of the Numenta benchmark that was its data.
    window : int
        Consecutive values that make a row; 1 for single ones.
    num_trees, num_samples_per_tree : int
        Hyperparameters asked for.
    kind : {"rows", "highest"}
        Whether scores are of rows that are told, or all that are above the cutoff.
    files : tuple of str
        What was printed, without ``.csv``.
    by : {"timestamp", "index"}
        What tells the row.
    """

    name: str
    series: str
    window: int
    num_trees: int
    num_samples_per_tree: int
    kind: Kind
    files: tuple[str, ...]
    by: Literal["timestamp", "index"] = "timestamp"

    @property
    def training(self) -> Training:
        """What was trained: runs of different users may have it in common."""
        return Training(self.series, self.window, self.num_trees, self.num_samples_per_tree)


@dataclass(frozen=True)
class Printed:
    """Scores of a run.

    Attributes
    ----------
    rows : numpy.ndarray of int64, shape (n,), or None
        Which rows of the training data; None where that is not told.
    scores : numpy.ndarray of float64, shape (n,)
        Of the managed service; the highest first where rows are not told.
    """

    rows: Integers | None
    scores: Rows


def _taxi(name: str, *files: str, trees: int = 50, samples: int = 512) -> Run:
    return Run(name, TAXI, 1, trees, samples, "rows", files)


def _highest(name: str, file: str, series: str = TAXI) -> Run:
    return Run(name, series, WINDOW, 50, 512, "highest", (f"{file}_shingled48_anomalies",))


RUNS: tuple[Run, ...] = (
    _taxi("bsnively", "bsnively_cell20", "bsnively_cell22_text"),
    _taxi("harusame", "harusame_cell19", "harusame_cell23"),
    _taxi("fabian", "fabian_cell29", "fabian_cell32"),
    _taxi("vishnu", "vishnu_cell16", "vishnu_cell32", "vishnu_cell35"),
    _taxi("hkt", "hkt_a_cell35", "hkt_a_cell38"),
    _taxi("fabian 2", "fabian2_cell29", "fabian2_cell32"),
    _taxi("sugandanb", "sugandanb_cell29"),
    _taxi("redshift a", "redshift_a_cell29", "redshift_a_cell32"),
    _taxi("redshift a 2", "redshift_a_cell49", "redshift_a_cell51"),
    _taxi(
        "redshift b",
        "redshift_b_cell29",
        "redshift_b_cell32",
        "redshift_b_cell49",
        "redshift_b_cell51",
    ),
    _taxi("incog", "incog_a_cell29", "incog_a_cell48"),
    _taxi("andrew b", "andrew_b_cell42", "andrew_b_cell48", trees=100, samples=256),
    _taxi("andrew a", "andrew_a_cell42", "andrew_a_cell48", samples=200),
    Run("gavin a", CPU, 1, 50, 512, "rows", ("gavin_a_cell40", "gavin_a_cell45")),
    Run("gavin d", CPU, 1, 50, 512, "rows", ("gavin_d_cell36", "gavin_d_cell41")),
    Run("suresh", ELB, 1, 50, 512, "rows", ("nab_elb_request_count_t50_s512",)),
    Run(
        "harusame 2",
        TAXI,
        WINDOW,
        50,
        512,
        "rows",
        ("harusame_cell33", "harusame_cell35"),
        by="index",
    ),
    _highest("bsnively 2", "bsnively_cell31"),
    _highest("fabian 3", "fabian2_cell44"),
    _highest("vishnu 2", "vishnu_cell47"),
    _highest("hkt 2", "hkt_a_cell54"),
    _highest("gavin d 2", "gavin_d_cell56", CPU),
)
# Runs whose rows are printed without the data that they were trained on.
LEFT_OUT = {
    "ronak, eliezer, sahil": "own measurements of 153 to 1,160 rows that are not at hand",
    "justabdul, k9ns, sg4j": "84,772 lines of legal bills, of which only printed rows are at hand",
    "eagleeye": "PaySim's transactions are not at hand, nor how they were cut",
    "redshift_ws": "only identifiers are printed beside the scores",
}
# Rows of 10,320 above mean + 3 standard deviations, as the notebooks' outputs count them.
ABOVE = {
    "bsnively": 250,
    "fabian": 235,
    "vishnu": 235,
    "hkt": 241,
    "fabian 2": 254,
    "redshift a": 244,
    "redshift b": 236,
    "andrew b": 252,
    "andrew a": 154,
}
# Mean, deviation, least and largest score of all rows, as a notebook prints them.
WHOLE = {"fabian": (0.8958903989, 0.2383220170, 0.6782347108, 4.6456570121)}


def series(data: Path, name: str) -> tuple[list[str], Rows]:
    """Read a series: times as they are written, and values."""
    with needed(data / "nab" / "data" / name).open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    return [line[0] for line in lines], np.array([float(line[1]) for line in lines])


def training_rows(data: Path, run: Training | Run) -> Rows:
    """Give the rows that a run was trained on, shape (n, window).

    The notebooks make one window less than there are.
    """
    values = series(data, run.series)[1]
    if run.window == 1:
        return values[:, None]
    return np.lib.stride_tricks.sliding_window_view(values, run.window)[:-1].copy()


def printed(data: Path, run: Run) -> Printed:
    """Read what was printed of a run's scores, each row once.

    Raises
    ------
    ValueError
        If a row's value is not that of the data, or a row has two scores.
    """
    times, values = series(data, run.series)
    place = {time: i for i, time in enumerate(times)}
    found: dict[int, float] = {}
    highest: list[float] = []
    for name in run.files:
        for line in _lines(needed(data / "managed_rcf" / f"{name}.csv")):
            score = float(line["score"])
            if run.kind == "highest":
                highest.append(score)
                continue
            time = line.get("timestamp") or line.get("ride_timestamp") or ""
            row = int(line["index"]) if run.by == "index" else place[time]
            value = line.get("value") or line.get("nbr_passengers") or line.get("util_percent")
            if abs(float(value or "nan") - values[row]) > 5e-4:
                raise ValueError(f"{name}: row {row} has {values[row]}, not {value}")
            # Six digits, of float32 scores: the last may be rounded in two ways.
            if abs(found.setdefault(row, score) - score) > 2e-6:
                raise ValueError(f"{name}: row {row} has the scores {found[row]} and {score}")
    if run.kind == "highest":
        return Printed(None, np.sort(highest)[::-1].copy())
    rows = np.array(sorted(found), dtype=np.int64)
    return Printed(rows, np.array([found[row] for row in rows.tolist()]))


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))
