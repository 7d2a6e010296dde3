"""Simulated card transactions of the Fraud Detection Handbook, by its own protocol.

A week is fitted, its labels arrive a week later, and the week after that is
scored, without the cards that are known to be compromised by then. The first
week begins when the inputs' longest windows have their 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from benches.detection.case import Case, Flags, Integers, Rows, Table, needed
from benches.detection.families.handbook_features import label_free, published, with_feedback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Days of a training period, of the delay of labels, and of a test period.
WEEK = 7
# Where the first training period begins: whole weeks, 30 days at least.
FIRST = 35
FEATURES: dict[str, Callable[[Mapping[str, NDArray[np.generic]]], Rows]] = {
    "handbook, 15 inputs": published,
    "handbook, four features": with_feedback,
    "handbook, no labels": label_free,
}


@dataclass(frozen=True)
class Transactions:
    """All rows, in the order of time.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (n,)
    days, cards : ndarray of int64, shape (n,)
    frauds : ndarray of bool, shape (n,)
    """

    columns: Mapping[str, NDArray[np.generic]]
    days: Integers
    cards: Integers
    frauds: Flags


def cases(family: str, data: Path) -> Iterator[Case]:
    """Give a case for each week that can be scored."""
    path = needed(data / "fraud_handbook" / "april_june.parquet")
    last = int(pq.read_table(path, columns=["TX_TIME_DAYS"])["TX_TIME_DAYS"].to_numpy().max())
    for start in range(FIRST, last - 3 * WEEK + 2, WEEK):
        yield Case(family, f"from day {start + 2 * WEEK}", partial(load, path, family, start))


def load(path: Path, family: str, start: int) -> Table:
    """Fit the week from day `start` on, and score the one two weeks later."""
    made, rows = read(path), features(path, family)
    fitted = (made.days >= start) & (made.days < start + WEEK)
    asked = scored(made, start)
    return Table(
        rows[fitted], rows[asked], made.frauds[asked], None, made.cards[asked], made.days[asked]
    )


def scored(made: Transactions, start: int) -> Integers:
    """Say which rows are scored: day by day, those of cards not known as compromised.

    Returns
    -------
    ndarray of int64
        Their numbers.
    """
    known = set(made.cards[made.frauds & (made.days >= start) & (made.days < start + WEEK)])
    parts = []
    for day in range(WEEK):
        # What the delay has let through since the day before.
        told = made.days == start + WEEK + day - 1
        known |= set(made.cards[made.frauds & told])
        of_day = np.flatnonzero(made.days == start + 2 * WEEK + day)
        barred = np.isin(made.cards[of_day], np.fromiter(known, np.int64, len(known)))
        parts.append(of_day[~barred])
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def read(path: Path) -> Transactions:
    """Read all rows."""
    table = pq.read_table(path)
    kept = [name for name in table.column_names if name != "TX_DATETIME"]
    columns = {name: table[name].to_numpy() for name in kept}
    order = np.argsort(columns["TX_TIME_SECONDS"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    return Transactions(
        columns,
        columns["TX_TIME_DAYS"].astype(np.int64),
        columns["CUSTOMER_ID"].astype(np.int64),
        columns["TX_FRAUD"] == 1,
    )


@lru_cache(maxsize=1)
def features(path: Path, family: str) -> Rows:
    """Make a family's inputs of all rows."""
    return FEATURES[family](read(path).columns)
