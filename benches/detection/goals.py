"""What the project asks of its detection, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches.detection import episodes
from benches.detection.detectors import Detecting, Isolation, Series, Unrelated
from benches.detection.families import FAMILIES, adbench, card, handbook, nab
from benches.detection.paired import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.detection.record import Results

# Families as they are run.
ORDER = (*(family.name for family in FAMILIES), nab.NAME, episodes.NAME)
FIFTEEN, FOUR, NO_LABELS = handbook.FEATURES
WORDS = {"auc": "ROC AUC", "ap": "average precision", "cp100": "card precision at 100"}


@dataclass(frozen=True)
class Goal:
    """One figure asked for.

    Attributes
    ----------
    what : str
        In words.
    asked : float
        Least value, or greatest.
    family : str
        Whose cases must all have been run.
    measure : callable
        Finds the value in results; None if it was not measured.
    at_least : bool
        Whether more is better.
    is_asked : bool
        False for a figure beside the goals, which tells how far to trust one.
    """

    what: str
    asked: float
    family: str
    measure: Callable[[Results], float | None]
    at_least: bool = True
    is_asked: bool = True


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured: "met", "missed" or "not measured".

    What is not asked for is "above" or "below" instead.
    """

    goal: Goal
    found: float | None
    said: str


def judge(goal: Goal, results: Results) -> Verdict:
    """Compare a goal with its measured value."""
    is_through = results.is_through(goal.family, ORDER)
    found = goal.measure(results) if is_through else None
    if found is None:
        return Verdict(goal, None, "not measured")
    met = found >= goal.asked if goal.at_least else found <= goal.asked
    said = ("met", "missed") if goal.is_asked else ("above", "below")
    return Verdict(goal, found, said[0] if met else said[1])


def text(results: Results) -> str:
    """Lay the verdicts out for a terminal."""
    lines = ["Goals"]
    for verdict in (judge(goal, results) for goal in GOALS):
        lines.append(
            f"  {verdict.goal.what:76}{wanted(verdict.goal):>10}{shown(verdict):>10}  "
            f"{verdict.said}"
        )
    return "\n".join(lines)


def wanted(goal: Goal) -> str:
    """Write what is asked."""
    return f"{'≥' if goal.at_least else '≤'} {goal.asked:g}"


def shown(verdict: Verdict) -> str:
    """Write what was measured, with the digits that tell it from what is asked."""
    found = verdict.found
    if found is None:
        return ""
    return f"{found:.3g}" if verdict.goal.asked >= 1 else f"{found:.3f}"


def _mean(
    family: str, measure: str, detector: str = Detecting.name
) -> Callable[[Results], float | None]:
    return lambda results: results.mean(family, detector, measure)


def _won(measure: str) -> Callable[[Results], float | None]:
    def won(results: Results) -> float | None:
        found = compare(
            results.by_case(adbench.NAME, Detecting.name, measure),
            results.by_case(adbench.NAME, Isolation.name, measure),
        )
        return None if found is None else float(found.won)

    return won


def _p(measure: str) -> Callable[[Results], float | None]:
    def p(results: Results) -> float | None:
        found = compare(
            results.by_case(adbench.NAME, Detecting.name, measure),
            results.by_case(adbench.NAME, Isolation.name, measure),
        )
        return None if found is None else found.p

    return p


_NAB = (
    ("standard", "standard", 70),
    ("reward_low_FP_rate", "few false alerts", 60),
    ("reward_low_FN_rate", "few misses", 77),
)

GOALS: tuple[Goal, ...] = (
    *(
        Goal(f"ADBench: mean {WORDS[measure]}", asked, adbench.NAME, _mean(adbench.NAME, measure))
        for measure, asked in (("auc", 0.785), ("ap", 0.445))
    ),
    *(
        Goal(
            f"ADBench, {WORDS[measure]}: sets ahead of {Isolation.name}",
            21,
            adbench.NAME,
            _won(measure),
        )
        for measure in ("auc", "ap")
    ),
    *(
        Goal(
            f"ADBench, {WORDS[measure]}: p of the difference",
            0.05,
            adbench.NAME,
            _p(measure),
            at_least=False,
        )
        for measure in ("auc", "ap")
    ),
    Goal("card: ROC AUC", 0.958, card.NAME, _mean(card.NAME, "auc")),
    Goal(
        "card: average precision, linear relations watched", 0.62, card.NAME, _mean(card.NAME, "ap")
    ),
    Goal(
        "card: average precision, relations not watched",
        0.30,
        card.NAME,
        _mean(card.NAME, "ap", Unrelated.name),
    ),
    *(
        Goal(f"{family}: {WORDS[measure]}", asked, family, _mean(family, measure))
        for family, measure, asked in (
            (FIFTEEN, "auc", 0.85),
            (FIFTEEN, "ap", 0.33),
            (FOUR, "auc", 0.88),
            (FOUR, "ap", 0.60),
            (FOUR, "cp100", 0.29),
            (NO_LABELS, "ap", 0.29),
        )
    ),
    *(
        Goal(f"NAB, {words}", asked, nab.NAME, _mean(nab.NAME, profile, Series.name))
        for profile, words, asked in _NAB
    ),
    *(
        Goal(
            f"for information: NAB, {words}, {episodes.MEAN}",
            asked,
            episodes.NAME,
            _mean(episodes.NAME, profile, Series.name),
            is_asked=False,
        )
        for profile, words, asked in _NAB
    ),
)
