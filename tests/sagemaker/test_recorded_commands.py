"""``fastrcf sagemaker compare --recorded`` on what public notebooks printed of the service."""

import json

import numpy as np
import polars as pl
import pytest

from benches.managed import runs
from fastrcf.sagemaker import ManagedForest, compare
from tests.page import checked

RUNS = [run for run in runs.RUNS if run.name in ("bsnively", "vishnu", "suresh")]
PARTS = [
    "The two agree",
    "Highest rows in common",
    "The service's cutoff",
    "Quantiles: ",
    "Where they differ most",
    "value",
]


@pytest.fixture
def words(data, known, tmp_path, run):
    """Fit the run's forest by the command; give those that compare it."""
    if not (data / "managed_rcf").is_dir() or not (data / "nab" / "data").is_dir():
        pytest.skip(f"no recorded runs and their series in {data} (set FASTRCF_DATA)")
    table, model = data / "nab" / "data" / known.series, tmp_path / "m.rcf"
    how = ["--num-trees", known.num_trees, "--num-samples-per-tree", known.num_samples_per_tree]
    assert run("sagemaker", "fit", table, "-o", model, *how)[0] == 0
    given = ["sagemaker", "compare", model, "--data", table, "-o", tmp_path / "report.html"]
    for name in known.files:
        given += ["--recorded", data / "managed_rcf" / f"{name}.csv"]
    return given


@pytest.mark.parametrize("known", RUNS, ids=lambda known: known.name)
def test_a_recorded_run_agrees(words, known, data, run, tmp_path):
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["verdict"] == "agree"
    assert [check["name"] for check in found["checks"] if not check["passed"]] == []
    assert abs(found["scale"] - 1) < 0.05
    assert found["correlation"] > 0.985
    assert found["rmse"] < 0.1
    # They are those of the rows that benches/managed finds by their times.
    printed, rows = runs.printed(data, known), runs.training_rows(data, known)
    forest = ManagedForest(known.num_trees, known.num_samples_per_tree, random_state=0).fit(rows)
    expected = compare(forest, printed.scores, rows[printed.rows], rows=printed.rows).to_dict()
    for name in ("n_rows", "scale", "correlation", "rank", "overlap", "rmse"):
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name
    for name in ("ours_cutoff", "theirs_cutoff", "theirs_above"):
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = checked(html)
    for part in PARTS:
        assert part in page.text, part
    # Both pictures, and each row that differs with what ours comes from.
    assert html.count("<svg") == 2
    worst = page.tables[-1]
    assert len(worst) == 1 + len(found["worst"])
    for line, one in zip(worst[1:], found["worst"], strict=True):
        assert line[0].replace(",", "").strip() == str(one["row"])
        assert [cause["column"] for cause in one["causes"]] == ["value"]


@pytest.mark.parametrize("known", RUNS, ids=lambda known: known.name)
def test_a_forest_of_a_shuffled_file_differs(words, known, data, run, tmp_path):
    """The service takes blocks in the order of the file: CI is told of another order."""
    series = pl.read_csv(data / "nab" / "data" / known.series)
    order = np.random.default_rng(1).permutation(len(series))
    series[order].write_csv(tmp_path / "shuffled.csv")
    how = ["--num-trees", known.num_trees, "--num-samples-per-tree", known.num_samples_per_tree]
    assert run("sagemaker", "fit", tmp_path / "shuffled.csv", "-o", words[2], *how)[0] == 0
    code, out, _ = run(*words, "--json")
    assert (code, json.loads(out)["verdict"]) == (3, "differ")
    assert "The two differ" in (tmp_path / "report.html").read_text(encoding="utf-8")
