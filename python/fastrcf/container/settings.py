"""What the platform tells a serving container through its environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidParameterError
from fastrcf.serving.limits import Limits, available_memory, cores

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a batch job may have in flight at a time, in MB.
_BATCH_MEGABYTES = 100
_PAYLOAD_MEGABYTES = 6
# How long a batch job waits for an answer, unless it is told otherwise
# (InvocationsTimeoutInSeconds); an endpoint waits for 60 seconds.
_BATCH_SECONDS = 600.0


@dataclass(frozen=True)
class Settings:
    """How a container serves.

    Attributes
    ----------
    host : str
        Address that is listened on.
    port : int
        ``SAGEMAKER_BIND_TO_PORT``, else 8080.
    multi_model : bool
        ``SAGEMAKER_MULTI_MODEL``: models come and go by requests.
    model_memory : int or None
        ``FASTRCF_MODEL_MEMORY``: bytes that the models of a multi-model endpoint may
        take; None: four fifths of the memory that the container may use.
    limits : Limits
        ``SAGEMAKER_BATCH``, ``SAGEMAKER_MAX_PAYLOAD_IN_MB``,
        ``SAGEMAKER_MAX_CONCURRENT_TRANSFORMS``, ``FASTRCF_MAX_BODY_MB``,
        ``FASTRCF_MAX_WAITING`` and ``FASTRCF_STOP_SECONDS`` change them.
    """

    host: str = "0.0.0.0"
    port: int = 8080
    multi_model: bool = False
    model_memory: int | None = None
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read an environment.

        Raises
        ------
        InvalidParameterError
            Names the variable.
        """
        memory = _number(environment, "FASTRCF_MODEL_MEMORY", 0, 0, 1 << 60)
        return cls(
            host=environment.get("FASTRCF_HOST", cls.host),
            port=_number(environment, "SAGEMAKER_BIND_TO_PORT", cls.port, 0, 65535),
            multi_model=_is_true(environment, "SAGEMAKER_MULTI_MODEL"),
            model_memory=memory or None,
            limits=_limits(environment),
        )


def _limits(environment: Mapping[str, str]) -> Limits:
    default = Limits()
    body = _number(environment, "FASTRCF_MAX_BODY_MB", default.body >> 20, 1, 1024) << 20
    payload = _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", -1, 0, 1 << 20)
    if payload == 0:
        # The platform's word for any size. Rows take memory beside their text, so that a
        # body may not have all; one alone is told that it is too large, not to come again.
        body = max(body, available_memory() // 4)
        held = body + (1 << 20)
    else:
        body = max(body, payload << 20)
        held = 4 * body
    # What a batch job was told that it may send at a time is taken at a time.
    transforms = _number(environment, "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", 0, 0, 1 << 20)
    waiting = _number(environment, "FASTRCF_MAX_WAITING", default.waiting, 1, 1 << 20)
    return Limits(
        body=body,
        held=max(default.held, held, transforms * max(payload, 0) << 20),
        waiting=max(waiting, transforms),
        body_seconds=(
            _BATCH_SECONDS if _is_true(environment, "SAGEMAKER_BATCH") else default.body_seconds
        ),
        stop_seconds=_number(
            environment, "FASTRCF_STOP_SECONDS", round(default.stop_seconds), 1, 3600
        ),
    )


def execution_parameters() -> dict[str, int | str]:
    """Say how batch jobs should call, unless they are told: many rows in a body."""
    return {
        "MaxConcurrentTransforms": min(cores(), _BATCH_MEGABYTES // _PAYLOAD_MEGABYTES),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": _PAYLOAD_MEGABYTES,
    }


def _is_true(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip()
    found = {"true": True, "1": True, "false": False, "0": False, "": False}.get(text.lower())
    if found is None:
        raise InvalidParameterError(f"{name}: {text!r} is neither true nor false")
    return found


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise InvalidParameterError(f"{name}: {text!r} is no whole number") from None
    if not least <= number <= most:
        raise InvalidParameterError(f"{name}: {number} is not in {least} to {most}")
    return number
