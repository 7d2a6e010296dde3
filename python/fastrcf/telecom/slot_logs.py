"""n ln n of counts, which an entropy is made of: looked up, since counts are mostly small."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastrcf._typing import Floats

_LEAST: Final = 1024
_table: Floats = np.zeros(1)


def table(most: int) -> Floats:
    """Give n ln n for n from 0 to ``most`` at least."""
    global _table
    known = _table
    if most >= len(known):
        # Threads that find it too short at once make the same.
        whole = range(1, max(_LEAST, 2 * most) + 1)
        known = np.array([0.0, *(n * math.log(n) for n in whole)])
        _table = known
    return known


def summed(counts: Iterable[int]) -> float:
    """Add up n ln n of counts, in their order."""
    logs = 0.0
    for n in counts:
        logs += float(table(n)[n])
    return logs
