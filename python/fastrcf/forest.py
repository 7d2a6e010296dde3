"""The forest that users type."""

from __future__ import annotations

import threading
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from fastrcf import _fastrcf, _layout
from fastrcf._input import to_rows
from fastrcf._parameters import DEPTH, check_kind, count, notes, number, seed
from fastrcf._questions import Forecasts, Questions
from fastrcf._writing import write
from fastrcf.errors import InvalidParameterError, ModelFileError, NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from fastrcf._typing import Floats, Integers

_T = TypeVar("_T")
Sampling = Literal["decay", "uniform", "window"]


class RandomCutForest(Questions, Forecasts):
    """A random cut forest that learns from a stream, row by row, exactly.

    Whole-array calls give, bit for bit, what a loop over single rows gives, for
    any batch size and number of threads. A call that raises, Ctrl-C included,
    has changed nothing. All methods may be called from several threads.

    Parameters
    ----------
    n_trees : int, default 100
        Trees; the error of a score falls with the square root of their number.
    sample_size : int, default 256
        Rows that each tree holds.
    shingle_size : int, default 1
        Consecutive rows that make one point.
    sampling : {"decay", "uniform", "window"}, default "decay"
        Which rows a tree keeps: a reservoir in which recent rows weigh more,
        one in which all rows weigh the same, or the last ``sample_size`` rows.
    time_decay : float, optional
        Decay rate per row for ``"decay"``; default ``0.1 / sample_size``.
    feature_weights : sequence of float, optional
        A fixed positive scale per column. Values are multiplied by it in double
        precision and rounded once to single precision.
    random_state : None, int or numpy generator
        The same seed and rows give the same forest on any machine. ``None``
        draws a fresh one.
    n_threads : int, optional
        Threads of whole-array calls; default: what the process may use. Never
        changes a result.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of its range.

    Notes
    -----
    The algorithm is that of Guha, Mishra, Roy and Schrijvers, "Robust random
    cut forest based anomaly detection on streams" (ICML 2016); the score is the
    one of AWS's open-source forests. Values are held in float32: of float64
    input, 24 bits count. Magnitudes beyond 1e30 are refused.

    Examples
    --------
    >>> import numpy as np, fastrcf
    >>> rng = np.random.default_rng(0)
    >>> forest = fastrcf.RandomCutForest(random_state=7)
    >>> forest.insert(rng.normal(size=(1000, 3)))
    >>> usual, odd = forest.score([[0, 0, 0], [9, 0, 0]])
    >>> bool(odd > 2 * usual)
    True
    """

    def __init__(
        self,
        n_trees: int = 100,
        sample_size: int = 256,
        *,
        shingle_size: int = 1,
        sampling: Sampling = "decay",
        time_decay: float | None = None,
        feature_weights: Sequence[float] | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        if sampling not in ("decay", "uniform", "window"):
            raise InvalidParameterError(
                f"sampling: {sampling!r} is none of 'decay', 'uniform', 'window'"
            )
        if time_decay is not None and sampling != "decay":
            raise InvalidParameterError(f"time_decay: has no meaning with sampling={sampling!r}")
        self._parameters: dict[str, Any] = {
            "n_trees": count("n_trees", n_trees, 1),
            "sample_size": count("sample_size", sample_size, 2),
            "shingle_size": count("shingle_size", shingle_size, 1),
            "sampling": sampling,
            "time_decay": None if time_decay is None else number("time_decay", time_decay),
            "feature_weights": None if feature_weights is None else _weights(feature_weights),
            "seed": seed(random_state),
            "n_threads": 0 if n_threads is None else count("n_threads", n_threads, 1),
        }
        # Wrong parameters are told now, not at the first row.
        width = len(self._parameters["feature_weights"] or [0])
        _fastrcf.Forest(width, **self._parameters)
        self._core: _fastrcf.Forest | None = None
        self._lock = threading.Lock()

    @classmethod
    def _of(cls, core: _fastrcf.Forest) -> RandomCutForest:
        forest = cls.__new__(cls)
        forest._parameters = core.parameters()
        forest._core = core
        forest._lock = threading.Lock()
        return forest

    def _learn(self, rows: Any, call: Callable[[_fastrcf.Forest, Any], _T]) -> _T:
        """Give rows to the engine's forest, which the first rows bring to life.

        One thread at a time does so, and it stays only if the rows were good.
        """
        if self._core is None:
            with self._lock:
                if self._core is None:
                    _, width = _layout.shape(rows)
                    core = _fastrcf.Forest(width, **self._parameters)
                    result = call(core, rows)
                    self._core = core
                    return result
        return call(self._core, rows)

    def _asked(self) -> _fastrcf.Forest:
        if self._core is None:
            needed = max(1, self._parameters["sample_size"] // 4)
            raise NotReadyError(f"the forest has seen no rows and answers from {needed} on")
        return self._core

    def insert(self, X: Any) -> None:
        """Take rows in, in order.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            Rows of finite numbers.

        Raises
        ------
        InvalidInputError
            Names row and column; the forest is as before.
        """
        self._learn(to_rows(X), _fastrcf.Forest.insert)

    def process(self, X: Any, *, kind: str = DEPTH) -> Floats:
        """Score each row, then take it in.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            Rows of finite numbers.
        kind : str, default "expected_inverse_depth"
            What the score is; see :meth:`score`.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            NaN for rows that come before the forest is ready.

        Raises
        ------
        InvalidInputError
            Names row and column; the forest is as before.
        """
        if kind == DEPTH:
            return self._learn(to_rows(X), _fastrcf.Forest.process)
        check_kind(kind)
        return self._learn(to_rows(X), lambda core, rows: core.process_by(kind, rows))

    def delete(self, X: Any) -> Integers:
        """Take rows out: one copy from every tree that holds it.

        The other rows stay as likely in the sample as they were: an open place
        is filled by the next row that would have been taken anyway. A tree left
        with less than a quarter of its rows takes whatever comes until it is
        full, and with ``sampling="window"`` every tree does.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d) or (d,)
            Rows as they were inserted; whole shingles where there are shingles.

        Returns
        -------
        numpy.ndarray of int64, shape (n,)
            Copies removed over all trees; 0 where the row is in none.
        """
        rows = to_rows(X)
        if self._core is None:
            return np.zeros(_layout.shape(rows)[0], np.int64)
        return self._core.delete(rows)

    def freeze(self) -> FrozenForest:
        """Give an immutable copy for scoring tables; its scores are the same bits."""
        return FrozenForest(self._asked().freeze())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the forest to a model file, whole or not at all.

        A forest loaded from it goes on exactly as this one.

        Raises
        ------
        NotReadyError
            Before the first row.
        OSError
            If the file cannot be written; a file that was there is as before.
        """
        write(path, bytes(self))

    def _alive(self) -> _fastrcf.Forest:
        if self._core is None:
            raise NotReadyError("the forest has seen no rows: there is nothing to save")
        return self._core

    def __bytes__(self) -> bytes:
        return self._alive().to_bytes()

    def __reduce__(self) -> tuple[Any, ...]:
        # What a subclass adds travels too.
        own = ("_parameters", "_core", "_lock")
        added = {name: value for name, value in vars(self).items() if name not in own}
        if self._core is None:
            return _restore_empty, (type(self), self._parameters), added
        return _restore, (type(self), bytes(self), self._parameters["n_threads"]), added

    def __copy__(self) -> RandomCutForest:
        restore, arguments, added = self.__reduce__()
        copy: RandomCutForest = restore(*arguments)
        vars(copy).update(added)
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> RandomCutForest:
        restore, arguments, added = self.__reduce__()
        copy: RandomCutForest = restore(*arguments)
        vars(copy).update(deepcopy(added, memo))
        return copy

    def memory_usage(self) -> int:
        """Bytes that the forest takes."""
        return 0 if self._core is None else self._core.memory_usage()

    @property
    def notes(self) -> Mapping[str, str]:
        """Texts by name that travel with the model: who made it, from what.

        They change nothing that it does. Assign a mapping to write others down;
        all together take at most 65,536 bytes.
        """
        return MappingProxyType({} if self._core is None else self._core.notes())

    @notes.setter
    def notes(self, given: Mapping[str, str]) -> None:
        self._alive().set_notes(notes(given))

    @property
    def n_features(self) -> int | None:
        """Columns of the input; None before the first row."""
        return None if self._core is None else self._core.n_features

    @property
    def n_seen(self) -> int:
        """Rows seen."""
        return 0 if self._core is None else self._core.n_seen

    @property
    def is_ready(self) -> bool:
        """Whether the forest answers."""
        return self._core is not None and self._core.is_ready

    def __repr__(self) -> str:
        p = self._parameters
        return (
            f"RandomCutForest(n_trees={p['n_trees']}, sample_size={p['sample_size']}, "
            f"sampling={p['sampling']!r}, n_features={self.n_features}, n_seen={self.n_seen})"
        )


def _weights(given: Any) -> list[float]:
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise InvalidParameterError(f"feature_weights: expected numbers, found {given!r}")
    return [number("feature_weights", weight) for weight in given]


def _restore(kind: type[RandomCutForest], data: bytes, n_threads: int) -> RandomCutForest:
    core = _fastrcf.loads(data)
    if not isinstance(core, _fastrcf.Forest):
        raise ModelFileError("expected a living forest")
    core.set_threads(n_threads)
    return kind._of(core)


def _restore_empty(kind: type[RandomCutForest], parameters: dict[str, Any]) -> RandomCutForest:
    forest = kind.__new__(kind)
    forest._parameters = dict(parameters)
    forest._core = None
    forest._lock = threading.Lock()
    return forest


def _restore_frozen(data: bytes) -> FrozenForest:
    core = _fastrcf.loads(data)
    if not isinstance(core, _fastrcf.FrozenForest):
        raise ModelFileError("expected a frozen forest")
    return FrozenForest(core)


class FrozenForest(Questions):
    """An immutable forest for scoring tables; made by :meth:`RandomCutForest.freeze`.

    It gives, bit for bit, the scores of the forest it was made from, and may be
    shared between threads.
    """

    def __init__(self, core: _fastrcf.FrozenForest) -> None:
        self._core = core

    def _asked(self) -> _fastrcf.FrozenForest:
        return self._core

    def save(self, path: str | PathLike[str]) -> None:
        """Write the forest to a model file, whole or not at all."""
        write(path, bytes(self))

    def __bytes__(self) -> bytes:
        return self._core.to_bytes()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_frozen, (bytes(self),)

    def __copy__(self) -> FrozenForest:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenForest:
        return self

    def memory_usage(self) -> int:
        """Bytes that the forest takes."""
        return self._core.memory_usage()

    @property
    def notes(self) -> Mapping[str, str]:
        """Texts by name, as :attr:`RandomCutForest.notes`."""
        return MappingProxyType(self._core.notes())

    @property
    def n_features(self) -> int:
        """Columns of the input."""
        return self._core.n_features

    @property
    def n_seen(self) -> int:
        """Rows that the forest had seen."""
        return self._core.n_seen

    @property
    def is_ready(self) -> bool:
        """Whether the forest answers."""
        return self._core.is_ready

    def __repr__(self) -> str:
        return f"FrozenForest(n_features={self.n_features}, n_seen={self.n_seen})"
