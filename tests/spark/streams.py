"""Events of keys as files of a stream, the scores that they should have, and a plan of them."""

import datetime
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import fastrcf

INPUTS = ["amount", "speed"]
FOREST = {"n_trees": 10, "sample_size": 16}
N_FILES = 3


def events_of_keys() -> pa.Table:
    """Rows of four keys, the null one among them, in the order of their times."""
    rng = np.random.default_rng(9)
    n = 800
    return pa.table(
        {
            "id": np.arange(n),
            "sim": pa.array(rng.choice(["a", "b", "c", None], n, p=[0.5, 0.3, 0.1, 0.1])),
            "time": pa.array(
                [
                    datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
                    + datetime.timedelta(seconds=i)
                    for i in range(n)
                ],
                pa.timestamp("us", "UTC"),
            ),
            "amount": rng.lognormal(3, 1, n),
            "speed": rng.normal(size=n).astype(np.float32),
        }
    )


def written(table, folder, n_files=N_FILES, first=0):
    """Write a table as files of a stream, each with its rows in disorder."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    for i, places in enumerate(np.array_split(np.arange(len(table)), n_files)):
        path = folder / f"{first + i:03}.parquet"
        pq.write_table(table.take(rng.permutation(places)), path)
        # The stream takes the oldest file first.
        os.utime(path, (1_000_000 + first + i,) * 2)
    return folder


def by_hand(table, inputs=INPUTS, **parameters):
    """Score all rows in order by a forest for each key."""
    expected = np.full(len(table), np.nan)
    keys = table["sim"].to_pylist()
    x = np.column_stack([table[name].to_numpy().astype(float) for name in inputs])
    for key in set(keys):
        places = [i for i, other in enumerate(keys) if other == key]
        forest = fastrcf.RandomCutForest(**(FOREST | {"random_state": 0} | parameters))
        expected[places] = forest.process(x[places])
    return expected


def equal(found, expected):
    """Tell whether scores are those expected, null where these are NaN."""
    scores = found["score"].to_numpy()
    if found["score"].null_count != np.isnan(expected).sum():
        return False
    return bool(((scores == expected) | np.isnan(expected)).all())


def plan_of(**other):
    return {
        "bucket": "bucket",
        "key": "key",
        "order": "order",
        "time": None,
        "late": "learn",
        "missing": "null",
        "ttl": None,
        "kind": "expected_inverse_depth",
        "forest": FOREST | {"random_state": 0},
        "n_buckets": 4,
        "of": {"keys": ["sim"], "columns": ["x", "y"]},
        "names": ["x", "y"],
        "columns": ["x", "y"],
        "text": [],
        "packed": None,
        "kept": ["id"],
        "plain": True,
    } | other
