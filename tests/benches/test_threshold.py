"""What criterion writes of thresholds, read."""

import json

import pytest

from benches import threshold
from benches.engines.protocol import Unavailable


def written(folder, rate, rows, iterations, times):
    new = folder / "threshold" / "update" / rate / "new"
    new.mkdir(parents=True)
    about = {"group_id": "threshold", "value_str": rate, "throughput": {"Elements": rows}}
    (new / "benchmark.json").write_text(json.dumps(about))
    (new / "sample.json").write_text(json.dumps({"iters": iterations, "times": times}))


def test_samples_become_nanoseconds_of_an_update(tmp_path):
    written(tmp_path, "0.01", 1_000, [1.0, 2.0], [50_000.0, 80_000.0])
    written(tmp_path, "0.001", 1_000, [4.0], [48_000.0])
    assert threshold.read(tmp_path) == {"0.01": [50.0, 40.0], "0.001": [12.0]}


def test_no_figures_are_told(tmp_path):
    with pytest.raises(Unavailable, match="no figures of thresholds"):
        threshold.read(tmp_path)


def test_without_cargo_there_are_none(monkeypatch):
    monkeypatch.setattr(threshold.shutil, "which", lambda _: None)
    with pytest.raises(Unavailable, match="cargo not on the PATH"):
        threshold.updates()
