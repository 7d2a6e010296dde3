"""The local notebook, run from a clean kernel: what it says is so."""

import json
import re

import polars as pl
import pytest

pytest.importorskip("jupytext", reason="the notebooks' tools are not installed")

from fastrcf.telecom import generator, schema, week
from fastrcf.telecom.detection import SessionDetector
from tests import browser
from tests.notebooks.executed import Executed

# Whichever test is first waits for the run.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(800)]

NAME = "local_fraud_detection_1week"
PICTURES = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """About 150,000 sessions, with three times the usual incidents."""
    folder = tmp_path_factory.mktemp("local")
    return Executed(NAME, folder, 600, sims=1_500, fraud=3.0, budget=2.0)


def test_it_runs_and_shows_what_it_should(run):
    run.check(PICTURES)
    assert 120_000 < run.figures["sessions"] < 200_000
    assert run.figures["recall"] > 0.6
    assert run.figures["average precision"] > 0.4
    assert 0.4 < run.figures["cases"] / (2e-3 * run.figures["judged"]) < 1.6
    assert run.figures["stream difference"] < 1e-9
    said = run.text()
    assert f"{run.figures['sessions']:,} sessions of 1,500 SIMs" in said
    assert "Nothing is known of a load." in said
    assert "What really happened is known." in said
    assert f"{run.figures['cases']:,} cases" in said
    # Three cases of three kinds, in words, each with its reasons.
    told = re.findall(r"^(\d)\. ((?:Probably|Silent|Unusual)[\w ,]*)", said, re.M)
    assert [number for number, _ in told] == ["1", "2", "3"]
    assert len({kind for _, kind in told}) == 3
    assert len(re.findall(r"^ +\d+ %  \w+: ", said, re.M)) >= 6


def test_it_leaves_what_it_says(run):
    alerts = pl.read_parquet(run.out / "alerts.parquet")
    assert len(alerts) == run.figures["alerts"]
    assert alerts["case"].n_unique() == run.figures["cases"]
    detector = SessionDetector.load(run.out / "sessions.rcf")
    features = week.read_features(run.out / "features", detector.features)
    assert len(features) == run.figures["sessions"]
    found = detector.detect(features, since=week.split(features))
    scored = alerts.filter(pl.col("score").is_not_null())
    assert found.alerts["sim_id"].to_list() == scored["sim_id"].to_list()
    assert (run.out / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_its_tables_hold_what_was_found(run):
    tables = run.tables()
    kinds = next(table for table in tables if "hours_to_detection" in table)
    assert kinds.count("<tr>") == 10
    rivals = next(table for table in tables if "isolation forest" in table)
    assert "rule: volume" in rivals
    budgets = next(table for table in tables if "alerts a thousand sessions" in table)
    found = [
        int(n) for n in re.findall(r">(\d+)</td><td[^>]*>\d+</td><td[^>]*>\d+</td></tr>", budgets)
    ]
    assert len(found) == 5
    # A larger budget finds no less.
    assert found == sorted(found)
    assert found[-1] > found[0]


def test_its_page_is_quiet_and_needs_no_network(run, tmp_path):
    with browser.browser() as chromium:
        seen = browser.visit(chromium, run.path, shot=tmp_path / "page.png")
    assert seen.errors == []
    assert [line for line in seen.said if line.startswith("error")] == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.width <= seen.shown
    assert seen.texts > 15_000


def test_nobody_needs_to_know_what_happened(tmp_path):
    # As an operator may have it: no labels, and no more than the columns that must be there.
    made = tmp_path / "made"
    generator.generate(made, generator.Parameters(sims=150, days=4, seed=2, fraud=4.0))
    sessions = week.read_sessions(made, schema.REQUIRED)
    (tmp_path / "data").mkdir()
    sessions.write_parquet(tmp_path / "data" / "records.parquet")
    # As a load leaves it.
    aside = {"no SIM": {"count": 1_200, "rows": []}, "unreadable time": {"count": 34, "rows": []}}
    (tmp_path / "data" / "load.json").write_text(json.dumps({"put_aside": aside}))
    run = Executed(NAME, tmp_path, 600, budget=5.0)
    run.check(5)
    assert "Nobody knows what happened" in run.text()
    assert "The load put 1,234 records aside:" in run.text()
    assert any("unreadable time</td>" in table for table in run.tables())
    report = (run.out / "report.html").read_text()
    assert re.search(r"records put aside on load</dt><dd>1,234<", report)
    assert re.search(r"no SIM</th><td[^>]*>1,200<", report)
    assert "recall" not in run.figures
    assert run.figures["sessions"] == len(sessions)
    assert run.figures["alerts"] > 0
    assert run.figures["stream difference"] < 1e-9


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_million_sessions(tmp_path):
    run = Executed(NAME, tmp_path, 1_500, sims=10_000)
    run.check(PICTURES)
    assert run.figures["sessions"] > 1_000_000
    assert run.figures["recall"] > 0.7
    assert run.figures["average precision"] > run.figures["isolation forest"]["average precision"]
    assert 0.6 < run.figures["cases"] / (1e-3 * run.figures["judged"]) < 1.6
