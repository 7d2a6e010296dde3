"""How the bench of the local cloud holds its own generator to what was asked."""

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from benches.stack.report import traffic_goals


def run(due=1000, good=1000, failed=0, stored=1000, p99=3.2, off=-0.001):
    return {
        "traffic": {
            "requests": {"due": due, "sent": due, "good": good, "failed": failed},
            "latency_ms": {"from_due": {"p99": p99}},
            "rate": {"off": off},
        },
        "stored": stored,
        "cpu_ms": 0.5,
    }


@pytest.mark.parametrize(
    ("given", "met"),
    [
        ({}, [True, True, True]),
        ({"off": -0.021}, [False, True, True]),
        ({"p99": 25.0}, [True, False, True]),
        ({"good": 999, "failed": 1, "stored": 999}, [True, True, False]),
        ({"stored": 999}, [True, True, False]),
        # Some were never sent: what was sent went well.
        ({"due": 1001}, [True, True, False]),
    ],
)
def test_rate_latency_and_every_result_count(given, met):
    goals = traffic_goals({"traffic": {"iam": run(**given)}})
    assert [goal.met for goal in goals] == met
    assert all("fastrcf traffic, iam" in goal.what for goal in goals)


def test_results_without_that_lane_have_no_such_goals():
    assert traffic_goals({}) == []
