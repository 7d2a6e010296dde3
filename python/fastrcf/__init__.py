"""Random cut forests for fraud and anomaly detection: exact, explainable, fast."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from fastrcf._fastrcf import __version__, simd_level
from fastrcf.answers import Attribution, Backtest, Density, Forecast, Imputation, Neighbors
from fastrcf.detection import Detection, Reason, Relation
from fastrcf.detector import Detector
from fastrcf.errors import (
    FastRCFError,
    InvalidInputError,
    InvalidParameterError,
    MissingExtraError,
    ModelFileError,
    NotFittedError,
    NotReadyError,
)
from fastrcf.forest import FrozenForest, RandomCutForest
from fastrcf.model_file import load, loads

if _TYPE_CHECKING:
    from fastrcf.alert_limit import AlertLimit
    from fastrcf.evaluation import Evaluation, evaluate
    from fastrcf.series import SeriesDetector

__all__ = [
    "AlertLimit",
    "Attribution",
    "Backtest",
    "Density",
    "Detection",
    "Detector",
    "Evaluation",
    "FastRCFError",
    "Forecast",
    "FrozenForest",
    "Imputation",
    "InvalidInputError",
    "InvalidParameterError",
    "MissingExtraError",
    "ModelFileError",
    "Neighbors",
    "NotFittedError",
    "NotReadyError",
    "RandomCutForest",
    "Reason",
    "Relation",
    "SeriesDetector",
    "__version__",
    "evaluate",
    "load",
    "loads",
    "simd_level",
]

# Parts with dependencies of their own, imported when first asked for.
_PARTS = ("report", "sagemaker", "sklearn", "telecom")
# What not everybody asks for: where it is. Its import takes a fifth of this package's.
_LATER = {
    "AlertLimit": "alert_limit",
    "Evaluation": "evaluation",
    "SeriesDetector": "series",
    "evaluate": "evaluation",
}


def __getattr__(name: str) -> _Any:
    if name in _PARTS:
        return _import_module(f"fastrcf.{name}")
    if name in _LATER:
        found = getattr(_import_module(f"fastrcf.{_LATER[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'fastrcf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PARTS})
