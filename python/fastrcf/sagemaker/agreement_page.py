"""The page of an agreement: the look and the pictures of this package's reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from fastrcf.report.page import page
from fastrcf.report.plots import COLOURS, Plots, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fastrcf._typing import Floats
    from fastrcf.sagemaker.agreement_report import AgreementReport

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
    plots = AgreementPlots()
    return page(
        "agreement.html",
        "fastrcf.sagemaker",
        report=report,
        quantiles=Markup(plots.quantiles(report)),
        points=Markup(plots.points(report)),
        heading=HEADINGS[report.verdict],
        what=WHAT,
        widest=max((c.share for one in report.worst for c in one.causes), default=0.0) or 1.0,
        made=datetime.now(UTC),
    )


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
