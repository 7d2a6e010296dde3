"""The whole bench, small: it measures, and goes on without what fails."""

import json
import time
from dataclasses import replace

import pytest

from benches import resting, run, stage, threshold
from benches.engines import AheadFromParquet, Frozen, Isolation, Living, Reader, parquet
from benches.engines.protocol import Unavailable
from benches.parquet_file import Files
from benches.record import Results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        time.get_clock_info("thread_time").resolution > 1e-3,
        reason="the clock of threads is too coarse here",
    ),
]


@pytest.fixture(autouse=True)
def at_rest(monkeypatch):
    """What costs seconds and is no part of these tests."""
    monkeypatch.setattr(resting, "costs", lambda _: {"living_mb": 3.5})


@pytest.fixture(autouse=True)
def no_files_left(monkeypatch, tmp_path):
    monkeypatch.setattr(parquet, "FILES", Files(tmp_path / "parquet"))


@pytest.fixture
def smoke(tmp_path):
    def measured(*options):
        out = tmp_path / "results.json"
        code = run.main(["smoke", "--out", str(out), *options])
        return code, Results.load(out) if out.exists() else None

    return measured


@pytest.fixture
def replaced(monkeypatch):
    """Let another engine stand in for one of a name."""

    def replace(name, engine):
        monkeypatch.setattr(stage, "BY_NAME", {**stage.BY_NAME, name: engine})

    return replace


def test_every_lane_is_measured(smoke, capsys):
    code, results = smoke()
    assert code == 0
    assert results.failed == results.absent == {}
    assert results.implausible == []
    assert results.unsettled == {}
    assert set(results.seconds) == {*results.done, "at rest"}
    works = {"score", "process", "attribution", "delete", "local_range"}
    assert {made.work for made in results.measurements} >= works
    for made in results.measurements:
        assert len(made.cpu) == len(made.wall) == 2
        assert min(made.cpu) > 0
        # Nothing takes longer by the thread's clock than on the wall, but for the clocks' steps;
        # who has other threads, or reads ahead in one, has their time counted too.
        if made.work != "parquet" and made.n_threads == 1:
            assert sum(made.cpu) <= 1.2 * sum(made.wall)
    shown = capsys.readouterr().out
    assert "Scoring a table" in shown
    assert "Fitting from Parquet" in shown


def test_an_engine_that_cannot_run_is_named_and_left_out(smoke, replaced, capsys):
    class Missing(Isolation):
        def __init__(self, shape):
            raise Unavailable("no compiler")

    replaced(Isolation.name, Missing)
    code, results = smoke("--only", "score")
    assert code == 0
    assert results.absent == {Isolation.name: "no compiler"}
    assert Isolation.name not in {made.engine for made in results.measurements}
    assert f"not measured: {Isolation.name} (no compiler)" in capsys.readouterr().out


def test_an_engine_that_fails_does_not_stop_the_others(smoke, replaced, capsys):
    class Tired(Living):
        asked = 0

        def score(self, rows):
            Tired.asked += 1
            if Tired.asked > 4:
                raise RuntimeError("no more")
            return super().score(rows)

    replaced(Living.name, Tired)
    code, results = smoke("--only", "score")
    assert code == 0
    assert "FAILED: score, d=4: fastrcf, score (RuntimeError: no more)" in capsys.readouterr().out
    assert results.failed == {"score, d=4: fastrcf, score": "RuntimeError: no more"}
    assert {made.engine for made in results.measurements} == {Frozen.name, Isolation.name}


def test_nonsense_is_not_timed(smoke, replaced, capsys):
    class Guessing(Isolation):
        def score(self, rows):
            return -super().score(rows)

    replaced(Isolation.name, Guessing)
    _, results = smoke("--only", "score")
    (wrong,) = results.implausible
    assert (wrong["engine"], wrong["work"], wrong["n_columns"]) == (Isolation.name, "score", 4)
    assert "AUC" in wrong["reason"]
    assert Isolation.name not in {made.engine for made in results.measurements}
    assert "implausible: AUC" in capsys.readouterr().out


def test_who_skips_rows_of_a_file_is_not_timed(smoke, replaced, capsys):
    pytest.importorskip("pyarrow")

    class Skips(Reader):
        def batches(self, path, n_rows):
            return list(super().batches(path, n_rows=1_000))[1:]

    class Forgets(AheadFromParquet):
        def judged(self, rows):
            return 0 * super().judged(rows)

    replaced(Reader.name, Skips)
    replaced(AheadFromParquet.name, Forgets)
    _, results = smoke("--only", "parquet")
    reasons = {wrong["engine"]: wrong["reason"] for wrong in results.implausible}
    assert reasons[Skips.name] == "read [9000.] of 10000 rows"
    assert "AUC" in reasons[Forgets.name]
    measured = {made.engine for made in results.measurements}
    assert not measured & {Reader.name, AheadFromParquet.name}
    assert "fastrcf from Parquet" in measured
    assert "reader's / its wall" in capsys.readouterr().out


def test_a_stopped_run_goes_on(smoke, tmp_path, monkeypatch, capsys):
    few = run.SELECTIONS["smoke"]
    contests = tuple(
        one for one in few.contests if one.name.partition(",")[0] in ("score", "process", "insert")
    )
    monkeypatch.setitem(run.SELECTIONS, "smoke", replace(few, contests=contests))
    measure = run.measure

    def stopped(contest, *arguments, **options):
        if contest.name == "insert, d=4":
            raise KeyboardInterrupt
        return measure(contest, *arguments, **options)

    monkeypatch.setattr(run, "measure", stopped)
    code, results = smoke()
    assert (code, results) == (130, None)
    partial = json.loads((tmp_path / "results.partial.json").read_text())
    assert partial["done"] == ["score, d=4", "process, d=4"]

    monkeypatch.setattr(run, "measure", measure)
    _, results = smoke()
    assert "going on from 2 contests" in capsys.readouterr().out
    kept = [made for made in results.measurements if made.contest in partial["done"]]
    assert [list(made.cpu) for made in kept] == [made["cpu"] for made in partial["measurements"]]
    assert not (tmp_path / "results.partial.json").exists()


def test_who_is_not_warm_is_named(smoke, replaced, capsys):
    class Wavers(Isolation):
        def settle(self, work, n_columns):
            assert (work, n_columns) == ("score", 4)
            return "ever faster"

    replaced(Isolation.name, Wavers)
    _, results = smoke("--only", "score")
    lane = f"score, d=4: {Isolation.name}, score"
    assert results.unsettled == {lane: "ever faster"}
    assert Isolation.name in {made.engine for made in results.measurements}
    assert f"not settled: {lane} (ever faster)" in capsys.readouterr().out


def test_a_contest_may_have_fewer_rounds_and_never_more(smoke, monkeypatch):
    few = run.SELECTIONS["smoke"]
    contests = tuple(
        replace(contest, rounds=1 if contest.name == "score, d=4" else 9)
        for contest in few.contests
    )
    monkeypatch.setitem(run.SELECTIONS, "smoke", replace(few, contests=contests))
    _, results = smoke("--only", "s")
    rounds = {made.contest: len(made.cpu) for made in results.measurements}
    assert rounds["score, d=4"] == 1
    assert rounds["process, d=4"] == 2


def test_thresholds_are_measured_with_the_whole_or_by_name(smoke, monkeypatch, capsys):
    few = run.SELECTIONS["smoke"]
    monkeypatch.setitem(run.SELECTIONS, "smoke", replace(few, contests=(), thresholds=True))
    monkeypatch.setattr(threshold, "updates", lambda: {"0.001": [12.5]})
    assert smoke()[1].thresholds == {"0.001": [12.5]}
    assert smoke("--only", "thresholds")[1].thresholds == {"0.001": [12.5]}
    assert smoke("--only", "score")[1].thresholds == {}

    def fails():
        raise Unavailable("cargo not on the PATH")

    monkeypatch.setattr(threshold, "updates", fails)
    assert smoke()[1].absent == {"thresholds": "cargo not on the PATH"}
    assert "not measured: thresholds (cargo not on the PATH)" in capsys.readouterr().out


def test_another_question_starts_again(smoke, tmp_path, capsys):
    _, results = smoke("--only", "score")
    results.save(tmp_path / "results.partial.json")
    _, results = smoke("--only", "score", "--rounds", "1")
    assert "going on" not in capsys.readouterr().out
    assert all(len(made.cpu) == 1 for made in results.measurements)


def test_documents_are_made_of_whole_runs():
    assert run.parse(["full"]).out == run.parse([]).out == run.RESULTS
    assert run.parse(["smoke"]).out == run.parse(["--only", "score"]).out == run.PARTS
