"""Pictures of the measurements, as SVG: the same bytes for the same figures."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benches import goals
from benches.engines import Frozen, Isolation, JavaForest, Krcf, Living, RustAvx2, RustPortable
from benches.record import Measurement, Results
from benches.tables import by_width, contests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Text stays text; no date and no random names inside.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fastrcf",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "sans-serif"],
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
}
OURS, OURS_TOO = "#1f5fa8", "#d2691e"
THEIRS = {JavaForest.name: "#6b6b6b", Krcf.name: "#8f7fb5", Isolation.name: "#5b9a68"}
WIDTHS = (8, 30)
PICTURED = {
    "score": "score a table",
    "process": "stream: score, then learn",
    "attribution": "attribute",
}
# Said in the text; in the picture they would only repeat the first bar.
LEFT_OUT = {RustAvx2.name, RustPortable.name}


def write(results: Results, folder: Path) -> list[Path]:
    """Draw all pictures into a folder.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[tuple[str, Callable[[Results], Figure]]] = [
        ("peers.svg", peers),
        ("growth.svg", growth),
    ]
    paths = []
    for name, draw in drawn:
        with rc_context(STYLE):
            path = folder / name
            draw(results).savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        # Lines that end in blanks come from the backend, and reviewers' tools mark them.
        lines = [line.rstrip() for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")
        paths.append(path)
    return paths


def peers(results: Results) -> Figure:
    """Microseconds per row of each engine, by work and width."""
    found = {(work, width): beside for work, width, beside in contests(results)}
    works = [work for work in PICTURED if any((work, width) in found for width in WIDTHS)]
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    for axes, work in zip(_row(figure, len(works)), works, strict=True):
        engines = _by_speed(found, work)
        for at, engine in enumerate(engines):
            for width, shift in zip(WIDTHS, (-0.2, 0.2), strict=True):
                made = _of(found.get((work, width), []), engine)
                if made is None:
                    continue
                ours = engine.startswith("fastrcf")
                color = OURS if ours else "#8a8a8a"
                axes.barh(
                    at + shift, made.median, 0.36, color=color, alpha=1 if width == 8 else 0.6
                )
                label = f" {goals.value(made.median)}"
                axes.text(made.median, at + shift, label, va="center", fontsize=7.5)
        axes.set(xscale="log", title=PICTURED[work], xlabel="µs per row")
        axes.set_yticks(range(len(engines)), [_short(engine) for engine in engines])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        shortest = min(patch.get_width() for patch in axes.patches)  # type: ignore[attr-defined]
        axes.set_xlim(10 ** floor(log10(shortest / 2)), axes.get_xlim()[1] * 4)
        _plain(axes.xaxis, [1.0])
    figure.suptitle(
        "Time per row on one core: upper bar 8 columns, lower bar 30; less is better",
        x=0.01,
        ha="left",
        fontsize=10.5,
    )
    return figure


def growth(results: Results) -> Figure:
    """How time per row grows with each size."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    grid = figure.subplots(2, 3).ravel()
    own = [
        (Frozen.name, "score", OURS, "score, frozen"),
        (Living.name, "process", OURS_TOO, "stream"),
    ]
    panels: list[tuple[str, str, str]] = [
        ("growth n, d=8", "batch", "rows per call"),
        ("growth T, d=8", "n_trees", "trees"),
        ("growth S, d=8", "sample_size", "rows per tree"),
    ]
    for axes, (contest, size, label) in zip(grid, panels, strict=False):
        for engine, work, color, name in own:
            _line(axes, results.all(contest, engine, work), size, color, name)
        axes.set(xlabel=label, title=f"{label}, d = 8")
    for axes, (engine, work, color, name) in zip(grid[3:], own, strict=False):
        _line(axes, by_width(results, engine, work), "n_columns", color, f"fastrcf: {name}")
        for peer, grey in THEIRS.items():
            _line(axes, by_width(results, peer, work), "n_columns", grey, _short(peer))
        axes.set(xlabel="columns", title=f"columns: {name}")
    for engine, work, color, name in own:
        for width, dash in zip(WIDTHS, ("-", "--"), strict=True):
            made = results.all(f"threads, d={width}", engine, work)
            _line(grid[5], made, "n_threads", color, f"{name}, d = {width}", dash)
    grid[5].set(xlabel="threads", title="threads, on the wall")
    for axes in grid:
        axes.set(xscale="log", yscale="log", ylabel="µs per row")
        _plain(axes.xaxis, [1.0])
        _plain(axes.yaxis, [1.0, 2.0, 5.0])
        if axes.has_data():
            axes.legend(frameon=False, fontsize=7.5)
    grid[5].set_xticks([1, 2], ["1", "2"])
    # Its lines lie far apart and leave no room for their names.
    grid[5].set_ylim(top=grid[5].get_ylim()[1] * 5)
    # Ticks at the widths themselves.
    for axes in grid[3:5]:
        axes.set_xticks([1, 4, 8, 16, 30, 64, 128], ["1", "4", "8", "16", "30", "64", "128"])
    return figure


def _line(
    axes: Axes,
    made: Iterable[Measurement],
    size: str,
    color: str,
    name: str,
    dash: str = "-",
) -> None:
    """Draw one engine's medians over a size."""
    points = sorted((getattr(one, size), one.median) for one in made)
    if points:
        axes.plot(*zip(*points, strict=True), dash, marker="o", ms=3.2, color=color, label=name)


def _by_speed(found: dict[tuple[str, int], list[Measurement]], work: str) -> list[str]:
    """Give the engines of a work, the fastest first."""
    speed: dict[str, float] = {}
    for width in WIDTHS:
        for made in found.get((work, width), []):
            if made.engine not in LEFT_OUT:
                speed.setdefault(made.engine, made.median)
    return sorted(speed, key=lambda engine: speed[engine])


def _of(beside: Sequence[Measurement], engine: str) -> Measurement | None:
    return next((made for made in beside if made.engine == engine), None)


def _row(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False)[0]) if count else []


def _short(engine: str) -> str:
    """Shorten a name for a picture."""
    return engine.replace("scikit-learn ", "sklearn ").replace(
        "fastrcf, row by row", "fastrcf, by row"
    )


def _plain(axis: Axis, steps: Sequence[float]) -> None:
    """Write numbers as people do, 0.5, 200 and 10k, not powers."""
    axis.set_major_locator(LogLocator(10, subs=steps, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda number, _: _said(number)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(NullLocator())


def _said(number: float) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"
