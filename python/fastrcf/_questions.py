"""What living and frozen forests are asked about rows, and living ones about the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf import _fastrcf
from fastrcf._input import to_rows
from fastrcf._parameters import DEPTH, check_kind, count, number
from fastrcf.answers import Attribution, Backtest, Density, Forecast, Imputation, Neighbors
from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from fastrcf._typing import Floats


class Questions(ABC):
    """What a forest of either kind answers about rows."""

    @abstractmethod
    def _asked(self) -> _fastrcf.Forest | _fastrcf.FrozenForest:
        """Give the engine's forest, or say that there is none yet."""

    def score(self, X: Any, *, kind: str = DEPTH) -> Floats:
        """Score rows: higher is more unusual.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            With shingles, a row of ``n_features`` values is taken to follow the
            last rows seen, one of ``n_features * shingle_size`` is a whole shingle.
        kind : str, default "expected_inverse_depth"
            What the score is: ``"expected_inverse_depth"``, the scale of the
            open-source forests; ``"local_range"``, how much room there is around the
            row, in bits: each more is twice the room, 20 that of the whole sample;
            ``"auto"``, the local range and half the expected inverse depth, which
            ranks best on tables; ``"displacement"``, see :meth:`displacement`.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            Expected inverse depths are in (0, log2(sample_size + 1)]; about 1 and
            less for usual rows.

        Raises
        ------
        NotReadyError
            Before the forest has seen a quarter of ``sample_size`` rows.
        InvalidInputError
            Names row and column.
        """
        rows = to_rows(X)
        if kind == DEPTH:
            return self._asked().score(rows)
        return self._asked().score_by(check_kind(kind), rows)

    def displacement(self, X: Any) -> Floats:
        """Give the expected mass of the node each row is separated from, shape (n,)."""
        rows = to_rows(X)
        return self._asked().displacement(rows)

    def codisp(self, X: Any) -> Floats:
        """Give the collusive displacement (Guha et al. 2016) of each row, shape (n,).

        For a row that a tree does not hold, the expectation over its random
        insertion.
        """
        rows = to_rows(X)
        return self._asked().codisp(rows)

    def attribution(self, X: Any, *, kind: str = DEPTH) -> Attribution:
        """Say which columns each score comes from.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            As :meth:`score` takes them.
        kind : str, default "expected_inverse_depth"
            What the score is; see :meth:`score`.

        Returns
        -------
        Attribution
            ``low`` and ``high`` of shape (n, d); their sum over a row is its score.
        """
        rows = to_rows(X)
        return Attribution(*self._asked().attribution(check_kind(kind), rows))

    def density(self, X: Any, dimension: float | None = None) -> Density:
        """Say how many rows of the sample lie how near to each row.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            As :meth:`score` takes them.
        dimension : float, optional
            The dimension of what the rows lie on, above 0; default: the number of
            columns. Fewer make differences of density smaller.

        Returns
        -------
        Density
            ``values`` of shape (n,); ``low`` and ``high`` of shape (n, d), which sum
            to them.

        Raises
        ------
        InvalidParameterError
            If the dimension is no positive number.
        NotReadyError, InvalidInputError
            As :meth:`score`.

        Notes
        -----
        The interpolated density of AWS's open-source Java forest, with expectations
        over each tree's random insertion of the row.

        Examples
        --------
        >>> import numpy as np, fastrcf
        >>> forest = fastrcf.RandomCutForest(random_state=7)
        >>> forest.insert(np.random.default_rng(0).normal(size=(1000, 2)))
        >>> found = forest.density([[0, 0], [3, 0]])
        >>> bool(found.values[0] > 10 * found.values[1])
        True
        >>> bool(found.high[1, 0] > found.low[1, 0])  # 3 is high: the others lie below
        True
        """
        rows = to_rows(X)
        if dimension is not None:
            dimension = number("dimension", dimension)
        return Density(*_fastrcf.density(self._asked(), rows, dimension))

    def neighbors(self, X: Any, k: int = 10) -> Neighbors:
        """Give the points of the sample that are nearest to each row.

        In each tree a row reaches the points below the highest node on its way that
        holds at most ``2 * k`` rows. All that are reached in some tree are compared
        exactly; equal points count once.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            As :meth:`score` takes them.
        k : int, default 10
            Neighbours per row, 1 to 1024.

        Returns
        -------
        Neighbors
            ``points`` of shape (n, k, d), ``distances`` and ``ids`` of shape (n, k).

        Raises
        ------
        InvalidParameterError
            If k is out of its range.
        NotReadyError, InvalidInputError
            As :meth:`score`.

        Examples
        --------
        >>> import numpy as np, fastrcf
        >>> forest = fastrcf.RandomCutForest(random_state=7)
        >>> forest.insert(np.arange(100.0).reshape(-1, 1))
        >>> forest.neighbors([[41.2]], k=3).points.ravel().tolist()
        [41.0, 42.0, 40.0]
        """
        rows = to_rows(X)
        return Neighbors(*_fastrcf.neighbors(self._asked(), rows, count("k", k, 1)))

    def impute(self, X: Any) -> Imputation:
        """Fill in what is missing in rows, from the values that are there.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            As :meth:`score` takes them, but that NaN, None, null and masked values are
            missing. Something must be known of each row; with shingles, a row of
            ``n_features`` values may miss all, as the rows before it are known.

        Returns
        -------
        Imputation
            ``values``, ``lower`` and ``upper`` of the shape of ``X``.

        Raises
        ------
        InvalidInputError
            Names row and column, of an infinite value or of a row that misses all.
        NotReadyError
            As :meth:`score`.

        Notes
        -----
        In each tree a row goes both ways where the cut is in a column that it misses;
        of the leaves that it reaches, at most 32, the one that would make it the least
        unusual gives the tree's values.

        Examples
        --------
        >>> import numpy as np, fastrcf
        >>> x = np.random.default_rng(0).normal(size=(1000, 1))
        >>> forest = fastrcf.RandomCutForest(random_state=7)
        >>> forest.insert(np.hstack([x, 10 * x]))
        >>> bool(abs(forest.impute([[0.5, np.nan]]).values[0, 1] - 5) < 0.5)
        True
        """
        rows = to_rows(X, gaps=True)
        return Imputation(*_fastrcf.impute(self._asked(), rows))


class Forecasts(ABC):
    """What a living forest with shingles says about the rows that come next."""

    @abstractmethod
    def _asked(self) -> _fastrcf.Forest:
        """Give the engine's forest, or say that there is none yet."""

    def forecast(
        self, horizon: int, *, backtest: Backtest | None = None, coverage: float | None = None
    ) -> Forecast:
        """Say which rows are expected next; needs ``shingle_size`` above 1.

        Parameters
        ----------
        horizon : int
            Rows, 1 to 65,536.
        backtest : Backtest, optional
            What :meth:`backtest` gave for as many rows or more. It calibrates the
            ranges, and holds for later forecasts too, as long as the stream goes on as
            it did.
        coverage : float, optional
            The share of what comes that ranges should hold, between 0 and 1; default
            0.9. Needs a backtest of at least ``(1 + coverage) / (1 - coverage)``
            forecasts: 19 for 0.9.

        Returns
        -------
        Forecast
            ``values``, ``lower`` and ``upper`` of shape (horizon, n_features).

        Raises
        ------
        InvalidParameterError
            Without shingles; if a parameter is out of its range; if the backtest is too
            short, or of another number of columns.
        NotReadyError
            Before the forest answers and has seen ``shingle_size - 1`` rows.

        Notes
        -----
        The last rows make a shingle whose last row is missing: it is imputed, put behind
        them, and so on.

        Without a backtest, ranges are the 0.1 and 0.9 quantiles over trees. They say how
        far trees differ and hold far less than 0.8 of what comes, the less the farther
        ahead. With one, each end is moved by a quantile of how far what came was beyond
        it in the backtest (conformalized quantile regression: Romano, Patterson and
        Candes 2019), for each step and column by itself. Where the coming errors are
        exchangeable with those of the backtest, each range holds what comes with at
        least the probability ``coverage``. Errors of a stream are so only as far as it
        goes on as in the backtest (on real series 0.85 to 0.91 were held where 0.9 was
        asked: docs/questions.md): no coverage is promised after a change, and none of a
        whole path of steps or of all columns at once. Far steps are promised no less
        than near ones, but their errors depend on each other, so that it takes a
        history of many times the horizon to know them.

        Examples
        --------
        >>> import numpy as np, fastrcf
        >>> rng = np.random.default_rng(0)
        >>> x = 10 * np.sin(np.arange(1500) * 2 * np.pi / 24)[:, None] + rng.normal(size=(1500, 1))
        >>> forest = fastrcf.RandomCutForest(30, shingle_size=24, random_state=7)
        >>> forest.insert(x[:1488])
        >>> past = forest.backtest(x[1188:1488], horizon=12)
        >>> found = forest.forecast(12, backtest=past, coverage=0.9)
        >>> int(((found.lower <= x[1488:]) & (x[1488:] <= found.upper)).sum()) >= 9
        True
        """
        if backtest is None:
            if coverage is not None:
                raise InvalidParameterError("coverage: ranges are calibrated by a backtest only")
            calibration = None
        else:
            coverage = 0.9 if coverage is None else number("coverage", coverage)
            calibration = (_parts(backtest), coverage)
        horizon = count("horizon", horizon, 1)
        return Forecast(*_fastrcf.forecast(self._asked(), horizon, calibration))

    def backtest(self, history: Any, horizon: int) -> Backtest:
        """Forecast from each of the last rows as if what came after it were unknown.

        A copy of the forest forgets the rows of ``history`` and takes them in again one
        by one, with a forecast before each. The forest stays as it is.

        Parameters
        ----------
        history : array-like or data frame, shape (m, n_features)
            The last rows of the stream as they were inserted, in order, up to the last
            one that the forest has seen.
        horizon : int
            Rows of each forecast, 1 to 65,536.

        Returns
        -------
        Backtest
            ``m - horizon - shingle_size + 2`` forecasts, and what came.

        Raises
        ------
        InvalidInputError
            If history is too short for one forecast, does not end with the last rows
            seen, or is so long that without it trees hold too little; names row and
            column of a bad value.
        InvalidParameterError, NotReadyError
            As :meth:`forecast`.

        Notes
        -----
        Rows that have made place for those of ``history`` are lost to the copy, so it
        knows slightly less than the forest knew then. Equal shingles are not told apart:
        of one that came many times, a tree forgets as many copies as it can be expected
        to have taken from ``history``.

        Each thread works on a copy of its own. It takes the time of as many forecasts;
        do it now and then, not for each forecast.
        """
        rows = to_rows(history)
        return Backtest(*_fastrcf.backtest(self._asked(), rows, count("horizon", horizon, 1)))


def _parts(backtest: Any) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the arrays of a backtest as the engine takes them."""
    if not isinstance(backtest, Backtest):
        raise InvalidParameterError(
            f"backtest: expected a Backtest, found {type(backtest).__name__}"
        )
    actual, values, lower, upper = (
        np.asarray(part, np.float64)
        for part in (backtest.actual, backtest.values, backtest.lower, backtest.upper)
    )
    shapes = {part.shape for part in (actual, values, lower, upper)}
    if len(shapes) > 1 or actual.ndim != 3:
        raise InvalidParameterError("backtest: its arrays do not fit each other")
    return actual, values, lower, upper
