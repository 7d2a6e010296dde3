"""Alerts of the command line beside the windows that people have labelled.

``python -m benches.detection.exhibit`` has ``fastrcf stream`` read two series of the
Numenta Anomaly Benchmark as users would have it, and writes benches/exhibit.json, from
which `benches.detection.report` makes the table of docs/series.md, and the pictures. No
figure depends on the machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benches import record
from benches.detection import case, nab_score
from benches.detection.families import nab
from benches.report import FIGURES, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benches.detection.families.nab import Series

RECORD = ROOT / "benches" / "exhibit.json"
FILES = {
    "nyc_taxi": "realKnownCause/nyc_taxi.csv",
    "machine_temperature": "realKnownCause/machine_temperature_system_failure.csv",
}
COMMAND = ("stream", "--time", "timestamp")


@dataclass(frozen=True)
class Window:
    """One labelled window.

    Attributes
    ----------
    first, last : str
        Times of its ends.
    alerts : int
        Alerts inside.
    delay : float or None
        Hours from its beginning to the first of them.
    """

    first: str
    last: str
    alerts: int
    delay: float | None


@dataclass(frozen=True)
class Shown:
    """A series, its windows and what alerts came.

    Attributes
    ----------
    name : str
    rows : int
    windows : list of Window
    outside, early : int
        Alerts outside of windows, behind the rows that the benchmark does not judge
        and among them.
    alerts : list of int
        Row of each alert.
    """

    name: str
    rows: int
    windows: list[Window]
    outside: int
    early: int
    alerts: list[int]


def alerted(path: Path) -> list[int]:
    """Have the command line read a file, and give the rows of its alerts.

    Raises
    ------
    RuntimeError
        With what the command says if it fails.
    """
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "fastrcf.cli", *COMMAND],
            stdin=file,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"fastrcf {' '.join(COMMAND)} < {path.name}: {done.stderr.strip()}")
    answers = csv.DictReader(done.stdout.splitlines())
    return [row for row, answer in enumerate(answers) if answer["is_anomaly"].lower() == "true"]


def beside(name: str, series: Series, alerts: list[int]) -> Shown:
    """Put alerts beside a series' windows."""
    rows = np.array(alerts, dtype=np.int64)
    outside = np.ones(len(rows), dtype=bool)
    windows = []
    for first, last in series.windows.tolist():
        inside = (rows >= first) & (rows <= last)
        outside &= ~inside
        hours = (series.seconds[rows[inside]] - series.seconds[first]) / 3600
        windows.append(
            Window(
                _time(series.seconds[first]),
                _time(series.seconds[last]),
                int(inside.sum()),
                round(float(hours[0]), 2) if len(hours) else None,
            )
        )
    early = rows < nab_score.probation(len(series.values))
    return Shown(
        name,
        len(series.values),
        windows,
        int((outside & ~early).sum()),
        int((outside & early).sum()),
        alerts,
    )


def _time(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")[:16]


def rows(shown: Sequence[Shown]) -> list[list[str]]:
    """Lay out a head, a row a window and a row of what is outside, for each series."""
    table = [["series", "window", "alerts", "first of them after, hours"]]
    for one in shown:
        for window in one.windows:
            delay = "none" if window.delay is None else f"{window.delay:.1f}"
            ends = f"{window.first} to {window.last}"
            table.append([one.name, ends, str(window.alerts), delay])
        table.append([one.name, "outside of them", str(one.outside), ""])
        table.append([one.name, "outside, in rows that NAB does not judge", str(one.early), ""])
    return table


def save(shown: Sequence[Shown], path: Path) -> None:
    """Write a record, whole or not at all."""
    told = f"fastrcf {' '.join(COMMAND)}"
    record.write(path, {"command": told, "series": [asdict(one) for one in shown]}, "series")


def load(path: Path) -> list[Shown]:
    """Read what :func:`save` wrote."""
    plain = json.loads(path.read_text())["series"]
    return [
        Shown(**{**one, "windows": [Window(**window) for window in one["windows"]]})
        for one in plain
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Stream, record and draw."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.detection.exhibit", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=RECORD)
    parser.add_argument("--figures", type=Path, default=ROOT / FIGURES)
    options = parser.parse_args(arguments)
    data = case.folder()
    try:
        by_name = {one.name: one for one in nab.load(data)}
    except case.Absent as error:
        print(f"left out: {error}")
        return 0
    shown = [
        beside(name, by_name[file], alerted(data / "nab" / "data" / file))
        for name, file in FILES.items()
    ]
    save(shown, options.out)
    for row in rows(shown)[1:]:
        print("  ".join(row).rstrip())
    # Imported late: figures can be found where matplotlib is not.
    from benches.detection import exhibit_plots

    for one in shown:
        exhibit_plots.write(one, by_name[FILES[one.name]], options.figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
