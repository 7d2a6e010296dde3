"""RecordIO-protobuf from Python, one thread: ``python -m benches.recordio``.

Rates are of the rows' own bytes. Where Amazon's SDK of version 2 is installed, its encoder is
measured beside.
"""

from __future__ import annotations

import io
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.sagemaker import decode_recordio, encode_recordio

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTHS = (8, 30, 100)
ROWS = 100_000
# Of Amazon's encoder, which takes seconds for the others.
FEWER = 5_000


def main() -> None:
    for width in WIDTHS:
        rows = np.random.default_rng(1).normal(size=(ROWS, width)).astype(np.float32)
        data = encode_recordio(rows)
        tell(f"encode {width} columns", rows, partial(encode_recordio, rows))
        tell(f"decode {width} columns", rows, partial(decode_recordio, data))
        sdk = amazons()
        if sdk is not None:
            few = rows[:FEWER]
            tell(f"encode {width} columns, Amazon's SDK", few, partial(sdk, few))


def tell(what: str, rows: np.ndarray[Any, Any], work: Callable[[], object]) -> None:
    times = []
    for _ in range(7):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    best = min(times)
    print(f"{what}: {rows.nbytes / best / 1e6:,.0f} MB/s, {len(rows) / best:,.0f} rows/s")


def amazons() -> Callable[[np.ndarray[Any, Any]], None] | None:
    try:
        from sagemaker.amazon.common import write_numpy_to_dense_tensor
    except ImportError:
        return None
    return lambda rows: write_numpy_to_dense_tensor(io.BytesIO(), rows)


if __name__ == "__main__":
    main()
