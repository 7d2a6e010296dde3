"""A histogram a column (Goldstein and Dengel 2012)."""

from __future__ import annotations

from typing import Any, ClassVar

from benches.detection.detectors.pyod import Pyod


class Hbos(Pyod):
    """From pyod."""

    name: ClassVar[str] = "pyod HBOS"
    settings: ClassVar[str] = "defaults; columns less their mean, over their deviation"
    is_seeded: ClassVar[bool] = False

    def make(self) -> Any:
        """Make pyod's detector."""
        from pyod.models.hbos import HBOS

        return HBOS()
