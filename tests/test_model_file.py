import copy
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastrcf
from fastrcf import _dense


def small(**parameters):
    forest = fastrcf.RandomCutForest(6, 16, random_state=3, **parameters)
    rng = np.random.default_rng(1)
    forest.insert(rng.normal(size=(100, 3)))
    return forest


@pytest.mark.parametrize("sampling", ["decay", "uniform", "window"])
@pytest.mark.parametrize("way", ["file", "bytes", "pickle", "copy", "deepcopy"])
def test_a_stream_saved_and_continued_equals_the_uninterrupted_one(tmp_path, rng, sampling, way):
    forest = small(sampling=sampling, shingle_size=2, n_threads=1)
    if way == "file":
        forest.save(tmp_path / "m.rcf")
        again = fastrcf.load(tmp_path / "m.rcf")
    elif way == "bytes":
        again = fastrcf.loads(bytes(forest))
    elif way == "pickle":
        again = pickle.loads(pickle.dumps(forest))
    else:
        again = getattr(copy, way)(forest)
    assert bytes(again) == bytes(forest)
    assert repr(again) == repr(forest)
    x = rng.normal(size=(300, 3))
    np.testing.assert_array_equal(forest.process(x), again.process(x))
    assert bytes(again) == bytes(forest)


@pytest.mark.parametrize("sampling", ["decay", "uniform", "window"])
def test_a_dense_form_is_smaller_and_as_exact(rng, sampling):
    forest = small(sampling=sampling, shingle_size=2, n_threads=1)
    data = _dense.dumps(forest)
    assert len(data) < 0.7 * len(bytes(forest))
    again = _dense.loads(data, n_threads=1)
    assert bytes(again) == bytes(forest)
    x = rng.normal(size=(300, 3))
    np.testing.assert_array_equal(forest.process(x), again.process(x))
    with pytest.raises(fastrcf.ModelFileError, match="checksum"):
        _dense.loads(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(fastrcf.ModelFileError, match="dense form"):
        _dense.loads(bytes(forest))
    with pytest.raises(fastrcf.NotReadyError):
        _dense.dumps(fastrcf.RandomCutForest())


def test_a_copy_goes_its_own_way(rng):
    forest = small()
    before = bytes(forest)
    copy.copy(forest).insert(rng.normal(size=(50, 3)))
    assert bytes(forest) == before


def test_frozen_forests_travel(rng):
    frozen = small().freeze()
    x = rng.normal(size=(50, 3))
    for again in (pickle.loads(pickle.dumps(frozen)), fastrcf.loads(bytes(frozen))):
        assert isinstance(again, fastrcf.FrozenForest)
        np.testing.assert_array_equal(frozen.score(x), again.score(x))
    assert copy.deepcopy(frozen) is frozen


def test_notes_travel_and_change_nothing(rng):
    x = rng.normal(size=(50, 3))
    detector = fastrcf.Detector(random_state=1, n_trees=5).fit(x)
    for model in (small(), detector):
        before, scores = bytes(model), model.score(x)
        model.notes = {"origin": "week 34", "übrigens": ""}
        assert bytes(model) != before
        for again in (fastrcf.loads(bytes(model)), pickle.loads(pickle.dumps(model))):
            assert dict(again.notes) == {"origin": "week 34", "übrigens": ""}
            np.testing.assert_array_equal(again.score(x), scores)
        model.notes = {}
        assert bytes(model) == before
    forest = small()
    forest.notes = {"a": "b"}
    assert dict(fastrcf.loads(bytes(forest.freeze())).notes) == {"a": "b"}
    for wrong in ({"a": "x" * 70_000}, {"": "x"}, {"a": 1}, "text"):
        with pytest.raises(fastrcf.InvalidParameterError, match="notes"):
            forest.notes = wrong
    with pytest.raises(TypeError):
        forest.notes["c"] = "d"
    assert dict(forest.notes) == {"a": "b"}
    with pytest.raises(fastrcf.NotReadyError):
        fastrcf.RandomCutForest().notes = {"a": "b"}
    with pytest.raises(fastrcf.NotFittedError):
        fastrcf.Detector().notes = {"a": "b"}


def test_forests_without_rows_pickle_and_refuse_to_be_saved(tmp_path):
    forest = fastrcf.RandomCutForest(5, 16, random_state=3, sampling="window")
    again = pickle.loads(pickle.dumps(forest))
    x = np.arange(60.0).reshape(30, 2)
    np.testing.assert_array_equal(forest.process(x), again.process(x))
    with pytest.raises(fastrcf.NotReadyError, match="no rows"):
        fastrcf.RandomCutForest().save(tmp_path / "m.rcf")
    assert not list(tmp_path.iterdir())


def test_a_frozen_forest_opens_in_a_few_milliseconds(tmp_path, rng):
    forest = fastrcf.RandomCutForest(random_state=1)
    forest.insert(rng.normal(size=(5000, 30)))
    forest.freeze().save(tmp_path / "m.rcf")

    def seconds():
        started = time.perf_counter()
        fastrcf.load(tmp_path / "m.rcf")
        return time.perf_counter() - started

    # The least of many: what the machine does besides only ever adds. One to two it takes, the
    # longer at a lower instruction set.
    assert min(seconds() for _ in range(50)) < 0.004


def test_what_is_no_model_is_refused(tmp_path):
    for data in (b"", b"PK\x03\x04", bytes(small())[:-1], b"\x89RCF\r\n\x1a\n" + b"\0" * 100):
        with pytest.raises(fastrcf.ModelFileError):
            fastrcf.loads(data)
    with pytest.raises(FileNotFoundError, match=r"none\.rcf"):
        fastrcf.load(tmp_path / "none.rcf")
    with pytest.raises(FileNotFoundError, match=r"folder\.rcf"):
        small().save(tmp_path / "no" / "folder.rcf")
    with pytest.raises(IsADirectoryError, match="test_what_is_no_model"):
        fastrcf.load(tmp_path)
    (tmp_path / "m.rcf").write_bytes(b"no model")
    with pytest.raises(fastrcf.ModelFileError, match=r"m\.rcf: model file: this is no"):
        fastrcf.load(tmp_path / "m.rcf")


def test_saving_keeps_links_and_permissions(tmp_path):
    target = tmp_path / "real.rcf"
    small().save(target)
    target.chmod(0o640)
    link = tmp_path / "link.rcf"
    link.symlink_to(target)
    small(sampling="window").save(link)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert bytes(fastrcf.load(target)) == bytes(small(sampling="window"))


# One process makes the forest; those that save it, and are killed, are copies of it.
SAVER = """
import os, sys, numpy as np, fastrcf
forest = fastrcf.RandomCutForest(50, 64, random_state=1, n_threads=1)
forest.insert(np.random.default_rng(0).normal(size=(500, 20)))
for _ in range(12):
    saver = os.fork()
    if saver == 0:
        print(os.getpid(), flush=True)
        while True:
            forest.save(sys.argv[1])
    os.waitpid(saver, 0)
"""


def test_a_process_killed_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "m.rcf"
    wait = np.random.default_rng(4)
    words = [sys.executable, "-c", SAVER, str(path)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as maker:
        try:
            for saver in maker.stdout:
                time.sleep(wait.uniform(0.02, 0.05))
                os.kill(int(saver), signal.SIGKILL)
                if path.exists():
                    assert fastrcf.load(path).n_seen == 500
        except BaseException:
            os.killpg(maker.pid, signal.SIGKILL)
            raise
    assert maker.returncode == 0
    assert path.exists()
