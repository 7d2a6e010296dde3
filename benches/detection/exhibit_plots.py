"""A series with its labelled windows and alerts, as SVG: the same bytes for the same alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from benches.plots import OURS, OURS_TOO, STYLE

if TYPE_CHECKING:
    from pathlib import Path

    from benches.detection.case import Integers, Rows
    from benches.detection.exhibit import Shown
    from benches.detection.families.nab import Series

GREY, SHADE = "#9a9a9a", "#cfe3cf"
# Of the picture, each with its least and greatest value: more than can be told apart.
STRIPES = 800


def write(shown: Shown, series: Series, folder: Path) -> Path:
    """Draw ``stream-NAME.svg`` into a folder, and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"stream-{shown.name}.svg"
    with rc_context(STYLE):
        draw(shown, series).savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def draw(shown: Shown, series: Series) -> Figure:
    """Draw one series."""
    figure = Figure(figsize=(8.5, 2.8), layout="constrained")
    axes = figure.subplots()
    times = series.seconds.astype("datetime64[s]")
    ends, (low, high) = envelope(series.values)
    axes.fill_between(times[ends], low, high, color=GREY, lw=0.5, label="values")
    for number, (first, last) in enumerate(series.windows.tolist()):
        label = "labelled window" if number == 0 else None
        axes.axvspan(times[first], times[last], color=SHADE, zorder=0, label=label)
    alerts = np.array(shown.alerts, dtype=np.int64)
    inside = np.zeros(len(alerts), dtype=bool)
    for first, last in series.windows.tolist():
        inside |= (alerts >= first) & (alerts <= last)
    for chosen, color, marker, label in (
        (inside, OURS, "o", "alert in a window"),
        (~inside, OURS_TOO, "x", "alert outside"),
    ):
        rows = alerts[chosen]
        axes.plot(times[rows], series.values[rows], marker, color=color, ms=5, label=label)
    axes.set(title=f"fastrcf stream on {shown.name}, {shown.rows:,} rows", xmargin=0.01)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def envelope(values: Rows) -> tuple[Integers, tuple[Rows, Rows]]:
    """Give the first row of each stripe, and its least and greatest value.

    Neighbouring stripes share a row, so that nothing is between them.
    """
    size = max(1, len(values) // STRIPES)
    starts = np.arange(0, len(values), size)
    parts = [values[start : start + size + 1] for start in starts.tolist()]
    low = np.array([part.min() for part in parts])
    high = np.array([part.max() for part in parts])
    return starts, (low, high)
