"""How many cases may open: for a thousand sessions, or a day."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fastrcf import InvalidParameterError
from fastrcf.cli.app import app
from fastrcf.telecom import generator, week
from fastrcf.telecom.budget import Budget
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.features import session_features

SPLIT = datetime(2026, 3, 6, tzinfo=UTC)
END = datetime(2026, 3, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Sessions and features of six days of 300 SIMs."""
    folder = tmp_path_factory.mktemp("budget")
    generator.generate(folder, generator.Parameters(sims=300, days=6, seed=4))
    sessions = week.read_sessions(folder)
    return sessions, session_features(sessions)


def fitted(made, **budget):
    sessions, features = made
    before = pl.col("start_ts") < SPLIT
    found = SessionDetector(random_state=7, n_trees=30, **budget)
    return found.fit(features.filter(before), sessions.filter(before))


@pytest.fixture(scope="module")
def few(made):
    return fitted(made, alerts_per_day=4)


def cases(made, detector):
    return detector.detect(made[1], made[0], since=SPLIT).alerts["case"].n_unique()


def test_a_day_opens_about_as_many_cases_as_asked(made, few):
    many = fitted(made, alerts_per_day=40)
    assert few.threshold > many.threshold
    # The days are made up with the same habits; nights and Sundays differ.
    assert 2 <= cases(made, few) / ((END - SPLIT) / timedelta(days=1)) <= 10
    assert 20 <= cases(made, many) / ((END - SPLIT) / timedelta(days=1)) <= 80


def test_a_day_is_as_many_sessions_as_it_has(made):
    """With the number of sessions of the calibration day the two budgets are the same."""
    last = made[1].filter(pl.col("start_ts") < SPLIT)["start_ts"].max()
    day = made[1].filter(
        pl.col("start_ts").is_between(last - timedelta(days=1), last, closed="right")
    )
    by_share = fitted(made, alerts_per_thousand=5.0, silence_share=0.0)
    by_day = fitted(made, alerts_per_day=5.0 * len(day) / 1000, silence_share=0.0)
    assert by_day.threshold == pytest.approx(by_share.threshold, rel=0.02)


def test_a_budget_is_kept_in_the_file(made, few, tmp_path):
    few.save(tmp_path / "day.rcf")
    again = SessionDetector.load(tmp_path / "day.rcf")
    assert again.alerts_per_day == 4
    assert again.alerts_per_thousand is None
    assert again.budget == Budget(alerts_per_day=4)
    sessions, features = made
    found, back = (one.detect(features, sessions, since=SPLIT) for one in (few, again))
    assert back.alerts.equals(found.alerts)


def test_a_file_of_before_has_a_budget(made):
    """Its notes know no budget of a day."""
    detector = fitted(made, alerts_per_thousand=2)
    model = detector._noted()
    notes = json.loads(model.notes["telecom"])
    assert notes.pop("alerts_per_day") is None
    model.notes = {"telecom": json.dumps(notes)}
    again = SessionDetector.loads(bytes(model))
    assert again.budget == Budget(2.0)
    assert again.threshold == detector.threshold


@given(st.floats(0.01, 100), st.integers(0, 10**7), st.integers(0, 10**6))
def test_cases_grow_with_what_is_counted(each, sessions, seconds):
    time = timedelta(seconds=seconds)
    assert Budget(each).cases(sessions, time) == pytest.approx(each * sessions / 1000)
    assert Budget(alerts_per_day=each).cases(sessions, time) == pytest.approx(
        each * seconds / 86_400
    )


def test_budgets_tell_what_they_count():
    assert Budget() == Budget(1.0)
    assert Budget(2).told() == ("alerts a thousand sessions", 2.0)
    assert Budget(alerts_per_day=30).told() == ("alerts a day", 30.0)
    starts = pl.Series([SPLIT, SPLIT + timedelta(hours=12)])
    assert Budget(alerts_per_day=30).cases_of(starts) == 15
    assert Budget(2).cases_of(starts) == 0.004
    assert Budget(2).cases_of(starts.clear()) == 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"alerts_per_thousand": 1, "alerts_per_day": 5}, "give one of them"),
        ({"alerts_per_day": 0}, "alerts_per_day: 0 is not above 0"),
        ({"alerts_per_day": -1}, "alerts_per_day: -1 is not above 0"),
        ({"alerts_per_day": float("nan")}, "alerts_per_day: nan"),
        ({"alerts_per_day": float("inf")}, "alerts_per_day: inf"),
        ({"alerts_per_thousand": 101}, "alerts_per_thousand: 101"),
    ],
)
def test_wrong_budgets_are_refused(given, why, tmp_path):
    with pytest.raises(InvalidParameterError, match=why):
        SessionDetector(**given)
    with pytest.raises(InvalidParameterError, match=why):
        week.run(tmp_path / "none", tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_pictures")
def test_the_command_takes_a_day(tmp_path):
    data, out = tmp_path / "data", tmp_path / "found"
    generator.generate(data, generator.Parameters(sims=100, days=4, seed=4))
    asked = ["sessions", "detect", str(data), "-o", str(out), "--alerts-per-day", "12"]
    told = CliRunner().invoke(app, [*asked, "--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["cases"] > 0
    assert SessionDetector.load(out / "sessions.rcf").alerts_per_day == 12
    page = (out / "report.html").read_text()
    assert "<dt>alerts a day</dt><dd>12.0</dd>" in page
    assert "alerts a thousand sessions" not in page
    both = CliRunner().invoke(app, [*asked, "--alerts-per-thousand", "1"])
    assert both.exit_code == 2
    assert "--alerts-per-thousand, --alerts-per-day: give one of them" in both.output
