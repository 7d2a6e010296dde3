"""What a fit from Parquet takes beside reading alone, for a terminal and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benches import goals
from benches.engines import Reader
from benches.record import Measurement, Spread, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benches.record import Results

HEAD = ("", "rows", "s on the wall", "s of all threads", "reader's / its wall", "of all threads")


class Line(NamedTuple):
    """One way through a file.

    Attributes
    ----------
    engine : str
        Who went through it.
    n_rows : int
        Of the file.
    wall, cpu : float
        Median seconds on the wall, and of all threads together: on one core
        the wall's would be these.
    on_the_wall, on_one_core : Spread or None
        Times of the reader over its own, of the same rounds; None for the reader
        itself, or where it was not measured.
    """

    engine: str
    n_rows: int
    wall: float
    cpu: float
    on_the_wall: Spread | None
    on_one_core: Spread | None

    def cells(self) -> list[str]:
        """Write it down as :data:`HEAD` says."""
        ratios = (self.on_the_wall, self.on_one_core)
        return [
            self.engine,
            f"{self.n_rows:,}",
            goals.value(self.wall),
            goals.value(self.cpu),
            *("" if ratio is None else _quartiles(ratio) for ratio in ratios),
        ]


def lines(results: Results) -> Iterator[Line]:
    """Give a line for each lane of the contests from Parquet, in order."""
    for contest in results.done:
        of_it = [
            made
            for made in results.measurements
            if made.contest == contest and made.work == "parquet"
        ]
        reader = next((made for made in of_it if made.engine == Reader.name), None)
        for made in of_it:
            beside = None if made is reader else reader
            yield Line(
                made.engine + (", 2 threads" if made.n_threads == 2 else ""),
                made.n_rows,
                _seconds(made, made.wall),
                _seconds(made, made.cpu),
                None if beside is None else paired_ratio(beside, made, "wall"),
                None if beside is None else paired_ratio(beside, made, "cpu"),
            )


def text(results: Results) -> str:
    """Lay the lines out for a terminal; nothing where none was measured."""
    found = [line.cells() for line in lines(results)]
    if not found:
        return ""
    wide = (46, 12, 15, 18, 24, 24)
    out = ["", "Fitting from Parquet"]
    for cells in (HEAD, *found):
        first, *rest = (
            f"{cell:{'' if at == 0 else '>'}{width}}"
            for at, (cell, width) in enumerate(zip(cells, wide, strict=True))
        )
        out.append("  " + first + "".join(rest))
    return "\n".join(out)


def page(results: Results) -> str:
    """Lay the lines out for a document."""
    found = [line.cells() for line in lines(results)]
    if not found:
        return "Not measured in this run."
    head = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    return "\n".join([*head, *("| " + " | ".join(cells) + " |" for cells in found)])


def _seconds(made: Measurement, per_row: Sequence[float]) -> float:
    return float(np.median(per_row)) * made.n_rows / 1e6


def _quartiles(spread: Spread) -> str:
    return f"{goals.value(spread.middle)} ({goals.value(spread.low)} to {goals.value(spread.high)})"
