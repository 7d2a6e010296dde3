"""What an answer says of its rows: scores, and whether they are anomalies."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of an untrusted answer, no more than that many levels are looked at.
_DEPTH = 6


@dataclass
class Said:
    """What was found in an answer.

    Attributes
    ----------
    scores : int
        Finite scores or probabilities.
    alerts : list of bool
        Decisions, by row; empty where the answer has none.
    """

    scores: int = 0
    alerts: list[bool] = field(default_factory=list)


def read(body: bytes, content_type: str, n_rows: int) -> Said:
    """Read an answer.

    Parameters
    ----------
    body : bytes
        As it came.
    content_type : str
        Of the body; JSON, or a score a line.
    n_rows : int
        Rows that were asked about.

    Raises
    ------
    ValueError
        It does not answer so many rows.
    """
    if content_type.startswith("text/csv"):
        said = _lines(body)
    else:
        try:
            given = json.loads(body.decode())
        except (ValueError, RecursionError):
            raise ValueError("the answer is no JSON") from None
        said = Said()
        predictions: list[bool] = []
        _look(given, said, predictions, _DEPTH)
        said.alerts = said.alerts or predictions
    if said.scores != n_rows or len(said.alerts) not in (0, n_rows):
        raise ValueError(f"the answer has {said.scores} scores for {n_rows} rows")
    return said


def _lines(body: bytes) -> Said:
    said = Said()
    for line in body.decode("utf-8", errors="replace").splitlines():
        fields = line.split(",")
        try:
            score = float(fields[0])
        except ValueError:
            continue
        said.scores += math.isfinite(score)
        # score, grade, decision; perhaps reasons
        if len(fields) >= 3 and fields[2] in ("0", "1"):
            said.alerts.append(fields[2] == "1")
    return said


def _look(given: Any, said: Said, predictions: list[bool], depth: int) -> bool:
    """Walk through an answer; returns whether something was found."""
    if depth == 0:
        return False
    if isinstance(given, list):
        return _each(given, said, predictions, depth)
    if not isinstance(given, dict):
        return False
    if {"anomaly_detector", "fraud_classifier"} & given.keys():
        # Two models may have answered for one row.
        before = said.scores
        for name in ("anomaly_detector", "fraud_classifier"):
            _look(given.get(name), said, predictions, depth - 1)
        said.scores = min(said.scores, before + 1)
        return said.scores > before
    score = given.get("score", given.get("pred_proba"))
    if isinstance(score, (int, float)) and math.isfinite(score):
        said.scores += 1
        if isinstance(given.get("is_anomaly"), bool):
            said.alerts.append(given["is_anomaly"])
        if given.get("prediction") in (0, 1):
            predictions.append(bool(given["prediction"]))
        return True
    scores = given.get("scores")
    if isinstance(scores, list) and scores and all(isinstance(s, (int, float)) for s in scores):
        said.scores += sum(math.isfinite(s) for s in scores)
        flags = given.get("is_anomaly")
        if isinstance(flags, list):
            said.alerts += [bool(flag) for flag in flags]
        return True
    return _each(given.values(), said, predictions, depth)


def _each(given: Iterable[Any], said: Said, predictions: list[bool], depth: int) -> bool:
    found = False
    for one in given:
        found |= _look(one, said, predictions, depth - 1)
    return found
