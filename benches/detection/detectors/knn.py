"""The distance to the 50th neighbour (Ramaswamy et al. 2000)."""

from __future__ import annotations

from typing import Any, ClassVar

from benches.detection.detectors.pyod import Pyod


class Knn(Pyod):
    """From pyod."""

    name: ClassVar[str] = "pyod KNN"
    settings: ClassVar[str] = "n_neighbors=50; columns less their mean, over their deviation"
    is_seeded: ClassVar[bool] = False
    is_fast: ClassVar[bool] = False

    def make(self) -> Any:
        """Make pyod's detector."""
        from pyod.models.knn import KNN

        return KNN(n_neighbors=50)
