"""The whole bench on made-up data: it measures, goes on without what fails, and reports."""

import json
from pathlib import Path

import pytest

from benches.detection import goals, measure, report, run, tables
from benches.detection.detectors import Isolation, TableDetector, forest, isolation
from benches.detection.detectors.detector import Detecting
from benches.detection.detectors.forest import Raw
from benches.detection.detectors.streams import Value, ValueAndTime
from benches.detection.families import FAMILIES, nab
from benches.detection.record import Results
from benches.engines.protocol import Unavailable

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Detectors that take little to import and run."""
    for module in (forest, isolation):
        monkeypatch.setattr(module, "N_TREES", 20)
    monkeypatch.setattr(measure, "TABLES", (Detecting, Raw, Isolation))
    monkeypatch.setattr(measure, "STREAMS", (ValueAndTime, Value))


@pytest.fixture
def bench(tmp_path, made_data):
    def measured(*options):
        out = tmp_path / "results.json"
        code = run.main(["--seeds", "1", "--out", str(out), *options])
        return code, Results.load(out) if out.exists() else None

    return measured


def test_every_family_is_measured_and_reported(bench, tmp_path, capsys):
    code, results = bench()
    assert code == 0
    assert results.failed == results.absent == {}
    for family in FAMILIES:
        assert results.detectors(family.name) == [Detecting.name, Raw.name, Isolation.name]
        # What is planted is far away.
        assert results.mean(family.name, Raw.name, "auc") > 0.6
    assert results.mean(nab.NAME, Value.name, "standard") > 60
    assert results.detectors(nab.NAME) == [ValueAndTime.name, Value.name]
    assert "ADBench" in capsys.readouterr().out

    page = "\n".join(
        f"<!-- bench:{name} -->\n<!-- /bench:{name} -->"
        for name in ("machine", "goals", "tables", "sets", "series", "settings")
    )
    once = report.filled(page, results)
    assert report.filled(once, results) == once
    assert "stopped before its end" not in once
    results.has_ended = False
    assert "stopped before its end" not in report.filled(page, results)
    results.found = [one for one in results.found if one.family in ("ADBench", "card")]
    assert "stopped before its end" in report.filled(page, results)
    said = {goal.what: goals.judge(goal, results).said for goal in goals.GOALS}
    # Of the last family begun nobody knows whether it was all.
    assert said["ADBench: mean ROC AUC"] == "met"
    assert said["card: ROC AUC"] == "not measured"
    assert "| other | published | 12.5 | 12.5 | 12.5 |" in once
    assert "| null |" not in once
    assert "| first | 120 x 3 | 5.0% |" in once

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "detection.md").write_text(page)
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    arguments = ["--results", str(tmp_path / "results.json"), "--root", str(tmp_path)]
    pictures = []
    for _ in range(2):
        assert report.main(arguments) == 0
        found = sorted((tmp_path / "docs" / "figures").glob("*.svg"))
        pictures.append([path.read_bytes() for path in found])
    assert len(pictures[0]) == 3
    assert pictures[0] == pictures[1]


def test_data_that_is_absent_is_named_and_left_out(bench, made_data, capsys):
    (made_data / "ecg" / "MBA_ECG805_data.out").unlink()
    code, results = bench("--only", "C")
    assert code == 0
    assert results.absent == {"ECG": "no ecg/MBA_ECG805_data.out (set FASTRCF_DATA)"}
    assert {one.family for one in results.found} == {"CICIDS"}
    assert "left out: ECG: no ecg" in capsys.readouterr().out


def test_detectors_that_cannot_run_or_fail_do_not_stop_the_others(bench, monkeypatch):
    class Missing(Raw):
        name = "missing"

        def __init__(self, seed):
            raise Unavailable("not installed")

    class Failing(TableDetector):
        name = "failing"

        def fit(self, rows):
            raise RuntimeError("no more")

        def score(self, rows):
            raise AssertionError("never fitted")

    monkeypatch.setattr(measure, "TABLES", (Missing, Failing, Raw))
    code, results = bench("--only", "CICIDS", "--seeds", "1", "2")
    assert code == 0
    assert results.absent == {"missing": "not installed"}
    assert results.failed == {
        f"CICIDS, {share}% attacks: failing": "RuntimeError: no more" for share in (2, 20)
    }
    assert {(one.detector, one.seed) for one in results.found} == {(Raw.name, 1), (Raw.name, 2)}
    assert len(results.by_seed("CICIDS", Raw.name, "auc")) == 2
    assert "failing" in "".join(tables.missing(results))


def test_slow_detectors_keep_away_from_large_tables(bench, monkeypatch):
    class Slow(Raw):
        name = "slow"
        is_fast = False

    monkeypatch.setattr(measure, "TABLES", (Raw, Slow))
    _, results = bench("--only", "handbook, no labels")
    assert {one.detector for one in results.found} == {Raw.name}


def test_a_stopped_run_goes_on(bench, tmp_path, monkeypatch, capsys):
    on_table = run.on_table

    def stopped(case, *arguments, **options):
        if case.name == "second":
            raise KeyboardInterrupt
        return on_table(case, *arguments, **options)

    monkeypatch.setattr(run, "on_table", stopped)
    code, results = bench("--only", "ADBench")
    assert (code, results) == (130, None)
    partial = json.loads((tmp_path / "results.partial.json").read_text())
    assert partial["done"] == ["ADBench, first"]

    monkeypatch.setattr(run, "on_table", on_table)
    _, results = bench("--only", "ADBench")
    assert "going on from 1 cases" in capsys.readouterr().out
    assert results.done == ["ADBench, first", "ADBench, second", "ADBench, third"]
    kept = [one.seconds for one in results.found if one.case == "first"]
    assert kept == [one["seconds"] for one in partial["found"]]
    assert not (tmp_path / "results.partial.json").exists()


def test_documents_are_made_of_whole_runs():
    assert run.parse([]).out == run.RESULTS
    assert run.parse(["--only", "NAB"]).out == run.parse(["--seeds", "1"]).out == run.PARTS


def test_goals_are_met_missed_or_not_measured(bench):
    _, results = bench("--only", "ADBench")
    said = {goal.what: goals.judge(goal, results).said for goal in goals.GOALS}
    assert said["ADBench: mean ROC AUC"] == "met"
    # Three sets cannot be 21.
    assert said["ADBench, ROC AUC: sets ahead of scikit-learn IsolationForest"] == "missed"
    assert said["NAB, standard"] == "not measured"


def test_the_page_is_what_the_results_make_of_it():
    """`python -m benches.detection.report` was run after the last change of results or page."""
    text = (ROOT / report.PAGE).read_text()
    assert report.filled(text, Results.load(ROOT / "benches" / "detection.json")) == text
    for picture in ("tables", "sets", "series"):
        assert (ROOT / report.FIGURES / f"detection-{picture}.svg").read_text().startswith("<?xml")
