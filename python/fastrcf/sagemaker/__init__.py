"""Amazon SageMaker's random cut forest: the same on this machine, and how far two models agree."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from fastrcf.sagemaker.agreement import AgreementReport, Limits, compare
    from fastrcf.sagemaker.managed import ManagedForest
    from fastrcf.sagemaker.metrics import ManagedMetrics, cutoff, managed_metrics

__all__ = [
    "AgreementReport",
    "Limits",
    "ManagedForest",
    "ManagedMetrics",
    "compare",
    "cutoff",
    "managed_metrics",
]

# Each is imported when it is first asked for: what talks to AWS needs boto3, the rest does not.
_FROM = {
    "AgreementReport": "agreement",
    "Limits": "agreement",
    "ManagedForest": "managed",
    "ManagedMetrics": "metrics",
    "compare": "agreement",
    "cutoff": "metrics",
    "managed_metrics": "metrics",
}


def __getattr__(name: str) -> _Any:
    if name not in _FROM:
        raise AttributeError(f"module 'fastrcf.sagemaker' has no attribute {name!r}")
    found = getattr(_import_module(f"fastrcf.sagemaker.{_FROM[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
