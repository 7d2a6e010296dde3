"""A random cut forest that samples and scores as SageMaker's managed one does."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf import _fastrcf
from fastrcf._input import to_matrix, to_rows
from fastrcf._parameters import count, seed
from fastrcf._writing import write
from fastrcf.answers import Attribution
from fastrcf.errors import InvalidInputError, ModelFileError, NotFittedError
from fastrcf.sagemaker import managed_file
from fastrcf.sagemaker.metrics import ManagedMetrics, managed_metrics
from fastrcf.sagemaker.sampling import FEATURE_DIM, Plan, draws, within_limits

if TYPE_CHECKING:
    from os import PathLike
    from typing import Self

    from fastrcf._typing import Floats, Matrix, Singles

# The largest magnitude that a forest takes.
_LARGEST = 1e30
# One stream of seeds for the sample and another for the trees.
_TREES = 0x5DEECE66D


class ManagedForest:
    """What SageMaker's RandomCutForest makes of the same rows, on this machine.

    It is one of this package's forests, so cuts, boxes and expectations are those of
    :class:`fastrcf.RandomCutForest`. What differs is which rows a tree holds and the
    factor of the score.

    Parameters
    ----------
    num_trees : int, default 100
        Trees, 50 to 1000.
    num_samples_per_tree : int, default 256
        Rows that a tree holds at most, 1 to 2048.
    feature_dim : int, optional
        Columns, 1 to 10,000; default: as many as the rows that are fitted have.
    random_state : None, int or numpy generator
        The same seed and rows give the same scores on any machine. The service cannot
        be seeded: two of its trainings differ by their cuts, as two seeds here do.
    n_threads : int, optional
        Threads that score; default: what the process may use. Never changes a result.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of its range.

    Notes
    -----
    The service's training logs and recorded scores (docs/managed.md) show:

    * With ``n <= num_trees * num_samples_per_tree`` rows nothing is sampled: tree ``i``
      holds the ``i``-th block of ``n // num_trees`` rows in the order of the file, and the
      last ``n % num_trees`` rows are in no tree. The order of rows then changes scores.
    * With more rows it draws a random sample without replacement, spread randomly over
      the trees, ``num_samples_per_tree`` each.
    * The score is the mean over trees of the expected inverse depth times
      ``log2(mass)``, where the open-source forests have ``log2(mass + 1)``.

    Values are held in single precision, as :class:`fastrcf.RandomCutForest` does: of
    float64 input, 24 bits count.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrcf.sagemaker import ManagedForest
    >>> rows = np.random.default_rng(0).normal(size=(5000, 2))
    >>> forest = ManagedForest(num_trees=50, random_state=7).fit(rows)
    >>> forest.plan.kind, forest.plan.tree_size
    ('blocks', 100)
    >>> usual, odd = forest.score([[0, 0], [9, 0]])
    >>> bool(odd > 2 * usual)
    True
    """

    def __init__(
        self,
        num_trees: int = 100,
        num_samples_per_tree: int = 256,
        feature_dim: int | None = None,
        random_state: Any = None,
        *,
        n_threads: int | None = None,
    ) -> None:
        self.num_trees = within_limits("num_trees", num_trees)
        self.num_samples_per_tree = within_limits("num_samples_per_tree", num_samples_per_tree)
        self.feature_dim = (
            None if feature_dim is None else within_limits("feature_dim", feature_dim)
        )
        self._seed = seed(random_state)
        self._n_threads = None if n_threads is None else count("n_threads", n_threads, 1)
        self._plan: Plan | None = None
        self._core: _fastrcf.Forest | None = None
        self._frozen: _fastrcf.FrozenForest | None = None

    def fit(self, X: Any) -> Self:
        """Build the trees.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows in the order of the file that the service would get; all in memory. At
            least ``num_trees``.

        Returns
        -------
        ManagedForest
            This one.

        Raises
        ------
        InvalidInputError
            Names row and column; what was fitted before stays.

        Warns
        -----
        UserWarning
            If trees hold one row each, so that all scores are 0.
        """
        rows = self._checked(X, self.feature_dim)
        if rows.shape[1] > FEATURE_DIM[1]:
            raise InvalidInputError(
                f"{rows.shape[1]} columns: the service takes at most {FEATURE_DIM[1]:,}"
            )
        plan = Plan.of(len(rows), self.num_trees, self.num_samples_per_tree)
        if plan.tree_size == 1:
            warnings.warn(
                f"{plan.n_rows} rows leave one for each of {plan.num_trees} trees, and the factor "
                "log2(1) makes all scores 0",
                UserWarning,
                stacklevel=2,
            )
        self._grow(rows[plan.rows(self._seed).ravel()].astype(np.float32), plan)
        return self

    def score(self, X: Any) -> Floats:
        """Score rows: higher is more unusual.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            In [0, log2(tree size)]; a row's score does not depend on the others.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        InvalidInputError
            Names row and column.
        """
        return np.asarray(self._asked().score(to_rows(X)) * self._factor())

    def attribution(self, X: Any) -> Attribution:
        """Say which columns each score comes from; ``low`` and ``high`` sum to the score.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)

        Returns
        -------
        fastrcf.answers.Attribution
            Of shape (n, d) each.

        Raises
        ------
        NotFittedError, InvalidInputError
            As :meth:`score`.
        """
        low, high = self._asked().attribution("expected_inverse_depth", to_rows(X))
        return Attribution(low * self._factor(), high * self._factor())

    def evaluate(self, X: Any, labels: Any) -> ManagedMetrics:
        """Score rows and count as the service counts its test channel.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
        labels : array-like of bool, or of 0 and 1, shape (n,)

        Returns
        -------
        ManagedMetrics
            Cutoff, accuracy, precision, recall and F1.
        """
        return managed_metrics(self.score(X), labels)

    def redrawn(self, random_state: Any = None) -> ManagedForest:
        """Give a forest of the same rows, tree by tree, whose cuts are drawn anew.

        That is how two trainings of the service on one file differ: the rows that its
        trees hold are always the same.

        Parameters
        ----------
        random_state : None, int or numpy generator
        """
        plan, core = self.plan, self._core
        assert core is not None
        again = ManagedForest(
            self.num_trees,
            self.num_samples_per_tree,
            self.feature_dim,
            random_state,
            n_threads=self._n_threads,
        )
        again._grow(np.concatenate([core.sample(t) for t in range(plan.num_trees)]), plan)
        return again

    def save(self, path: str | PathLike[str]) -> None:
        """Write the forest to a file, whole or not at all.

        A model file of a forest, whose notes say how it was fitted: :func:`fastrcf.load`
        reads the forest alone, whose scores lack the service's factor.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        OSError
            If the file cannot be written; a file that was there is as before.
        """
        write(path, bytes(self))

    @classmethod
    def load(cls, path: str | PathLike[str], *, n_threads: int | None = None) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ModelFileError
            If it is damaged, or something else. Files are untrusted input.
        """
        threads = 0 if n_threads is None else count("n_threads", n_threads, 1)
        try:
            return cls._of(_fastrcf.load(path, threads), n_threads)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None

    def __bytes__(self) -> bytes:
        self._asked()
        assert self._core is not None
        return self._core.to_bytes()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._plan is None:
            parts = (self.num_trees, self.num_samples_per_tree, self.feature_dim, self._seed)
            return _restore_empty, (type(self), parts, self._n_threads)
        return _restore, (type(self), bytes(self), self._n_threads)

    @classmethod
    def _of(cls, model: _fastrcf._Model, n_threads: int | None) -> Self:
        core, fitted, plan = managed_file.checked(model)
        forest = cls(
            plan.num_trees,
            fitted.num_samples_per_tree,
            fitted.feature_dim,
            core.parameters()["seed"],
            n_threads=n_threads,
        )
        forest._core, forest._frozen, forest._plan = core, core.freeze(), plan
        return forest

    @property
    def plan(self) -> Plan:
        """Which rows trees hold.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if self._plan is None:
            raise NotFittedError("the forest has no trees: fit it first")
        return self._plan

    @property
    def n_features(self) -> int | None:
        """Columns of the rows; None before :meth:`fit` where ``feature_dim`` does not say."""
        return self.feature_dim if self._core is None else self._core.n_features

    @property
    def sampling(self) -> Literal["blocks", "random"]:
        """How the rows of the trees were chosen; see :class:`Plan`."""
        return self.plan.kind

    def memory_usage(self) -> int:
        """Bytes that trees and their rows take."""
        held = (part for part in (self._core, self._frozen) if part is not None)
        return sum(part.memory_usage() for part in held)

    def __repr__(self) -> str:
        return (
            f"ManagedForest(num_trees={self.num_trees}, "
            f"num_samples_per_tree={self.num_samples_per_tree}, n_features={self.n_features}"
            + ("" if self._plan is None else f", tree_size={self._plan.tree_size}")
            + ")"
        )

    def _factor(self) -> float:
        """Turn the open-source forests' score into the service's."""
        size = self.plan.tree_size
        return math.log2(size) / math.log2(size + 1)

    def _asked(self) -> _fastrcf.FrozenForest:
        self.plan  # noqa: B018
        assert self._frozen is not None
        return self._frozen

    @staticmethod
    def _checked(X: Any, width: int | None) -> Matrix:
        """Give rows as a matrix of finite numbers: those that no tree gets are checked too."""
        rows = to_matrix(X)
        if width is not None and rows.shape[1] != width:
            raise InvalidInputError(f"expected {width} columns, found {rows.shape[1]}")
        # Two passes without memory, which NaN does not get through; only then is it looked for.
        with np.errstate(invalid="ignore"):
            is_good = not rows.size or bool(rows.max() <= _LARGEST and rows.min() >= -_LARGEST)
        if not is_good:
            row, column = (int(i) for i in np.argwhere(~(np.abs(rows) <= _LARGEST))[0])
            value = rows[row, column]
            what = (
                f"{value} is beyond the largest magnitude a forest takes, 1e30"
                if np.isfinite(value)
                else f"{value} is not finite"
            )
            raise InvalidInputError(f"row {row}, column {column}: {what}", row=row, column=column)
        return rows

    def _grow(self, held: Singles, plan: Plan) -> None:
        """Draw the trees of rows, shape (num_trees * tree_size, d), tree after tree."""
        core = _fastrcf.Forest.from_samples(
            held,
            draws(self._seed ^ _TREES, plan.num_trees).tolist(),
            sample_size=plan.capacity,
            sampling="window",
            seed=self._seed,
            n_threads=self._n_threads or 0,
        )
        fitted = managed_file.Fitted(self.num_samples_per_tree, self.feature_dim, plan.n_rows)
        managed_file.note(core, fitted)
        self._core, self._frozen, self._plan = core, core.freeze(), plan


def _restore(kind: type[ManagedForest], data: bytes, n_threads: int | None) -> ManagedForest:
    return kind._of(_fastrcf.loads(data, n_threads or 0), n_threads)


def _restore_empty(
    kind: type[ManagedForest], parts: tuple[Any, ...], n_threads: int | None
) -> ManagedForest:
    return kind(*parts, n_threads=n_threads)
