"""From facts to the page."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from fastrcf.report import words
from fastrcf.report.page import page
from fastrcf.telecom import catalogue, saying, tell
from fastrcf.telecom.place_hours import LEVELS
from fastrcf.telecom.report.plots import SessionPlots
from fastrcf.telecom.surprise import MOST

if TYPE_CHECKING:
    from fastrcf.detection import Reason
    from fastrcf.telecom.report.facts import Facts

#: Cases that are told in full, alerts of each, cases that are open, that are named at the top, and
#: that are listed below.
TOLD, EACH, OPEN, FIRST, LISTED = 30, 2, 3, 8, 300
#: Places at hours that stand out, of each kind.
PLACES = 8


def render(facts: Facts) -> str:
    """Give the page as text."""
    plots = SessionPlots()
    scores, curve = facts.scores, facts.curve
    drawn = [story.alert for case in facts.cases[:TOLD] for story in case.stories[:EACH]]
    return page(
        "template.html",
        "fastrcf.telecom.report",
        filters={
            "volume": saying.volume,
            "amount": saying.amount,
            "lasting": saying.lasting,
            "moment": saying.moment,
            "name": saying.name,
            "short": saying.short,
            "kind": tell.title,
            "feature": _feature,
            "there": tell.place,
            "unlogged": _unlogged,
            "usually": _usually,
        },
        facts=facts,
        own_style=Markup(files("fastrcf.telecom.report").joinpath("style.css").read_text("utf-8")),
        plots={
            "week": Markup(plots.week(facts.week)),
            "families": [Markup(plots.family(one)) for one in facts.week.families],
            "spread": None if scores is None else Markup(plots.scores(scores)),
            "curve": None if curve is None else Markup(plots.precision(curve)),
            "lines": {a: Markup(plots.line(facts.lines[a])) for a in drawn if a in facts.lines},
        },
        told=facts.cases[:TOLD],
        listed=facts.cases[TOLD : TOLD + LISTED],
        network=[
            one
            for level in LEVELS
            for one in [hours for hours in facts.network if hours.level == level][:PLACES]
        ],
        n_alerts=sum(n for _, n in facts.kinds),
        each=EACH,
        opened=OPEN,
        first=FIRST,
        some=words.listed,
        most=2 * MOST,
    )


_FEATURES = {feature.name: feature for feature in catalogue.FEATURES}
_LOG = "ln(1 + "
_SHARE = "_share_"


def _feature(column: str) -> str:
    """Say what a feature tells."""
    names = list(_FEATURES)
    if column not in _FEATURES:
        return ""
    at = names.index(column)
    # "The same" is said of the one before.
    while at and _FEATURES[names[at]].meaning.startswith("the same"):
        at -= 1
    return _FEATURES[names[at]].meaning


def _unlogged(value: float, column: str) -> str:
    """Write a feature's value as people say it: in the unit behind its logarithm, times, shares."""
    feature = _FEATURES.get(column)
    if feature is None:
        return words.number(value)
    if feature.unit == "ln":
        return f"{saying.amount(math.exp(min(value, 700.0)))} \u00d7"
    if feature.unit == "0 or 1":
        return "yes" if value >= 0.5 else "no"
    if not feature.unit and _SHARE in f"{column}_":
        return f"{saying.amount(round(100 * value, 1))} %"
    if not feature.unit.startswith(_LOG):
        return words.number(value)
    plain, unit = math.expm1(min(value, 700.0)), feature.unit[len(_LOG) : -1]
    if unit == "bytes":
        return saying.volume(plain)
    if unit == "bytes/s":
        return f"{saying.volume(plain)}/s"
    return saying.lasting(plain) if unit == "s" else f"{saying.amount(plain)} {unit}"


def _usually(reason: Reason) -> str:
    """Write between which values a feature usually is, their unit once."""
    if reason.usual_low is None or reason.usual_high is None:
        return ""
    low, high = (_unlogged(one, reason.column) for one in (reason.usual_low, reason.usual_high))
    if low == high:
        return low
    (first, _, unit), (_, _, other) = low.partition(" "), high.partition(" ")
    return f"{first if unit == other else low} to {high}"
