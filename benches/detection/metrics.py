"""How good scores are by labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

if TYPE_CHECKING:
    from benches.detection.case import Flags, Integers, Rows, Table

# Cards that a day's investigators look at.
CARDS = 100


def measures(table: Table, scores: Rows) -> dict[str, float]:
    """Measure a table's scores.

    Returns
    -------
    dict of str to float
        ``auc`` and ``ap``, weighted where the table is; ``cp100``, card
        precision, where it names cards.

    Raises
    ------
    ValueError
        If a score is not finite, or all labels are the same.
    """
    if not np.isfinite(scores).all():
        raise ValueError(f"score of row {int(np.flatnonzero(~np.isfinite(scores))[0])}")
    if table.labels.all() or not table.labels.any():
        raise ValueError("all labels are the same")
    found = {
        "auc": float(roc_auc_score(table.labels, scores, sample_weight=table.weights)),
        "ap": float(average_precision_score(table.labels, scores, sample_weight=table.weights)),
    }
    if table.cards is not None and table.days is not None:
        found["cp100"] = card_precision(scores, table.labels, table.cards, table.days)
    return found


def card_precision(
    scores: Rows, labels: Flags, cards: Integers, days: Integers, at: int = CARDS
) -> float:
    """Share of compromised cards among the `at` with the highest scores, mean over days.

    A card's score is its highest of the day; it is compromised if one of its
    rows of that day is a fraud. Ties go to the lower number of the card.
    """
    shares = []
    for day in np.unique(days):
        of_day = days == day
        names, places = np.unique(cards[of_day], return_inverse=True)
        highest = np.full(len(names), -np.inf)
        np.maximum.at(highest, places, scores[of_day])
        compromised = np.zeros(len(names), dtype=bool)
        np.logical_or.at(compromised, places, labels[of_day])
        top = np.argsort(-highest, kind="stable")[:at]
        shares.append(compromised[top].sum() / at)
    return float(np.mean(shares))
