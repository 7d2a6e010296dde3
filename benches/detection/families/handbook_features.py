"""Inputs of the handbook's transactions: its own fifteen, and few that say more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from benches.detection.case import Rows

PUBLISHED = (
    "TX_AMOUNT",
    "TX_DURING_WEEKEND",
    "TX_DURING_NIGHT",
    *(
        f"CUSTOMER_ID_{what}_{days}DAY_WINDOW"
        for days in (1, 7, 30)
        for what in ("NB_TX", "AVG_AMOUNT")
    ),
    *(f"TERMINAL_ID_{what}_{days}DAY_WINDOW" for days in (1, 7, 30) for what in ("NB_TX", "RISK")),
)
# A card that has not been seen begins with this many rows of this amount.
BEFORE, USUAL = 3, 40.0
DAY = 86_400
# Days over which a card's large rows are summed.
TRAILING = 14


def published(columns: Mapping[str, NDArray[np.generic]]) -> Rows:
    """Lay out the fifteen published inputs, shape (n, 15); they hold labels of 7 days ago."""
    return np.column_stack([columns[name] for name in PUBLISHED]).astype(np.float64)


def label_free(columns: Mapping[str, NDArray[np.generic]]) -> Rows:
    """Make three features from amounts of the card's own rows so far, shape (n, 3).

    The amount from 60 on; how many times the card's usual amount it is, from
    once on; and by how much the card's rows of the last 14 days, this one
    included, were more than twice the usual, 6 at most. The usual amount is a
    mean over earlier rows alone, each cut at 2.5 times the mean before it.
    """
    amount = columns["TX_AMOUNT"].astype(np.float64)
    seconds = columns["TX_TIME_SECONDS"].astype(np.int64)
    card = columns["CUSTOMER_ID"].astype(np.int64)
    order = np.lexsort((seconds, card))
    amount, seconds, card = amount[order], seconds[order], card[order]
    first = np.searchsorted(card, card, side="left")
    earlier = np.arange(len(card)) - first
    plain = (_sum_before(amount, first) + BEFORE * USUAL) / (earlier + BEFORE)
    cut = np.minimum(amount, 2.5 * plain)
    usual = (_sum_before(cut, first) + BEFORE * USUAL) / (earlier + BEFORE)
    ratio = amount / usual
    # Cards lie farther apart than any window.
    apart = seconds.max(initial=0) + (TRAILING + 1) * DAY
    place = card * apart + seconds
    since = np.searchsorted(place, place - TRAILING * DAY, side="right")
    sums = np.concatenate(([0.0], np.cumsum(np.maximum(ratio - 2.0, 0.0))))
    recent = sums[1:] - sums[since]
    made = np.column_stack(
        (np.maximum(amount, 60.0), np.maximum(ratio, 1.0), np.clip(recent, 0.0, 6.0))
    )
    back = np.empty_like(made)
    back[order] = made
    return back


def with_feedback(columns: Mapping[str, NDArray[np.generic]]) -> Rows:
    """Add the terminal's share of frauds, known with 7 days' delay, to the three: shape (n, 4)."""
    count = columns["TERMINAL_ID_NB_TX_7DAY_WINDOW"].astype(np.float64)
    risk = columns["TERMINAL_ID_RISK_7DAY_WINDOW"].astype(np.float64)
    return np.column_stack((label_free(columns), risk * count / (count + 3.0)))


def _sum_before(values: Rows, first: NDArray[np.int64]) -> Rows:
    """Sum each group's values before each row; groups are runs that begin at `first`."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray(sums[:-1] - sums[first])
