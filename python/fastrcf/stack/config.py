"""Where a stack is and how it is called, from arguments, environment, outputs and a file."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

# A file that is read if it is there, and the variable that names another.
FILE, FILE_VARIABLE = "fastrcf.toml", "FASTRCF_CONFIG"
_AUTH = ("IAM", "APIKEY")
# Where AWS's own tools look for the region: of no stack, so all else goes before.
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True)
class Config:
    """What notebooks and scripts need to know of a stack; empty where nothing says.

    Attributes
    ----------
    stack_name, solution_prefix, region : str
        Which one, and where.
    api_url, api_key_id : str
        Where the API is, and the id of its key.
    auth_mode : {"IAM", "APIKEY", ""}
        How callers prove who they are.
    backend, model_uri, endpoint_name : str
        What scores.
    function_name, delivery_stream : str
        Of the stack.
    model_bucket, output_bucket : str
        Of the stack.
    trainer_role_arn : str
        Role of training jobs.
    notebook_name : str
        Of the stack.
    sources : dict of str to str
        Where each value that there is came from, such as ``environment FASTRCF_API_URL``.
    """

    stack_name: str = ""
    solution_prefix: str = ""
    region: str = ""
    api_url: str = ""
    api_key_id: str = ""
    auth_mode: str = ""
    backend: str = ""
    model_uri: str = ""
    endpoint_name: str = ""
    function_name: str = ""
    delivery_stream: str = ""
    model_bucket: str = ""
    output_bucket: str = ""
    trainer_role_arn: str = ""
    notebook_name: str = ""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        session: Any = None,
        ask: bool = True,
        **given: str | None,
    ) -> Config:
        """Read all layers: arguments come before the environment, outputs and the file.

        Parameters
        ----------
        path : path, optional
            TOML, or JSON of the same, of a stack's outputs by their names, as AWS's tools
            print them, or what ``fastrcf stack deploy --json`` printed. Default: what
            FASTRCF_CONFIG names, else ``fastrcf.toml`` here if it is there.
        environment : mapping of str to str, optional
            Default: the process's. The variable of ``api_url`` is FASTRCF_API_URL.
        session : boto3.Session, optional
            Asks for the stack's outputs. Default: boto3's.
        ask : bool, default True
            Whether the stack is asked for its outputs where another layer names it.
        **given : str or None
            Values by name; None for none.

        Raises
        ------
        InvalidParameterError
            Names the value and the layer that it is from.
        ServiceError
            If the stack cannot be asked.
        """
        environment = os.environ if environment is None else environment
        known = tuple(one.name for one in fields(cls) if one.name != "sources")
        for name, value in given.items():
            if name not in known:
                raise InvalidParameterError(
                    f"argument {name}: is no setting; there are {', '.join(known)}"
                )
            if value is not None and not isinstance(value, str):
                raise InvalidParameterError(f"argument {name}: expected text, found {value!r}")
        layers = [
            {name: (value, "argument") for name, value in given.items() if value},
            _from_environment(known, environment),
            _from_file(known, path, environment),
            _region_of_aws(environment),
        ]
        stack, region = (_first(layers, name) for name in ("stack_name", "region"))
        if ask and stack:
            layers.insert(2, _from_outputs(known, stack, region, session))
        values: dict[str, str] = {}
        sources: dict[str, str] = {}
        for layer in layers:
            for name, (value, source) in layer.items():
                if name not in values:
                    values[name], sources[name] = value, source
        found = cls(**values, sources=sources)
        found._check()
        return found

    def need(self, *names: str) -> Config:
        """Give itself, if it has all of these.

        Raises
        ------
        InvalidParameterError
            Names what is missing, and every way to give it.
        """
        for name in names:
            if not getattr(self, name):
                raise InvalidParameterError(
                    f"{name}: nothing says it; give {name}=..., set FASTRCF_{name.upper()}, name "
                    f"the stack (stack_name), or put it in {FILE}"
                )
        return self

    def __str__(self) -> str:
        told = [(name, getattr(self, name), source) for name, source in self.sources.items()]
        wide = max((len(name) for name, _, _ in told), default=0)
        return "\n".join(f"{name:{wide}} = {value}  ({source})" for name, value, source in told)

    def _check(self) -> None:
        def refuse(name: str, what: str) -> None:
            raise InvalidParameterError(
                f"{name}: {getattr(self, name)!r} is not {what} ({self.sources[name]})"
            )

        if self.auth_mode and self.auth_mode not in _AUTH:
            refuse("auth_mode", " or ".join(_AUTH))
        if self.api_url and not self.api_url.startswith(("https://", "http://")):
            refuse("api_url", "an address such as https://example.com/prod")
        if self.model_uri and "://" in self.model_uri and not self.model_uri.startswith("s3://"):
            refuse("model_uri", "s3://bucket/key or a path")


Layer = dict[str, tuple[str, str]]


def _first(layers: list[Layer], name: str) -> str:
    return next((layer[name][0] for layer in layers if name in layer), "")


def _from_environment(known: tuple[str, ...], environment: Mapping[str, str]) -> Layer:
    found: Layer = {}
    for name in known:
        variable = f"FASTRCF_{name.upper()}"
        if environment.get(variable):
            found[name] = (environment[variable], f"environment {variable}")
    return found


def _region_of_aws(environment: Mapping[str, str]) -> Layer:
    for variable in _REGIONS:
        if environment.get(variable):
            return {"region": (environment[variable], f"environment {variable}")}
    return {}


def _from_outputs(known: tuple[str, ...], stack: str, region: str, session: Any) -> Layer:
    from fastrcf.sagemaker.errors import ServiceError, aws_errors, boto
    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.state import find_stack

    if session is None:
        with aws_errors("opening a session"):
            session = boto().Session(region_name=region or None)
    clients = StackClients.of(session)
    found = find_stack(clients, stack)
    if found is None:
        raise ServiceError(f"there is no stack {stack} in {clients.region}")
    source = f"outputs of stack {stack}"
    return {
        _name(key): (value, source)
        for key, value in found.outputs.items()
        if _name(key) in known and value
    }


def _from_file(
    known: tuple[str, ...],
    path: str | os.PathLike[str] | None,
    environment: Mapping[str, str],
) -> Layer:
    chosen = path or environment.get(FILE_VARIABLE)
    if not chosen and not Path(FILE).is_file():
        return {}
    file = Path(chosen or FILE)
    try:
        text = file.read_text(encoding="utf-8")
        held = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise InvalidParameterError(f"{file}: cannot be read: {error}") from None
    held = _outputs_in(held)
    if not isinstance(held, dict):
        raise InvalidParameterError(f"{file}: has no names")
    found: Layer = {}
    for key, value in held.items():
        name = _name(key)
        if name not in known:
            # All outputs of a stack may be there; of one's own settings each should count.
            if key[:1].isupper():
                continue
            raise InvalidParameterError(
                f"{file}: {key} is no setting; there are {', '.join(known)}"
            )
        if not isinstance(value, str):
            raise InvalidParameterError(f"{file}: {key}: expected text, found {value!r}")
        if value:
            found[name] = (value, f"file {file}")
    return found


def _outputs_in(held: Any) -> Any:
    """Give the outputs of what a deployment, or AWS's own tools, printed; all else as it is."""
    if isinstance(held, dict) and isinstance(held.get("outputs"), dict):
        return held["outputs"]
    if isinstance(held, list) and all(
        isinstance(one, dict) and {"OutputKey", "OutputValue"} <= set(one) for one in held
    ):
        return {one["OutputKey"]: one["OutputValue"] for one in held}
    return held


def _name(key: str) -> str:
    """Give ``api_url`` for ``ApiUrl``, as outputs are called; other names stay."""
    if not key[:1].isupper():
        return key
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key).lstrip("_")
