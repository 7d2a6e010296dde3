"""What is to be deployed, checked before anything is made or paid for."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastrcf.errors import FastRCFError, InvalidParameterError
from fastrcf.sagemaker.errors import ServiceError
from fastrcf.service.served import LocalModel
from fastrcf.stack.names import DEFAULT_PREFIX, TAG, Names, check_prefix
from fastrcf.stack.state import find_stack
from fastrcf.stack.template import Template
from fastrcf.stack.uploads import bucket_is_there, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.state import Stack

# Lambda's limits: of a zip in S3 and of what comes out of it.
_ZIPPED, _UNPACKED = 250 << 20, 250 << 20
# Lambda's architectures by the numbers of ELF.
_MACHINES = {62: "x86_64", 183: "arm64"}


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
    has_threshold : bool
        Whether rows can be alerts, as far as is known; else there are scores alone.
    """

    names: Names
    template: Template
    parameters: dict[str, str]
    stack: Stack | None
    model_key: str = ""
    columns: tuple[str, ...] = ()
    has_threshold: bool = True

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
    _check_given(wanted)
    model = None if wanted.model is None else check_model(wanted.model)
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
    model_key = ""
    if wanted.model is not None:
        # Under another key of KMS it is another object: until the stack is changed, its
        # function may read the one before alone.
        key = parameters.get("KmsKeyArn", "").rpartition("/")[2]
        model_key = "/".join(part for part in ("models", key, digest_of(wanted.model)) if part)
        model_key += ".rcf"
        parameters["ModelUri"] = f"s3://{names.code_bucket}/{model_key}"
        # The version of another object.
        parameters["ModelVersionId"] = ""
    checked = template.check(parameters)
    _check_effect(wanted, checked)
    if had.get("KmsKeyArn") and model is None:
        _check_readable(names, had["KmsKeyArn"], checked)
    if not checked["ModelUri"] and stack is None:
        raise InvalidParameterError(
            "model: give a model file (fastrcf train makes one), or --set ModelUri=s3://bucket/key"
        )
    has_threshold = bool(checked["Threshold"])
    if not has_threshold and checked["Backend"] != "sagemaker":
        has_threshold = model is None or model.threshold is not None
    columns = () if model is None else tuple(model.names)
    return Plan(names, template.stamped(checked), checked, stack, model_key, columns, has_threshold)


def check_model(path: Path) -> LocalModel:
    """Give a model as the function serves it, if it can.

    Raises
    ------
    FastRCFError
        If it is no model file, or one of streams.
    """
    try:
        return LocalModel.load(path)
    except (FastRCFError, OSError) as error:
        raise FastRCFError(f"{path}: the function cannot serve it: {error}") from error


def check_code(path: Path, arch: str | None = None) -> str:
    """Give the SHA-256 of a function's zip.

    Parameters
    ----------
    path : Path
    arch : {"arm64", "x86_64"}, optional
        What its libraries have to be of.

    Raises
    ------
    InvalidParameterError
        If it is none, is of another architecture, or too large for Lambda.
    """
    try:
        with zipfile.ZipFile(path) as code:
            unpacked = sum(one.file_size for one in code.infolist())
            has_handler = "index.py" in code.namelist()
            found = {_arch(code, name) for name in code.namelist() if name.endswith(".so")}
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidParameterError(f"{path}: no zip: {error}") from None
    if not has_handler:
        raise InvalidParameterError(f"{path}: has no index.py, which holds the handler")
    if arch is not None and found - {arch}:
        other = min(found - {arch})
        raise InvalidParameterError(
            f"{path}: its libraries are of {other} and the function of {arch}: give --set "
            f"Architecture={other}, or a zip of {arch}"
        )
    if path.stat().st_size > _ZIPPED or unpacked > _UNPACKED:
        raise InvalidParameterError(
            f"{path}: {unpacked / 2**20:.0f} MB unpacked, and Lambda takes 250"
        )
    return digest_of(path)


def _arch(code: zipfile.ZipFile, library: str) -> str:
    """Give the architecture of a library, by the head of its file."""
    with code.open(library) as file:
        head = file.read(20)
    number = int.from_bytes(head[18:20], "little") if head.startswith(b"\x7fELF") else -1
    return _MACHINES.get(number, "another system")


def _check_given(wanted: Wanted) -> None:
    for name in ("SolutionPrefix", "CodeBucket", "CodeKey"):
        if name in wanted.parameters:
            raise InvalidParameterError(f"{name}: is not set by hand; --prefix and --code say it")
    if wanted.model is not None:
        for name in ("ModelUri", "ModelVersionId"):
            if wanted.parameters.get(name):
                raise InvalidParameterError(
                    f"{name}: {wanted.model} is given too; give one of them, the file or the object"
                )


def _check_effect(wanted: Wanted, values: Mapping[str, str]) -> None:
    """Refuse what is asked for in this call and would change nothing.

    What the stack has from an earlier one may stay, for the day on which it counts again.
    """
    notebook = ("CreateSageMakerNotebookInstance", ("true",))
    needs = {
        "EndpointName": ("Backend", ("sagemaker", "shadow")),
        "StoreFeatures": ("StoreResults", ("true",)),
        "AlarmEmail": ("Monitoring", ("alarms", "all")),
        "LatencyAlarmMs": ("Monitoring", ("alarms", "all")),
        "AlertShareAlarm": ("Monitoring", ("alarms", "all")),
        "NotebookInstanceType": notebook,
        "NotebookSubnetId": notebook,
        "NotebookSecurityGroupId": notebook,
    }
    for name, value in wanted.parameters.items():
        if name in needs and value not in ("", "false"):
            other, fitting = needs[name]
            if values[other] not in fitting:
                raise InvalidParameterError(
                    f"{name}: is of no effect while {other} is {values[other]}: give --set "
                    f"{other}={fitting[0]} too, or leave it out"
                )
    if wanted.notebooks is not None and values[notebook[0]] != "true":
        raise InvalidParameterError(
            f"notebooks: the stack has no notebook to take them: give --set {notebook[0]}=true "
            "too, or leave it out"
        )


def _check_readable(names: Names, before: str, values: Mapping[str, str]) -> None:
    """Refuse a key of KMS by which the function could not read the model that stays."""
    if values["KmsKeyArn"] != before and values["ModelUri"].startswith(
        f"s3://{names.code_bucket}/"
    ):
        raise InvalidParameterError(
            f"KmsKeyArn: the model that is deployed can be read by {before} alone: give the model "
            "file too, so that it is uploaded under the other key"
        )


def _is_ours(stack: Stack) -> bool:
    """Whether a stack is of this template: by the tag, or made of it by other tools."""
    made = {"CodeBucket", "CodeKey"} <= set(stack.parameters)
    return stack.tags.get(TAG) == stack.name or (
        made and stack.parameters.get("SolutionPrefix") == stack.name
    )


def _changeable(clients: StackClients, names: Names) -> Stack | None:
    stack = find_stack(clients, names.prefix)
    if stack is not None and stack.exists and not _is_ours(stack):
        raise ServiceError(
            f"stack {stack.name}: it is another one: it has neither the tag {TAG}={stack.name} nor "
            "this template's parameters, and to change it would remove what it holds; take another "
            "--prefix"
        )
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
    reason = stack.reason or "no reason given" if stack else ""
    if stack is not None and stack.status == "UPDATE_ROLLBACK_FAILED":
        raise ServiceError(
            f"stack {stack.name}: {stack.status}: {reason}: mend what its events in the console "
            "name, then aws cloudformation continue-update-rollback --stack-name "
            f"{stack.name} --region {names.region}, then deploy again"
        )
    if stack is not None and stack.status == "DELETE_FAILED":
        raise ServiceError(
            f"stack {stack.name}: {stack.status}: {reason}: see its events in the console, "
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
