"""A histogram of latencies as lines of text, for reports and terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastrcf.traffic.histogram import Histogram

ROWS, WIDTH = 12, 40


def lines(histogram: Histogram, rows: int = ROWS, width: int = WIDTH) -> list[str]:
    """Draw a histogram: a range in milliseconds, how many are in it, and a bar.

    Ranges grow with the latency, as the buckets do. The longest bar is of the greatest
    count; a range that holds anything has a mark.

    Parameters
    ----------
    histogram : Histogram
    rows : int
        At most so many lines.
    width : int
        Characters of the longest bar.

    Returns
    -------
    list of str
        ASCII, from the least to the greatest; none of nothing.
    """
    spans = histogram.spans(rows)
    most = max((count for _, _, count in spans), default=0)
    return [
        f"{_ms(low):>8} to {_ms(high):>8}{count:>10,}  {'#' * _length(count, most, width)}".rstrip()
        for low, high, count in spans
    ]


def _length(count: int, most: int, width: int) -> int:
    return max(1, round(width * count / most)) if count else 0


def _ms(seconds: float) -> str:
    ms = seconds * 1e3
    return f"{ms:,.2f}" if ms < 10 else f"{ms:,.1f}" if ms < 100 else f"{ms:,.0f}"
