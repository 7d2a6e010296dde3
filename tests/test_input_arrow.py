"""Columns of Arrow, and what must not be copied."""

import subprocess
import sys

import numpy as np
import pytest

import fastrcf
from tests.test_input import forest, frame

__all__ = ["forest"]


def test_plain_arrow_columns_are_seen_without_a_copy(forest, rng):
    from fastrcf._input import arrow_floats

    pa = pytest.importorskip("pyarrow")
    x = rng.normal(size=(50, 4)).astype(np.float32)
    table = frame("pyarrow", x)
    (batch,) = table.to_batches()
    part = batch.slice(10, 20)
    for seen, expected in ((table, x), (batch, x), (part, x[10:30]), (part.slice(5, 0), x[:0])):
        columns = arrow_floats(seen)
        np.testing.assert_array_equal(np.column_stack(columns), expected)
        if len(expected):
            np.testing.assert_array_equal(forest.score(seen), forest.score(expected))
    first = np.frombuffer(batch.column(2).buffers()[1], np.float32)
    assert np.shares_memory(arrow_floats(batch)[2], first)
    both = arrow_floats(batch, ["d", "b"])
    np.testing.assert_array_equal(np.column_stack(both), x[:, [3, 1]])
    mixed = pa.table({"a": x[:, 0], "b": x[:, 1].astype(np.float64)})
    assert [column.dtype for column in arrow_floats(mixed)] == [np.float32, np.float64]


def test_other_arrow_columns_get_a_second_look(forest, rng):
    from fastrcf._input import arrow_floats

    pa = pytest.importorskip("pyarrow")
    x = rng.normal(size=(50, 4))
    table = frame("pyarrow", x)
    assert arrow_floats(x) is arrow_floats([[1.0]]) is None
    assert arrow_floats(table, ["a", "z"]) is arrow_floats(table, []) is None
    chunked = pa.concat_tables([table.slice(0, 20), table.slice(20)])
    integers = table.set_column(1, "b", pa.array(range(50)))
    missing = table.set_column(1, "b", pa.array([None, *x[1:, 1]], pa.float64()))
    twice = table.rename_columns(list("abca"))
    for other in (chunked, integers, missing, twice):
        assert arrow_floats(other) is None
    np.testing.assert_array_equal(forest.score(chunked), forest.score(x))
    for one in missing.to_batches():
        with pytest.raises(fastrcf.InvalidInputError, match="missing") as error:
            forest.score(one)
        assert (error.value.row, error.value.column) == (0, 1)
    with pytest.raises(fastrcf.InvalidInputError, match="same name"):
        forest.score(twice.to_batches()[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_value_of_a_later_batch_is_named_by_its_row_in_all(rng, bad):
    x = rng.normal(size=(300, 4))
    x[217, 2] = bad
    batches = frame("pyarrow", x).to_batches(max_chunksize=100)
    detector = fastrcf.Detector(n_trees=5, sample_size=32, columns=["d", "c"])
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 217, column 'c'"):
        detector.fit(batches)


def test_a_detector_finds_arrow_columns_by_name(rng):
    x = rng.normal(size=(300, 4))
    table = frame("pyarrow", x)
    detector = fastrcf.Detector(n_trees=5, sample_size=32, random_state=1).fit(table.to_batches())
    turned = table.select(list("dbca"))
    for seen in (turned, turned.to_batches()[0]):
        np.testing.assert_array_equal(detector.score(seen), detector.score(x))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arrays_are_not_copied(order, dtype):
    """200 MB go in; the process grows by a small part of that."""
    if sys.platform != "linux":
        pytest.skip("reads the peak of memory from /proc")
    code = """
import sys
import numpy as np, fastrcf
order, dtype = sys.argv[1:]
d = 50
x = np.empty((200_000_000 // d // np.dtype(dtype).itemsize, d), dtype=dtype, order=order)
values = np.random.default_rng(0).normal(size=4096)
x.ravel(order="K")[:] = np.resize(values, x.size)
f = fastrcf.RandomCutForest(1, 16, random_state=1, n_threads=1)
f.insert(x[:100])
f.score(x[:3000])
def peak():
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
open("/proc/self/clear_refs", "w").write("5")
before = peak()
f.insert(x)
f.score(x)
f.freeze().score(x)
print((peak() - before) // 1_000_000)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, order, dtype], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    # Scores are float64: 8 MB for a million rows, twice while they are sums.
    assert int(run.stdout) < 50


def test_columns_of_frames_are_not_copied(rng):
    from fastrcf._input import to_rows

    x = rng.normal(size=(1000, 4))
    for kind in ("polars", "pyarrow"):
        table = frame(kind, x)
        for array, name in zip(to_rows(table), "abcd", strict=True):
            again = table[name].to_numpy()
            assert np.shares_memory(array, again)
