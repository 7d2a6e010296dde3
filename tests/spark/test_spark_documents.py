import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fastrcf

ROOT = Path(__file__).resolve().parent.parent.parent


def _accepted(name, arguments):
    path = ROOT / "spark_udfs" / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"shown_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parser().parse_args(arguments)


def test_commands_and_jobs_of_the_page_are_what_the_examples_take():
    page = (ROOT / "docs" / "spark.md").read_text()
    commands = []
    for line in page.replace("\\\n", " ").splitlines():
        found = re.search(r"^spark-submit .*?(\w+)\.py (.*)", line)
        if found and "..." not in line:
            commands.append((found[1], shlex.split(found[2])))
    (job,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (task,) = json.loads(job)["tasks"]
    commands.append(("score_table", task["spark_python_task"]["parameters"]))
    (serverless,) = re.findall(r"--job-driver '(.*?)'\n", page, re.DOTALL)
    commands.append(("score_table", json.loads(serverless)["sparkSubmit"]["entryPointArguments"]))
    (airflow,) = re.findall(r"application_args=(\[.*?\]),\n", page, re.DOTALL)
    commands.append(("score_table", json.loads(airflow)))
    assert len(commands) == 8
    for name, arguments in commands:
        assert _accepted(name, arguments).output
    (session,) = re.findall(r"^python \S+/connect_session\.py (.*)", page, re.MULTILINE)
    assert _accepted("connect_session", shlex.split(session)).each == "family"
    # Those that run by themselves say what happens to a day that is run again.
    assert [_accepted(*commands[i]).overwrite for i in (2, 5, 7)] == [True] * 3


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_scripts_of_the_page_are_shell():
    page = (ROOT / "docs" / "spark.md").read_text()
    scripts = re.findall(r"```\n(#!/bin/bash\n.*?)```", page, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_page_leads_from_a_table_to_alerts(classic, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(1)
    n = 4_000
    rows = {name: rng.lognormal(3, 1, n) for name in ("bytes_up", "bytes_down", "seconds")}
    rows["bytes_up"][17] = 1e9
    family = rng.choice(["meter", "camera"], n)
    (tmp_path / "sessions").mkdir()
    table = pa.table({"session_id": np.arange(n), "family": family} | rows)
    pq.write_table(table, tmp_path / "sessions" / "part.parquet")
    monkeypatch.chdir(tmp_path)
    # Spark resolves paths where the JVM was started.
    page = (ROOT / "docs" / "spark.md").read_text()
    for name in ("sessions/", "alerts/", "models/"):
        page = page.replace(f'"{name}"', f'"{tmp_path / name}/"')
    first, *others = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (keyed,) = (block for block in others if "fit_per_key(" in block)
    names = {}
    exec(compile(first, "spark.md", "exec"), names)
    assert isinstance(names["model"], fastrcf.Detector)
    assert "4,000 rows" in capsys.readouterr().out
    assert 17 in pq.read_table(tmp_path / "alerts")["session_id"].to_pylist()

    exec(compile(keyed, "spark.md", "exec"), names)
    found = names["alerts"].where("session_id = 17").toArrow()
    assert found["is_anomaly"].to_pylist() == [True]
    assert found["model_used"].to_pylist() == ["key"]


def test_the_pages_stream_goes_on_from_its_checkpoint(classic, tmp_path):
    page = (ROOT / "docs" / "spark.md").read_text()
    for name in ("incoming/", "scored/", "checkpoint/"):
        page = page.replace(f'"{name}"', f'"{tmp_path / name}/"')
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (code,) = (block for block in blocks if "process_stream(" in block)
    (tmp_path / "incoming").mkdir()
    x = np.random.default_rng(3).lognormal(3, 1, (90, 2))
    at = np.arange(90) * np.timedelta64(60_000_000, "us") + np.datetime64("2026-11-01")
    changelog = "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled"
    try:
        for part in (slice(0, 60), slice(60, 90)):
            table = pa.table(
                {
                    "sim": ["a"] * len(x[part]),
                    "at": pa.array(at[part]).cast(pa.timestamp("us", "UTC")),
                    "bytes_up": x[part, 0],
                    "bytes_down": x[part, 1],
                }
            )
            pq.write_table(table, tmp_path / "incoming" / f"{part.start}.parquet")
            exec(compile(code, "spark.md", "exec"), {"spark": classic})
    finally:
        classic.conf.unset(changelog)
    found = pq.read_table(tmp_path / "scored").sort_by("at")
    expected = fastrcf.RandomCutForest(30, 64, random_state=7).process(x)
    assert np.array_equal(found["score"].to_numpy(), expected, equal_nan=True)
    assert np.isfinite(expected).sum() == 90 - 16
