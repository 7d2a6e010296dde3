"""Pictures of a report as SVG that stands in the page and takes its colours.

No text of the data comes into a picture: names stand in the page beside it.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import style
from matplotlib.collections import PolyCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from fastrcf.report import words
from fastrcf.report.columns import axis

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from fastrcf._typing import Floats
    from fastrcf.report.facts import Course, LabelFacts, NumberFacts, ScoreFacts

# Stand-ins for colours of the page, which differ in light and dark.
COLOURS = {
    "ink": "#0a0b01",
    "muted": "#0a0b02",
    "line": "#0a0b03",
    "data": "#0a0b04",
    "soft": "#0a0b05",
    "alert": "#0a0b06",
    "fit": "#0a0b07",
}
_INK, _MUTED, _LINE, _DATA, _SOFT, _ALERT, _FIT = COLOURS.values()
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fastrcf",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": _INK,
    "text.parse_math": False,
    "text.usetex": False,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
# The middle of the years that have dates, and how far they reach, in microseconds since 1970.
_MIDDLE, _REACH = 9.5e16, 1.55e17
_NOTHING = dict.fromkeys(("Date", "Creator", "Format", "Type"))


class Plots:
    """Draws pictures whose ids do not meet in one page."""

    def __init__(self) -> None:
        self._drawn = 0

    def spread(self, scores: ScoreFacts) -> str:
        """Draw how scores are distributed, alerts beyond the threshold apart."""
        spread = scores.spread

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            usual, some = spread.rows - spread.alerts, spread.alerts > 0
            # Where counts have logarithms, bars stand on half a row.
            foot = np.full(len(usual), 0.5)
            _bars(axes, spread.start, spread.width, foot, np.maximum(usual, 0.5), _DATA, "rows")
            if some.any():
                foot, top = np.maximum(usual, 0.5)[some], spread.rows[some].astype(float)
                _bars(axes, spread.start[some], spread.width, foot, top, _ALERT, "alerts")
            axes.axvline(scores.alerts.score, color=_INK, lw=1.2, ls="--", label="threshold")
            axes.set_yscale("log")
            axes.set_ylim(bottom=0.7)
            axes.yaxis.set_major_formatter(_COUNT)
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set(xlabel="score", ylabel="rows")
            legend(axes, 3)

        return self.picture(draw, 6.4, 2.9)

    def course(self, course: Course, threshold: float, rate: float) -> str:
        """Draw scores and the share of alerts along the rows or along time."""
        stretches = course.stretches
        start, points = stretches.start, course.alert_at
        width: Any = stretches.width
        # Matplotlib knows the years 1 to 9999.
        is_dated = course.kind == "moments" and bool(
            (abs(start - _MIDDLE) + stretches.width < _REACH).all()
        )
        if is_dated:
            start, points = _moments(start), _moments(points)
            width = np.timedelta64(int(width), "us")

        def draw(figure: Figure) -> None:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
            ends = np.append(start, start[-1:] + width)
            known = np.isfinite(course.median)
            # The last stretch reaches to the end.
            at = np.append(start[known], ends[-1:])
            middle, high = (
                np.append(y[known], y[known][-1:]) for y in (course.median, course.high)
            )
            upper.fill_between(
                at, middle, high, step="post", color=_SOFT, lw=0, label="median to 95 %"
            )
            upper.step(at, middle, where="post", color=_DATA, lw=1)
            upper.axhline(threshold, color=_INK, lw=1, ls="--", label="threshold")
            upper.plot(
                points, course.alert_score, ".", ms=4, color=_ALERT, mec="none", label="alerts"
            )
            upper.set_ylabel("score")
            legend(upper, 3)
            found = stretches.alerts / stretches.rows
            left, foot = np.asarray(lower.convert_xunits(ends)), np.zeros(len(found))
            _bars(lower, left[:-1], left[-1] - left[-2], foot, 100 * found, _ALERT, None)
            lower.axhline(100 * rate, color=_INK, lw=1, ls="--")
            lower.set_ylabel("alerts, %")
            lower.set_xlim(ends[0], ends[-1])
            lower.set_ylim(bottom=0)
            if is_dated:
                locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
                lower.xaxis.set_major_locator(locator)
                dates = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
                lower.xaxis.set_major_formatter(dates)
            else:
                lower.xaxis.set_major_formatter(_COUNT)
                units = {"rows": "row", "seconds": "seconds", "moments": "microseconds since 1970"}
                lower.set_xlabel(units[course.kind])

        return self.picture(draw, 6.4, 3.6)

    def tail(self, scores: ScoreFacts) -> str:
        """Draw which share of rows is above each score, found and fitted."""
        spread = scores.spread
        above = np.cumsum(spread.rows[::-1])[::-1] / spread.rows.sum()

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            low = min(scores.fitted[0][0], scores.median)
            some = spread.start + spread.width >= low
            axes.step(
                spread.start[some], above[some], where="post", color=_DATA, lw=1.4, label="data"
            )
            axes.plot(*np.transpose(scores.fitted), lw=1.4, ls="--", color=_FIT, label="fitted")
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: words.share(y)))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set(xlabel="score", ylabel="share of rows above")
            legend(axes, 2)

        return self.picture(draw, 6.4, 2.9)

    def curve(self, labels: LabelFacts, prevalence: float) -> str:
        """Draw precision by recall, and where the threshold is."""

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            recall = np.append(0.0, labels.recall)
            precision = np.append(labels.precision[:1], labels.precision)
            axes.step(recall, precision, where="pre", color=_DATA, lw=1.4, label="by score")
            axes.axhline(prevalence, color=_FIT, lw=1, ls=":", label="without any skill")
            alerts, marked = labels.caught + labels.false, labels.caught + labels.missed
            if alerts and marked:
                axes.plot(
                    labels.caught / marked,
                    labels.caught / alerts,
                    "o",
                    ms=7,
                    color=_ALERT,
                    label="at the threshold",
                )
            axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
            legend(axes, 3)

        return self.picture(draw, 6.4, 2.9)

    def column(self, column: NumberFacts) -> str:
        """Draw a column's histogram on the band where 90 % of the fitted rows are."""
        edges = axis(column.edges, column.scaling)
        low, middle, high = axis(
            np.array([column.fitted[i] for i in (2, 4, 6)]), column.scaling
        ).tolist()

        def draw(figure: Figure) -> None:
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            axes.axvspan(low, high, color=_SOFT, lw=0)
            axes.axvline(middle, color=_FIT, lw=1)
            # Roots: rare values are seen beside frequent ones.
            axes.stairs(np.sqrt(column.counts), edges, fill=True, color=_DATA, lw=0)
            axes.set_xlim(edges[0], edges[-1])
            axes.set_ylim(0, 1.05 * max(1.0, float(np.sqrt(column.counts.max()))))

        return self.picture(draw, 1.7, 0.42, layout=None)

    def picture(
        self,
        draw: Callable[[Figure], None],
        width: float,
        height: float,
        layout: Any = "constrained",
    ) -> str:
        """Draw a figure of so many inches and give it as a part of the page."""
        self._drawn += 1
        # Whoever asks for a report may have a look of their own: it is not the page's.
        with style.context(_STYLE, after_reset=True):
            figure = Figure(figsize=(width, height), layout=layout)
            draw(figure)
            out = io.StringIO()
            figure.savefig(out, format="svg", metadata=_NOTHING)
        return _inline(out.getvalue(), f"p{self._drawn}-")


def _bars(
    axes: Axes,
    left: Floats,
    width: float,
    foot: Floats,
    top: Floats,
    colour: str,
    label: str | None,
) -> None:
    """Draw bars as one shape: hundreds of them are slow one by one."""
    corners = [(left, foot), (left, top), (left + width, top), (left + width, foot)]
    shapes = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    bars = PolyCollection(list(shapes), facecolor=colour, lw=0.3, ec=colour, label=label)
    axes.add_collection(bars)
    axes.autoscale_view()


_COUNT = FuncFormatter(lambda y, _: f"{y:,.0f}" if abs(y) >= 1 or y == 0 else f"{y:g}")


def legend(axes: Axes, columns: int) -> None:
    """Put what the lines mean above a picture, in so many columns."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        borderaxespad=0.1,
        handlelength=1.2,
        columnspacing=1.2,
    )


def _moments(at: Floats) -> Any:
    return at.astype(np.int64).astype("datetime64[us]")


def _inline(svg: str, prefix: str) -> str:
    """Make an SVG file a part of a page: ids and colours of its own, no addresses."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?)\s+width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?)\s+height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("xlink:href", "href").replace("<svg", '<svg aria-hidden="true"', 1)
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}', svg)
    svg = svg.replace("url(#", f"url(#{prefix}")
    # The page says which letters.
    svg = re.sub(r"(font: [^;\"]*?px)[^;\"]*", r"\1 sans-serif", svg)
    for name, stand_in in COLOURS.items():
        svg = svg.replace(stand_in, f"var(--{name})")
    # Hundredths of a point are enough.
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)
    return re.sub(r">\s+<", "><", svg).strip()
