"""The table that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benches.measure import Measurement, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADINGS = {
    "score": "Batch scoring, nothing learnt",
    "process": "Streaming: score each row, then learn it",
    "insert": "Learning alone",
}
OURS = "fastrcf"
# Least ratio to a peer, by work, that the project asks of itself.
TARGETS = {
    ("score", "krcf"): 8.0,
    ("score", "AWS Java 4.3.0"): 6.0,
    ("process", "krcf"): 4.0,
    ("process", "AWS Java 4.3.0"): 4.0,
}


def ratios(results: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Compare every peer with our living forest at the same work and width."""
    ours = {(r.work, r.n_columns): r for r in results if r.peer == OURS}
    found = []
    for result in results:
        if result.peer == OURS or (result.work, result.n_columns) not in ours:
            continue
        middle, low, high = paired_ratio(result, ours[result.work, result.n_columns])
        found.append(
            {
                "peer": result.peer,
                "work": result.work,
                "n_columns": result.n_columns,
                "ratio": middle,
                "quartiles": [low, high],
                "target": TARGETS.get((result.work, result.peer)),
            }
        )
    return found


def table(results: Sequence[Measurement]) -> str:
    """Lay the measurements out by work and width."""
    compared = {(r["peer"], r["work"], r["n_columns"]): r for r in ratios(results)}
    lines: list[str] = []
    for work, heading in HEADINGS.items():
        for width in sorted({r.n_columns for r in results if r.work == work}):
            lines += ["", f"{heading}, d = {width}"]
            lines.append(f"  {'':28}{'us/row':>10}{'rows/s':>12}{'x fastrcf':>11}  quartiles")
            for result in results:
                if (result.work, result.n_columns) != (work, width):
                    continue
                cpu = float(np.median(result.cpu))
                line = f"  {result.peer:28}{cpu:10.2f}{1e6 / cpu:12,.0f}"
                ratio = compared.get((result.peer, work, width))
                if ratio is not None:
                    low, high = ratio["quartiles"]
                    line += f"{ratio['ratio']:11.2f}  {low:.2f} to {high:.2f}"
                    if ratio["target"] is not None:
                        met = "met" if ratio["ratio"] >= ratio["target"] else "MISSED"
                        line += f"  (asked: {ratio['target']:g}, {met})"
                lines.append(line)
    return "\n".join(lines[1:])
