"""The wheel of fastrcf-spark, and that a release has it."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

import fastrcf

ROOT = Path(__file__).resolve().parents[2]


def test_a_release_has_every_wheel_and_of_one_version():
    # Older versions of Spark are tried without it.
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load((ROOT / ".github/workflows/wheels.yml").read_text())
    jobs = workflow["jobs"]
    built = len(jobs["wheel"]["strategy"]["matrix"]["include"])
    assert set(jobs["publish"]["needs"]) == set(jobs) - {"publish"}
    steps = {name: str(jobs[name]["steps"]) for name in jobs}
    assert "pip wheel --no-deps --wheel-dir dist ./spark_udfs" in steps["spark"]
    assert ".ci/try-spark-wheel" in steps["spark"]
    check = "\n".join(step.get("run", "") for step in jobs["publish"]["steps"])
    # Each wheel of fastrcf, its source, the wheel of fastrcf-spark.
    assert re.findall(r'-name "fastrcf-\$version-\*.whl" \| wc -l\)" -eq (\d+)', check) == [
        str(built)
    ]
    assert re.findall(r"-type f \| wc -l\)\" -eq (\d+)", check) == [str(built + 2)]
    assert "fastrcf_spark-$version-py3-none-any.whl" in check
    project = tomllib.loads((ROOT / "spark_udfs/pyproject.toml").read_text())["project"]
    assert project["version"] == fastrcf.__version__


@pytest.mark.slow
def test_the_wheel_installs_offline_and_imports_away_from_its_source(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT / "spark_udfs")]
    built = subprocess.run(build, capture_output=True, text=True)
    if built.returncode and not os.environ.get("FASTRCF_NEEDS_SPARK"):
        pytest.skip(f"pip cannot build the wheel here: {built.stderr.strip()[-200:]}")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    home = tmp_path / "bare"
    venv.create(home, with_pip=True)
    paths = {"base": str(home), "platbase": str(home)}
    bare = Path(sysconfig.get_path("scripts", "venv", paths)) / Path(sys.executable).name
    install = [bare, "-m", "pip", "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    # What it asks for is there as it is here, without what is installed in place.
    beside = [Path(fastrcf.__file__).parents[1], sysconfig.get_path("purelib")]
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    (site / "beside.pth").write_text("\n".join(str(path) for path in beside))
    program = ROOT / "tests/smoke/spark_wheel.py"
    done = subprocess.run(
        [bare, "-I", program, wheel], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (modules,) = re.findall(r"(\d+) modules import in Python", done.stdout)
    sources = list((ROOT / "spark_udfs/fastrcf_spark").glob("*.py"))
    assert int(modules) == len(sources)
