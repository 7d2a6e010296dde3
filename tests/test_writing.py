"""Where models and tables are written: devices, pipes and links stay what they are."""

import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

import fastrcf
import fastrcf.sagemaker
from fastrcf import _fastrcf
from fastrcf.cli import main
from fastrcf.files import Aside, BadRow, open_whole

DATA = b"0123456789" * 1000


@pytest.fixture
def detector():
    return fastrcf.Detector(n_trees=5, random_state=1).fit({"a": np.arange(60.0)})


@pytest.fixture
def piped(tmp_path):
    """Give a pipe, and what calls that write to it wrote."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def written(call):
        found = []
        reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
        reader.start()
        call(pipe)
        reader.join(10)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        return found[0]

    return written


def test_a_pipe_gets_the_bytes_and_stays_one(piped, detector):
    assert piped(detector.save) == bytes(detector)
    forest = fastrcf.RandomCutForest(5, 16, random_state=1)
    forest.insert(np.ones((20, 2)))
    assert piped(forest.save) == bytes(forest)
    assert piped(forest.freeze().save) == bytes(forest.freeze())
    series = fastrcf.SeriesDetector(["a"], n_trees=5, sample_size=16)
    assert piped(series.save) == bytes(series)
    managed = fastrcf.sagemaker.ManagedForest(50, 16, random_state=1).fit(np.eye(200, 2))
    assert piped(managed.save) == bytes(managed)
    assert piped(lambda path: _fastrcf.write_atomically(path, DATA)) == DATA
    limit = fastrcf.AlertLimit(1)
    assert piped(limit.save) == bytes(limit)

    def whole(path):
        with open_whole(str(path)) as file:
            file.write(DATA)

    def aside(path):
        with Aside(path) as bad:
            bad.take(BadRow("x.csv", 1, "a", "is bad", {}))

    assert piped(whole) == DATA
    assert b'"is bad"' in piped(aside)


def test_commands_write_to_devices_and_pipes(piped, detector, tmp_path):
    model, data = tmp_path / "m.rcf", tmp_path / "d.csv"
    detector.save(model)
    data.write_text("a\n1\nx\n3\n")
    words = ["score", str(model), str(data), "--skip-bad-rows", "/dev/null", "-o"]
    assert main([*words, str(tmp_path / "s.csv")]) == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    found = piped(lambda pipe: main([*words, str(pipe), "--output-format", "csv"]))
    assert found == (tmp_path / "s.csv").read_bytes()


def test_through_a_link_the_file_is_replaced_with_its_permissions(tmp_path):
    target, link = tmp_path / "kept" / "t.csv", tmp_path / "latest.csv"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    with open_whole(str(link)) as file:
        file.write(DATA)
    assert link.is_symlink()
    assert target.read_bytes() == DATA
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with Aside(link) as bad:
        bad.take(BadRow("x.csv", 1, "a", "is bad", {}))
    assert link.is_symlink()
    assert b"is bad" in target.read_bytes()
    assert os.listdir(target.parent) == ["t.csv"]
