"""What the workflows run: the compiler of the guard's baseline, and targets that there are."""

import json
import re
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (extra cli)")

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = "dtolnay/rust-toolchain@"


def read(name):
    # YAML's own "on" is a truth.
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_compiler_is_that_of_the_guards_baseline():
    workflow = read("ci.yml")
    baseline = json.loads((ROOT / "benches" / "guard.json").read_text())
    assert workflow["env"]["RUST"] == baseline["rustc"]
    oldest = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    used = [step for step in steps(workflow) if step.get("uses", "").startswith(ACTION)]
    for step in used:
        if step["uses"] != f"{ACTION}{oldest['rust-version']}":
            assert step["uses"] == f"{ACTION}master"
            assert step["with"]["toolchain"] == "${{ env.RUST }}"
    # The one that guards, Spark Connect, other systems, the oldest.
    assert len(used) == len(workflow["jobs"]) == 4


def test_twins_of_sparks_tests_run_somewhere():
    runs = [step.get("run") for step in steps(read("ci.yml"))]
    assert "make spark-connect" in runs
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^spark-connect:.*\n.* -m twin ", makefile, re.MULTILINE)


def test_unsafe_code_is_looked_at_every_week():
    workflow = read("weekly.yml")
    assert workflow[True]["schedule"]
    job = workflow["jobs"]["unsafe"]
    assert job["strategy"]["matrix"]["check"] == ["miri", "asan"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make ${{ matrix.check }}"]
    (rust,) = [step for step in job["steps"] if step.get("uses", "").startswith(ACTION)]
    assert rust["uses"] == f"{ACTION}nightly"
    assert rust["with"]["components"].split(", ") == ["miri", "rust-src"]
    makefile = (ROOT / "Makefile").read_text()
    for target in ("miri", "asan"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_stack_is_looked_at_in_all_regions_every_week():
    runs = [step["run"] for step in read("weekly.yml")["jobs"]["stack"]["steps"] if "run" in step]
    # By default it looks at all.
    assert runs == ["make stack-lint"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^REGIONS \?= ALL_REGIONS$", makefile, re.MULTILINE)
    assert re.search(
        r"^stack-lint:.*\n(\t.*\n)*\t.*cfn-lint --regions \$\(REGIONS\) ", makefile, re.MULTILINE
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_job_waits_for_ever_or_may_write(path):
    workflow = read(path.name)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 300
