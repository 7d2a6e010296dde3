"""The CloudFormation template: read, stamped with the digest of its API, held to its own rules."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError, MissingExtraError
from fastrcf.stack.resolve import Resolver, names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE = "fraud-detection-using-machine-learning.yaml"
# What a deployment of the API is a picture of.
_PICTURED = frozenset(
    f"AWS::ApiGateway::{kind}"
    for kind in ("RestApi", "Resource", "Method", "Model", "RequestValidator", "GatewayResponse")
)
_DEPLOYMENT = re.compile(r"\bApiDeployment[0-9a-f]{10}\b")


@dataclass(frozen=True)
class Template:
    """A template as text, and what it says.

    Attributes
    ----------
    text : str
        YAML.
    """

    text: str

    @classmethod
    def load(cls) -> Template:
        """Read the one in this package."""
        return cls(files("fastrcf.stack").joinpath(FILE).read_text(encoding="utf-8"))

    @cached_property
    def content(self) -> dict[str, Any]:
        """What it says, with functions by their long names."""
        return parse(self.text)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Declarations by name."""
        found: dict[str, dict[str, Any]] = self.content.get("Parameters", {})
        return found

    @property
    def defaults(self) -> dict[str, str]:
        """Values of the parameters that need not be given."""
        return {
            name: str(declared["Default"])
            for name, declared in self.parameters.items()
            if "Default" in declared
        }

    def check(self, given: Mapping[str, str]) -> dict[str, str]:
        """Give the values of all parameters, as CloudFormation would take them.

        Parameters
        ----------
        given : mapping of str to str
            Those that differ from their defaults.

        Raises
        ------
        InvalidParameterError
            Names the parameter, and what it may be: nothing is asked of AWS.
        """
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters)
                raise InvalidParameterError(f"{name}: no parameter of the stack, which has {known}")
        values = {**self.defaults, **given}
        for name, declared in self.parameters.items():
            if name not in values:
                raise InvalidParameterError(f"{name}: has no value and no default")
            _check_value(name, values[name], declared)
        asserted = Resolver(self.content, values)
        for rule in self.content.get("Rules", {}).values():
            if asserted.truth(rule.get("RuleCondition", True)):
                for one in rule["Assertions"]:
                    if not asserted.truth(one["Assert"]):
                        raise InvalidParameterError(one["AssertDescription"])
        return values

    def resources(self, values: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Give the resources that there are with these values, resolved as far as known."""
        return Resolver(self.content, values).resources()

    def api_parameters(self) -> tuple[str, ...]:
        """Name the parameters that the API is made of."""
        used = _reached(self.content, self._pictured().values())
        return tuple(name for name in self.parameters if name in used)

    def stamped(self, given: Mapping[str, str] | None = None) -> Template:
        """Give it with the name of the API's deployment that fits.

        A deployment is a picture of the API, taken when it is made. Its name is a digest
        of what is pictured, so a change makes another one, and without a change there is
        none.

        Parameters
        ----------
        given : mapping of str to str, optional
            Values of parameters that differ from their defaults.
        """
        values = {**self.defaults, **(given or {})}
        used = {name: values.get(name, "") for name in self.api_parameters()}
        pictured = json.dumps([self._pictured(), used], sort_keys=True)
        name = f"ApiDeployment{hashlib.sha256(pictured.encode()).hexdigest()[:10]}"
        return Template(_DEPLOYMENT.sub(name, self.text))

    def with_defaults(self, given: Mapping[str, str]) -> Template:
        """Give it with these values as the defaults of their parameters.

        Raises
        ------
        InvalidParameterError
            If a parameter is not written as blocks are: a name, then its lines.
        """
        text = self.text
        for name, value in given.items():
            block = re.compile(rf"^(  {re.escape(name)}:\n)((?:    .*\n)+)", re.MULTILINE)
            default = f"    Default: {json.dumps(value)}\n"

            def written(found: re.Match[str], default: str = default) -> str:
                lines = re.sub(r"^    Default:.*\n", "", found[2], flags=re.MULTILINE)
                kind, _, rest = lines.partition("\n")
                return f"{found[1]}{kind}\n{default}{rest}"

            head, parameters, rest = text.partition("\nParameters:\n")
            text = head + parameters + block.sub(written, rest, count=1)
        changed = Template(text)
        for name, value in given.items():
            if changed.defaults.get(name) != value:
                raise InvalidParameterError(f"{name}: its default cannot be written here")
        return changed

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def deployment(self) -> str:
        """Name of the API's deployment.

        Raises
        ------
        InvalidParameterError
            If it has not just one.
        """
        found = set(_DEPLOYMENT.findall(self.text))
        if len(found) != 1:
            raise InvalidParameterError(
                f"the template: {len(found)} deployments of the API rather than one"
            )
        return str(found.pop())

    def _pictured(self) -> dict[str, Any]:
        resources: dict[str, Any] = self.content["Resources"]
        return {name: one for name, one in resources.items() if one["Type"] in _PICTURED}


def parse(text: str) -> dict[str, Any]:
    """Read YAML with CloudFormation's short functions.

    Raises
    ------
    InvalidParameterError
        If it is no template.
    MissingExtraError
        If PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError:
        raise MissingExtraError(
            "reading the template needs PyYAML: pip install 'fastrcf[cli]'"
        ) from None

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        pass

    def function(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        value: Any
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        if suffix == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", function)
    try:
        content = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise InvalidParameterError(f"the template is no YAML: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("Resources"), dict):
        raise InvalidParameterError("the template has no Resources")
    for section in ("Parameters", "Conditions", "Rules", "Resources", "Outputs"):
        _check_section(section, content.get(section, {}))
    return content


def _check_section(section: str, held: Any) -> None:
    """Refuse a section that has not a mapping of named parts."""
    if not isinstance(held, dict):
        raise InvalidParameterError(f"the template: {section} is no mapping of names")
    for name, one in held.items():
        typed = section not in ("Parameters", "Resources") or (
            isinstance(one, dict) and "Type" in one
        )
        if not isinstance(one, dict) or not typed:
            what = "has no Type" if isinstance(one, dict) else "is no mapping"
            raise InvalidParameterError(f"the template: {section}: {name} {what}")


def _reached(content: Mapping[str, Any], parts: Iterable[Any]) -> set[str]:
    """Names that parts refer to, through conditions too."""
    conditions: dict[str, Any] = content.get("Conditions", {})
    found: set[str] = set()
    todo = list(parts)
    while todo:
        for name in names_in(todo.pop()) - found:
            found.add(name)
            if name in conditions:
                todo.append(conditions[name])
    return found


def _check_value(name: str, value: str, declared: Mapping[str, Any]) -> None:
    rule = declared.get("ConstraintDescription")
    if "AllowedValues" in declared:
        allowed = [str(one) for one in declared["AllowedValues"]]
        if value not in allowed:
            raise InvalidParameterError(f"{name}: {value!r} is none of {', '.join(allowed)}")
    elif "AllowedPattern" in declared:
        if not re.fullmatch(declared["AllowedPattern"], value):
            raise InvalidParameterError(f"{name}: {value!r} is not {rule}")
    elif declared["Type"] == "Number":
        least, most = declared["MinValue"], declared["MaxValue"]
        if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
            raise InvalidParameterError(
                f"{name}: {value!r} is no whole number of {least:,} to {most:,}"
            )
