"""Endpoints of SageMaker as models: the managed forest's, our container's, a classifier's."""

from __future__ import annotations

import logging
import math
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf.detection import Detection
from fastrcf.sagemaker.errors import ResponseError
from fastrcf.sagemaker.payload import CONTENT_TYPES, bodies, parse_scores, single
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastrcf._typing import Floats

log = logging.getLogger("fastrcf.function")
# An endpoint takes more; a function takes 6 MB, which rows as text rarely outgrow.
_MOST = 5_000_000
_ABSENT = ("ValidationError", "ValidationException", "ResourceNotFound")
_REFUSED = ("AccessDenied", "AccessDeniedException")
_BUSY = ("ThrottlingException", "ServiceUnavailable", "ModelNotReadyException")
_BETWEEN = re.compile(rb"[,\s]+")


class EndpointModel:
    """An endpoint that scores rows as Amazon's random cut forest does.

    Parameters
    ----------
    client : callable
        Gives SageMaker's runtime client.
    endpoint : str
        Its name.
    names : list of str
        What its columns are called.
    threshold : float, optional
        Scores above are alerts.

    Attributes
    ----------
    version : str
        ``endpoint/NAME``: what is behind it, only SageMaker knows.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        endpoint: str,
        names: Sequence[str],
        threshold: float | None = None,
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self.names = list(names)
        self.threshold = threshold
        self.version = f"endpoint/{endpoint}"

    def score(self, rows: Any) -> Floats:
        """Have rows scored.

        Parameters
        ----------
        rows : numpy.ndarray of shape (n, d), or Arrow table
            Finite numbers; they are sent in single precision.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)

        Raises
        ------
        InvalidInputError
            If a value is not finite; nothing was sent.
        Problem
            502 to 504, if the endpoint does not answer as it should.
        """
        parts = []
        for body, n in bodies(single(as_matrix(rows)), "csv", _MOST):
            answer, kind = invoke(self._client, self._endpoint, body, "application/json")
            try:
                parts.append(parse_scores(answer, kind, n))
            except ResponseError:
                # Its message holds what came.
                raise _bad_answer() from None
        return np.concatenate(parts)

    def detect(self, rows: Any, *, reasons: bool = True) -> Detection:
        """Have rows scored, and hold the scores to the threshold.

        The grade is 0 for usual rows, from the threshold on 0.5 and more: it approaches 1
        as the score grows. An endpoint gives no reasons.

        Raises
        ------
        Problem
            400 without a threshold, and as :meth:`score`.
        """
        if self.threshold is None:
            raise Problem(
                400,
                "no_threshold",
                "an endpoint gives scores alone: FASTRCF_THRESHOLD says from which on they are "
                "alerts",
            )
        scores = self.score(rows)
        alerts = scores > self.threshold
        return Detection(scores, _grades(scores, self.threshold), alerts, [[] for _ in scores])


def _grades(scores: Floats, threshold: float) -> Floats:
    # The score's share of what it and the threshold are together.
    if threshold <= 0:
        return np.where(scores > threshold, 0.5, 0.0)
    return np.where(scores > threshold, np.maximum(scores, 0) / (scores + threshold), 0.0)


class EndpointClassifier:
    """An endpoint that gives the probability of fraud, as the original's XGBoost does."""

    def __init__(self, client: Callable[[], Any], endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint
        self.version = f"endpoint/{endpoint}"

    def predict_proba(self, rows: Any) -> Floats:
        """Give the probability that each row is fraud.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            Probabilities in [0, 1].

        Raises
        ------
        InvalidInputError, Problem
            As :meth:`EndpointModel.score`.
        """
        parts = []
        for body, n in bodies(single(as_matrix(rows)), "csv", _MOST):
            answer, _ = invoke(self._client, self._endpoint, body, "")
            parts.append(_probabilities(answer, n))
        return np.concatenate(parts)


def _probabilities(body: bytes, n: int) -> Floats:
    """Read an answer of XGBoost's container: numbers between commas or lines, or JSON."""
    try:
        text = body.strip()
        if text.startswith(b"{"):
            entries = msgspec.json.decode(text)["predictions"]
            found = [entry["score"] if isinstance(entry, dict) else entry for entry in entries]
        else:
            found = [float(part) for part in _BETWEEN.split(text.strip(b"[]")) if part]
        values = np.array(found, np.float64).reshape(-1)
    except (ValueError, TypeError, KeyError, msgspec.MsgspecError, UnicodeDecodeError):
        raise _bad_answer() from None
    # NaN is in no interval.
    if len(values) != n or not ((values >= 0) & (values <= 1)).all():
        raise _bad_answer()
    return values


class Shadow:
    """An endpoint that is asked beside our model, so that both can be compared.

    What goes wrong with it is logged. After some failures in a row it is left alone for a
    while, so that requests do not wait for it.

    Parameters
    ----------
    model : EndpointModel
    clock : callable
        Of :mod:`time`.
    """

    FAILURES, REST_SECONDS = 3, 30.0

    def __init__(self, model: EndpointModel, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._clock = clock
        self._failures = 0
        self._resting_until = -math.inf

    def difference(self, rows: Any, scores: Floats) -> float | None:
        """Compare scores with the endpoint's, and log how they differ.

        Returns
        -------
        float or None
            The mean absolute difference; None if the endpoint did not answer or rests.
        """
        if self._clock() < self._resting_until:
            return None
        try:
            theirs = self._model.score(rows)
        except Exception as error:
            self._failures += 1
            if self._failures >= self.FAILURES:
                self._failures = 0
                self._resting_until = self._clock() + self.REST_SECONDS
            kind = error.kind if isinstance(error, Problem) else type(error).__name__
            log.warning("the shadow endpoint did not answer: %s", kind)
            return None
        self._failures = 0
        apart = np.abs(scores - theirs)
        mean = float(apart.mean())
        log.info(
            "shadow: rows=%d mean_difference=%.6g max_difference=%.6g",
            len(apart),
            mean,
            apart.max(),
        )
        return mean


def as_matrix(rows: Any) -> Any:
    """Give rows as a matrix, also if they came as a table."""
    if isinstance(rows, np.ndarray):
        return rows
    return np.column_stack([column.to_numpy() for column in rows.columns])


def invoke(client: Callable[[], Any], endpoint: str, body: bytes, accept: str) -> tuple[bytes, str]:
    """Ask an endpoint; give its answer and content type.

    Raises
    ------
    Problem
        502 to 504, in words for who keeps the function; nothing of the rows.
    """
    runtime = client()
    from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

    asked: dict[str, Any] = {
        "EndpointName": endpoint,
        "ContentType": CONTENT_TYPES["csv"],
        "Body": body,
    }
    if accept:
        asked["Accept"] = accept
    try:
        answer = runtime.invoke_endpoint(**asked)
        return answer["Body"].read(), answer.get("ContentType") or ""
    except ClientError as error:
        raise _refusal(str(error.response.get("Error", {}).get("Code", ""))) from error
    except ReadTimeoutError as error:
        raise Problem(504, "endpoint_timeout", "the endpoint did not answer in time") from error
    except BotoCoreError as error:
        raise _unavailable(
            "the endpoint cannot be reached: look at the function's network"
        ) from error


def _refusal(code: str) -> Problem:
    if code in _ABSENT:
        return _unavailable(
            "the endpoint does not exist or is not in service: deploy it, or correct its name"
        )
    if code in _REFUSED:
        return _unavailable(
            "the function may not call the endpoint: allow its role sagemaker:InvokeEndpoint"
        )
    if code in _BUSY:
        return _unavailable("the endpoint has as much to do as it takes on")
    return Problem(
        502, "endpoint_failed", f"the endpoint failed ({code}): its log in CloudWatch has more"
    )


def _unavailable(message: str) -> Problem:
    return Problem(503, "endpoint_unavailable", message, headers={"retry-after": "5"})


def _bad_answer() -> Problem:
    return Problem(502, "endpoint_failed", "the endpoint's answer is none of scores for these rows")
