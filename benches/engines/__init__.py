"""The engines, one file each behind one protocol (`protocol.py`)."""

from __future__ import annotations

from benches.engines.by_row import ByRow
from benches.engines.detector import Detecting
from benches.engines.from_parquet import (
    AheadFromParquet,
    DetectorFromParquet,
    ForestFromParquet,
)
from benches.engines.frozen import Frozen
from benches.engines.half_space import HalfSpace
from benches.engines.isolation import Isolation
from benches.engines.isotree import Isotree
from benches.engines.java import JavaForest
from benches.engines.krcf import Krcf
from benches.engines.living import Living, Windowed
from benches.engines.parquet import Reader
from benches.engines.protocol import Engine
from benches.engines.rcf3 import Rcf3
from benches.engines.rrcf import Rrcf
from benches.engines.rust import Rust, RustAvx2, RustPortable

__all__ = [
    "BY_NAME",
    "ENGINES",
    "AheadFromParquet",
    "ByRow",
    "Detecting",
    "DetectorFromParquet",
    "Engine",
    "ForestFromParquet",
    "Frozen",
    "HalfSpace",
    "Isolation",
    "Isotree",
    "JavaForest",
    "Krcf",
    "Living",
    "Rcf3",
    "Reader",
    "Rrcf",
    "Rust",
    "RustAvx2",
    "RustPortable",
    "Windowed",
]

# In the order in which tables show them.
ENGINES: tuple[type[Engine], ...] = (
    Frozen,
    Living,
    ByRow,
    Windowed,
    Detecting,
    Rust,
    RustAvx2,
    RustPortable,
    JavaForest,
    Krcf,
    Rcf3,
    Rrcf,
    HalfSpace,
    Isolation,
    Isotree,
    Reader,
    ForestFromParquet,
    AheadFromParquet,
    DetectorFromParquet,
)
BY_NAME = {engine.name: engine for engine in ENGINES}
