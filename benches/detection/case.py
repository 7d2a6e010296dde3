"""What detectors are asked: tables with labels, and series with windows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Rows = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]
ROOT = Path(__file__).resolve().parent.parent.parent
# Rows of a set that is fitted and scored as one; larger ones are drawn from, once.
AT_MOST = 8_000


class Absent(Exception):
    """Data that is not on this machine; the message says what and where."""


@dataclass(frozen=True)
class Table:
    """Rows to fit, rows to score, and what they are.

    Attributes
    ----------
    fitted : ndarray of float64, shape (n, d)
        What a detector learns, without labels.
    asked : ndarray of float64, shape (m, d), or None
        What it scores; None for the fitted rows themselves.
    labels : ndarray of bool, shape (m,)
        Which of the scored rows are anomalies.
    weights : ndarray of float64, shape (m,), or None
        How many rows of the world each scored one stands for.
    cards, days : ndarray of int64, shape (m,), or None
        Card and day of each scored row, where alerts are counted by card.
    """

    fitted: Rows
    asked: Rows | None
    labels: Flags
    weights: Rows | None = None
    cards: Integers | None = None
    days: Integers | None = None


@dataclass(frozen=True)
class Case:
    """One table of a family, read when it is needed.

    Attributes
    ----------
    family, name : str
        Unique together.
    load : callable
        Gives the :class:`Table`.
    """

    family: str
    name: str
    load: Callable[[], Table]


@dataclass(frozen=True)
class Family:
    """Cases whose measures are averaged.

    Attributes
    ----------
    name : str
    cases : callable
        From the folder of data to the family's cases; raises :class:`Absent`.
    is_large : bool
        Whether cases have so many rows that detectors which take milliseconds
        for one are left out.
    """

    name: str
    cases: Callable[[Path], Iterator[Case]]
    is_large: bool = False


def folder() -> Path:
    """Say where the data is: FASTRCF_DATA, or beside the repository."""
    return Path(os.environ.get("FASTRCF_DATA", ROOT.parent / "shared" / "data"))


def needed(path: Path) -> Path:
    """Give a path that exists.

    Raises
    ------
    Absent
        If it does not.
    """
    if not path.exists():
        raise Absent(f"no {path.parent.name}/{path.name} (set FASTRCF_DATA)")
    return path


def drawn(rows: Rows, labels: NDArray[Any], at_most: int = AT_MOST) -> Table:
    """Make a table that is fitted and scored as one, of at most so many rows.

    The rows are drawn once, by a fixed seed: all detectors and seeds get the same.
    """
    flags = labels.astype(bool)
    if len(rows) > at_most:
        kept = np.sort(np.random.default_rng(0).choice(len(rows), at_most, replace=False))
        rows, flags = rows[kept], flags[kept]
    return Table(np.ascontiguousarray(rows, dtype=np.float64), None, flags)


def with_share(rows: Rows, labels: NDArray[Any], share: float) -> Table:
    """Make a table of all kinds of rows, of which a share is anomalies.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
        True for anomalies.
    share : float
        Anomalies among all rows, in (0, 1).
    """
    rng = np.random.default_rng(0)
    flags = labels.astype(bool)
    normal, odd = np.flatnonzero(~flags), np.flatnonzero(flags)
    n_normal = int(min(len(normal), len(odd) * (1 - share) / share, AT_MOST * (1 - share)))
    n_odd = max(1, round(n_normal * share / (1 - share)))
    kept = np.sort(
        np.concatenate(
            (
                rng.choice(normal, n_normal, replace=False),
                rng.choice(odd, min(n_odd, len(odd)), replace=False),
            )
        )
    )
    return drawn(rows[kept], flags[kept])
