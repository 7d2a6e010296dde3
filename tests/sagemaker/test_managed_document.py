"""What docs/managed.md shows runs, and says what the package does."""

import re
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from benches.managed.report import PARTS
from fastrcf.cli.app import app
from fastrcf.sagemaker import Limits, managed, sampling

PAGE = (Path(__file__).parents[2] / "docs" / "managed.md").read_text()


def test_the_python_runs(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    rows = rng.normal(size=(2000, 3))
    labels = np.arange(2000) % 100 == 0
    rows[labels] += 9
    known = managed.ManagedForest(random_state=1).fit(rows).score(rows)
    names = {"X": rows, "labels": labels, "recorded_scores": known}
    exec(compile(code, "managed.md", "exec"), names)
    assert names["report"].verdict == "agree"
    assert (tmp_path / "agreement.html").stat().st_size > 10_000


def test_the_commands_exist():
    lines = re.findall(r"fastrcf sagemaker (\w+) (.*)", PAGE)
    assert {command for command, _ in lines} == {"fit", "compare"}
    for command, words in lines:
        told = CliRunner().invoke(app, ["sagemaker", command, "--help"]).output
        for option in re.findall(r"--[a-z-]+", words):
            assert option in told, option


def test_the_figures_are_those_of_the_package():
    limits = Limits()
    for said in (
        f"scale within {limits.scale} of 1, correlation {limits.correlation}",
        f"rank correlation {limits.rank}, overlap {limits.overlap}",
        f"may be {limits.noise} times",
        "{} to {} trees".format(*sampling.NUM_TREES),
        "{} to {} rows".format(*sampling.NUM_SAMPLES_PER_TREE),
        "{} to {:,} columns".format(*sampling.FEATURE_DIM),
    ):
        assert said in PAGE, said
    assert 100 * (np.log2(81) / np.log2(80) - 1) < 0.35
    assert round(100 * (np.log2(5) / np.log2(4) - 1)) == 16
    assert set(re.findall(r"<!-- bench:(\w+) -->", PAGE)) == set(PARTS)
