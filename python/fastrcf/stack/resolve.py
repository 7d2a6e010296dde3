"""What a template comes to once its parameters are known, as far as AWS is not needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SUB = re.compile(r"\$\{([^!}][^}]*)\}")
_ABSENT: Any = object()
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/0",
    "AWS::StackName": "stack",
}


def _unknown(name: str, attribute: str | None) -> str:
    return f"<{name}.{attribute}>" if attribute else f"<{name}>"


class Resolver:
    """Evaluates the functions of a template.

    Parameters
    ----------
    content : mapping
        The template, with functions by their long names.
    values : mapping of str to str
        Values of its parameters.
    pseudo : mapping of str to str, optional
        Account, region and so on.
    attribute : callable, optional
        Gives what a resource returns for an attribute, or for None what Ref gives;
        default: text in angle brackets, since only AWS knows.
    """

    def __init__(
        self,
        content: Mapping[str, Any],
        values: Mapping[str, str],
        pseudo: Mapping[str, str] = PSEUDO,
        attribute: Callable[[str, str | None], Any] = _unknown,
    ) -> None:
        self._content = content
        self._values = values
        self._pseudo = pseudo
        self._attribute = attribute

    def resources(self) -> dict[str, dict[str, Any]]:
        """Give the resources whose conditions hold, evaluated."""
        found: dict[str, dict[str, Any]] = {}
        for name, resource in self._content["Resources"].items():
            condition = resource.get("Condition")
            if condition is None or self.holds(condition):
                plain = {key: part for key, part in resource.items() if key != "Condition"}
                found[name] = self.value(plain)
        return found

    def outputs(self) -> dict[str, Any]:
        """Give the outputs whose conditions hold, evaluated."""
        return {
            name: self.value(one["Value"])
            for name, one in self._content.get("Outputs", {}).items()
            if "Condition" not in one or self.holds(one["Condition"])
        }

    def holds(self, condition: str) -> bool:
        """Whether a condition holds, by its name."""
        try:
            return self.truth(self._content["Conditions"][condition])
        except KeyError:
            raise InvalidParameterError(f"the template has no condition {condition}") from None

    def truth(self, node: Any) -> bool:
        """Evaluate what conditions and rules are made of."""
        if isinstance(node, bool):
            return node
        (name, given), *_ = node.items()
        match name:
            case "Condition":
                return self.holds(given)
            case "Fn::Equals":
                first, second = (self.value(part) for part in given)
                return str(first) == str(second)
            case "Fn::Not":
                return not self.truth(given[0])
            case "Fn::And":
                return all(self.truth(part) for part in given)
            case "Fn::Or":
                return any(self.truth(part) for part in given)
        raise InvalidParameterError(f"the template: {name} is no condition")

    def value(self, node: Any) -> Any:
        """Evaluate a part; what is AWS::NoValue is gone from what holds it."""
        if isinstance(node, list):
            return [part for part in map(self.value, node) if part is not _ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, given), *_ = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, given)
        evaluated = {key: self.value(part) for key, part in node.items()}
        return {key: part for key, part in evaluated.items() if part is not _ABSENT}

    def _function(self, name: str, given: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(given)
            case "Fn::GetAtt":
                return self._attribute(given[0], given[1])
            case "Fn::If":
                return self.value(given[1] if self.holds(given[0]) else given[2])
            case "Fn::Sub":
                text, more = (given, {}) if isinstance(given, str) else given
                known = {key: self.value(part) for key, part in more.items()}
                filled = _SUB.sub(lambda found: str(self._named(found[1], known)), text)
                return filled.replace("${!", "${")
            case "Fn::Join":
                return given[0].join(str(part) for part in self.value(given[1]))
            case "Fn::Split":
                return str(self.value(given[1])).split(given[0])
            case "Fn::Select":
                return self.value(given[1])[int(given[0])]
            case "Fn::Base64":
                return self.value(given)
        raise InvalidParameterError(f"the template: {name} is not known here")

    def _named(self, name: str, known: Mapping[str, Any]) -> Any:
        if name in known:
            return known[name]
        if "." in name:
            return self._attribute(*name.split(".", 1))
        return self._ref(name)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _ABSENT
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._values:
            return self._values[name]
        return self._attribute(name, None)


def names_in(node: Any) -> set[str]:
    """Name all that a part refers to: parameters, resources and conditions."""
    if isinstance(node, list):
        return set().union(*map(names_in, node))
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for key, part in node.items():
        if key in ("Ref", "Condition") and isinstance(part, str):
            found.add(part)
        elif key == "Fn::GetAtt":
            found.add(part[0])
        elif key == "Fn::Sub":
            text, more = (part, {}) if isinstance(part, str) else part
            used = {name.split(".")[0] for name in _SUB.findall(text)}
            found |= (used - set(more)) | names_in(more)
        elif key == "DependsOn":
            found |= {part} if isinstance(part, str) else set(part)
        else:
            if key == "Fn::If":
                found.add(part[0])
            found |= names_in(part)
    return found
