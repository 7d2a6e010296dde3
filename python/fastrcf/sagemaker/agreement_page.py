"""The page of an agreement: the look and the pictures of this package's reports."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
import numpy as np
from markupsafe import Markup

import fastrcf
from fastrcf.report import words
from fastrcf.report.plots import COLOURS, Plots, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fastrcf._typing import Floats
    from fastrcf.sagemaker.agreement import AgreementReport

SIGNS = {"high": "▲", "low": "▼", "rare": "◆", "common": "◇"}
HEADINGS = {
    "agree": "The two agree",
    "differ": "The two differ",
    "undecided": "Too little to decide",
}
WHAT = {
    "scale": "the factor that brings our scores nearest to theirs",
    "correlation": "of scores",
    "rank": "of ranks (Spearman)",
    "overlap": "share of their highest rows that are among our highest",
    "rmse": "root of the mean squared difference",
}


def render(report: AgreementReport) -> str:
    """Give the page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=words.number, share=words.share, plain=words.plain)
    environment.globals.update(counted=words.counted)
    style = files("fastrcf.report").joinpath("style.css").read_text(encoding="utf-8")
    plots = AgreementPlots()
    page = environment.get_template("agreement.html").render(
        report=report,
        style=Markup(style),
        quantiles=Markup(plots.quantiles(report)),
        points=Markup(plots.points(report)),
        heading=HEADINGS[report.verdict],
        what=WHAT,
        signs=SIGNS,
        widest=max((c.share for one in report.worst for c in one.causes), default=0.0) or 1.0,
        version=fastrcf.__version__,
        made=datetime.now(UTC),
    )
    # A figure and its unit stay in one line.
    return re.sub(r"(?<=\d) %", "\u00a0%", page).rstrip() + "\n"


def _part(name: str) -> str:
    return files("fastrcf.sagemaker").joinpath(name).read_text(encoding="utf-8")


class AgreementPlots(Plots):
    """Draws both sides against each other; equal scores lie on the diagonal."""

    def quantiles(self, report: AgreementReport) -> str:
        """Draw the scores that the same shares of rows are below."""

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            _diagonal(axes, report.quantiles)
            axes.plot(
                *report.quantiles.T, ".-", ms=4, lw=1, color=COLOURS["data"], label="quantiles"
            )
            _cutoffs(axes, report)
            axes.set(xlabel="score, ours", ylabel="score, theirs")
            legend(axes, 3)

        return self.picture(draw, 5.2, 4.2)

    def points(self, report: AgreementReport) -> str:
        """Draw rows by their two scores."""

        def draw(figure: Figure) -> None:
            axes = figure.subplots()
            _diagonal(axes, report.points)
            axes.plot(*report.points.T, ".", ms=4, color=COLOURS["alert"], mec="none", label="rows")
            _cutoffs(axes, report)
            axes.set(xlabel="score, ours", ylabel="score, theirs")
            legend(axes, 3)

        return self.picture(draw, 5.2, 4.2)


def _diagonal(axes: Axes, points: Floats) -> None:
    low, high = float(np.min(points)), float(np.max(points))
    axes.plot([low, high], [low, high], ls="--", lw=1, color=COLOURS["fit"], label="equal scores")


def _cutoffs(axes: Axes, report: AgreementReport) -> None:
    axes.axvline(report.ours_cutoff, color=COLOURS["ink"], lw=0.8, ls=":", label="cutoffs")
    axes.axhline(report.theirs_cutoff, color=COLOURS["ink"], lw=0.8, ls=":")
