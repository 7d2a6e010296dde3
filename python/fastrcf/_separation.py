"""Columns that alone tell labelled rows from all others: made from the label, more often than not.

Rows are sampled by label, so that memory does not grow with the table; a column is
judged by the area under its ROC curve in the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fastrcf._typing import Floats

# Area under the ROC curve from which on, or below 1 less it, a column is told: among a
# thousand pairs of a labelled row and another at most one is the wrong way round.
NEARLY = 0.999
# Rows with the label, and rows without, below which nothing is told. Of fewer rows a column
# may tell them apart by chance, or because the few that were found are that odd.
LABELLED = 10
# Rows of each label that are kept; fewer where there are so many columns that they would take
# more than 32 MB.
_KEPT, _LEAST, _VALUES = 8192, 1024, 1 << 22


@dataclass(frozen=True)
class Separating:
    """A column that alone tells labels apart.

    Attributes
    ----------
    name : str
        The column.
    auc : float
        Area under the ROC curve, at least 0.5: whichever way round it is larger.
    """

    name: str
    auc: float


class Separation:
    """Takes labelled rows batch by batch, and says which columns tell two labels apart."""

    def __init__(self) -> None:
        # By label: order of drawing, and the rows kept with theirs.
        self._kept: dict[int, tuple[Floats, dict[str, NDArray[Any]]]] = {}
        self._rows: dict[int, int] = {}
        # One each: rows may come in any batches.
        self._draws: dict[int, np.random.Generator] = {}

    @property
    def is_open(self) -> bool:
        """Whether there are two labels at most: of more it tells nothing."""
        return len(self._rows) <= 2

    def add(self, columns: Mapping[str, NDArray[Any]], labels: NDArray[Any]) -> None:
        """Take rows.

        Parameters
        ----------
        columns : mapping of str to numpy.ndarray, shape (n,)
            Numbers, or texts for categories; the same ones each time.
        labels : numpy.ndarray of bool or int, shape (n,)
            What the rows are labelled; below 0: not known.
        """
        for label in np.unique(labels).tolist():
            if label < 0:
                continue
            here = np.flatnonzero(labels == label)
            self._rows[label] = self._rows.get(label, 0) + len(here)
            if not self.is_open:
                self._kept.clear()
                return
            self._keep(label, here, columns)

    def _keep(self, label: int, here: NDArray[Any], columns: Mapping[str, NDArray[Any]]) -> None:
        """Keep the rows drawn first: each is as likely as any other."""
        drawn = self._draws.setdefault(label, np.random.default_rng(0)).random(len(here))
        before, kept = self._kept.get(label, (np.empty(0), {}))
        most = max(_LEAST, min(_KEPT, _VALUES // max(1, len(columns))))
        order = np.argsort(np.concatenate((before, drawn)), kind="stable")[:most]
        old, new = order[order < len(before)], order[order >= len(before)] - len(before)
        self._kept[label] = (
            np.concatenate((before[old], drawn[new])),
            {
                name: np.concatenate((kept[name][old], column[here[new]]))
                if kept
                else column[here[new]]
                for name, column in columns.items()
            },
        )

    def found(self) -> list[Separating]:
        """Name the columns, the clearest first."""
        if len(self._rows) != 2 or min(self._rows.values()) < LABELLED:
            return []
        (_, one), (_, other) = self._kept.values()
        told = []
        for name in one:
            a, b = one[name], other[name]
            auc = _auc_of_categories(a, b) if a.dtype.kind in "OU" else _auc(a, b)
            if auc >= NEARLY:
                told.append(Separating(name, auc))
        return sorted(told, key=lambda column: -column.auc)


def sentence(found: Sequence[Separating], label: str) -> str:
    """Tell it in words."""
    shown = [f"{column.name!r} (ROC AUC {_shown(column.auc)})" for column in found[:12]]
    more = f" and {len(found) - 12} more" if len(found) > 12 else ""
    one = len(found) == 1
    return (
        f"column{'' if one else 's'} {', '.join(shown)}{more} alone {'tells' if one else 'tell'} "
        f"the rows that {label!r} marks from the others: perhaps made from the label, or known "
        f"only after it; train without {'it' if one else 'them'} (--drop), unless known when a "
        "row is scored"
    )


def _shown(auc: float) -> str:
    return "1" if auc == 1 else f"{min(auc, 0.9999):.4f}"


def _auc(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Give the area for numbers, whichever way round it is larger."""
    both = np.concatenate((one, other))
    values, at, counts = np.unique(both, return_inverse=True, return_counts=True)
    # Mean ranks of equal values.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[at]
    n = len(one)
    auc = (ranks[:n].sum() - n * (n + 1) / 2) / (n * len(other))
    return float(max(auc, 1 - auc)) if len(values) > 1 else 0.5


def _auc_of_categories(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Give the area for the share of labelled rows by category.

    Names of rows tell nothing: on average a category has two rows or more on one side.
    """
    both = np.concatenate((one, other)).astype(str)
    _, at = np.unique(both, return_inverse=True)
    mine = np.bincount(at[: len(one)], minlength=at.max() + 1)
    all_ = np.bincount(at)
    theirs = all_ - mine
    if 2 * min(np.count_nonzero(mine), np.count_nonzero(theirs)) > min(len(one), len(other)):
        return 0.5
    share = mine / all_
    return _auc(share[at[: len(one)]], share[at[len(one) :]])
