import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import fastrcf

ROOT = Path(__file__).resolve().parent.parent.parent


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
    first, keyed, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
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
