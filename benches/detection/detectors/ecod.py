"""Empirical tails of each column (Li et al. 2022)."""

from __future__ import annotations

from typing import Any, ClassVar

from benches.detection.detectors.pyod import Pyod


class Ecod(Pyod):
    """From pyod."""

    name: ClassVar[str] = "pyod ECOD"
    settings: ClassVar[str] = "defaults; columns less their mean, over their deviation"
    is_seeded: ClassVar[bool] = False

    def make(self) -> Any:
        """Make pyod's detector."""
        from pyod.models.ecod import ECOD

        return ECOD()
