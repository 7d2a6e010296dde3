"""What the platform tells a serving container through its environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidParameterError
from fastrcf.serving.limits import Limits, cores

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a batch job may have in flight at a time, in MB.
_BATCH_MEGABYTES = 100
_PAYLOAD_MEGABYTES = 6


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
        ``SAGEMAKER_MAX_PAYLOAD_IN_MB``, ``FASTRCF_MAX_BODY_MB`` and
        ``FASTRCF_MAX_WAITING`` change them.
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
        default = Limits()
        megabytes = _number(environment, "FASTRCF_MAX_BODY_MB", default.body >> 20, 1, 1024)
        payload = _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 0, 0, 1 << 20)
        body = max(megabytes, payload) << 20
        waiting = _number(environment, "FASTRCF_MAX_WAITING", default.waiting, 1, 1 << 20)
        memory = _number(environment, "FASTRCF_MODEL_MEMORY", 0, 0, 1 << 60)
        return cls(
            host=environment.get("FASTRCF_HOST", cls.host),
            port=_number(environment, "SAGEMAKER_BIND_TO_PORT", cls.port, 0, 65535),
            multi_model=environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true",
            model_memory=memory or None,
            limits=Limits(body=body, held=max(default.held, 4 * body), waiting=waiting),
        )


def execution_parameters() -> dict[str, int | str]:
    """Say how batch jobs should call, unless they are told: many rows in a body."""
    return {
        "MaxConcurrentTransforms": min(cores(), _BATCH_MEGABYTES // _PAYLOAD_MEGABYTES),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": _PAYLOAD_MEGABYTES,
    }


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
