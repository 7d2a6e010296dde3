"""Which rows each tree of the managed service holds (docs/managed.md says how it is known)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fastrcf._parameters import count
from fastrcf.errors import InvalidInputError, InvalidParameterError

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fastrcf._typing import Integers

# What the service's documentation allows.
NUM_TREES = (50, 1000)
NUM_SAMPLES_PER_TREE = (1, 2048)
FEATURE_DIM = (1, 10_000)
_LIMITS = {
    "num_trees": NUM_TREES,
    "num_samples_per_tree": NUM_SAMPLES_PER_TREE,
    "feature_dim": FEATURE_DIM,
}
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Plan:
    """How rows are spread over trees.

    Attributes
    ----------
    kind : {"blocks", "random"}
        ``"blocks"``: tree ``i`` holds rows ``i * tree_size`` to ``(i + 1) * tree_size``
        of the file, and nothing is random. ``"random"``: a sample without replacement,
        spread randomly.
    num_trees : int
    tree_size : int
        Rows that each tree holds.
    n_rows : int
        Rows of the file.
    """

    kind: Literal["blocks", "random"]
    num_trees: int
    tree_size: int
    n_rows: int

    @classmethod
    def of(cls, n_rows: int, num_trees: int, num_samples_per_tree: int) -> Plan:
        """Decide as the service does.

        Raises
        ------
        InvalidInputError
            If there are fewer rows than trees: a tree would hold none.
        """
        if n_rows < num_trees:
            raise InvalidInputError(
                f"{n_rows} rows for {num_trees} trees: each needs one at least; give more rows, "
                "or fewer trees"
            )
        if n_rows <= num_trees * num_samples_per_tree:
            return cls("blocks", num_trees, n_rows // num_trees, n_rows)
        return cls("random", num_trees, num_samples_per_tree, n_rows)

    @property
    def capacity(self) -> int:
        """Rows that the engine's trees could hold: a sample of one it does not know."""
        return max(2, self.tree_size)

    @property
    def n_unused(self) -> int:
        """Rows that no tree holds."""
        return self.n_rows - self.num_trees * self.tree_size

    def rows(self, seed: int) -> Integers:
        """Give the numbers of each tree's rows, shape (num_trees, tree_size)."""
        held = self.num_trees * self.tree_size
        if self.kind == "blocks":
            return np.arange(held, dtype=np.int64).reshape(self.num_trees, self.tree_size)
        keys = draws(seed, self.n_rows)
        # In the order of their keys, so that which tree a row goes to is random too.
        least = np.argpartition(keys, held - 1)[:held]
        least = least[np.argsort(keys[least])]
        return least.astype(np.int64).reshape(self.num_trees, self.tree_size)


def within_limits(name: str, value: Any) -> int:
    """Give a hyperparameter in the range that the service's documentation gives.

    Raises
    ------
    InvalidParameterError
        If it is not.
    """
    low, high = _LIMITS[name]
    number = count(name, value, low)
    if number > high:
        raise InvalidParameterError(f"{name}: {number} is not between {low} and {high}")
    return number


def draws(seed: int, n: int) -> NDArray[np.uint64]:
    """Give n different 64-bit numbers of SplitMix64 (Steele, Lea and Flood 2014).

    NumPy's own generators may change what they draw with its version.
    """
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_MIX)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))
