"""What a missed ratio would take."""

from dataclasses import replace

import pytest

from benches import goals, reach
from benches.profile import Profile
from tests.benches.made import results

PROFILE = Profile("score a table", 8, {}, {"boxes": 0.6, "leaves": 0.05, "rest": 0.35}, "avx2")


def test_what_has_to_go_stands_beside_what_takes_the_time(monkeypatch):
    (java,) = (g for g in goals.GOALS if g.what == "score, d = 8: times as fast as AWS Java 4.3.0")
    has = goals.judge(java, results()).found.middle
    monkeypatch.setattr(goals, "GOALS", [replace(java, asked=has * 4)])
    (line,) = reach.table(results(), [PROFILE]).splitlines()[2:]
    assert line.endswith("| 75% | boxes 60% |")


def test_what_is_met_or_has_no_profile_is_left_out():
    assert reach.table(results(), []) == "No ratio to a peer is missed."
    assert "| 8" not in reach.table(results(), [replace(PROFILE, width=9)])


@pytest.mark.parametrize("what", ["one row, frozen, in Rust, d = 8", "wheel"])
def test_other_goals_are_no_ratios(what):
    (goal,) = (g for g in goals.GOALS if g.what == what)
    assert reach._profile(goals.judge(goal, results()), [PROFILE]) is None
