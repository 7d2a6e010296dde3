"""The bench of sessions: its results, and the page that is made of them."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from benches.telecom import missed, others, report
from benches.telecom.detection import RULED, judge
from benches.telecom.record import OURS, RESULTS, Results, WeekResult
from fastrcf.telecom import week
from fastrcf.telecom.generator import Parameters, generate

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def small():
    """One small week, judged by all, and by somebody who is not installed."""

    def lacks(train, judged, random_state):
        raise ImportError("no module", name="nobody")

    results = Results("2026-03-01T00:00:00", {"cores": 2, "versions": {}}, 160, 4, 3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(others.OTHERS, "nobody's", lacks)
        judge(results, 3)
    return results


def test_the_page_is_what_the_results_make_of_it():
    """`python -m benches.telecom.report` was run after the last change of results or page."""
    text = (ROOT / report.PAGE).read_text()
    assert report.filled(text, Results.load()) == text
    assert all(f"<!-- bench:{name} -->" in text for name in report.PARTS)


def test_committed_results_have_every_detector():
    results = Results.load(RESULTS)
    rules = {"rule: volume", "rule: rate", "rule: change"}
    assert {OURS, "IsolationForest", "one-class SVM"} | rules <= set(results.names)
    # Whoever lacks is told.
    assert "pyod ECOD" in results.names or "pyod ECOD" in results.absent
    assert len(results.kinds) == 9


def test_all_are_judged_on_the_same_days_at_the_same_budget(small):
    (week,) = small.weeks
    assert {"rule: volume", "rule: rate", "rule: change", "IsolationForest"} < set(week.detectors)
    ours = week.detectors[OURS]
    for one in week.detectors.values():
        assert one["sessions"] == week.judged < week.sessions
        assert one["labelled"] == week.labelled
        assert one["cases"] <= ours["cases"]
        assert [k["incidents"] for k in one["kinds"]] == [k["incidents"] for k in ours["kinds"]]


def test_the_confusion_has_every_alert(small):
    (week,) = small.weeks
    counts = small.confusion
    assert sum(n for row in counts.values() for n in row.values()) == week.detectors[OURS]["alerts"]
    false = week.detectors[OURS]["alerts"] - week.detectors[OURS]["true_alerts"]
    assert sum(counts[""].values()) == false
    assert f"| {report.NONE} |" in report.confusion(small)


def test_results_come_back(small, tmp_path):
    small.save(tmp_path / "telecom.json")
    again = Results.load(tmp_path / "telecom.json")
    for part in report.PARTS.values():
        assert part(again) == part(small)
    assert json.loads((tmp_path / "telecom.json").read_text())["weeks"][0]["seed"] == 3


def test_weeks_are_put_together():
    def of(found, delays):
        kind = {"kind": "clone", "incidents": 4, "found": found, "delays_hours": delays}
        value = {"value": 0.5, "low": 0.4, "high": 0.6}
        counts = {"alerts": 8, "true_alerts": 2, "cases": 4, "true_cases": 1}
        return {**counts, "sessions": 4000, "average_precision": value, "kinds": [kind]}

    plain = {"sessions": 9000, "judged": 4000, "labelled": 9, "until": "", "seconds": 1.0}
    results = Results("2026-03-01", {"cores": 2, "versions": {}}, 10, 7, 1.0)
    for seed, found, delays in ((1, 3, [1.0, 2.0, 9.0]), (2, 1, [0.25])):
        results.weeks.append(WeekResult(seed=seed, detectors={OURS: of(found, delays)}, **plain))
    assert results.found(OURS) == results.found(OURS, "clone") == (4, 8)
    assert results.delay_hours(OURS, "clone") == 1.5
    assert results.delay_hours(OURS, "botnet") is None
    row = report.overall(results).splitlines()[2]
    assert row == (
        f"| {OURS} | 0.50 (0.40 to 0.60) | 0.50 (0.40 to 0.60) | 2.00 | 1.00 "
        "| 0.25 (4 of 16) | 0.25 (2 of 8) | 1.5 h |"
    )
    assert "| clone | 8 | 0.50 (0.22 to 0.78) | 4 |" in report.recall(results)
    assert report.delay(results).splitlines()[-1] == "| clone | 1.5 h |"


def test_what_is_not_installed_is_told(small):
    assert small.absent["nobody's"] == "nobody is not installed"
    assert "nobody's" not in small.names
    alone = replace(small, absent={"nobody's": "nobody is not installed"})
    assert "Left out: nobody's, nobody is not installed." in report.measured(alone)


@pytest.mark.parametrize("name", others.OTHERS)
def test_others_rank_what_is_far_away_first(name):
    if "pyod" in name:
        pytest.importorskip("pyod")
    rng = np.random.default_rng(1)
    train, judged = rng.normal(size=(3000, 4)), rng.normal(size=(500, 4))
    judged[7] += 9
    train[5, 2] = judged[9, 1] = np.nan
    scores = others.OTHERS[name](train, judged, 0)
    assert scores.shape == (500,)
    assert scores.argmax() == 7


def test_ecod_is_given_no_gaps(monkeypatch):
    """As pyod is called, where it is not installed."""

    class Fake:
        def fit(self, table):
            assert np.isfinite(table).all()
            self.usual = table.mean(axis=0)
            return self

        def decision_function(self, table):
            return np.abs(table - self.usual).sum(axis=1)

    for name in ("pyod", "pyod.models", "pyod.models.ecod"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules["pyod.models.ecod"], "ECOD", Fake, raising=False)
    train, judged = np.zeros((9, 2)), np.array([[0.0, np.nan], [3.0, 0.0]])
    train[0, 1] = np.nan
    assert others.ecod(train, judged, 0).tolist() == [0.0, 3.0]


def test_what_was_missed_is_told(tmp_path):
    generate(tmp_path / "data", Parameters(sims=160, days=4, seed=3, fraud=3.0))
    run = week.run(tmp_path / "data", tmp_path / "out", random_state=3, compare=False)
    known = pl.read_parquet(tmp_path / "data" / "incidents.parquet")
    sessions = week.read_sessions(tmp_path / "data", RULED)
    told = {kind: missed.told(run, sessions, known, kind) for kind in ("botnet", "reconnect_storm")}
    assert all(len(each) for each in told.values())
    recall = {one.kind: one.recall.value for one in run.evaluation.kinds}
    for kind, each in told.items():
        assert each["found"].mean() == pytest.approx(recall[kind])
        assert (each["times_sessions"] > 1).all()
        assert each["above"].is_between(0, 160).all()
        # Whoever is missed has healthy SIMs above, since some of these alert.
        assert (each.filter(~pl.col("found"))["above"] > 0).all()
