"""What taking input in costs beside a pass over its memory: ``python -m benches.inputs``.

The same table in every layout that users hold, from the call in Python on: seen as
the engine takes it, checked, converted to single precision and dropped, on one thread.
Beside it, in the same round, NumPy looks for the maximum of the same memory. Figures go
to benches/inputs.json and, by ``python -m benches.report``, into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from benches import machine
from benches.goals import value
from benches.record import Spread
from benches.rows import mixture
from fastrcf import _fastrcf
from fastrcf._input import to_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FIGURES = Path(__file__).resolve().parent / "inputs.json"
COLUMNS = 30
# Rows of Arrow's chunks, as PyArrow reads Parquet.
CHUNK = 1 << 17
HEAD = ("", "MB", "NumPy's maximum, GB/s", "checked and converted, GB/s", "share of NumPy's speed")


@dataclass(frozen=True)
class Layout:
    """The same rows, laid out in one way.

    Attributes
    ----------
    name : str
        In words.
    given : object
        What a user would give.
    memory : list of numpy.ndarray
        All that it lies in, contiguous.
    """

    name: str
    given: Any
    memory: list[np.ndarray[Any, Any]]

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory."""
        return sum(array.nbytes for array in self.memory)


@dataclass(frozen=True)
class Taken:
    """Times of one layout.

    Attributes
    ----------
    name : str
        Of the layout.
    n_bytes : int
        Of its memory.
    plain, seconds : tuple of float
        Seconds of the working thread, one a round, of NumPy and of ours.
    """

    name: str
    n_bytes: int
    plain: tuple[float, ...]
    seconds: tuple[float, ...]

    def cells(self) -> list[str]:
        """Write it down as :data:`HEAD` says."""
        share = Spread.of(np.divide(self.plain, self.seconds).tolist())
        return [
            self.name,
            f"{self.n_bytes / 1e6:.0f}",
            *(
                value(self.n_bytes / statistics.median(times) / 1e9)
                for times in (self.plain, self.seconds)
            ),
            f"{value(share.middle)} ({value(share.low)} to {value(share.high)})",
        ]


def layouts(n_rows: int) -> Iterator[Layout]:
    """Lay the same rows out in every way."""
    import pandas as pd
    import pyarrow as pa

    names = [f"x{j}" for j in range(COLUMNS)]
    for kind in ("float32", "float64"):
        # In both the same numbers, those of single precision.
        across = mixture(n_rows, COLUMNS, seed=3).astype(kind)
        down = np.asfortranarray(across)
        columns = [down[:, j] for j in range(COLUMNS)]
        yield Layout(f"NumPy, C order, {across.dtype}", across, [across])
        yield Layout(f"NumPy, Fortran order, {across.dtype}", down, [down.T])
    wide = np.repeat(across, 2, axis=1)
    yield Layout("NumPy, every second column, float64", wide[:, ::2], [wide])
    yield Layout("pandas, one block, float64", pd.DataFrame(down, columns=names), [down.T])
    block = pd.DataFrame(across, columns=names, copy=False)
    yield Layout("pandas, one block in C order, float64", block, [across])
    series = [pd.Series(column, copy=False) for column in columns]
    apart = pd.concat(series, axis=1, keys=names)
    yield Layout("pandas, a block a column, float64", apart, columns)
    table = pa.table(dict(zip(names, columns, strict=True)))
    yield Layout("Arrow, float64", table, columns)
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=CHUNK))
    yield Layout(f"Arrow, chunks of {CHUNK:,} rows, float64", chunked, columns)
    moved = {
        name: pa.chunked_array([column[:at], column[at:]])
        for name, column, at in zip(
            names, columns, np.linspace(1, n_rows, COLUMNS).astype(int), strict=True
        )
    }
    yield Layout("Arrow, each column with a bound of its own, float64", pa.table(moved), columns)
    for kind in ("int32", "int64"):
        whole = across.astype(kind)
        yield Layout(f"NumPy, C order, {whole.dtype}", whole, [whole])
    down = np.asfortranarray(whole)
    columns = [down[:, j] for j in range(COLUMNS)]
    table = pa.table(dict(zip(names, columns, strict=True)))
    yield Layout("Arrow, int64", table, columns)


def check(given: Sequence[Layout], n_rows: int) -> None:
    """Refuse to time what is not understood.

    Raises
    ------
    RuntimeError
        If a layout gets other scores than the first of its numbers.
    """
    forest = fastrcf.RandomCutForest(3, 64, random_state=1, n_threads=1)
    forest.insert(mixture(1000, COLUMNS, seed=1))
    frozen = forest.freeze()
    known = {False: given[0].given, True: given[0].given.astype(np.int64)}
    expected = {whole: frozen.score(rows) for whole, rows in known.items()}
    for layout in given:
        scores = frozen.score(layout.given)
        if len(scores) != n_rows or not np.array_equal(scores, expected["int" in layout.name]):
            raise RuntimeError(f"{layout.name}: its scores are not those of the same rows")


def measure(n_rows: int, rounds: int, told: Callable[[str], None]) -> list[Taken]:
    """Let all layouts take turns, one unmeasured round first."""
    given = list(layouts(n_rows))
    check(given, n_rows)
    times: dict[str, list[tuple[float, float]]] = {layout.name: [] for layout in given}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds + 1):
            told(f"round {turn} of {rounds}")
            for layout in given:
                plain = _seconds(_maxima, layout.memory)
                ours = _seconds(_take_in, layout.given)
                if turn:
                    times[layout.name].append((plain, ours))
    finally:
        gc.enable()
    return [
        Taken(layout.name, layout.n_bytes, *zip(*times[layout.name], strict=True))
        for layout in given
    ]


def _maxima(memory: list[np.ndarray[Any, Any]]) -> None:
    for part in memory:
        part.max()


def _take_in(given: Any) -> None:
    _fastrcf.take_in(to_rows(given))


def _seconds(work: Callable[[Any], None], x: Any) -> float:
    start = time.thread_time_ns()
    work(x)
    return (time.thread_time_ns() - start) / 1e9


def page(figures: dict[str, Any] | None) -> str:
    """Lay figures out for a document."""
    if figures is None:
        return "Not measured yet."
    about = figures["machine"]
    lines = [
        f"Measured {figures['measured'][:10]} on {about['processor']}, instruction set "
        f"{about['simd']}: {figures['n_rows']:,} rows of {COLUMNS} columns, one thread, medians "
        f"of {figures['rounds']} rounds.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|---|" + "---:|" * (len(HEAD) - 1),
    ]
    lines += ["| " + " | ".join(Taken(**taken).cells()) + " |" for taken in figures["inputs"]]
    return "\n".join(lines)


def load(path: Path = FIGURES) -> dict[str, Any] | None:
    """Read the figures of the last run; None before the first."""
    if not path.exists():
        return None
    figures: dict[str, Any] = json.loads(path.read_text())
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benches.inputs", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=FIGURES, help="where the figures go")
    options = parser.parse_args(arguments)
    taken = measure(options.rows, options.rounds, lambda said: print(said, file=sys.stderr))
    figures = {
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "n_rows": options.rows,
        "rounds": options.rounds,
        "inputs": [asdict(one) for one in taken],
    }
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(page(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
