"""Whether one detector finds more than another on the same sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import wilcoxon

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Paired:
    """Sets in pairs.

    Attributes
    ----------
    won, of : int
        Sets on which the first is ahead, and all sets; a tie is no win.
    p : float
        Two-sided Wilcoxon signed-rank test of the differences; 1 if all are 0.
    """

    won: int
    of: int
    p: float


def compare(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Paired | None:
    """Compare values by case; None if no case has both."""
    cases = [case for case in ours if case in theirs]
    if not cases:
        return None
    gaps = np.array([ours[case] - theirs[case] for case in cases])
    p = float(wilcoxon(gaps).pvalue) if gaps.any() else 1.0
    return Paired(int((gaps > 0).sum()), len(cases), p)
