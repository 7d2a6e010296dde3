"""What is to be deployed, checked before anything is made or paid for."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastrcf.errors import FastRCFError, InvalidParameterError
from fastrcf.sagemaker.errors import ServiceError
from fastrcf.service.served import LocalModel
from fastrcf.stack.names import DEFAULT_PREFIX, Names, check_prefix
from fastrcf.stack.state import find_stack
from fastrcf.stack.template import Template
from fastrcf.stack.uploads import bucket_is_there, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.state import Stack

# Lambda's limits: of a zip in S3 and of what comes out of it.
_ZIPPED, _UNPACKED = 250 << 20, 250 << 20


@dataclass(frozen=True)
class Wanted:
    """What a user asks for.

    Parameters
    ----------
    prefix : str
        First part of every name, and the stack's name.
    model : Path or None
        Model file to upload; None keeps what the stack has.
    code : Path or None
        Zip of the function, ready made.
    parameters : mapping of str to str
        Of the stack; those that are not given stay as the stack has them.
    notebooks : Path or None
        Folder to put where the notebook looks.
    """

    prefix: str = DEFAULT_PREFIX
    model: Path | None = None
    code: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    notebooks: Path | None = None


@dataclass(frozen=True)
class Plan:
    """A deployment that can begin.

    Attributes
    ----------
    names : Names
    template : Template
        Stamped for the parameters.
    parameters : dict of str to str
        All of them, checked; CodeBucket and CodeKey are those of the zip.
    stack : Stack or None
        As it is now; None if it is to be made.
    model_key : str
        Where the model goes in the bucket; empty if none is uploaded.
    columns : tuple of str
        The model's; empty if none is uploaded.
    """

    names: Names
    template: Template
    parameters: dict[str, str]
    stack: Stack | None
    model_key: str = ""
    columns: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether the stack is to be made."""
        return self.stack is None


def make_plan(clients: StackClients, wanted: Wanted, code_digest: str) -> Plan:
    """Check all that can be checked, and say what is to be done.

    Parameters
    ----------
    clients : StackClients
    wanted : Wanted
    code_digest : str
        SHA-256 of the function's zip.

    Raises
    ------
    InvalidParameterError
        If a parameter is not what the template takes.
    FastRCFError
        If the model cannot be served.
    ServiceError
        If the stack is in a state that cannot be changed, or AWS refuses.
    """
    names = Names(check_prefix(wanted.prefix), clients.account, clients.region)
    _check_given(wanted.parameters)
    model_key = ""
    columns: tuple[str, ...] = ()
    if wanted.model is not None:
        columns = check_model(wanted.model)
        model_key = f"models/{digest_of(wanted.model)}.rcf"
    stack = _changeable(clients, names)
    template = Template.load()
    had = stack.parameters if stack else {}
    parameters = {
        # Parameters of a later or earlier template are left behind.
        **{name: value for name, value in had.items() if name in template.parameters},
        **wanted.parameters,
        "SolutionPrefix": wanted.prefix,
        "CodeBucket": names.code_bucket,
        "CodeKey": f"code/{code_digest}.zip",
    }
    if model_key:
        parameters["ModelUri"] = f"s3://{names.code_bucket}/{model_key}"
        # The version of another object.
        parameters["ModelVersionId"] = ""
    checked = template.check(parameters)
    if not checked["ModelUri"] and stack is None:
        raise InvalidParameterError(
            "model: give a model file (fastrcf train makes one), or --set ModelUri=s3://bucket/key"
        )
    return Plan(names, template.stamped(checked), checked, stack, model_key, columns)


def check_model(path: Path) -> tuple[str, ...]:
    """Give the columns of a model, if the function can serve it.

    Raises
    ------
    FastRCFError
        If it is no model file, or one of streams.
    """
    try:
        return tuple(LocalModel.load(path).names)
    except (FastRCFError, OSError) as error:
        raise FastRCFError(f"{path}: the function cannot serve it: {error}") from error


def check_code(path: Path) -> str:
    """Give the SHA-256 of a function's zip.

    Raises
    ------
    InvalidParameterError
        If it is none, or too large for Lambda.
    """
    try:
        with zipfile.ZipFile(path) as code:
            unpacked = sum(one.file_size for one in code.infolist())
            has_handler = "index.py" in code.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidParameterError(f"{path}: no zip: {error}") from None
    if not has_handler:
        raise InvalidParameterError(f"{path}: has no index.py, which holds the handler")
    if path.stat().st_size > _ZIPPED or unpacked > _UNPACKED:
        raise InvalidParameterError(
            f"{path}: {unpacked / 2**20:.0f} MB unpacked, and Lambda takes 250"
        )
    return digest_of(path)


def _check_given(parameters: Mapping[str, str]) -> None:
    for name in ("SolutionPrefix", "CodeBucket", "CodeKey"):
        if name in parameters:
            raise InvalidParameterError(f"{name}: is not set by hand; --prefix and --code say it")


def _changeable(clients: StackClients, names: Names) -> Stack | None:
    stack = find_stack(clients, names.prefix)
    if stack is not None and stack.is_busy:
        raise ServiceError(
            f"stack {stack.name}: {stack.status}: CloudFormation is at work; wait for it "
            f"(fastrcf stack status --prefix {names.prefix})"
        )
    if stack is not None and stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        raise ServiceError(
            f"stack {stack.name}: {stack.status}: it could not be made and cannot be changed; "
            f"fastrcf stack destroy --prefix {names.prefix} removes it"
        )
    if stack is not None and stack.status in ("DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"):
        raise ServiceError(
            f"stack {stack.name}: {stack.status}: {stack.reason}: see its events in the console, "
            f"or remove it by fastrcf stack destroy --prefix {names.prefix}"
        )
    if stack is not None and stack.exists:
        return stack
    for bucket in (names.model_bucket, names.output_bucket):
        if bucket_is_there(clients, bucket):
            raise ServiceError(
                f"bucket {bucket} is left from an earlier stack, so this one cannot make it: "
                f"fastrcf stack destroy --prefix {names.prefix} deletes it with its data, or take "
                "another --prefix"
            )
    return None
