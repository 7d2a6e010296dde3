"""The server's page holds what was measured, and says under what load."""

import json

import pytest

from benches.serve import report


@pytest.fixture
def results():
    return json.loads(report.RESULTS.read_text())


def test_the_page_is_what_the_results_make_of_it(results):
    """`python -m benches.serve.report` was run after the last change of either."""
    text = report.PAGE.read_text()
    assert report.filled(text, results) == text


@pytest.mark.parametrize(
    ("sent", "seconds", "said"),
    [(98_768, 8.0, "at 12,346 requests"), (240_000, 8.0, "at 30,000 requests")],
)
def test_overload_is_told_at_the_rate_that_was_sent(results, sent, seconds, said):
    results["overload"] |= {"sent": sent, "seconds": seconds}
    (goal,) = (goal for goal in report.goals(results) if "429 and 503" in goal.what)
    assert goal.what.startswith(f"{said} a second, of 30,000 that were asked for: ")
    assert f"({sent / seconds:,.0f} a second)" in report.overload(results)
    assert (goal.measured, goal.met) == ("yes", True)
    results["overload"]["wrong"] = 1
    (goal,) = (goal for goal in report.goals(results) if "429 and 503" in goal.what)
    assert (goal.measured, goal.met) == ("no", False)
