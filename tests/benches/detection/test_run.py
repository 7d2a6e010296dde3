"""The whole bench on made-up data: it measures, goes on without what fails, and reports."""

import json
from pathlib import Path

import pytest

from benches.detection import episodes, exhibit, goals, measure, report, run, tables
from benches.detection.detectors import Isolation, TableDetector, forest, isolation
from benches.detection.detectors.detector import Detecting
from benches.detection.detectors.forest import Raw
from benches.detection.detectors.streams import Series, Value, ValueAndTime
from benches.detection.families import FAMILIES, nab
from benches.detection.record import Results
from benches.engines.protocol import Unavailable

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Detectors that take little to import and run."""
    for module in (forest, isolation):
        monkeypatch.setattr(module, "N_TREES", 20)
    monkeypatch.setattr(measure, "TABLES", (Detecting, Raw, Isolation))
    monkeypatch.setattr(measure, "STREAMS", (ValueAndTime, Value))
    monkeypatch.setattr(episodes, "LENGTHS", (20, 30))


# No alerts of the command line.
SHOWN = []


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
        for name in (
            "machine",
            "goals",
            "tables",
            "sets",
            "series",
            "settings",
            "lengths",
            "alerts",
        )
    )
    once = report.filled(page, results, SHOWN)
    assert report.filled(once, results, SHOWN) == once
    assert "stopped before its end" not in once
    results.has_ended = False
    assert "stopped before its end" not in report.filled(page, results, SHOWN)
    results.found = [one for one in results.found if one.family in ("ADBench", "card")]
    results.done = [name for name in results.done if name.startswith(("ADBench", "card"))]
    assert "stopped before its end" in report.filled(page, results, SHOWN)
    said = {goal.what: goals.judge(goal, results).said for goal in goals.GOALS}
    # Of the last family begun nobody knows whether it was all.
    assert said["ADBench: mean ROC AUC"] == "met"
    assert said["card: ROC AUC"] == "not measured"
    assert "| other | published | 12.5 | 12.5 | 12.5 |" in once
    assert "| null |" not in once
    assert "| first | 120 x 3 | 5.0% |" in once

    (tmp_path / "docs").mkdir()
    for name in report.PAGES:
        (tmp_path / name).write_text(page)
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


def test_a_stopped_run_of_series_goes_on_with_the_next_detector(bench, tmp_path, monkeypatch):
    asked = []

    class Stopping(Value):
        def process(self, values, seconds):
            asked.append(self.seed)
            if len(asked) == 1:
                raise KeyboardInterrupt
            return super().process(values, seconds)

    monkeypatch.setattr(measure, "STREAMS", (ValueAndTime, Stopping))
    assert bench("--only", "NAB") == (130, None)
    partial = json.loads((tmp_path / "results.partial.json").read_text())
    assert [one["detector"] for one in partial["found"]] == [ValueAndTime.name]

    _, results = bench("--only", "NAB")
    names = [one.detector for one in results.found]
    assert names == [ValueAndTime.name, Value.name, Series.name, Series.name]
    # Measured before the run was stopped, and not again.
    assert results.found[0].seconds == partial["found"][0]["seconds"]
    assert results.done == [nab.NAME, episodes.NAME]


def test_every_length_of_episodes_is_measured_at_both_thresholds(bench):
    _, results = bench("--only", episodes.NAME)
    assert {(one.family, one.case) for one in results.found} == {
        (episodes.NAME, "20 rows"),
        (episodes.NAME, "30 rows"),
    }
    head, *lengths, mean = tables.lengths(results)
    assert [row[0] for row in lengths] == ["20 rows", "30 rows"]
    assert len(head) == len(mean) == 7
    assert all(float(best) >= float(usual) for best, usual in zip(mean[1:4], mean[4:], strict=True))
    told = {goal.what: goals.judge(goal, results) for goal in goals.GOALS if not goal.is_asked}
    assert len(told) == 3
    assert {verdict.said for verdict in told.values()} <= {"above", "below"}
    found = next(v for what, v in told.items() if "NAB, standard" in what).found
    assert found == pytest.approx(float(mean[1]), abs=0.06)


def test_what_a_whole_run_lacks_is_added(bench, tmp_path, monkeypatch):
    everything = measure.STREAMS
    for module in (measure, run):
        monkeypatch.setattr(module, "STREAMS", everything[:1])
    _, before = bench()
    # As it was before episodes were measured, with a detector fewer.
    before.found = [one for one in before.found if one.family != episodes.NAME]
    before.done.remove(episodes.NAME)
    before.save(tmp_path / "results.json")
    for module in (measure, run):
        monkeypatch.setattr(module, "STREAMS", everything)
    code, after = bench("--missing")
    assert code == 0
    assert after.has_ended
    assert after.measured == before.measured
    assert after.found[: len(before.found)] == before.found
    added = [(one.family, one.detector) for one in after.found[len(before.found) :]]
    assert added == [(nab.NAME, Value.name), *[(episodes.NAME, Series.name)] * 2]
    assert list(after.settings)[-2:] == [ValueAndTime.name, Value.name]
    assert not (tmp_path / "results.partial.json").exists()


def test_another_build_that_adds_is_noted(bench, tmp_path):
    _, results = bench("--only", "CICIDS")
    results.only = ""
    results.machine = {**results.machine, "engine": "another"}
    results.save(tmp_path / "results.json")
    for _ in range(2):
        _, after = bench("--missing", "--only", episodes.NAME)
        assert after.machine["engine"] == "another"
        (added,) = after.added
        assert added["machine"] == {**results.machine, "engine": added["machine"]["engine"]}
        assert added["machine"]["engine"] != "another"
        assert len(after.found) == len(results.found) + 2
        told = f"What was not there yet was added {added['measured'][:10]} on "
        assert told in report.machine(after)


def test_one_record_is_not_made_of_two(bench, tmp_path):
    out = tmp_path / "results.json"
    with pytest.raises(SystemExit, match="is not there: run without --missing"):
        bench("--missing")
    _, results = bench("--only", "CICIDS")
    results.settings = {**results.settings, Raw.name: "others"}
    results.save(out)
    text = out.read_text()
    with pytest.raises(SystemExit, match=f"differs in only, settings of {Raw.name}: run without"):
        bench("--missing")
    assert out.read_text() == text


def test_documents_are_made_of_whole_runs():
    assert run.parse(["--only", "NAB", "--missing"]).out == run.RESULTS
    assert run.parse(["--seeds", "1", "--missing"]).out == run.PARTS
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
    results = Results.load(ROOT / "benches" / "detection.json")
    for page in report.PAGES:
        text = (ROOT / page).read_text()
        assert report.filled(text, results, exhibit.load(exhibit.RECORD)) == text, page
    for picture in ("tables", "sets", "series"):
        assert (ROOT / report.FIGURES / f"detection-{picture}.svg").read_text().startswith("<?xml")
