"""The detectors, one file each behind one protocol (`protocol.py`)."""

from __future__ import annotations

from benches.detection.detectors.detector import (
    Depth,
    Detecting,
    LocalRange,
    OneView,
    Unrelated,
)
from benches.detection.detectors.ecod import Ecod
from benches.detection.detectors.forest import Raw, Standardised
from benches.detection.detectors.hbos import Hbos
from benches.detection.detectors.inne import Inne
from benches.detection.detectors.isolation import Isolation
from benches.detection.detectors.knn import Knn
from benches.detection.detectors.krcf import Krcf, KrcfStream
from benches.detection.detectors.protocol import StreamDetector, TableDetector
from benches.detection.detectors.published import SKILLED
from benches.detection.detectors.streams import LongValue, Series, Value, ValueAndTime
from benches.detection.detectors.thresholded import Graded, GradedScore

__all__ = [
    "STREAMS",
    "TABLES",
    "Detecting",
    "Isolation",
    "Series",
    "StreamDetector",
    "TableDetector",
    "Unrelated",
]

# In the order in which tables show them.
TABLES: tuple[type[TableDetector], ...] = (
    Detecting,
    LocalRange,
    Depth,
    OneView,
    Unrelated,
    Raw,
    Standardised,
    Isolation,
    Ecod,
    Knn,
    Hbos,
    Inne,
    Krcf,
)
# The product's own detector first.
STREAMS: tuple[type[StreamDetector], ...] = (
    Series,
    ValueAndTime,
    LongValue,
    Value,
    KrcfStream,
    Graded,
    GradedScore,
    *SKILLED,
)
