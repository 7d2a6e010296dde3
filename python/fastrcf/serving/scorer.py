"""A model as something that answers requests, whatever its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError
from fastrcf.forest import FrozenForest, RandomCutForest
from fastrcf.sagemaker.managed import ManagedForest
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.detection import Detection


class Scorer:
    """Scores rows of numbers, without names, in the order of the model's columns.

    Attributes
    ----------
    names : list of str
        What the model calls its columns; their numbers if it is a forest.

    Parameters
    ----------
    model : Detector, RandomCutForest, FrozenForest or ManagedForest
        A living forest is frozen: requests change nothing.

    Raises
    ------
    InvalidInputError
        If the model cannot answer such rows: one of streams, or with categories.
    """

    def __init__(self, model: Any) -> None:
        if isinstance(model, RandomCutForest):
            model = model.freeze()
        if not isinstance(model, (Detector, FrozenForest, ManagedForest)):
            raise InvalidInputError(f"{type(model).__name__}: only models of rows can be served")
        if isinstance(model, Detector):
            categories = [name for name, kind in model.scaling.items() if kind == "category"]
            if categories:
                raise InvalidInputError(
                    f"column {categories[0]!r} holds categories, and these formats have numbers"
                )
            self.names = model.columns
        else:
            assert model.n_features is not None
            self.names = [str(i) for i in range(model.n_features)]
        self._model = model

    def score(self, rows: Any) -> Floats:
        """Score a matrix of shape (n, d)."""
        scores: Floats = self._model.score(rows)
        return scores

    def detect(self, rows: Any) -> Detection:
        """Score such rows with grades, alerts and reasons.

        Raises
        ------
        Problem
            400, if the model has no threshold.
        """
        if not isinstance(self._model, Detector):
            raise Problem(
                400, "no_threshold", "this model is a forest: only a detector has a threshold"
            )
        found: Detection = self._model.detect(rows)
        return found

    def memory_usage(self) -> int:
        """Bytes that the model takes."""
        size: int = self._model.memory_usage()
        return size
