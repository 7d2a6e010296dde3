"""The detector as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._input import is_frame, matrix
from fastrcf._parameters import DEPTH, count
from fastrcf._tables import Table, as_table
from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError, InvalidParameterError, MissingExtraError

try:
    from joblib import effective_n_jobs  # type: ignore[import-untyped]
    from sklearn.base import BaseEstimator, OutlierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data
except ImportError:
    raise MissingExtraError(
        "fastrcf.sklearn needs scikit-learn 1.6 or later: pip install 'fastrcf[sklearn]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fastrcf._typing import Floats
    from fastrcf.detection import Reason

__all__ = ["RandomCutForestDetector"]

# The score of a row as deep as the leaves of a balanced tree; it plays the part
# that 0.5 does for an isolation forest.
_USUAL = 1.0
_ALERT_RATE = 0.001


class RandomCutForestDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Outlier detection with a random cut forest, by scikit-learn's conventions.

    Parameters
    ----------
    n_trees : int, default 100
        Trees.
    sample_size : int, default 256
        Rows that each tree holds; fewer if there are fewer rows.
    scaling : str or mapping of str to str, default "auto"
        How columns are made comparable, as :class:`fastrcf.Detector` takes it.
        A random cut forest cuts wide columns more often, unlike an isolation
        forest, so that without scaling the units decide. ``"auto"`` leaves
        standardised columns as they are: a scaler before it in a pipeline does
        no harm. ``"none"`` where the columns share one unit.
    categorical : sequence of str, optional
        Columns to take as categories, which count by their rarity. Rows must
        then be data frames; other columns of text are taken so too.
    kind : str, default "auto"
        What the score is: the ``score`` of a :class:`fastrcf.Detector`.
    contamination : "auto" or float, default "auto"
        The share of training rows that :meth:`predict` gives -1, above 0 and at
        most 0.5; it sets ``offset_``. ``"auto"``: the share of rows that are less
        deep than the leaves of a balanced tree, those with an expected inverse
        depth above 1.
    random_state : int, RandomState instance, Generator or None, default None
        The same integer and rows give the same estimator on any machine.
        ``None`` draws from NumPy's global generator.
    n_jobs : int, optional
        Threads: ``None`` is 1 outside of a joblib context, -1 all. Never changes
        a result.

    Attributes
    ----------
    detector_ : fastrcf.Detector
        The fitted detector: reasons, grades, model files. Its own threshold is
        for an ``alert_rate`` of ``contamination``, or 0.001 with ``"auto"``,
        beyond the training rows too; ``offset_`` is what :meth:`predict` goes by.
    offset_ : float
        ``decision_function = score_samples - offset_``.
    n_features_in_ : int
        Columns.
    feature_names_in_ : numpy.ndarray of str, shape (n_features_in_,)
        Their names, where the rows had any.

    Notes
    -----
    There is no ``sample_weight``: the trees' reservoirs hold rows, not shares
    of them. Sparse input is refused: every column takes part in every cut.

    Examples
    --------
    >>> from fastrcf.sklearn import RandomCutForestDetector
    >>> X = [[-1.1], [0.3], [0.5], [0.1], [100]]
    >>> detector = RandomCutForestDetector(random_state=0).fit(X)
    >>> detector.predict([[0.1], [0], [1000]])
    array([ 1,  1, -1])
    """

    def __init__(
        self,
        n_trees: int = 100,
        sample_size: int = 256,
        *,
        scaling: str | Mapping[str, str] = "auto",
        kind: str = "auto",
        categorical: Sequence[str] | None = None,
        contamination: str | float = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_trees = n_trees
        self.sample_size = sample_size
        self.scaling = scaling
        self.kind = kind
        self.categorical = categorical
        self.contamination = contamination
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> RandomCutForestDetector:
        """Fit scalings, forest and offset.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            At least two rows. Beyond 65,536 the forest rests on a uniform
            sample of them; the offset rests on all.
        y : ignored
            Present by convention.

        Returns
        -------
        RandomCutForestDetector
            This one.
        """
        share = self._contamination()
        table = self._table(X, reset=True)
        detector = self._detector(table.names, share).fit(table)
        if share is None:
            share = float((detector.score(table, kind=DEPTH) > _USUAL).mean())
        self.offset_ = float(np.percentile(-detector.score(table), 100.0 * share))
        self.detector_ = detector
        return self

    def partial_fit(self, X: Any, y: Any = None) -> RandomCutForestDetector:
        """Let the forest learn further rows, in order.

        The first call is :meth:`fit`. Later ones are ``detector_.process``: the
        forest is that of the rows one by one, however they are batched, while
        scalings and ``offset_`` stay. So the first rows should be like those to
        come, and no fewer than ``sample_size``.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows.
        y : ignored
            Present by convention.

        Returns
        -------
        RandomCutForestDetector
            This one.
        """
        if hasattr(self, "detector_"):
            self.detector_.process(self._table(X, reset=False))
            return self
        n = _num_samples(X)
        if n < count("sample_size", self.sample_size, 2):
            # Before anything is learnt: it may be an error.
            warnings.warn(
                f"the first call of partial_fit has {n} rows: trees will hold so many, "
                f"not sample_size={self.sample_size}",
                stacklevel=2,
            )
        return self.fit(X)

    def score_samples(self, X: Any) -> Floats:
        """Score rows: lower is more unusual.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            The detector's score with its sign changed.
        """
        check_is_fitted(self)
        return -self.detector_.score(self._table(X, reset=False))

    def decision_function(self, X: Any) -> Floats:
        """Give ``score_samples(X) - offset_``: below 0 for outliers.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            Lower is more unusual.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Tell outliers from inliers.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows.

        Returns
        -------
        numpy.ndarray of int64, shape (n,)
            -1 for outliers, +1 for inliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1).astype(np.int64)

    def explain(self, X: Any) -> list[list[Reason]]:
        """Say which columns make the score of each row, the largest part first.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows.

        Returns
        -------
        list of n lists of fastrcf.Reason
            With the columns' names, or x0, x1 and so on.
        """
        check_is_fitted(self)
        return self.detector_.explain(self._table(X, reset=False))

    def _contamination(self) -> float | None:
        if isinstance(self.contamination, str):
            if self.contamination == "auto":
                return None
        elif isinstance(self.contamination, Real) and 0 < self.contamination <= 0.5:
            return float(self.contamination)
        raise InvalidParameterError(
            f"contamination: {self.contamination!r} is neither 'auto' nor above 0 and at most 0.5"
        )

    def _detector(self, names: list[str], share: float | None) -> Detector:
        random_state = self.random_state
        if random_state is None:
            random_state = check_random_state(None)
        return Detector(
            names,
            categorical=() if self.categorical is None else self.categorical,
            scaling=self.scaling,
            score=self.kind,
            n_trees=self.n_trees,
            sample_size=self.sample_size,
            random_state=random_state,
            n_threads=effective_n_jobs(self.n_jobs),
            alert_rate=_ALERT_RATE if share is None else share,
        )

    def _table(self, X: Any, *, reset: bool) -> Table:
        """Check rows as scikit-learn does, and name their columns."""
        if self.categorical is not None and len(self.categorical):
            if not is_frame(X):
                raise InvalidInputError(
                    f"categorical names columns: X must be a data frame, not {type(X).__name__}"
                )
            validate_data(self, X, reset=reset, skip_check_array=True)
            return as_table(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            # One row has no scale.
            ensure_min_samples=2 if reset else 1,
        )
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{j}" for j in range(X.shape[1])]
        return Table([str(name) for name in names], len(X), array=matrix(X), native=X)
