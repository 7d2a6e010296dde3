"""The contract of the stack's ``/invocations``: data, metadata and the model that is asked.

Everything is checked before anything is scored, so that a request that is refused costs
nothing and is written nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from fastrcf.detection import Detection
from fastrcf.service.served import matrix
from fastrcf.serving import json_names
from fastrcf.serving.problems import Problem, bad_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf._typing import Floats
    from fastrcf.service.rows import Rows

_FIELDS = ("data", "metadata", "model")
DETECTOR, CLASSIFIER = "anomaly_detector", "fraud_classifier"
MODELS = (DETECTOR, CLASSIFIER)
# A probability above which a row is taken for fraud, as in the original.
_CUT = 0.5
#: Texts beside a request, and characters of each.
MOST_METADATA, LONGEST_METADATA = 64, 4096


class Classifier(Protocol):
    """A supervised model beside the detector."""

    def predict_proba(self, rows: Any) -> Floats:
        """Give the probability that each row is fraud, shape (n,)."""


class Sent(msgspec.Struct):
    """The body of a request, its fields as they came."""

    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    model: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    # Of the managed container's contract.
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be answered.

    Attributes
    ----------
    rows : numpy.ndarray of shape (n, d)
    metadata : list of str
    models : tuple of str
        Which of :data:`MODELS` are asked.
    """

    rows: Any
    metadata: list[str]
    models: tuple[str, ...]


_sent = msgspec.json.Decoder(Sent)
_anything = msgspec.json.Decoder()


def recognise(body: bytes) -> Sent | None:
    """Give the fields of a body of this contract; None if it is of another.

    Metadata without data are of this contract too, so that its error names what is missing.

    Raises
    ------
    Problem
        400, if it is of this contract and has a field twice, or one that is not known.
    """
    if b'"data"' not in body and b'"metadata"' not in body:
        return None
    try:
        sent = _sent.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_ours = sent.metadata is not msgspec.UNSET and sent.instances is msgspec.UNSET
    if sent.data is msgspec.UNSET and not is_ours:
        return None
    fields = [raw for name in _FIELDS if (raw := getattr(sent, name)) is not msgspec.UNSET]
    if body.count(b'"') != sum(2 + bytes(raw).count(b'"') for raw in fields):
        json_names.check(json_names.as_pairs(body)[0], _FIELDS, "", others=None, row=None)
    return sent


def read(sent: Sent, rows: Rows, asked: Mapping[str, str], classifier: Classifier | None) -> Asked:
    """Check a request.

    Parameters
    ----------
    sent : Sent
    rows : Rows
        Reads the data.
    asked : mapping of str to str
        Parameters beside the body: ``model`` may be there rather than in it.
    classifier : Classifier or None

    Raises
    ------
    Problem
        400, naming the field.
    """
    metadata = _metadata(sent)
    models = _models(sent, asked, classifier)
    if isinstance(sent.data, msgspec.UnsetType):
        raise _field("data", "it is not there; expected a text of CSV, or a list")
    return Asked(_rows(bytes(sent.data), rows), metadata, models)


def _rows(data: bytes, rows: Rows) -> Any:
    if data[:1] not in (b'"', b"["):
        raise _field("data", "expected a text of CSV, or a list of values or rows")
    text = _value("data", data).encode() if data[:1] == b'"' else None
    try:
        # A table would be made a matrix once more by each who looks at it.
        read = rows.json(data) if text is None else matrix(rows.csv(text))
        rows.columns.check_finite(read)
    except Problem as problem:
        raise Problem(
            problem.status,
            problem.kind,
            f"data: {problem}",
            row=problem.row,
            column=problem.column,
            headers=problem.headers,
        ) from None
    return read


def output(
    found: Detection | Floats | None,
    chances: Floats | None,
    version: str,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Give what is answered: an object for one row, a list of them for several.

    Parameters
    ----------
    found : Detection, numpy.ndarray of scores, or None
        What the detector said; scores alone where there is no threshold.
    chances : numpy.ndarray of float64, shape (n,), or None
        What the classifier said.
    version : str
        The detector's.
    """
    anomaly = [] if found is None else _of_detector(found)
    fraud = (
        []
        if chances is None
        else [{"pred_proba": p, "prediction": int(p > _CUT)} for p in chances.tolist()]
    )
    told: list[dict[str, Any]]
    if anomaly and fraud:
        told = [
            {DETECTOR: one, CLASSIFIER: other, "model_version": version}
            for one, other in zip(anomaly, fraud, strict=True)
        ]
    else:
        name = DETECTOR if anomaly else CLASSIFIER
        told = [{name: one, "model_version": version} for one in anomaly or fraud]
    return told[0] if len(told) == 1 else told


def _of_detector(found: Detection | Floats) -> list[dict[str, Any]]:
    if isinstance(found, Detection):
        columns = (found.score.tolist(), found.grade.tolist(), found.is_anomaly.tolist())
        return [{"score": s, "grade": g, "is_anomaly": a} for s, g, a in zip(*columns, strict=True)]
    return [{"score": score} for score in found.tolist()]


def _metadata(sent: Sent) -> list[str]:
    given = _value("metadata", sent.metadata)
    if given is None:
        raise _field("metadata", "it is not there; expected a list of texts")
    if not isinstance(given, list):
        raise _field("metadata", "expected a list of texts")
    if not given:
        raise _field("metadata", "the list is empty")
    if len(given) > MOST_METADATA:
        raise _field("metadata", f"more than {MOST_METADATA} texts")
    for i, text in enumerate(given):
        if not isinstance(text, str):
            raise _field(f"metadata[{i}]", "expected a text")
        if len(text) > LONGEST_METADATA:
            raise _field(f"metadata[{i}]", f"more than {LONGEST_METADATA} characters")
    return given


def _models(sent: Sent, asked: Mapping[str, str], classifier: Classifier | None) -> tuple[str, ...]:
    # Empty is as if it were not there: the original's gateway always sends it.
    model = _value("model", sent.model) or asked.get("model") or None
    if model is None:
        return MODELS if classifier is not None else MODELS[:1]
    if model not in MODELS:
        raise _field("model", f"expected {' or '.join(MODELS)}")
    if model == CLASSIFIER and classifier is None:
        raise Problem(
            400, "no_classifier", f"model: {CLASSIFIER} is not deployed here; {DETECTOR} is"
        )
    return (model,)


def _value(name: str, raw: msgspec.Raw | bytes | msgspec.UnsetType) -> Any:
    if isinstance(raw, msgspec.UnsetType):
        return None
    try:
        return _anything.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # What passes a field over looks at nothing in it.
        raise _field(name, f"it is no JSON: {error}") from None


def _field(name: str, what: str) -> Problem:
    return bad_input(f"{name}: {what}")
