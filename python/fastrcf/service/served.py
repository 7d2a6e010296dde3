"""Models that a service answers from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from fastrcf.detection import Detection, Reason
from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError, ModelFileError
from fastrcf.forest import FrozenForest, RandomCutForest
from fastrcf.model_file import loads
from fastrcf.sagemaker.managed_file import NOTE
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from fastrcf._typing import Floats

# Digits of the SHA-256 of a model file that tell its version.
DIGITS = 12


# Shares of training rows above the scores that drift is measured at.
_SHARES = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)


class Reference(NamedTuple):
    """Scores of training: ``shares[i]`` of its rows are above ``scores[i]``.

    Attributes
    ----------
    shares : tuple of float
        Descending, in (0, 0.5].
    scores : tuple of float
        Ascending.
    alert_rate : float
        Share of rows that should be alerts.
    """

    shares: tuple[float, ...]
    scores: tuple[float, ...]
    alert_rate: float


class Served(Protocol):
    """A model with a version, here or elsewhere.

    Attributes
    ----------
    names : list of str
        Its columns.
    version : str

    Beside these it may have ``categories``, the names of columns that hold categories;
    ``optional``, whether numbers may be missing; and ``describe()``, what
    ``GET /v1/model`` tells.
    """

    @property
    def names(self) -> list[str]:
        """Its columns."""

    @property
    def version(self) -> str:
        """What tells it from others."""

    def score(self, rows: Any) -> Floats:
        """Score rows, an array of shape (n, d) or an Arrow table of these columns."""

    def detect(self, rows: Any, *, reasons: bool = True) -> Detection:
        """Score such rows with grades, alerts and, if they are asked for, reasons."""


def version_of(data: bytes) -> str:
    """Give the version of a model file: the first 12 digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def read_model(path: str | PathLike[str], data: bytes) -> Any:
    """Give the model of a file's bytes.

    Raises
    ------
    ModelFileError
        Names the file.
    """
    try:
        model = loads(data)
        if not (isinstance(model, RandomCutForest) and NOTE in model.notes):
            return model
        from fastrcf.sagemaker.managed import ManagedForest

        # Its scores have a factor of their own, which the forest itself does not know.
        assert model._core is not None
        return ManagedForest._of(model._core, None)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


class LocalModel:
    """A model of a file, in this process.

    Parameters
    ----------
    model : Detector, RandomCutForest, FrozenForest or ManagedForest
        A living forest is frozen: requests change nothing.
    version : str
    threshold : float, optional
        Score above which a row is an anomaly; default: the model's own. A forest has none.

    Attributes
    ----------
    names, categories, version, threshold

    Raises
    ------
    InvalidInputError
        If such a model cannot answer rows without learning them.
    """

    def __init__(self, model: Any, version: str, *, threshold: float | None = None) -> None:
        if isinstance(model, RandomCutForest):
            model = model.freeze()
        if not isinstance(model, (Detector, FrozenForest)) and not _is_managed(model):
            raise InvalidInputError(
                f"{type(model).__name__}: such a model answers rows only while it learns: fastrcf "
                "serve --learn --state FILE has it do so"
            )
        self._model = model
        self.version = version
        self.categories: list[str] = []
        self.optional = False
        if isinstance(model, Detector):
            self.names = model.columns
            self.categories = [name for name, kind in model.scaling.items() if kind == "category"]
        else:
            self.names = [str(i) for i in range(model.n_features)]
        self._own = model.threshold if isinstance(model, Detector) else None
        self.threshold = self._own if threshold is None else float(threshold)

    @classmethod
    def load(cls, path: str | PathLike[str], *, threshold: float | None = None) -> LocalModel:
        """Load a model file.

        Raises
        ------
        ModelFileError, InvalidInputError, OSError
        """
        data = Path(path).read_bytes()
        return cls(read_model(path, data), version_of(data), threshold=threshold)

    @classmethod
    def of_bytes(cls, data: bytes, *, threshold: float | None = None) -> LocalModel:
        """Load the bytes of a model file, as :meth:`load`."""
        return cls(read_model("model", data), version_of(data), threshold=threshold)

    def score(self, rows: Any) -> Floats:
        """Score rows."""
        scores: Floats = self._model.score(rows)
        return scores

    def detect(self, rows: Any, *, reasons: bool = True) -> Detection:
        """Score rows with grades, alerts and reasons, if they are asked for.

        A threshold of the service's own changes alerts and their reasons; grades stay the
        model's. A forest has no grades: they are NaN.

        Raises
        ------
        Problem
            400, if there is no threshold.
        """
        if self.threshold is None:
            raise no_threshold()
        rows = matrix(rows)
        if not isinstance(self._model, Detector):
            return _of_forest(self._model, self.names, rows, self.threshold, reasons)
        own = self.threshold == self._own
        found: Detection = self._model.detect(rows, reasons=reasons and own)
        if own:
            return found
        alerts = found.score > self.threshold
        chosen = np.flatnonzero(alerts)
        if reasons and len(chosen):
            for row, why in zip(chosen.tolist(), self._model.explain(rows[chosen]), strict=True):
                found.reasons[row] = why
        return Detection(found.score, found.grade, alerts, found.reasons)

    def reference(self) -> Reference | None:
        """Give the scores of training, for comparison; None of a forest, which keeps none."""
        return reference(self._model) if isinstance(self._model, Detector) else None

    def describe(self) -> dict[str, Any]:
        """Tell what ``GET /v1/model`` answers."""
        return describe(self._model, self.names, self.categories)


def reference(model: Detector) -> Reference:
    """Read the distribution of training scores that a detector's file has.

    It has scores from the median up, two for each halving of the share of rows above them:
    the threshold of each share is one of them, or lies between.
    """
    core = model._fitted().copy()
    shares: list[float] = []
    scores: list[float] = []
    for share in _SHARES:
        core.set_alert_rate(share)
        # Few rows, or few scores, may have one score for several shares.
        if not scores or core.threshold > scores[-1]:
            shares.append(share)
            scores.append(core.threshold)
    return Reference(tuple(shares), tuple(scores), model.alert_rate)


def _is_managed(model: Any) -> bool:
    # By name: who has none of these does not wait for the import.
    return type(model).__module__ == "fastrcf.sagemaker.managed"


def no_threshold() -> Problem:
    """Give the problem of a model that only scores."""
    return Problem(400, "no_threshold", "this model is a forest: only a detector has a threshold")


def matrix(rows: Any) -> Any:
    """Make an array of rows, which may be an Arrow table."""
    if isinstance(rows, np.ndarray):
        return rows
    return np.column_stack([column.to_numpy() for column in rows.columns])


def _of_forest(
    forest: Any, names: Sequence[str], rows: Any, threshold: float, explained: bool
) -> Detection:
    scores = forest.score(rows)
    alerts = scores > threshold
    reasons: list[list[Reason]] = [[] for _ in range(len(scores))]
    chosen = np.flatnonzero(alerts)
    if explained and len(chosen):
        parts = forest.attribution(rows[chosen])
        for i, row in enumerate(chosen.tolist()):
            reasons[row] = _reasons(names, rows[row], parts.low[i], parts.high[i])
    return Detection(scores, np.full(len(scores), np.nan), alerts, reasons)


def _reasons(names: Sequence[str], row: Floats, low: Floats, high: Floats) -> list[Reason]:
    """Say of a forest's row which columns made its score, the largest part first."""
    parts = low + high
    total = float(parts.sum())
    out = []
    for j in np.argsort(-parts, kind="stable").tolist():
        share = float(parts[j]) / total if total > 0 else 0.0
        # As of a detector: what hardly counts is not told.
        if share < 0.05:
            break
        way: Literal["high", "low"] = "high" if high[j] >= low[j] else "low"
        value = float(row[j])
        text = f"column {names[j]} = {value:.6g}: unusually {way}"
        out.append(Reason(names[j], share, way, value, None, None, None, None, text))
    return out


def describe(model: Any, names: list[str], categories: Sequence[str]) -> dict[str, Any]:
    """Tell a model's kind, its columns and what it rests on; no value of a single row."""
    told: dict[str, Any] = {"kind": "managed forest" if _is_managed(model) else "forest"}
    usual: dict[str, list[float]] = {}
    if isinstance(model, Detector):
        told = {
            "kind": "detector",
            "score": model.score_kind,
            "alert_rate": model.alert_rate,
            "rows_fitted": model.n_fitted,
        }
        usual = {name: quantiles for name, _, _, quantiles in model._fitted().features()}
        # A reason names a relation by its words, which of many columns tell but some.
        told["relations"] = [vars(relation) for relation in model.relations]
    told["columns"] = [
        {"name": name, "type": "category"}
        if name in categories
        else {"name": name, "type": "number", **_usual(usual.get(name))}
        for name in names
    ]
    return told


def _usual(quantiles: list[float] | None) -> dict[str, float]:
    # Of the nine that a detector keeps: the least and the greatest are values of rows.
    if not quantiles:
        return {}
    return {"usual_low": quantiles[2], "median": quantiles[4], "usual_high": quantiles[6]}
