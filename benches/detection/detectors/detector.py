"""The detector of this project, as users get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

import fastrcf
from benches.detection.detectors.protocol import TableDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows


class Detecting(TableDetector):
    """Everything by default."""

    name: ClassVar[str] = "fastrcf Detector"
    settings: ClassVar[str] = "defaults"
    options: ClassVar[dict[str, str]] = {}

    def fit(self, rows: Rows) -> None:
        """Fit on the rows."""
        self._detector = fastrcf.Detector(**self.options, random_state=self.seed)  # type: ignore[arg-type]
        self._detector.fit(rows)

    def score(self, rows: Rows) -> Rows:
        """Score rows, one call."""
        return np.asarray(self._detector.score(rows), np.float64)


class LocalRange(Detecting):
    """By the local range alone."""

    name: ClassVar[str] = "fastrcf Detector, local range"
    settings: ClassVar[str] = 'score="local_range"'
    options: ClassVar[dict[str, str]] = {"score": "local_range"}


class Depth(Detecting):
    """By the open-source score."""

    name: ClassVar[str] = "fastrcf Detector, expected inverse depth"
    settings: ClassVar[str] = 'score="expected_inverse_depth"'
    options: ClassVar[dict[str, str]] = {"score": "expected_inverse_depth"}


class Unrelated(Detecting):
    """Without linear relations."""

    name: ClassVar[str] = "fastrcf Detector, relations off"
    settings: ClassVar[str] = 'relations="off"'
    options: ClassVar[dict[str, str]] = {"relations": "off"}


class OneView(Detecting):
    """Standardised for all trees."""

    name: ClassVar[str] = "fastrcf Detector, standard"
    settings: ClassVar[str] = 'scaling="standard"'
    options: ClassVar[dict[str, str]] = {"scaling": "standard"}
