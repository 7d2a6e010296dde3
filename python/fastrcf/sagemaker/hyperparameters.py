"""What the managed training takes, within the ranges that its documentation gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf._parameters import count
from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS = ("accuracy", "precision_recall_fscore")
_RANGES = {
    "feature_dim": (1, 10_000),
    "num_trees": (50, 1000),
    "num_samples_per_tree": (1, 2048),
}


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the managed random cut forest.

    Parameters
    ----------
    feature_dim : int
        Columns of the data, 1 to 10,000.
    num_trees : int, default 100
        Trees, 50 to 1000.
    num_samples_per_tree : int, default 256
        Rows that each tree is built from, 1 to 2048. Best near the reciprocal of
        the share of anomalies.
    eval_metrics : tuple of str, default both
        What is told of a test channel: ``accuracy``, ``precision_recall_fscore``.
    managed : bool, default True
        Whether the managed algorithm is to take them. This package's container takes any
        counts from 1 on, and knows itself which go with its models.

    Raises
    ------
    InvalidParameterError
        If one is out of its range.

    References
    ----------
    https://docs.aws.amazon.com/sagemaker/latest/dg/rcf_hyperparameters.html
    """

    feature_dim: int
    num_trees: int = 100
    num_samples_per_tree: int = 256
    eval_metrics: tuple[str, ...] = METRICS
    managed: bool = True

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            number = count(name, getattr(self, name), least if self.managed else 1)
            if self.managed and number > most:
                raise InvalidParameterError(f"{name}: {number} is more than {most}")
            object.__setattr__(self, name, number)
        metrics = (self.eval_metrics,) if isinstance(self.eval_metrics, str) else self.eval_metrics
        metrics = tuple(metrics)
        for metric in metrics:
            if metric not in METRICS:
                raise InvalidParameterError(
                    f"eval_metrics: {metric!r} is none of {', '.join(METRICS)}"
                )
        object.__setattr__(self, "eval_metrics", metrics)

    def to_strings(self) -> dict[str, str]:
        """Give them as the service takes them: all values are text."""
        return {
            **{name: str(getattr(self, name)) for name in _RANGES},
            "eval_metrics": json.dumps(list(self.eval_metrics)),
        }

    @classmethod
    def from_strings(cls, given: Mapping[str, str], *, managed: bool = True) -> Hyperparameters:
        """Read them as the service gives them, such as of a finished job.

        Parameters
        ----------
        given : mapping of str to str
            Others than these are passed over.
        managed : bool, default True
            See :class:`Hyperparameters`.

        Raises
        ------
        InvalidParameterError
            If one is missing, no number, or out of its range.
        """
        if "feature_dim" not in given:
            raise InvalidParameterError("feature_dim: it is required")
        values: dict[str, Any] = {}
        for name in _RANGES:
            if name in given:
                try:
                    values[name] = int(given[name])
                except ValueError:
                    raise InvalidParameterError(
                        f"{name}: {given[name]!r} is not an integer"
                    ) from None
        if "eval_metrics" in given:
            values["eval_metrics"] = _metrics(given["eval_metrics"])
        return cls(**values, managed=managed)


def _metrics(text: str) -> tuple[str, ...]:
    try:
        metrics = json.loads(text)
    except ValueError:
        metrics = None
    if not isinstance(metrics, list) or not all(isinstance(metric, str) for metric in metrics):
        raise InvalidParameterError(f"eval_metrics: {text!r} is no list of names")
    return tuple(metrics)
