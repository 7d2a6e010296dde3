"""Pictures of a week of sessions; no text of the data is in them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, NullFormatter

from fastrcf.report.plots import COLOURS, Plots, legend
from fastrcf.telecom.saying import volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fastrcf.telecom.report.facts import Curve, FamilyFacts, Line, ScoreFacts, WeekFacts

_COUNT = FuncFormatter(lambda y, _: f"{y:,.0f}")


class SessionPlots(Plots):
    """Draws sessions along time, scores and curves."""

    def week(self, week: WeekFacts) -> str:
        """Draw sessions by the hour, and those above the threshold below."""
        at = np.append(week.hours, week.hours[-1] + 1).astype("datetime64[s]")

        def draw(figure: Figure) -> None:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
            upper.stairs(week.counts, at, fill=True, color=COLOURS["data"], label="sessions")
            lower.stairs(week.alerting, at, fill=True, color=COLOURS["alert"])
            for axes in (upper, lower):
                if week.judged_from is not None and week.judged_from > week.first:
                    start = np.datetime64(week.judged_from.replace(tzinfo=None), "s")
                    axes.axvline(
                        start, color=COLOURS["ink"], lw=1, ls="--", label="judged from here"
                    )
                axes.set_ylim(bottom=0)
                axes.yaxis.set_major_formatter(_COUNT)
            upper.set_ylabel("sessions an hour")
            lower.set_ylabel("above threshold")
            lower.set_xlim(at[0], at[-1])
            legend(upper, 2)
            _dates(lower, 8)

        return self.picture(draw, 7.2, 3.4)

    def family(self, family: FamilyFacts) -> str:
        """Draw a family's sessions by the hour, small."""

        def draw(figure: Figure) -> None:
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            axes.stairs(family.hours, fill=True, color=COLOURS["data"], lw=0)
            axes.set_xlim(0, len(family.hours))
            axes.set_ylim(0, 1.05 * max(1, int(family.hours.max())))

        return self.picture(draw, 1.7, 0.42, layout=None)

    def scores(self, scores: ScoreFacts) -> str:
        """Draw how many sessions have which score."""

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            for counts, name, label in (
                (scores.usual, "data", "sessions"),
                (scores.alerting, "alert", "above the threshold"),
            ):
                axes.stairs(
                    np.maximum(counts, 0.5) * (counts > 0) + 0.5 * (counts == 0),
                    scores.edges,
                    baseline=0.5,
                    fill=True,
                    color=COLOURS[name],
                    label=label,
                )
            if scores.threshold is not None:
                axes.axvline(
                    scores.threshold, color=COLOURS["ink"], lw=1.2, ls="--", label="threshold"
                )
            axes.set_yscale("log")
            axes.set_ylim(bottom=0.5)
            axes.yaxis.set_major_formatter(_COUNT)
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set(xlabel="score", ylabel="sessions")
            legend(axes, 3)

        return self.picture(draw, 6.4, 2.9)

    def line(self, line: Line) -> str:
        """Draw a SIM's sessions about an alert, by volume."""

        def draw(figure: Figure) -> None:
            # Placed by hand: a layout that is found costs ten times as much, and there are many.
            axes = figure.add_axes((0.135, 0.15, 0.85, 0.81))
            start, end = line.opened.replace(tzinfo=None), line.last.replace(tzinfo=None)
            wide = timedelta(minutes=30)
            shaded: Any = (start - wide, max(end, start) + wide)
            axes.axvspan(*shaded, color=COLOURS["soft"], lw=0)
            size = np.log10(np.maximum(line.bytes, 1))
            for stood, name, mark in ((False, "data", 3.5), (True, "alert", 6.0)):
                some = line.stood_out == stood
                axes.plot(line.at[some], size[some], ".", ms=mark, color=COLOURS[name], mec="none")
            high = max(3.0, float(size.max()) if len(size) else 0.0)
            step = 1 if high < 4 else 2 if high < 7.5 else 3
            ticks = np.arange(0, high + 1, step)
            axes.set_yticks(ticks, [volume(10.0**tick) for tick in ticks])
            axes.set_ylim(-0.4, high + 0.5)
            first, last = (
                np.append(line.at, np.datetime64(end)).min(),
                np.append(line.at, np.datetime64(end)).max(),
            )
            days = np.arange(
                first.astype("datetime64[D]"), last.astype("datetime64[D]") + 1, dtype="M8[D]"
            )
            days = days[:: 1 + len(days) // 6]
            axes.set_xticks(
                days.astype("datetime64[s]"),
                [day.item().strftime("%d %b").lstrip("0") for day in days],
            )
            margin = (last - first) / 50 + np.timedelta64(1, "h")
            axes.set_xlim(first - margin, last + margin)

        return self.picture(draw, 4.5, 1.75, layout=None)

    def precision(self, curve: Curve) -> str:
        """Draw precision by recall."""

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            axes.step(
                np.append(0.0, curve.recall),
                np.append(curve.precision[:1], curve.precision),
                where="pre",
                color=COLOURS["data"],
                lw=1.4,
                label="by score",
            )
            axes.axhline(
                curve.prevalence, color=COLOURS["fit"], lw=1, ls=":", label="without skill"
            )
            if curve.at is not None:
                axes.plot(*curve.at, "o", ms=7, color=COLOURS["alert"], label="at the threshold")
            axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
            legend(axes, 3)

        return self.picture(draw, 6.4, 2.9)


def _dates(axes: Axes, most: int) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=most)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
