"""What the template tells the function through its environment, checked once."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

Backend = Literal["inprocess", "sagemaker", "shadow"]
_BACKENDS = ("inprocess", "sagemaker", "shadow")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_STREAM = re.compile(r"[a-zA-Z0-9_.\-]{1,64}")
_ENDPOINT = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_NAMESPACE = re.compile(r"(?!AWS/)[a-zA-Z0-9._\-/#:]{1,255}")
# As browsers send it: in lower case.
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.\-]+(:\d{1,5})?")
# Lambda takes as much in and gives as much back; a gateway takes more and hands it no further.
PAYLOAD = 6_291_556


@dataclass(frozen=True)
class Settings:
    """How the function answers.

    Attributes
    ----------
    model_uri : str
        ``FASTRCF_MODEL_URI``: ``s3://bucket/key``, or a path on this machine. May be
        empty with the backend ``sagemaker`` if ``columns`` are given.
    model_version_id : str
        ``FASTRCF_MODEL_VERSION_ID``: which version of the object. Empty: the newest,
        looked for at most every ``refresh_seconds``.
    backend : {"inprocess", "sagemaker", "shadow"}
        ``FASTRCF_BACKEND``: what scores. ``shadow``: the model here answers, and the
        endpoint is asked too.
    endpoint, classifier_endpoint : str
        ``FASTRCF_ENDPOINT``, ``FASTRCF_CLASSIFIER_ENDPOINT``: names in SageMaker.
    columns : tuple of str
        ``FASTRCF_COLUMNS``: what an endpoint's model calls its columns, between commas,
        in order; default: those of the model.
    threshold : float or None
        ``FASTRCF_THRESHOLD``: scores above are alerts; None: the model's own.
    delivery_stream : str
        ``FASTRCF_DELIVERY_STREAM``: of Firehose; empty: results are not stored.
    deliver_features : bool
        ``FASTRCF_DELIVER_FEATURES``: whether rows are stored beside their results.
    cors_origins : tuple of str
        ``FASTRCF_CORS_ORIGIN``: origins between commas whose pages may read answers.
    metrics_namespace, solution : str
        ``FASTRCF_METRICS_NAMESPACE`` and ``FASTRCF_SOLUTION``, under which CloudWatch
        keeps the metrics; the latter by default the function's name.
    log_level : str
        ``FASTRCF_LOG_LEVEL``.
    refresh_seconds : float
        ``FASTRCF_MODEL_REFRESH_SECONDS``: how often a new object is looked for.
    max_model_bytes : int
        ``FASTRCF_MAX_MODEL_BYTES``: larger objects are not loaded.
    cache : str
        ``FASTRCF_CACHE``: the folder that holds downloaded models.
    """

    model_uri: str = ""
    model_version_id: str = ""
    backend: Backend = "inprocess"
    endpoint: str = ""
    classifier_endpoint: str = ""
    columns: tuple[str, ...] = ()
    threshold: float | None = None
    delivery_stream: str = ""
    deliver_features: bool = False
    cors_origins: tuple[str, ...] = ()
    metrics_namespace: str = "fastrcf"
    solution: str = "fastrcf"
    log_level: str = "INFO"
    refresh_seconds: float = 60.0
    max_model_bytes: int = 256 << 20
    cache: str = "/tmp/fastrcf"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read an environment.

        Raises
        ------
        InvalidParameterError
            Names the variable and what it may be.
        """
        read = _Reader(environment)
        settings = cls(
            model_uri=read.text("MODEL_URI"),
            model_version_id=read.text("MODEL_VERSION_ID"),
            backend=cast("Backend", read.one_of("BACKEND", _BACKENDS, cls.backend)),
            endpoint=read.matching("ENDPOINT", _ENDPOINT, "the name of an endpoint"),
            classifier_endpoint=read.matching(
                "CLASSIFIER_ENDPOINT", _ENDPOINT, "the name of an endpoint"
            ),
            columns=read.parts("COLUMNS"),
            threshold=read.number("THRESHOLD", None, -math.inf, math.inf),
            delivery_stream=read.matching(
                "DELIVERY_STREAM", _STREAM, "the name of a delivery stream"
            ),
            deliver_features=read.one_of("DELIVER_FEATURES", ("true", "false"), "false") == "true",
            cors_origins=read.parts("CORS_ORIGIN"),
            metrics_namespace=read.matching(
                "METRICS_NAMESPACE", _NAMESPACE, "a namespace of metrics", cls.metrics_namespace
            ),
            solution=read.text("SOLUTION")
            or environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
            or cls.solution,
            log_level=read.one_of("LOG_LEVEL", _LEVELS, cls.log_level),
            refresh_seconds=read.number("MODEL_REFRESH_SECONDS", cls.refresh_seconds, 0, 86400)
            or 0.0,
            max_model_bytes=int(
                read.number("MAX_MODEL_BYTES", cls.max_model_bytes, 1, 10 << 30) or 0
            ),
            cache=read.text("CACHE") or cls.cache,
        )
        settings.check()
        return settings

    def check(self) -> None:
        """Refuse settings that do not fit together.

        Raises
        ------
        InvalidParameterError
            Names the variable that is missing or wrong.
        """
        if self.backend != "inprocess" and not self.endpoint:
            raise InvalidParameterError(
                f"FASTRCF_ENDPOINT: the backend {self.backend} needs the name of an endpoint"
            )
        if not self.model_uri and not (self.backend == "sagemaker" and self.columns):
            raise InvalidParameterError(
                "FASTRCF_MODEL_URI: it is empty; set it to s3://bucket/key of a model file "
                "(or, with the backend sagemaker, FASTRCF_COLUMNS to the names of the columns)"
            )
        if self.is_remote:
            _bucket_and_key(self.model_uri)
        elif self.model_version_id:
            raise InvalidParameterError(
                "FASTRCF_MODEL_VERSION_ID: only objects in S3 have versions"
            )
        if len(set(self.columns)) != len(self.columns):
            raise InvalidParameterError("FASTRCF_COLUMNS: a name is there twice")
        for origin in self.cors_origins:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidParameterError(
                    f"FASTRCF_CORS_ORIGIN: {origin!r} is no origin, in lower case as "
                    "browsers send it (https://example.com), nor *"
                )

    @property
    def is_remote(self) -> bool:
        """Whether the model is in S3."""
        return "://" in self.model_uri

    @property
    def bucket_and_key(self) -> tuple[str, str]:
        """Where in S3 the model is."""
        return _bucket_and_key(self.model_uri)


def _bucket_and_key(uri: str) -> tuple[str, str]:
    scheme, _, path = uri.partition("://")
    bucket, _, key = path.partition("/")
    if scheme != "s3" or not bucket or not key or key.endswith("/"):
        raise InvalidParameterError(
            f"FASTRCF_MODEL_URI: expected s3://bucket/key of a model file, found {uri!r}"
        )
    return bucket, key


class _Reader:
    """Reads variables of one environment; an empty one is as good as none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str) -> str:
        return self._environment.get(f"FASTRCF_{name}", "").strip()

    def parts(self, name: str) -> tuple[str, ...]:
        text = self.text(name)
        found = tuple(part.strip() for part in text.split(",")) if text else ()
        if not all(found):
            raise InvalidParameterError(f"FASTRCF_{name}: nothing between two commas")
        return found

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        text = self.text(name)
        for known in allowed:
            if text.lower() == known.lower():
                return known
        if text:
            raise InvalidParameterError(f"FASTRCF_{name}: {text!r} is none of {', '.join(allowed)}")
        return default

    def matching(self, name: str, form: re.Pattern[str], what: str, default: str = "") -> str:
        text = self.text(name)
        if text and not form.fullmatch(text):
            raise InvalidParameterError(f"FASTRCF_{name}: {text!r} is not {what}")
        return text or default

    def number(self, name: str, default: float | None, least: float, most: float) -> float | None:
        text = self.text(name)
        if not text:
            return default
        try:
            number = float(text)
        except ValueError:
            raise InvalidParameterError(f"FASTRCF_{name}: {text!r} is no number") from None
        if not math.isfinite(number) or not least <= number <= most:
            raise InvalidParameterError(
                f"FASTRCF_{name}: {text} is not in {least:g} to {most:g}"
                if math.isfinite(number)
                else f"FASTRCF_{name}: {text} is not finite"
            )
        return number
