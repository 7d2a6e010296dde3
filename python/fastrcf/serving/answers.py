"""Scores and detections as bodies of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf.sagemaker.recordio import encode_scores as recordio_scores
from fastrcf.serving.media import CSV, JSON, JSON_LINES
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.detection import Detection

_json = msgspec.json.Encoder()
# As many as the managed service writes.
_DECIMALS = 10


def scores(values: Floats, kind: str) -> bytes:
    """Write scores as the managed service does.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
    kind : str
        One of :data:`fastrcf.serving.media.ANSWERS`.
    """
    if kind not in (JSON, JSON_LINES, CSV):
        return recordio_scores(values)
    rounded = _rounded(values)
    if kind == CSV:
        # repr() is the shortest text that gives the number back.
        return ("\n".join(map(repr, rounded)) + "\n").encode()
    return _records([{"score": value} for value in rounded], kind)


def detections(found: Detection, kind: str) -> bytes:
    """Write scores with grades, alerts and reasons; in CSV without reasons.

    Raises
    ------
    Problem
        406 for RecordIO-protobuf, which has no place for them.
    """
    if kind not in (JSON, JSON_LINES, CSV):
        raise Problem(406, "not_acceptable", "RecordIO-protobuf holds scores alone")
    score, grade = _rounded(found.score), _rounded(found.grade)
    alerts = found.is_anomaly.tolist()
    if kind == CSV:
        lines = (f"{s!r},{g!r},{int(a)}\n" for s, g, a in zip(score, grade, alerts, strict=True))
        return "".join(lines).encode()
    return _records(
        [
            {"score": s, "grade": g, "is_anomaly": a, "reasons": [vars(r) for r in why]}
            for s, g, a, why in zip(score, grade, alerts, found.reasons, strict=True)
        ],
        kind,
    )


def _rounded(values: Floats) -> list[float]:
    # NumPy takes as long for one as for hundreds.
    if len(values) < 64:
        return [round(value, _DECIMALS) for value in values.tolist()]
    rounded: list[float] = np.round(values, _DECIMALS).tolist()
    return rounded


def _records(records: list[dict[str, Any]], kind: str) -> bytes:
    return _json.encode({"scores": records}) if kind == JSON else _json.encode_lines(records)
