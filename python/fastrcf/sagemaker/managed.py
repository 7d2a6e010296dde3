"""A random cut forest that samples and scores as SageMaker's managed one does."""

from __future__ import annotations

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf import _fastrcf
from fastrcf._input import to_rows
from fastrcf._parameters import count, seed
from fastrcf.answers import Attribution
from fastrcf.errors import InvalidInputError, InvalidParameterError, NotFittedError
from fastrcf.sagemaker import archive
from fastrcf.sagemaker.metrics import ManagedMetrics, managed_metrics
from fastrcf.sagemaker.sampling import Plan, draws

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike
    from typing import Self

    from fastrcf._typing import Floats, Matrix, Singles

# What the service's documentation allows.
NUM_TREES = (50, 1000)
NUM_SAMPLES_PER_TREE = (1, 2048)
FEATURE_DIM = (1, 10_000)
# The largest magnitude that a forest takes.
_LARGEST = 1e30
# Values of a block of rows, which goes through all trees while it is in a cache.
_BLOCK_VALUES = 1 << 17
_LEAST_BLOCK = 256


class ManagedForest:
    """What SageMaker's RandomCutForest makes of the same rows, on this machine.

    Each tree is one of this package's forests, of one tree; so cuts, boxes and
    expectations are those of :class:`fastrcf.RandomCutForest`. What differs is which
    rows a tree holds and the factor of the score.

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
        self.num_trees = within("num_trees", num_trees, NUM_TREES)
        self.num_samples_per_tree = within(
            "num_samples_per_tree", num_samples_per_tree, NUM_SAMPLES_PER_TREE
        )
        self.feature_dim = (
            None if feature_dim is None else within("feature_dim", feature_dim, FEATURE_DIM)
        )
        self._seed = seed(random_state)
        self._n_threads = None if n_threads is None else count("n_threads", n_threads, 1)
        self._plan: Plan | None = None
        self._trees: tuple[_fastrcf.FrozenForest, ...] = ()
        self._held: Singles = np.zeros((0, 0, 0), np.float32)

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
        # From here on nothing is refused.
        held = rows[plan.rows(self._seed)].astype(np.float32)
        self._trees = self._grown(held, self._seed)
        self._held, self._plan = held, plan
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
        trees, rows = self._asked(X)
        total = np.zeros(len(rows))

        def add(tree: _fastrcf.FrozenForest, part: slice, block: Singles) -> None:
            total[part] += tree.score(block)

        self._by_block(trees, rows, add)
        return np.asarray(total * self._factor())

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
        trees, rows = self._asked(X)
        low, high = np.zeros((2, *rows.shape))

        def add(tree: _fastrcf.FrozenForest, part: slice, block: Singles) -> None:
            below, above = tree.attribution("expected_inverse_depth", block)
            low[part] += below
            high[part] += above

        self._by_block(trees, rows, add)
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
        plan = self.plan
        again = ManagedForest(
            self.num_trees,
            self.num_samples_per_tree,
            self.feature_dim,
            random_state,
            n_threads=self._n_threads,
        )
        again._trees = self._grown(self._held, again._seed)
        again._held, again._plan = self._held, plan
        return again

    def save(self, path: str | PathLike[str]) -> None:
        """Write the forest to a file, whole or not at all.

        A ZIP archive of the trees' model files and the rows that they hold;
        :meth:`load` reads it, :func:`fastrcf.load` does not.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        OSError
            If the file cannot be written; a file that was there is as before.
        """
        _fastrcf.write_atomically(path, bytes(self))

    @classmethod
    def load(cls, path: str | PathLike[str], *, n_threads: int | None = None) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ModelFileError
            If it is damaged, or something else. Files are untrusted input.
        """
        return cls._of(archive.read(path), n_threads)

    def __bytes__(self) -> bytes:
        plan = self.plan
        about = archive.About(
            num_trees=self.num_trees,
            num_samples_per_tree=self.num_samples_per_tree,
            feature_dim=self.feature_dim,
            seed=self._seed,
            kind=plan.kind,
            tree_size=plan.tree_size,
            n_rows=plan.n_rows,
            n_features=self._held.shape[2],
        )
        return archive.write(archive.Content(about, self._trees, self._held))

    def __reduce__(self) -> tuple[Any, ...]:
        if self._plan is None:
            parts = (self.num_trees, self.num_samples_per_tree, self.feature_dim, self._seed)
            return _restore_empty, (type(self), parts, self._n_threads)
        return _restore, (type(self), bytes(self), self._n_threads)

    @classmethod
    def _of(cls, content: archive.Content, n_threads: int | None) -> Self:
        about = content.about
        forest = cls(
            about.num_trees,
            about.num_samples_per_tree,
            about.feature_dim,
            about.seed,
            n_threads=n_threads,
        )
        forest._plan = Plan(about.kind, about.num_trees, about.tree_size, about.n_rows)
        forest._trees, forest._held = tuple(content.trees), content.rows
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
        return self.feature_dim if self._plan is None else self._held.shape[2]

    @property
    def sampling(self) -> Literal["blocks", "random"]:
        """How the rows of the trees were chosen; see :class:`Plan`."""
        return self.plan.kind

    def memory_usage(self) -> int:
        """Bytes that trees and their rows take."""
        return self._held.nbytes + sum(tree.memory_usage() for tree in self._trees)

    def __repr__(self) -> str:
        return (
            f"ManagedForest(num_trees={self.num_trees}, "
            f"num_samples_per_tree={self.num_samples_per_tree}, n_features={self.n_features}"
            + ("" if self._plan is None else f", tree_size={self._plan.tree_size}")
            + ")"
        )

    def _factor(self) -> float:
        """Turn the sum of the open-source forests' scores over trees into the service's score."""
        size = self.plan.tree_size
        return float(np.log2(size) / np.log2(size + 1) / self.num_trees)

    def _asked(self, X: Any) -> tuple[tuple[_fastrcf.FrozenForest, ...], Matrix]:
        self.plan  # noqa: B018
        return self._trees, self._checked(X, self.n_features)

    @staticmethod
    def _checked(X: Any, width: int | None) -> Matrix:
        """Give rows as a matrix of finite numbers; blocks alone would count rows from 0."""
        given = to_rows(X)
        rows: Matrix = np.column_stack(given) if isinstance(given, list) else given
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

    def _grown(self, held: Singles, random_seed: int) -> tuple[_fastrcf.FrozenForest, ...]:
        size, width = held.shape[1:]
        # One stream of seeds for the sample and another for the trees.
        seeds = draws(random_seed ^ 0x5DEECE66D, self.num_trees)

        def grow(i: int) -> _fastrcf.FrozenForest:
            tree = _fastrcf.Forest(
                width,
                n_trees=1,
                # A forest of one row is one of two that is not full yet.
                sample_size=max(2, size),
                shingle_size=1,
                sampling="window",
                time_decay=None,
                feature_weights=None,
                seed=int(seeds[i]),
                n_threads=1,
            )
            tree.insert(held[i])
            return tree.freeze()

        return tuple(grow(i) for i in range(self.num_trees))

    def _by_block(
        self,
        trees: Sequence[_fastrcf.FrozenForest],
        rows: Matrix,
        work: Callable[[_fastrcf.FrozenForest, slice, Singles], None],
    ) -> None:
        """Take blocks of rows through the trees, on several threads where there are several.

        A block meets the trees in their order, so that sums do not depend on threads.
        """
        n, width = rows.shape
        threads = self._n_threads or _cores()
        size = max(_LEAST_BLOCK, min(_BLOCK_VALUES // width, -(-n // threads)))
        parts = [slice(first, min(n, first + size)) for first in range(0, n, size)]
        stopped = threading.Event()

        def one(part: slice) -> None:
            if stopped.is_set():
                return
            # Rounded once for all trees.
            block = np.ascontiguousarray(rows[part], np.float32)
            for tree in trees:
                if stopped.is_set():
                    return
                work(tree, part, block)

        if threads == 1 or len(parts) < 2:
            for part in parts:
                one(part)
            return
        with ThreadPoolExecutor(min(threads, len(parts))) as pool:
            try:
                for _ in pool.map(one, parts):
                    pass
            except BaseException:
                # The pool is left when its threads have ended, which they do at the next tree.
                stopped.set()
                raise


def within(name: str, value: Any, limits: tuple[int, int]) -> int:
    """Give a hyperparameter in the range that the service's documentation gives.

    Raises
    ------
    InvalidParameterError
        If it is not.
    """
    number = count(name, value, limits[0])
    if number > limits[1]:
        raise InvalidParameterError(f"{name}: {number} is not between {limits[0]} and {limits[1]}")
    return number


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _restore(kind: type[ManagedForest], data: bytes, n_threads: int | None) -> ManagedForest:
    return kind._of(archive.parse(data), n_threads)


def _restore_empty(
    kind: type[ManagedForest], parts: tuple[Any, ...], n_threads: int | None
) -> ManagedForest:
    return kind(*parts, n_threads=n_threads)
