"""What a forest answers beside scores, as arrays with names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastrcf._typing import Floats, Integers, Singles


@dataclass(frozen=True)
class Attribution:
    """Which columns a score comes from, and in which direction.

    ``low + high`` summed over a row is the row's score.

    Attributes
    ----------
    low, high : numpy.ndarray of float64, shape (n, d)
        Parts of the score due to a value below, or above, what is usual.
    """

    low: Floats
    high: Floats

    @property
    def total(self) -> Floats:
        """Parts by column, whatever the direction, shape (n, d)."""
        return self.low + self.high


@dataclass(frozen=True)
class Density:
    """How many rows of the sample lie how near to each row, and in which direction.

    ``low + high`` summed over a row is the row's density.

    Attributes
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Densities, in [0, 1000]: more is denser. They compare rows of one model; their
        unit depends on the columns' scales and on the dimension.
    low, high : numpy.ndarray of float64, shape (n, d)
        Parts of the density that lie above the row's value in a column, so that the
        value is low among them, or below it.
    """

    values: Floats
    low: Floats
    high: Floats

    @property
    def total(self) -> Floats:
        """Parts by column, whatever the direction, shape (n, d)."""
        return self.low + self.high


@dataclass(frozen=True)
class Neighbors:
    """The points of the sample that are nearest to each row, nearest first.

    Where a row reaches fewer than k points, the rest has the number -1 and NaN
    elsewhere.

    Attributes
    ----------
    points : numpy.ndarray of float32, shape (n, k, d)
        The points as they were given, rounded to single precision; whole shingles
        where there are shingles.
    distances : numpy.ndarray of float64, shape (n, k)
        Euclidean, between rows times the columns' weights.
    ids : numpy.ndarray of int64, shape (n, k)
        Numbers of the points in the order in which the trees hold them. They tell
        equal points from different ones within the answers of one unchanged forest,
        living, frozen or loaded alike. Another row that is learnt or deleted may
        renumber all; they are no numbers of input rows.
    """

    points: Singles
    distances: Floats
    ids: Integers


@dataclass(frozen=True)
class Imputation:
    """Rows with what was missing in them filled.

    Values that were there are what they were, in all three.

    Attributes
    ----------
    values : numpy.ndarray of float64, shape (n, d)
        Missing values are the medians over trees.
    lower, upper : numpy.ndarray of float64, shape (n, d)
        Their 0.1 and 0.9 quantiles over trees: how far the trees differ. No coverage
        is promised.
    """

    values: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Forecast:
    """The rows that are expected next, the first one first.

    Attributes
    ----------
    values : numpy.ndarray of float64, shape (horizon, n_features)
        Medians over trees.
    lower, upper : numpy.ndarray of float64, shape (horizon, n_features)
        The ends of each value's range: calibrated by a backtest if one was given,
        else the 0.1 and 0.9 quantiles over trees, which promise no coverage.
    """

    values: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Backtest:
    """Forecasts from one row after the other of a stream's last rows, and what came.

    Attributes
    ----------
    actual : numpy.ndarray of float64, shape (n_origins, horizon, n_features)
        What came after each origin, the oldest origin first.
    values, lower, upper : numpy.ndarray of float64, shape (n_origins, horizon, n_features)
        What was forecast, as in an uncalibrated :class:`Forecast`.
    """

    actual: Floats
    values: Floats
    lower: Floats
    upper: Floats
