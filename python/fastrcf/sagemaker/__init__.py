"""Amazon SageMaker's random cut forest: the same on this machine, to call, and its formats."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from fastrcf.sagemaker.agreement import compare
    from fastrcf.sagemaker.agreement_limits import Limits
    from fastrcf.sagemaker.agreement_report import AgreementReport
    from fastrcf.sagemaker.channel import Channel, upload
    from fastrcf.sagemaker.comparison import Cost, CostComparison, Load, compare_costs
    from fastrcf.sagemaker.cost import Estimate, Prices
    from fastrcf.sagemaker.deletion import delete
    from fastrcf.sagemaker.deployment import deploy
    from fastrcf.sagemaker.endpoint import Endpoint, Serverless
    from fastrcf.sagemaker.errors import (
        CostNotAcceptedError,
        JobFailedError,
        ResponseError,
        ServiceError,
    )
    from fastrcf.sagemaker.hyperparameters import Hyperparameters
    from fastrcf.sagemaker.image import image_uri
    from fastrcf.sagemaker.managed import ManagedForest
    from fastrcf.sagemaker.metrics import ManagedMetrics, cutoff, managed_metrics
    from fastrcf.sagemaker.model import Model
    from fastrcf.sagemaker.recordio import (
        decode_recordio,
        decode_scores,
        encode_recordio,
        encode_scores,
        read_recordio,
        write_recordio,
    )
    from fastrcf.sagemaker.steps import Deleted
    from fastrcf.sagemaker.training import TrainingJob, train
    from fastrcf.sagemaker.transform import BatchTransform

__all__ = [
    "AgreementReport",
    "BatchTransform",
    "Channel",
    "Cost",
    "CostComparison",
    "CostNotAcceptedError",
    "Deleted",
    "Endpoint",
    "Estimate",
    "Hyperparameters",
    "JobFailedError",
    "Limits",
    "Load",
    "ManagedForest",
    "ManagedMetrics",
    "Model",
    "Prices",
    "ResponseError",
    "Serverless",
    "ServiceError",
    "TrainingJob",
    "compare",
    "compare_costs",
    "cutoff",
    "decode_recordio",
    "decode_scores",
    "delete",
    "deploy",
    "encode_recordio",
    "encode_scores",
    "image_uri",
    "managed_metrics",
    "read_recordio",
    "train",
    "upload",
    "write_recordio",
]

# Each is imported when it is first asked for: what talks to AWS needs boto3, the rest does not.
_FROM = {
    "AgreementReport": "agreement_report",
    "BatchTransform": "transform",
    "Channel": "channel",
    "Cost": "comparison",
    "CostComparison": "comparison",
    "CostNotAcceptedError": "errors",
    "Deleted": "steps",
    "Endpoint": "endpoint",
    "Estimate": "cost",
    "Hyperparameters": "hyperparameters",
    "JobFailedError": "errors",
    "Limits": "agreement_limits",
    "Load": "comparison",
    "ManagedForest": "managed",
    "ManagedMetrics": "metrics",
    "Model": "model",
    "Prices": "cost",
    "ResponseError": "errors",
    "Serverless": "endpoint",
    "ServiceError": "errors",
    "TrainingJob": "training",
    "compare": "agreement",
    "compare_costs": "comparison",
    "cutoff": "metrics",
    "decode_recordio": "recordio",
    "decode_scores": "recordio",
    "delete": "deletion",
    "deploy": "deployment",
    "encode_recordio": "recordio",
    "encode_scores": "recordio",
    "image_uri": "image",
    "managed_metrics": "metrics",
    "read_recordio": "recordio",
    "train": "training",
    "upload": "channel",
    "write_recordio": "recordio",
}


def __getattr__(name: str) -> _Any:
    if name not in _FROM:
        raise AttributeError(f"module 'fastrcf.sagemaker' has no attribute {name!r}")
    found = getattr(_import_module(f"fastrcf.sagemaker.{_FROM[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
