"""The frozen forest of this project."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benches.engines.living import Living

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benches.engines.protocol import Answer, Rows, Work


class Frozen(Living):
    """The frozen forest, from Python."""

    name: ClassVar[str] = "fastrcf, frozen"
    settings: ClassVar[str] = "RandomCutForest.freeze(), float32 arrays, one call per array"
    works: ClassVar[Mapping[Work, int]] = {
        "score": 4_000,
        "local_range": 4_000,
        "attribution": 200,
        "load": 4,
    }

    def build(self, rows: Rows) -> None:
        """Freeze a forest that has taken ``rows`` in."""
        super().build(rows)
        self._frozen = self._model = self._forest.freeze()

    def score(self, rows: Rows) -> Answer:
        """Score rows, one call."""
        return self._frozen.score(rows)

    def local_range(self, rows: Rows) -> Answer:
        """Score rows by how much room there is around them, one call."""
        return self._frozen.score(rows, kind="local_range")
