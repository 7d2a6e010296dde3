"""What must not be copied: large inputs of every layout."""

import subprocess
import sys

import numpy as np
import pytest

from tests.test_input import frame

MAKE = {
    "C float32": "matrix(np.float32, 'C')",
    "C float64": "matrix(np.float64, 'C')",
    "F float32": "matrix(np.float32, 'F')",
    "F float64": "matrix(np.float64, 'F')",
    "integers": "np.abs(matrix(np.float64, 'C')).astype(np.int32)",
    "every second column": "matrix(np.float64, 'C')[:, ::2]",
    "every second row": "matrix(np.float64, 'C')[::2]",
    "pandas, C block": "pd.DataFrame(matrix(np.float64, 'C'), copy=False)",
    "pandas, F block": "pd.DataFrame(matrix(np.float32, 'F'), copy=False)",
    "pandas, columns": "pandas_columns(matrix(np.float64, 'F'))",
    "Arrow, chunks": "arrow_chunks(matrix(np.float64, 'F'))",
    "Polars, chunks": "pl.concat([pl.from_arrow(part) for part in arrow_parts(matrix("
    "np.float32, 'F'))], rechunk=False)",
}
CODE = """
import sys
import importlib
import numpy as np, fastrcf
# Some take longer to import than all the rest.
for short, module in (("pd", "pandas"), ("pl", "polars"), ("pa", "pyarrow")):
    if module in sys.argv[2:]:
        globals()[short] = importlib.import_module(module)
D = 50
def matrix(dtype, order):
    x = np.empty((100_000_000 // D // np.dtype(dtype).itemsize, D), dtype=dtype, order=order)
    values = np.random.default_rng(0).normal(size=4096)
    x.ravel(order="K")[:] = np.resize(values, x.size)
    return x
def pandas_columns(x):
    return pd.concat([pd.Series(x[:, j], copy=False) for j in range(D)], axis=1)
def arrow_chunks(x):
    # Each column in chunks of its own.
    n = len(x)
    bounds = [[0, n // 3 + j, n // 2, n] for j in range(D)]
    return pa.table({
        str(j): pa.chunked_array([x[a:b, j] for a, b in zip(cuts, cuts[1:])])
        for j, cuts in enumerate(bounds)
    })
def arrow_parts(x):
    whole = pa.table({str(j): x[:, j] for j in range(D)})
    return [whole.slice(0, 100_000), whole.slice(100_000)]
x = eval(sys.argv[1])
some = np.random.default_rng(0).normal(size=(3000, x.shape[1]))
f = fastrcf.RandomCutForest(1, 16, random_state=1, n_threads=1)
f.insert(some[:100])
f.score(some)
f.freeze().score(x[:3000])
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


@pytest.mark.parametrize("kind", MAKE)
def test_large_inputs_are_not_copied(kind):
    """50 or 100 MB go in; the process grows by a small part of that."""
    if sys.platform != "linux":
        pytest.skip("reads the peak of memory from /proc")
    for module in ("pandas", "polars", "pyarrow"):
        pytest.importorskip(module)
    needed = {"pandas": ["pandas"], "Arrow": ["pyarrow"], "Polars": ["polars", "pyarrow"]}
    command = [sys.executable, "-c", CODE, MAKE[kind], *needed.get(kind.partition(",")[0], [])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    # Scores are float64: at most 4 MB, twice while they are sums.
    assert int(run.stdout) < 25


def memory(values):
    return values[0] if isinstance(values, tuple) else values


def test_columns_of_frames_are_not_copied(rng):
    from fastrcf._input import to_rows

    x = rng.normal(size=(1000, 4))
    for kind in ("polars", "pyarrow"):
        table = frame(kind, x)
        for array, name in zip(to_rows(table), "abcd", strict=True):
            again = table[name].to_numpy()
            assert np.shares_memory(array, again)


def test_a_detector_sees_frames_where_they_lie(rng):
    from fastrcf._tables import as_table

    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    x = rng.normal(size=(10_000, 4))
    block = pd.DataFrame(x, columns=list("abcd"), copy=False)
    table = as_table(block)
    assert np.shares_memory(table.columns(list("abcd"), set(), None), x)
    # Some of its columns lie apart; a column of another kind is a block of its own.
    for given in (block, block.assign(e=1)):
        for values in as_table(given).columns(["d", "b"], set(), None):
            assert not values[0].flags.owndata
            assert values[1] == 4 or given is not block
    assert as_table(x[:, 1:]).columns(["x0", "x1", "x2"], set(), None)[0][1] == 4
    whole = frame("pyarrow", x)
    chunks = pa.concat_tables([whole.slice(0, 4000), whole.slice(4000)])
    first, second = as_table(chunks).columns(["c", "a"], set(), None)
    assert (len(first[0]), len(second[0])) == (4000, 6000)
    assert np.shares_memory(second[1], whole["a"].chunk(0).to_numpy())
