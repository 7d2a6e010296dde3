"""From a request to its answer, without an HTTP server.

Nothing here needs more than NumPy and msgspec when it is imported: a Lambda function
starts with it.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf.service import answers, invocations, openapi
from fastrcf.service.columns import Columns
from fastrcf.service.invocations import Classifier
from fastrcf.service.messages import Answered, Request, Response, ServiceLimits
from fastrcf.service.rows import Rows, extra_of
from fastrcf.service.served import LocalModel, Served, no_threshold, version_of
from fastrcf.serving import answers as container_answers
from fastrcf.serving import bodies as container_bodies
from fastrcf.serving.invocation import Question
from fastrcf.serving.media import JSON, answer_format, body_format, check_coding, parse
from fastrcf.serving.problems import Problem, as_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastrcf.detection import Detection
    from fastrcf.serving.media import Media

    _Handler = Callable[[Request, "Face"], tuple[bytes, str]]

__all__ = [
    "Answered",
    "Classifier",
    "LocalModel",
    "Request",
    "Response",
    "Served",
    "Service",
    "ServiceLimits",
    "version_of",
]

log = logging.getLogger("fastrcf.service")
_NO_SCORES = np.empty(0)
_SCORE, _DETECT, _INVOKE = "/v1/score", "/v1/detect", "/invocations"
_SCORING = (_SCORE, _DETECT, _INVOKE)


class Face:
    """A model with what reads its rows: one thing, so that requests see one model.

    Parameters
    ----------
    served : Served
    limits : ServiceLimits
    classified : bool
        Whether there is a classifier beside it.
    """

    def __init__(self, served: Served, limits: ServiceLimits, *, classified: bool) -> None:
        self.served = served
        self.columns = Columns(
            list(served.names),
            getattr(served, "categories", ()),
            optional=getattr(served, "optional", False),
        )
        self.rows = Rows(self.columns, limits.rows)
        self.openapi = openapi.described(self.columns, classified=classified)


class Service:
    """Answers requests about one model.

    Parameters
    ----------
    served : Served
        The model.
    limits : ServiceLimits, optional
    observers : sequence of callable
        Each is told of rows that were scored. What one raises is logged, and changes no
        answer.
    classifier : Classifier, optional
        A supervised model beside it, for ``/invocations``.

    Examples
    --------
    >>> import numpy as np, fastrcf
    >>> from fastrcf.service.core import LocalModel, Request, Service
    >>> rng = np.random.default_rng(0)
    >>> table = {"amount": rng.lognormal(3, 1, 5000), "items": rng.poisson(3, 5000)}
    >>> detector = fastrcf.Detector(random_state=7).fit(table)
    >>> service = Service(LocalModel(detector, "1"))
    >>> body = b'{"amount": 90000, "items": 2}'
    >>> headers = {"content-type": "application/json"}
    >>> answer = service.answer(Request("POST", "/v1/detect", headers, body))
    >>> answer.status, b'"is_anomaly":true' in answer.body
    (200, True)
    """

    def __init__(
        self,
        served: Served,
        *,
        limits: ServiceLimits | None = None,
        observers: Sequence[Callable[[Answered], None]] = (),
        classifier: Classifier | None = None,
    ) -> None:
        self.limits = limits or ServiceLimits()
        self._observers = tuple(observers)
        self._classifier = classifier
        self._face = self._make(served)
        read: dict[str, _Handler] = {"GET": self._ping}
        self._routes: dict[str, dict[str, _Handler]] = {
            _SCORE: {"POST": self._score},
            _DETECT: {"POST": self._detect},
            _INVOKE: {"POST": self._invoke},
            "/v1/model": {"GET": self._model},
            "/ping": read,
            "/health": read,
            "/openapi.json": {"GET": self._openapi},
        }

    @property
    def served(self) -> Served:
        """The model that answers now."""
        return self._face.served

    def replace(self, served: Served) -> None:
        """Answer from another model from now on; requests that were begun end with the old."""
        self._face = self._make(served)

    def _make(self, served: Served) -> Face:
        return Face(served, self.limits, classified=self._classifier is not None)

    def answer(self, request: Request) -> Response:
        """Answer a request; never raises.

        What is wrong with it comes as JSON: ``error``, a word; ``message``; and ``row`` and
        ``column``, from 0, where there are any.
        """
        try:
            return self._answer(request)
        except Exception as error:
            return self.refusal(request, error)

    def check(self, path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        """Refuse what a request's head alone forbids, before its body has come.

        Raises
        ------
        Problem
        """
        check_coding(headers.get("content-encoding", ""))
        if path in (_SCORE, _DETECT):
            _formats(headers)
            extra_of(query)

    def _handler(self, request: Request) -> _Handler:
        methods = self._routes.get(request.path)
        if methods is None:
            raise Problem(404, "not_found", "there is nothing at this path")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
            raise Problem(
                405,
                "method_not_allowed",
                f"{allowed} is taken here",
                headers={"allow": allowed},
            )
        return handler

    def _answer(self, request: Request) -> Response:
        handler = self._handler(request)
        if len(request.body) > self.limits.body:
            raise Problem(413, "too_large", f"the body has more than {self.limits.body:,} bytes")
        check_coding(request.headers.get("content-encoding", ""))
        # Taken once: another model may come while this one answers.
        face = self._face
        body, kind = handler(request, face)
        headers = {"content-type": kind}
        if request.path in _SCORING:
            headers["x-model-version"] = face.served.version
        if request.request_id:
            headers["x-request-id"] = request.request_id
        return Response(200, b"" if request.method == "HEAD" else body, headers)

    def refusal(self, request: Request, error: Exception) -> Response:
        """Give the answer to a request that an error ended."""
        problem = as_problem(error)
        if problem is None:
            log.exception("%s %s: a defect", request.method, request.path)
            problem = Problem(500, "internal", "a defect of this server; its log has more")
        headers = {"content-type": JSON, **problem.headers}
        if request.request_id:
            headers["x-request-id"] = request.request_id
        return Response(problem.status, problem.body(), headers)

    def _score(self, request: Request, face: Face) -> tuple[bytes, str]:
        began = perf_counter()
        media, kind = _formats(request.headers)
        rows = face.rows.read(request.body, media, extra_of(request.query))
        scores = face.served.score(rows)
        version = face.served.version
        body = answers.scores(scores, version, kind)
        self._tell(request, scores, None, began, version)
        return body, kind

    def _detect(self, request: Request, face: Face) -> tuple[bytes, str]:
        began = perf_counter()
        media, kind = _formats(request.headers)
        rows = face.rows.read(request.body, media, extra_of(request.query))
        found = face.served.detect(rows)
        version = face.served.version
        body = answers.detections(found, _threshold(face.served), version, kind)
        self._tell(request, found.score, found, began, version)
        return body, kind

    def _invoke(self, request: Request, face: Face) -> tuple[bytes, str]:
        kind = parse(request.headers.get("content-type", "")).kind
        sent = invocations.recognise(request.body) if kind in (JSON, "") else None
        return self._managed(request, face) if sent is None else self._seed(request, face, sent)

    def _seed(self, request: Request, face: Face, sent: invocations.Sent) -> tuple[bytes, str]:
        """Answer by the contract of the stack."""
        began = perf_counter()
        # As the original's gateway looked for it: the query goes before a header.
        beside = {**request.query}
        beside["model"] = beside.get("model") or request.headers.get("model", "")
        asked = invocations.read(sent, face.rows, beside, self._classifier)
        chances = found = None
        scores = _NO_SCORES
        if invocations.CLASSIFIER in asked.models and self._classifier is not None:
            chances = self._classifier.predict_proba(asked.rows)
        if invocations.DETECTOR in asked.models:
            if _threshold(face.served) is None:
                scores = face.served.score(asked.rows)
            else:
                # The contract has no place for reasons.
                found = face.served.detect(asked.rows, reasons=False)
                scores = found.score
        version = face.served.version
        told = invocations.output(found or (scores if len(scores) else None), chances, version)
        self._tell(request, scores, found, began, version, asked.metadata, told)
        return msgspec.json.encode(told), JSON

    def _managed(self, request: Request, face: Face) -> tuple[bytes, str]:
        """Answer by the contract of the managed service's containers."""
        began = perf_counter()
        if not face.columns.plain:
            raise Problem(
                400,
                "invalid_request",
                "this model's columns are not all numbers: /v1/score and /v1/detect take its rows",
            )
        headers = request.headers
        question = Question.of(
            headers.get("content-type", ""),
            headers.get("accept", ""),
            headers.get("x-amzn-sagemaker-custom-attributes", ""),
        )
        rows = container_bodies.decode(request.body, question.media, face.columns.names)
        if len(rows) > self.limits.rows:
            raise Problem(413, "too_many_rows", f"the body has more than {self.limits.rows:,} rows")
        version = face.served.version
        if question.output == "detect":
            if _threshold(face.served) is None:
                raise no_threshold()
            found = face.served.detect(rows)
            body = container_answers.detections(found, question.answer)
            self._tell(request, found.score, found, began, version)
        else:
            scores = face.served.score(rows)
            body = container_answers.scores(scores, question.answer)
            self._tell(request, scores, None, began, version)
        return body, question.answer

    def _tell(
        self,
        request: Request,
        scores: Any,
        found: Detection | None,
        began: float,
        version: str,
        metadata: list[str] | None = None,
        output: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        """Tell observers."""
        if not self._observers:
            return
        told = Answered(
            request.path,
            scores,
            None if found is None else found.grade,
            None if found is None else found.is_anomaly,
            metadata,
            version,
            request.request_id,
            perf_counter() - began,
            output,
        )
        for observer in self._observers:
            try:
                observer(told)
            except Exception:
                # Rows are scored: that nobody took note of it is no reason to hide it.
                log.exception("an observer failed")

    def _model(self, request: Request, face: Face) -> tuple[bytes, str]:
        served = face.served
        told: dict[str, Any] = {
            "model_version": served.version,
            "threshold": _threshold(served),
        }
        describe = getattr(served, "describe", None)
        if describe is None:
            told["columns"] = [{"name": name, "type": "number"} for name in served.names]
        else:
            told |= describe()
        return msgspec.json.encode(told), JSON

    def _ping(self, request: Request, face: Face) -> tuple[bytes, str]:
        told = {"status": "ok", "model_version": face.served.version}
        return msgspec.json.encode(told), JSON

    def _openapi(self, request: Request, face: Face) -> tuple[bytes, str]:
        return face.openapi, JSON


def _formats(headers: Mapping[str, str]) -> tuple[Media, str]:
    return (
        body_format(headers.get("content-type", ""), answers.BODIES),
        answer_format(headers.get("accept", ""), answers.ANSWERS),
    )


def _threshold(served: Served) -> float | None:
    """Give the score of an alert; None if there is none, or only its backend knows it."""
    threshold: float | None = getattr(served, "threshold", None)
    return threshold
