"""Instruction sets: the switch that forces one does so or is refused, and no result changes."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import fastrcf

LEVELS = ("portable", "neon", "avx2", "avx512", "avx512vbmi")
# What Linux calls the instructions of each.
FLAGS = {"avx2": {"avx2", "popcnt", "bmi1", "bmi2"}}
FLAGS["avx512"] = FLAGS["avx2"] | {"fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"}
FLAGS["avx512vbmi"] = FLAGS["avx512"] | {"avx512vbmi", "avx512_vbmi2"}
ANSWERS = """
import hashlib, fastrcf, numpy as np
said = hashlib.sha256()
for d in (2, 8, 13, 30):
    rows = np.random.default_rng(d).normal(size=(1500, d))
    forest = fastrcf.RandomCutForest(5, 64, random_state=1)
    forest.insert(rows[:500])
    frozen = forest.freeze()
    for kind in ("auto", "expected_inverse_depth", "local_range", "displacement"):
        said.update(frozen.score(rows, kind=kind).tobytes())
        said.update(forest.attribution(rows[:600], kind=kind).high.tobytes())
    said.update(frozen.displacement(rows).tobytes())
    detector = fastrcf.Detector(n_trees=10, alert_rate=0.05, random_state=1).fit(rows)
    said.update(detector.process(rows[:200] * 2).score.tobytes())
    said.update(bytes(detector))
print(fastrcf.simd_level(), said.hexdigest())
"""


def machine() -> set[str] | None:
    """Levels that the machine has, by what its system says; None if that says nothing."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return {"portable", "neon"}
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return None
    told = {word for line in lines if line.startswith("flags") for word in line.split()}
    return {"portable", *(level for level, flags in FLAGS.items() if flags <= told)}


def python(code, level):
    environment = {name: text for name, text in os.environ.items() if name != "FASTRCF_SIMD"}
    if level is not None:
        environment["FASTRCF_SIMD"] = level
    run = [sys.executable, "-c", code]
    return subprocess.run(run, env=environment, capture_output=True, text=True, timeout=120)


def said(level):
    done = python(ANSWERS, level)
    assert done.returncode == 0, done.stderr
    ran, digest = done.stdout.split()
    return ran, digest


@pytest.fixture(scope="module")
def usual():
    return said(None)


@pytest.mark.parametrize("level", LEVELS)
def test_answers_are_the_same_at_every_instruction_set(level, usual):
    has = machine()
    if has is not None and level not in has:
        pytest.skip(f"this machine has no {level}")
    ran, digest = said(level)
    if has is None and ran != level and level != "portable":
        pytest.skip(f"{ran} ran: nothing here says whether this machine has {level}")
    assert ran == level
    assert digest == usual[1]


def test_without_a_word_it_is_the_best_that_the_machine_has(usual):
    has = machine()
    if has is not None:
        assert usual[0] == max(has, key=LEVELS.index)
    assert python("import fastrcf; print(fastrcf.simd_level())", "").stdout.strip() == usual[0]


def test_a_level_that_the_machine_lacks_is_the_best_that_it_has(usual):
    # No processor has both.
    lacking = "avx512vbmi" if usual[0] == "neon" else "neon"
    done = python("import fastrcf; print(fastrcf.simd_level())", lacking)
    assert (done.stdout.strip(), done.stderr) == (usual[0], "")


@pytest.mark.parametrize("level", ["avx3", "AVX2", " ", "avx2,portable"])
def test_a_level_that_nobody_knows_is_refused_by_the_import(level):
    done = python("import fastrcf", level)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"fastrcf.errors.InvalidParameterError: FASTRCF_SIMD: '{level}' is none of "
        + ", ".join(LEVELS)
    )


def test_after_the_import_the_switch_changes_nothing():
    code = (
        "import os, fastrcf\n"
        "os.environ['FASTRCF_SIMD'] = 'avx3'\n"
        "fastrcf.RandomCutForest(2, 8, random_state=1).insert([[1.0], [2.0]])\n"
        "print(fastrcf.simd_level())"
    )
    done = python(code, "portable")
    assert (done.stdout.strip(), done.stderr) == ("portable", "")


def test_these_tests_run_at_the_level_that_was_asked_for():
    has = machine()
    if has is None:
        pytest.skip("nothing here says which levels this machine has")
    asked = os.environ.get("FASTRCF_SIMD", "")
    expected = asked if asked in has else max(has, key=LEVELS.index)
    assert fastrcf.simd_level() == expected
