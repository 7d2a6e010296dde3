"""A training job as SageMaker describes it: three files of JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.container import channels, hyperparameters
from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from pathlib import Path

    from fastrcf.container.channels import Channel
    from fastrcf.container.hyperparameters import Hyperparameters
    from fastrcf.container.places import Places


@dataclass(frozen=True)
class Job:
    """What is to be trained, on what.

    Attributes
    ----------
    hyperparameters : Hyperparameters
    without_effect : tuple of str
        Hyperparameters that were given and mean nothing here.
    train : Channel
    test : Channel or None
    name : str or None
        The job's.
    host : str
        This container's name in the job, ``algo-1``.
    """

    hyperparameters: Hyperparameters
    without_effect: tuple[str, ...]
    train: Channel
    test: Channel | None
    name: str | None
    host: str


def read(places: Places) -> Job:
    """Read and check a job's description; nothing of its data.

    Raises
    ------
    InvalidParameterError
        If a file is no JSON of the expected shape, a hyperparameter or channel is
        wrong, or the job has several hosts.
    """
    host = _host(_json(places.resources))
    given, idle = hyperparameters.parse(_texts(places.hyperparameters))
    found = channels.parse(_json(places.channels), places.data)
    return Job(
        hyperparameters=given,
        without_effect=idle,
        train=found["train"],
        test=found.get("test"),
        name=os.environ.get("TRAINING_JOB_NAME") or None,
        host=host,
    )


def _json(path: Path) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidParameterError(f"{path.name}: {twice!r} is there twice")
        return out

    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=once)
    except FileNotFoundError:
        # SageMaker writes all three; a person who tries the image may leave some out.
        return {}
    except InvalidParameterError:
        raise
    except ValueError as error:
        raise InvalidParameterError(f"{path.name}: this is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidParameterError(f"{path.name}: expected an object, found {_kind(found)}")
    return found


def _texts(path: Path) -> dict[str, str]:
    out = {}
    for name, value in _json(path).items():
        if value is None:
            raise InvalidParameterError(f"hyperparameter {name!r}: it has no value")
        # Numbers and lists only come in files that a person wrote.
        out[name] = value if isinstance(value, str) else json.dumps(value)
    return out


def _host(resources: dict[str, Any]) -> str:
    hosts = resources.get("hosts", ["algo-1"])
    host = resources.get("current_host", "algo-1")
    if not isinstance(hosts, list) or not isinstance(host, str):
        raise InvalidParameterError("resourceconfig.json: expected a list of hosts and a name")
    if len(hosts) > 1:
        raise InvalidParameterError(
            f"the job has {len(hosts)} instances, and training takes one: each would train a "
            "model of its own, of which SageMaker keeps one; set InstanceCount to 1 (one "
            "instance reads any number of files as a stream)"
        )
    return host


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", type(None): "null"}.get(type(value), "a number")
