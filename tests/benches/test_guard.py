"""The guard fails for more instructions, and for nothing else."""

from pathlib import Path

import pytest

from benches import guard
from benches.engines.protocol import Unavailable

PROGRAM = Path("/build/guard")
# Costs after "calls=" are those of the callee again.
PROFILE = """\
version: 1
events: Ir

ob=(1) /build/guard
fl=(1) ???
fn=(1) guard::counted_score
0 100
cob=(2) /lib/libc.so
cfn=(2) memcpy
calls=3 0
0 50
cfn=(3) fastrcf::score
calls=1 0
0 800

ob=(2)
fn=(2)
0 50

ob=(1)
fn=(3)
0 300
+1 500
"""
BASELINE = guard.Baseline("1.95.0", {"score": 1000, "process": 1000})


def counts(score, process=1000, libraries=0):
    return {"score": guard.Count(score, libraries), "process": guard.Count(process, 0)}


def test_a_profile_is_added_up_by_object():
    assert guard.parse(PROFILE, PROGRAM) == guard.Count(program=900, libraries=50)


def test_a_profile_without_the_function_is_no_zero():
    with pytest.raises(ValueError, match="counted nothing"):
        guard.parse("events: Ir\n", PROGRAM)


@pytest.mark.parametrize("score", [100, 1000, 1050])
def test_up_to_five_per_cent_pass(score):
    assert guard.compare(counts(score), BASELINE, "1.95.0") == []


def test_more_fails_and_says_which():
    (wrong,) = guard.compare(counts(1051), BASELINE, "1.95.0")
    assert wrong == "score: +5.1% instructions, at most +5% allowed"


def test_copies_of_the_c_library_are_not_judged():
    assert guard.compare(counts(1000, libraries=10_000), BASELINE, "1.95.0") == []


def test_another_compiler_has_more_room():
    assert guard.compare(counts(1150), BASELINE, "1.96.0") == []
    assert guard.compare(counts(1151), BASELINE, "1.96.0") != []


def test_a_workload_without_a_baseline_fails():
    made = {**counts(1000), "attribution": guard.Count(1, 0)}
    assert guard.compare(made, BASELINE, "1.95.0") == ["attribution: no baseline"]


def test_the_committed_baseline_has_every_workload():
    baseline = guard.load(guard.BASELINE)
    assert set(baseline.instructions) == set(guard.WORKLOADS)
    assert all(count > 10**7 for count in baseline.instructions.values())


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """A guard whose counts are given, with a baseline of its own."""
    path = tmp_path / "guard.json"
    path.write_text('{"rustc": "1.95.0", "instructions": {"score": 1000, "process": 1000}}')
    monkeypatch.setattr(guard, "BASELINE", path)
    monkeypatch.setattr(guard, "WORKLOADS", ("score", "process"))
    monkeypatch.setattr(guard, "example", lambda name: PROGRAM)
    monkeypatch.setattr(guard.machine, "rustc", lambda: "1.95.0")

    def given(**made):
        monkeypatch.setattr(guard, "count", lambda _, workload: guard.Count(made[workload], 0))

    return given


def test_the_command_fails_and_says_how_to_accept(counted, capsys):
    counted(score=1000, process=1100)
    assert guard.main([]) == 1
    said = capsys.readouterr().out
    assert "FAILED: process: +10.0%" in said
    assert "make guard-accept" in said


def test_accepting_makes_it_pass(counted, capsys):
    counted(score=1000, process=1100)
    assert guard.main(["--accept"]) == 0
    assert guard.main([]) == 0
    assert guard.load(guard.BASELINE).instructions == {"score": 1000, "process": 1100}


def test_a_gain_passes_and_is_to_be_held(counted, capsys):
    counted(score=900, process=1000)
    assert guard.main([]) == 0
    assert "make guard-accept holds the gain" in capsys.readouterr().out


def test_without_valgrind_it_says_so(counted, monkeypatch, capsys):
    def missing(*_):
        raise Unavailable("valgrind is not on the PATH")

    monkeypatch.setattr(guard, "count", missing)
    assert guard.main([]) == 0
    assert capsys.readouterr().out == "guard skipped: valgrind is not on the PATH\n"
    assert guard.main(["--accept"]) == 1
