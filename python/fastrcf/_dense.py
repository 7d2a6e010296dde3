"""The dense form of a living forest, for many small ones that others keep.

Exact as the model file is and about two thirds of its size; slower to write and read.
``docs/model-file.md`` describes it.
"""

from __future__ import annotations

from fastrcf import _fastrcf
from fastrcf.forest import RandomCutForest


def dumps(forest: RandomCutForest) -> bytes:
    """Give the dense form of a forest.

    Parameters
    ----------
    forest : RandomCutForest

    Raises
    ------
    fastrcf.NotReadyError
        If it has seen no rows.
    """
    return forest._alive().to_dense()


def loads(data: bytes, n_threads: int = 0) -> RandomCutForest:
    """Read a forest from its dense form; it goes on as if it had never been written.

    Parameters
    ----------
    data : bytes
    n_threads : int, default 0
        As :class:`RandomCutForest` takes it; 0: all that the process may use.

    Raises
    ------
    fastrcf.ModelFileError
        If it is damaged, or none.
    """
    return RandomCutForest._of(_fastrcf.from_dense(data, n_threads))
