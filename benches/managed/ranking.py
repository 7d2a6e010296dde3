"""How well the managed service's forest and ours rank labelled rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benches.detection import metrics
from benches.detection.case import Absent, Family
from benches.detection.detectors import Detecting, TableDetector
from benches.detection.detectors.forest import Raw
from benches.detection.detectors.protocol import N_TREES, SAMPLE_SIZE
from benches.detection.families import adbench, card, cicids, nsl_kdd
from fastrcf.sagemaker import ManagedForest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benches.detection.case import Rows


class Managed(TableDetector):
    """What the managed service does with the rows, in the order in which they stand."""

    name: ClassVar[str] = "managed, order of the file"
    settings: ClassVar[str] = f"ManagedForest({N_TREES}, {SAMPLE_SIZE}); raw columns"

    def fit(self, rows: Rows) -> None:
        """Fit the rows as they stand."""
        self._forest = ManagedForest(N_TREES, SAMPLE_SIZE, random_state=self.seed).fit(rows)

    def score(self, rows: Rows) -> Rows:
        """Score rows, one call."""
        return self._forest.score(rows)


class Shuffled(Managed):
    """The same after the file was shuffled, as careful users do."""

    name: ClassVar[str] = "managed, shuffled file"
    settings: ClassVar[str] = f"{Managed.settings}; the rows are shuffled first"

    def fit(self, rows: Rows) -> None:
        """Shuffle and fit the rows."""
        super().fit(np.random.default_rng(self.seed).permutation(rows))


# Smaller tables leave one row for each of the service's trees, and all scores are 0.
LEAST_ROWS = 2 * N_TREES
DETECTORS: tuple[type[TableDetector], ...] = (Detecting, Raw, Managed, Shuffled)
FAMILIES = (
    Family(adbench.NAME, adbench.cases),
    Family(card.NAME, card.cases),
    Family(nsl_kdd.NAME, nsl_kdd.cases),
    Family(cicids.NAME, cicids.cases),
)


def tables(data: Path, seeds: int) -> Iterator[dict[str, object]]:
    """Rank each labelled table of enough rows; means over seeds of each detector's measures."""
    for family in FAMILIES:
        try:
            cases = list(family.cases(data))
        except Absent as why:
            print(f"{family.name}: {why}", flush=True)
            continue
        for case in cases:
            table = case.load()
            if len(table.fitted) < LEAST_ROWS:
                continue
            asked = table.fitted if table.asked is None else table.asked
            for kind in DETECTORS:
                found = []
                for seed in range(seeds):
                    detector = kind(seed)
                    detector.fit(table.fitted)
                    found.append(metrics.measures(table, detector.score(asked)))
                means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
                yield {
                    "family": case.family,
                    "case": case.name,
                    "detector": kind.name,
                    "auc": round(means["auc"], 4),
                    "ap": round(means["ap"], 4),
                }
