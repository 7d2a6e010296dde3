"""What a detector must offer to be compared, on tables and on streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from benches.detection.case import Rows

# As in all other measurements.
N_TREES, SAMPLE_SIZE = 100, 256


class TableDetector(ABC):
    """Learns rows without labels and scores rows; the same settings for all data.

    Attributes
    ----------
    name : str
        What tables of results call it.
    settings : str
        What it is run with, and what is done to the rows first.
    is_seeded : bool
        Whether it draws; one that does not is run once.
    is_fast : bool
        Whether it is run on families of large tables.
    """

    name: ClassVar[str]
    settings: ClassVar[str]
    is_seeded: ClassVar[bool] = True
    is_fast: ClassVar[bool] = True

    def __init__(self, seed: int) -> None:
        """Make one that has learnt nothing.

        Raises
        ------
        benches.engines.protocol.Unavailable
            If it cannot run here; the message says why.
        """
        self.seed = seed

    @abstractmethod
    def fit(self, rows: Rows) -> None:
        """Learn rows, shape (n, d)."""

    @abstractmethod
    def score(self, rows: Rows) -> Rows:
        """Score rows, shape (m, d); higher is more unusual. Shape (m,)."""

    def score_fitted(self, rows: Rows) -> Rows:
        """Score the rows that were fitted, which some know how to leave out of themselves."""
        return self.score(rows)


class StreamDetector(ABC):
    """Scores series row by row, each row from the rows up to it alone.

    Attributes
    ----------
    name, settings, is_seeded
        As for a :class:`TableDetector`.
    looks_ahead : bool
        Whether it knows something of the whole series beforehand, against the rule.
    """

    name: ClassVar[str]
    settings: ClassVar[str]
    is_seeded: ClassVar[bool] = True
    looks_ahead: ClassVar[bool] = False

    def __init__(self, seed: int) -> None:
        """Make one that has learnt nothing.

        Raises
        ------
        benches.engines.protocol.Unavailable
            If it cannot run here; the message says why.
        """
        self.seed = seed

    @abstractmethod
    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Score a whole series, as if it were the first.

        A row's score must not change with the rows after it.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
        seconds : ndarray of float64, shape (n,)
            Time of each row since 1970, as if all clocks showed UTC.

        Returns
        -------
        ndarray of float64, shape (n,)
            Finite; 0 where nothing can be said. What the scorer compares with one
            threshold for all series, episodes and habituation included.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing to give back
        """Give back what the detector holds."""


class Scale:
    """Means and standard deviations of the fitted columns, 1 for constant ones."""

    def __init__(self, rows: Rows) -> None:
        self.mean = rows.mean(axis=0)
        spread = rows.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)

    def __call__(self, rows: Rows) -> Rows:
        """Give rows in standard deviations from the mean."""
        scaled: Rows = (rows - self.mean) / self.spread
        return scaled
