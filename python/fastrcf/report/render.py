"""From facts to the page: what is said in words, pictures, and the template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from fastrcf.report import drift, words
from fastrcf.report.page import page
from fastrcf.report.plots import Plots

if TYPE_CHECKING:
    from fastrcf.report.facts import CategoryFacts, Facts, Level, NumberFacts

# Columns that have a histogram, and those that are listed at all; the most changed ones.
_DRAWN, _LISTED = 120, 400
# Columns, or sets of them, that carry alerts.
_CAUSES = 40


def render(facts: Facts) -> str:
    """Give the page as text."""
    return page(
        "template.html",
        filters={"name": _name, "rest": _rest},
        facts=facts,
        plots=_plots(facts),
        numbers=sorted(facts.numbers, key=lambda column: -column.index)[:_LISTED],
        n_shifted=_n_shifted(facts),
        causes=facts.causes[:_CAUSES],
        widest=max((r.share for row in facts.top for r in row.reasons), default=0.0) or 1.0,
        alerts_said=alerts_said(facts),
        chance=drift.chance_index(facts.data.n_rows, facts.model.n_fitted),
        shares=drift.SHARES,
        title=title(facts),
        called=words.plain(_base(facts.model.name)),
    )


def title(facts: Facts) -> str:
    """Say what the report is about."""
    sources = [name for name, _ in facts.data.files if name]
    if not sources:
        return "a table in memory"
    names = ["standard input" if name == "-" else _base(name) for name in sources]
    return words.listed(names, 2)


def _base(path: str) -> str:
    return re.split(r"[/\\]", path)[-1] or path


def alerts_said(facts: Facts) -> str:
    """Say in words how many alerts there are against how many were asked for."""
    alerts, n = facts.scores.alerts, facts.data.n_rows
    text = (
        f"{words.counted(alerts.rows, 'row')} of {n:,} {'is' if alerts.rows == 1 else 'are'} "
        f"above the threshold of {words.number(alerts.score)}: {words.share(alerts.found)}. "
        f"Asked for were {words.share(alerts.expected)}, which is {_amount(alerts.expected * n)} "
        "of so many rows. "
    )
    between = f"between {words.share(alerts.low)} and {words.share(alerts.high)}"
    return (
        text
        + {
            "as fitted": f"So many rows tell the share to be {between}, which agrees.",
            "more": f"Chance does not explain it: the share of rows like these is {between}.",
            "fewer": f"Chance does not explain so few: the share of rows like these is {between}.",
        }[alerts.reading]
    )


def _amount(rows: float) -> str:
    return f"about {rows:,.0f}" if rows >= 1 else "less than one"


def level_said(level: Level) -> str:
    """Say how a share above a score compares with the fitted one."""
    return {"as fitted": "as fitted", "more": "more than fitted", "fewer": "fewer than fitted"}[
        level.reading
    ]


def _n_shifted(facts: Facts) -> int:
    columns: list[NumberFacts | CategoryFacts] = [*facts.numbers, *facts.categories]
    return sum(column.reading.endswith("shifted") for column in columns)


def _name(text: str) -> Markup:
    """Write a name that a line may be broken in where its words end."""
    parts = re.split(r"(?<=[_./-])", words.plain(text))
    return Markup("<wbr>").join(parts)


def _rest(text: str, column: str) -> str:
    """Leave out of a sentence the column and value that stand beside it."""
    start = f"{column}: "
    if text.startswith(f"{column} = "):
        start = text[: text.find(": ", len(column) + 3) + 2]
    shown = text.removeprefix(start)
    return words.plain(shown or text)


def _plots(facts: Facts) -> dict[str, Any]:
    plots, scores = Plots(), facts.scores
    drawn: dict[str, Any] = {
        "spread": Markup(plots.spread(scores)),
        "course": Markup(plots.course(scores.course, scores.alerts.score, scores.alerts.expected)),
        "tail": Markup(plots.tail(scores)),
        "curve": None,
    }
    if facts.labels is not None and len(facts.labels.recall):
        prevalence = facts.labels.evaluation.prevalence.value or 0.0
        drawn["curve"] = Markup(plots.curve(facts.labels, prevalence))
    shown = sorted(facts.numbers, key=lambda column: -column.index)[:_DRAWN]
    drawn["columns"] = {column.name: Markup(plots.column(column)) for column in shown}
    return drawn
