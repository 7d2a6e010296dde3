"""Scores and detections as bodies of answers, each with the model's version."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf.detection import arrow_table
from fastrcf.serving.media import CSV, JSON, JSON_LINES
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from fastrcf._typing import Floats
    from fastrcf.detection import Detection

ARROW = "application/vnd.apache.arrow.stream"
#: Formats of rows and of answers; the first is the answer to who takes anything.
BODIES = (JSON, JSON_LINES, CSV, ARROW)
ANSWERS = BODIES

_json = msgspec.json.Encoder()


def scores(values: Floats, version: str, kind: str) -> bytes:
    """Write scores; those that are not there yet (NaN) as null, and empty in CSV.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
    version : str
        The model's.
    kind : str
        One of :data:`ANSWERS`.
    """
    if kind == ARROW:
        return _arrow({"score": values}, None, version)
    listed = values.tolist()
    if kind == JSON:
        return _json.encode({"model_version": version, "scores": listed})
    if kind == JSON_LINES:
        return _json.encode_lines([{"score": score} for score in listed])
    return _csv(["score"], [[_cell(score)] for score in listed])


def detections(found: Detection, threshold: float | None, version: str, kind: str) -> bytes:
    """Write scores with grades, alerts and reasons; in CSV reasons are words.

    Parameters
    ----------
    found : Detection
    threshold : float or None
        Score of an alert, where it is known.
    version, kind : str
        As of :func:`scores`.
    """
    if kind == ARROW:
        columns = {"score": found.score, "grade": found.grade, "is_anomaly": found.is_anomaly}
        return _arrow(columns, [[vars(r) for r in why] for why in found.reasons], version)
    score, grade = found.score.tolist(), found.grade.tolist()
    alerts = found.is_anomaly.tolist()
    parts = zip(score, grade, alerts, found.reasons, strict=True)
    if kind == CSV:
        return _csv(
            ["score", "grade", "is_anomaly", "reasons"],
            [
                [_cell(s), _cell(g), int(a), "; ".join(reason.text for reason in why)]
                for s, g, a, why in parts
            ],
        )
    rows = [
        {"score": s, "grade": g, "is_anomaly": a, "reasons": [vars(r) for r in why]}
        for s, g, a, why in parts
    ]
    if kind == JSON_LINES:
        return _json.encode_lines(rows)
    return _json.encode({"model_version": version, "threshold": threshold, "rows": rows})


def _cell(value: float) -> str:
    # repr() is the shortest text that gives the number back.
    return "" if value != value else repr(value)


def _csv(names: list[str], rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().encode()


def _arrow(
    columns: dict[str, Any], reasons: list[list[dict[str, Any]]] | None, version: str
) -> bytes:
    try:
        import pyarrow as pa
    except ImportError:
        raise Problem(
            406, "not_acceptable", "streams of Arrow need pyarrow, which is not here"
        ) from None
    columns = {
        name: pa.array(values, from_pandas=values.dtype.kind == "f")
        for name, values in columns.items()
        if isinstance(values, np.ndarray)
    }
    table = pa.table(columns) if reasons is None else arrow_table(columns, reasons)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata({"model_version": version})) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
