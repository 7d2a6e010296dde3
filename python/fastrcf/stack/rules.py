"""What the template must hold beside what linters know: references, limits, least privilege."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError
from fastrcf.stack.resolve import PSEUDO, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.stack.template import Template

_MANAGED = "ManagedPolicyArns"
# Where a role may reach beyond the stack, and why, by role and statement.
ALLOWED = {
    ("FunctionRole", "Traces"): "X-Ray's traces have no ARN",
    ("TrainerRole", "Metrics"): "metrics have no ARN; a condition holds it to SageMaker's",
    ("TrainerRole", "ImageToken"): "a token of ECR is the account's",
    ("TrainerRole", "Images"): "the algorithm's image is Amazon's, of another account by region",
    ("TrainerRole", "Logs"): "all training jobs of an account log to one group",
    ("GatewayLogRole", _MANAGED): "what API Gateway needs to log, AWS keeps in this policy",
}
# What names a part of the stack, or begins with its prefix.
_OWN = re.compile(r"\$\{(?!AWS::)")
_PSEUDO = frozenset({*PSEUDO, "AWS::NoValue"})
# Whose fall into a stack's deletion has to be said.
_STATEFUL = ("AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::SQS::Queue")


def problems(template: Template) -> list[str]:
    """Give all that is wrong with a template, as sentences.

    Parameters
    ----------
    template : Template
        A complete one.
    """
    content = template.content
    found = [
        *_references(content),
        *_functions(content),
        *_roles(content),
        *_deletions(content),
        *_secrets(content),
    ]
    try:
        name, fitting = template.deployment, template.stamped().deployment
        if name != fitting:
            found.append(f"{name}: the API has changed, so it should be {fitting}")
    except InvalidParameterError as error:
        found.append(str(error))
    return found


def _references(content: dict[str, Any]) -> Iterator[str]:
    parameters, conditions = content.get("Parameters", {}), content.get("Conditions", {})
    resources, outputs = content["Resources"], content.get("Outputs", {})
    known = {*parameters, *conditions, *resources, *_PSEUDO}
    used: set[str] = set()
    # An output may have the name of a resource.
    parts = [
        pair
        for section in (conditions, content.get("Rules", {}), resources, outputs)
        for pair in section.items()
    ]
    for name, part in parts:
        names = names_in(part)
        used |= names
        for missing in sorted(names - known):
            yield f"{name}: refers to {missing}, which is not there"
    for name in {**parameters, **conditions}:
        if name not in used:
            yield f"{name}: is never used"


def _functions(content: dict[str, Any]) -> Iterator[str]:
    groups = {
        name for name, one in content["Resources"].items() if one["Type"] == "AWS::Logs::LogGroup"
    }
    for name, one in _of_type(content, "AWS::Lambda::Function"):
        properties = one.get("Properties", {})
        for key in ("Timeout", "MemorySize", "DeadLetterConfig", "TracingConfig"):
            if key not in properties:
                yield f"{name}: has no {key}"
        group = properties.get("LoggingConfig", {}).get("LogGroup", {})
        if group.get("Ref") not in groups:
            yield f"{name}: logs to no log group of the template"
    for name in sorted(groups):
        if "RetentionInDays" not in content["Resources"][name].get("Properties", {}):
            yield f"{name}: keeps logs for ever"


def _roles(content: dict[str, Any]) -> Iterator[str]:
    for name, one in _of_type(content, "AWS::IAM::Role"):
        properties = one.get("Properties", {})
        if "PermissionsBoundary" not in properties:
            yield f"{name}: takes no permissions boundary"
        principals = [
            service
            for statement in _listed(
                properties.get("AssumeRolePolicyDocument", {}).get("Statement", [])
            )
            if isinstance(statement.get("Principal"), dict)
            for service in _listed(statement["Principal"].get("Service", []))
        ]
        if len(principals) != 1:
            yield f"{name}: may be assumed by {len(principals)} services rather than one"
        if _MANAGED in properties and (name, _MANAGED) not in ALLOWED:
            yield f"{name}: has policies that AWS may change, and no reason is given"
        for policy in properties.get("Policies", []):
            for statement in _statements(policy["PolicyDocument"]["Statement"]):
                yield from _statement(name, statement)
    for name, one in content["Resources"].items():
        if one["Type"].startswith("AWS::IAM::") and one["Type"] != "AWS::IAM::Role":
            yield f"{name}: is {one['Type']}; rights are looked at within roles alone"


def _statement(role: str, statement: dict[str, Any]) -> Iterator[str]:
    sid = statement.get("Sid", "")
    if not sid:
        yield f"{role}: a statement has no Sid"
    for key in ("NotAction", "NotResource"):
        if key in statement:
            yield f"{role}, {sid}: {key} allows what nobody has listed"
    for action in _listed(statement.get("Action", [])):
        if "*" in str(action):
            yield f"{role}, {sid}: action {action} has a wildcard"
    for resource in _texts(statement.get("Resource", [])):
        before, wildcard, _ = resource.partition("*")
        if wildcard and not _OWN.search(before) and (role, sid) not in ALLOWED:
            what = "everything" if resource == "*" else f"{resource}, not the stack's own alone"
            yield f"{role}, {sid}: applies to {what}, and no reason is given"


def _deletions(content: dict[str, Any]) -> Iterator[str]:
    for name, one in content["Resources"].items():
        if one["Type"] in _STATEFUL:
            for key in ("DeletionPolicy", "UpdateReplacePolicy"):
                if key not in one:
                    yield f"{name}: does not say its {key}"


def _secrets(content: dict[str, Any]) -> Iterator[str]:
    for name, one in _of_type(content, "AWS::ApiGateway::ApiKey"):
        if "Value" in one.get("Properties", {}):
            yield f"{name}: a key in a template is none"
    for name, declared in content.get("Parameters", {}).items():
        if declared["Type"] == "String" and not {"AllowedPattern", "AllowedValues"} & set(declared):
            yield f"{name}: takes any text"


def _of_type(content: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, one in content["Resources"].items():
        if one["Type"] == kind:
            yield name, one


def _statements(found: Any) -> Iterator[dict[str, Any]]:
    """Give statements, also those under a condition."""
    for one in _listed(found):
        if "Fn::If" in one:
            for part in one["Fn::If"][1:]:
                if "Ref" not in part:
                    yield part
        else:
            yield one


def _texts(value: Any) -> Iterator[str]:
    """Give all texts of a part, also those within functions."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
