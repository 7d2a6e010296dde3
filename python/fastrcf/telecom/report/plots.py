"""Pictures of a week of sessions; no text of the data is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def spread(self, scores: ScoreFacts) -> str:
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
            axes = figure.subplots()
            start, end = (
                np.datetime64(when.replace(tzinfo=None), "s") for when in (line.opened, line.last)
            )
            wide = np.timedelta64(20, "m")
            axes.axvspan(start - wide, max(end, start) + wide, color=COLOURS["soft"], lw=0)
            size = np.maximum(line.bytes, 1)
            for stood, name, mark, label in (
                (False, "data", 3.0, "session"),
                (True, "alert", 5.0, "stood out"),
            ):
                some = line.stood_out == stood
                if some.any():
                    axes.plot(
                        line.at[some],
                        size[some],
                        ".",
                        ms=mark,
                        color=COLOURS[name],
                        mec="none",
                        label=label,
                    )
            axes.set_yscale("log")
            low, high = int(size.min()) if len(size) else 1, int(size.max()) if len(size) else 1
            axes.set_ylim(low / 3, max(high * 3, low * 100))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: volume(y) if y >= 1 else ""))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.tick_params(which="minor", length=0)
            _dates(axes, 5)
            if len(size):
                legend(axes, 2)

        return self.picture(draw, 5.2, 1.75)

    def curve(self, curve: Curve) -> str:
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
            axes.axhline(curve.prevalence, color=COLOURS["fit"], lw=1, ls=":", label="without skill")
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
