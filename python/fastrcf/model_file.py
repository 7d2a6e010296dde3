"""Models from files: whatever kind a file holds comes back as its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrcf import _fastrcf
from fastrcf._parameters import count
from fastrcf.detector import Detector
from fastrcf.errors import ModelFileError
from fastrcf.forest import FrozenForest, RandomCutForest

if TYPE_CHECKING:
    from os import PathLike

    from fastrcf.series import SeriesDetector


def load(
    path: str | PathLike[str], *, n_threads: int | None = None
) -> RandomCutForest | FrozenForest | Detector | SeriesDetector:
    """Load a model from a file.

    Parameters
    ----------
    path : str or path
        A file that ``save`` wrote.
    n_threads : int, optional
        Threads that it may take; default: what the process may use. The number is not
        in the file, and never changes a result.

    Returns
    -------
    RandomCutForest, FrozenForest, Detector or SeriesDetector
        It goes on exactly as the one that was saved.

    Raises
    ------
    ModelFileError
        If the file is no model, damaged or of another version. Files are
        untrusted input: nothing in them is run.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, fastrcf
    >>> forest = fastrcf.RandomCutForest(random_state=7)
    >>> forest.insert(np.arange(200.0).reshape(100, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     forest.save(pathlib.Path(folder) / "m.rcf")
    ...     again = fastrcf.load(pathlib.Path(folder) / "m.rcf")
    >>> bytes(again) == bytes(forest)
    True
    """
    try:
        core = _fastrcf.load(path, _threads(n_threads))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    return _model(core)


def loads(
    data: bytes, *, n_threads: int | None = None
) -> RandomCutForest | FrozenForest | Detector | SeriesDetector:
    """Load a model from the bytes of a model file, as :func:`load`."""
    return _model(_fastrcf.loads(bytes(data), _threads(n_threads)))


def _threads(n_threads: int | None) -> int:
    return 0 if n_threads is None else count("n_threads", n_threads, 1)


def _model(
    core: _fastrcf._Model,
) -> RandomCutForest | FrozenForest | Detector | SeriesDetector:
    if isinstance(core, _fastrcf.FrozenForest):
        return FrozenForest(core)
    if isinstance(core, _fastrcf.Detector):
        return Detector._of(core)
    if isinstance(core, (_fastrcf.SeriesDetector, _fastrcf.SeriesSet)):
        from fastrcf.series import SeriesDetector

        return SeriesDetector._of(core)
    return RandomCutForest._of(core)
