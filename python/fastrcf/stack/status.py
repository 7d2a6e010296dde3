"""How a stack is: itself, its alarms, its model, and what was changed behind its back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker._session import split_uri
from fastrcf.sagemaker.errors import ServiceError, aws_errors
from fastrcf.stack.resolve import Resolver
from fastrcf.stack.state import find_stack
from fastrcf.stack.template import Template

if TYPE_CHECKING:
    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.state import Stack

_FUNCTION = "Function"


@dataclass(frozen=True)
class Alarm:
    """An alarm: OK, ALARM or INSUFFICIENT_DATA, and CloudWatch's reason."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class Model:
    """The model's object: when it was last written, or why that is not known."""

    uri: str
    modified: str = ""
    version_id: str = ""
    size: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Drift:
    """A setting that is not what the stack's parameters make it."""

    name: str
    expected: str
    found: str


@dataclass(frozen=True)
class Status:
    """All that is known.

    Attributes
    ----------
    stack : Stack
    alarms : tuple of Alarm
    model : Model
    drift : tuple of Drift
        Settings of the function that somebody changed by hand; the next deployment may
        undo them.
    template : str
        "current", or how this package's template differs from the stack.
    problems : tuple of str
        What AWS refused to tell.
    """

    stack: Stack
    alarms: tuple[Alarm, ...]
    model: Model
    drift: tuple[Drift, ...]
    template: str
    problems: tuple[str, ...]

    @property
    def ringing(self) -> tuple[Alarm, ...]:
        """Alarms that are on."""
        return tuple(alarm for alarm in self.alarms if alarm.state == "ALARM")

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        return asdict(self)


def read_status(clients: StackClients, prefix: str) -> Status:
    """Ask AWS how a stack is.

    Raises
    ------
    ServiceError
        If there is no such stack.
    """
    stack = find_stack(clients, prefix)
    if stack is None:
        raise ServiceError(
            f"there is no stack {prefix} in {clients.region}: fastrcf stack deploy makes one"
        )
    problems: list[str] = []
    alarms: tuple[Alarm, ...] = ()
    drift: tuple[Drift, ...] = ()
    try:
        alarms = _alarms(clients, prefix)
    except ServiceError as error:
        problems.append(str(error))
    try:
        drift = _drift(clients, stack)
    except ServiceError as error:
        problems.append(str(error))
    return Status(stack, alarms, _model(clients, stack), drift, _template(stack), tuple(problems))


def _alarms(clients: StackClients, prefix: str) -> tuple[Alarm, ...]:
    with aws_errors("reading alarms"):
        pages = clients.cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{prefix}-", AlarmTypes=["MetricAlarm"]
        )
        return tuple(
            Alarm(one["AlarmName"], one["StateValue"], one.get("StateReason", ""))
            for page in pages
            for one in page["MetricAlarms"]
        )


def _model(clients: StackClients, stack: Stack) -> Model:
    uri = stack.outputs.get("ModelUri", "")
    if not uri:
        return Model("", problem="the stack has no output ModelUri yet")
    bucket, key = split_uri(uri, "ModelUri")
    version = stack.parameters.get("ModelVersionId", "")
    try:
        with aws_errors(f"looking for {uri}"):
            given = {"VersionId": version} if version else {}
            told = clients.s3.head_object(Bucket=bucket, Key=key, **given)
    except ServiceError as error:
        return Model(uri, problem=str(error))
    return Model(
        uri, told["LastModified"].isoformat(), told.get("VersionId", ""), told["ContentLength"]
    )


def _drift(clients: StackClients, stack: Stack) -> tuple[Drift, ...]:
    name = stack.outputs.get("FunctionName")
    if name is None:
        return ()
    template = Template.load()
    values = {**template.defaults, **stack.parameters}
    # What only AWS knows is not compared: <...>.
    resolver = Resolver(template.content, values, _pseudo(clients, stack), _attribute(stack))
    wanted = resolver.resources()[_FUNCTION]["Properties"]
    with aws_errors(f"reading function {name}"):
        found = clients.functions.get_function_configuration(FunctionName=name)
    variables = found.get("Environment", {}).get("Variables", {})
    pairs = [
        (key, str(value), str(variables.get(key, "")))
        for key, value in wanted["Environment"]["Variables"].items()
    ]
    for key in ("MemorySize", "Timeout", "Runtime", "Handler"):
        pairs.append((key, str(wanted[key]), str(found.get(key, ""))))
    return tuple(Drift(*pair) for pair in pairs if pair[1] != pair[2] and "<" not in pair[1])


def _pseudo(clients: StackClients, stack: Stack) -> dict[str, str]:
    # arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/...
    parts = stack.id.split(":")
    partition, account = (parts[1], parts[4]) if len(parts) > 4 else ("aws", "")
    return {
        "AWS::AccountId": account,
        "AWS::Partition": partition,
        "AWS::Region": clients.region,
        "AWS::StackName": stack.name,
        "AWS::StackId": stack.id,
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }


def _attribute(stack: Stack) -> Any:
    known = {"ModelBucket": "ModelBucket", "DeliveryStream": "DeliveryStream"}

    def attribute(name: str, part: str | None) -> str:
        if part is None and name in known:
            return stack.outputs.get(known[name], f"<{name}>")
        return f"<{name}.{part}>"

    return attribute


def _template(stack: Stack) -> str:
    template = Template.load()
    unknown = sorted(set(stack.parameters) - set(template.parameters))
    missing = sorted(set(template.parameters) - set(stack.parameters))
    told = []
    if unknown:
        told.append(f"the stack has {', '.join(unknown)}, which this template has not")
    if missing:
        told.append(f"this template has {', '.join(missing)}, which the stack has not")
    return "; ".join(told) or "current"
