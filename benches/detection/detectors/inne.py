"""Spheres around the rows of small samples (Bandaragoda et al. 2018)."""

from __future__ import annotations

from typing import Any, ClassVar

from benches.detection.detectors.pyod import Pyod


class Inne(Pyod):
    """From pyod."""

    name: ClassVar[str] = "pyod INNE"
    settings: ClassVar[str] = "defaults; columns less their mean, over their deviation"
    is_fast: ClassVar[bool] = False

    def make(self) -> Any:
        """Make pyod's detector."""
        from pyod.models.inne import INNE

        return INNE(random_state=self.seed)
