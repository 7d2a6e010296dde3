"""How time per row grows with each size, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches import goals, tables
from benches.measures import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.engines.protocol import Work
    from benches.record import Measurement, Results

WORKS: tuple[Work, ...] = ("score", "process", "insert", "attribution")
# Contest, what grows, and its name.
SIZES = (
    ("growth n, d=8", "batch", "rows per call, d = 8"),
    ("growth T, d=8", "n_trees", "trees, d = 8"),
    ("growth S, d=8", "sample_size", "rows per tree, d = 8"),
    ("threads, d=30", "n_threads", "threads, d = 30, on the wall"),
)
CALLS = "threads n, d=8"


def growth_table(results: Results) -> str:
    """Lay out microseconds per row at each size, a line a size and work, where measured."""
    lines = ["| size | work | µs a row at each |", "|---|---|---|"]
    for label, work, size, made in _lines(results):
        values = ", ".join(f"{getattr(one, size):,}: {goals.value(one.median)}" for one in made)
        lines.append(f"| {label} | {work} | {values} |")
    return "\n".join(lines)


def _lines(results: Results) -> Iterator[tuple[str, Work, str, list[Measurement]]]:
    """Give label, work, what grows, and the measurements in its order."""
    for work in WORKS:
        made = tables.by_width(results, OURS[work].name, work)
        # One width shows no growth.
        if len(made) > 1:
            yield "columns", work, "n_columns", made
    for contest, size, label in SIZES:
        for work in WORKS:
            made = _sorted(results, contest, work, size)
            if made:
                yield label, work, size, made
    for work in WORKS:
        for threads in (1, 2):
            made = _sorted(results, CALLS, work, "batch", n_threads=threads)
            if made:
                word = "thread" if threads == 1 else "threads"
                yield f"rows per call, d = 8, {threads} {word}, on the wall", work, "batch", made


def _sorted(
    results: Results, contest: str, work: Work, size: str, **shape: int
) -> list[Measurement]:
    found = results.all(contest, OURS[work].name, work, **shape)
    return sorted(found, key=lambda one: int(getattr(one, size) or 0))
