"""Pictures of what was found, as SVG: the same bytes for the same figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.figure import Figure

from benches.detection.detectors import Detecting, Isolation
from benches.detection.detectors.published import SKILLED
from benches.detection.families import FAMILIES, adbench, nab
from benches.detection.goals import WORDS
from benches.detection.tables import NO_SKILL, PROFILES
from benches.plots import OURS, STYLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from benches.detection.record import Results

GREY = "#9a9a9a"


def write(results: Results, folder: Path) -> list[Path]:
    """Draw all pictures into a folder.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[tuple[str, Callable[[Results], Figure]]] = [
        ("detection-tables.svg", tables),
        ("detection-sets.svg", sets),
        ("detection-series.svg", series),
    ]
    paths = []
    for name, draw in drawn:
        with rc_context(STYLE):
            path = folder / name
            draw(results).savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        paths.append(path)
    return paths


def tables(results: Results) -> Figure:
    """Draw the mean of each detector, a panel a family and measure."""
    names = [family.name for family in FAMILIES if results.detectors(family.name)]
    figure = Figure(figsize=(10.5, 0.6 + 1.75 * max(len(names), 1)), layout="constrained")
    grid = figure.subplots(max(len(names), 1), 2, squeeze=False)
    for row, name in zip(grid, names, strict=False):
        for axes, measure in zip(row, ("auc", "ap"), strict=True):
            found = [
                (detector, mean)
                for detector in results.detectors(name)
                if (mean := results.mean(name, detector, measure)) is not None
            ]
            _bars(axes, found)
            axes.set(title=f"{name}: {WORDS[measure]}")
            if measure == "auc":
                # Left of this is worse than guessing.
                axes.set_xlim(min([0.5, *(value for _, value in found)]), 1.0)
    return figure


def sets(results: Results) -> Figure:
    """Draw the detector against the isolation forest, a point a set of ADBench."""
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2), ("auc", "ap"), strict=True):
        ours = results.by_case(adbench.NAME, Detecting.name, measure)
        theirs = results.by_case(adbench.NAME, Isolation.name, measure)
        cases = [case for case in ours if case in theirs]
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8)
        axes.plot([theirs[c] for c in cases], [ours[c] for c in cases], "o", ms=4, color=OURS)
        for case in cases:
            # Only what lies apart has room for its name.
            if abs(ours[case] - theirs[case]) > 0.06:
                axes.annotate(case, (theirs[case], ours[case]), fontsize=6.5)
        low = 0.3 if measure == "auc" else 0.0
        axes.set(
            xlim=(low, 1.02),
            ylim=(low, 1.02),
            xlabel=Isolation.name,
            ylabel=Detecting.name,
            title=f"ADBench, a point a set: {WORDS[measure]}",
        )
    return figure


def series(results: Results) -> Figure:
    """Draw the standard score of each detector of series, published ones in grey."""
    profile = next(iter(PROFILES))
    # What is written anew would only repeat what is published.
    anew = {detector.name for detector in SKILLED}
    found = [
        (name, mean)
        for name in results.detectors(nab.NAME)
        if (mean := results.mean(nab.NAME, name, profile)) is not None and name not in anew
    ]
    found += [
        (f"{name} (published)", values[profile])
        for name, values in results.recorded.items()
        if name not in NO_SKILL
    ]
    figure = Figure(figsize=(8.5, max(4.2, 0.23 * len(found))), layout="constrained")
    axes = figure.subplots()
    _bars(axes, sorted(found, key=lambda one: -one[1]))
    axes.set(title="NAB, standard profile: 100 is perfect, 0 never alerts")
    return figure


def _bars(axes: Axes, found: list[tuple[str, float]]) -> None:
    """Draw bars with their values, the first on top."""
    names = [name.replace("scikit-learn ", "sklearn ") for name, _ in found]
    colors = [OURS if name.startswith("fastrcf") else GREY for name in names]
    places = list(range(len(found)))
    bars = axes.barh(places, [value for _, value in found], color=colors)
    axes.set_yticks(places, names, fontsize=7)
    axes.invert_yaxis()
    axes.bar_label(bars, fmt="%.3g", fontsize=7, padding=2)
    axes.grid(visible=False, axis="y")
