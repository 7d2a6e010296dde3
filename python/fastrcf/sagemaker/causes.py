"""What models of any kind are asked when they are compared: scores, and what they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._input import as_frame, is_frame, to_matrix
from fastrcf._parameters import DEPTH, OWN
from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Integers

# Causes of a row at most, and the least share of one, as a detector gives them.
_MOST, _LEAST = 3, 0.08


@dataclass(frozen=True)
class Cause:
    """A column that a score comes from.

    Attributes
    ----------
    column : str
    share : float
        Part of the score, 0 to 1.
    direction : str
        ``"high"``, ``"low"``, ``"rare"`` or ``"common"``.
    value : float or None
        The row's value; None for categories.
    """

    column: str
    share: float
    direction: str
    value: float | None

    def __str__(self) -> str:
        value = "" if self.value is None else f" = {self.value:.6g}"
        return f"{self.column}{value} {self.direction} ({100 * self.share:.0f} %)"


def score_of(given: Any, X: Any, name: str, kind: str = DEPTH) -> Any:
    """Give scores as they are, or those that a model or an endpoint gives rows.

    Parameters
    ----------
    given : array-like, model or endpoint
    X : array-like or data frame, shape (n, d), or None
    name : str
        What it is called in errors.
    kind : str
        What a detector is asked for: one of its kinds of scores, or ``"own"``.

    Raises
    ------
    InvalidInputError
        If there are no rows to be scored.
    """
    # Data frames and arrays have none of these; estimators of scikit-learn have all.
    asked = ("score_samples", "predict", "score")
    ask = next((getattr(given, one) for one in asked if callable(getattr(given, one, None))), None)
    if ask is None:
        return given
    if X is None:
        raise InvalidInputError(f"{name}: a model needs X, the rows to score")
    if isinstance(given, Detector):
        return given.score(X, kind=None if kind == OWN else kind)
    # By scikit-learn's conventions the lowest are the most unusual.
    return -ask(X) if hasattr(given, "score_samples") else ask(X)


def causes(model: Any, X: Any, columns: Sequence[str] | None) -> list[tuple[Cause, ...]]:
    """Say what each row's score comes from; nothing for what cannot tell.

    Parameters
    ----------
    model : anything
    X : array-like or data frame, shape (n, d)
    columns : sequence of str, optional
        Names of the columns, where the model knows none.

    Raises
    ------
    InvalidInputError
        If there are not as many names as columns.
    """
    if isinstance(model, Detector):
        return [
            tuple(Cause(r.column, r.share, r.direction, r.value) for r in row)
            for row in model.explain(X)
        ]
    if not hasattr(model, "attribution"):
        return [()] * _length(X)
    rows = to_matrix(X)
    names = list(columns) if columns is not None else _names(X, rows.shape[1])
    if len(names) != rows.shape[1]:
        raise InvalidInputError(f"columns: {len(names)} names for {rows.shape[1]} columns")
    parts = model.attribution(rows)
    out = []
    for i, row in enumerate(rows):
        shares = parts.total[i] / (parts.total[i].sum() or 1.0)
        order = np.argsort(-shares, kind="stable")[:_MOST].tolist()
        kept = [j for at, j in enumerate(order) if at == 0 or shares[j] >= _LEAST]
        out.append(
            tuple(
                Cause(
                    names[j],
                    float(shares[j]),
                    "high" if parts.high[i, j] >= parts.low[i, j] else "low",
                    float(row[j]),
                )
                for j in kept
            )
        )
    return out


def some_rows(X: Any, at: Integers) -> Any:
    """Give some rows of an array or a data frame, in this order."""
    if is_frame(X):
        return as_frame(X)[at.tolist()].to_native()
    return to_matrix(X)[at]


def _length(X: Any) -> int:
    return len(as_frame(X)) if is_frame(X) else len(X)


def _names(X: Any, width: int) -> list[str]:
    return list(as_frame(X).columns) if is_frame(X) else [f"x{j}" for j in range(width)]
