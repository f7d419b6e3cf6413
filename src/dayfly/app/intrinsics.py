"""CloudFormation's intrinsic functions, pseudo parameters and conditions; dynamic references are in `dynamic.py`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from dayfly.app.resources import Physical
from dayfly.app.yaml import ApplicationError, Mark, mark_of
from dayfly.identity.names import Scope, partition_of

NO_VALUE: Any = type("NoValue", (), {"__repr__": lambda _: "AWS::NoValue"})()
_SUB = re.compile(r"\$\{(!?)([^}]*)\}")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What intrinsics can refer to outside the template's resources."""

    scope: Scope
    stack: str
    stack_id: str
    parameters: Mapping[str, Any] = {}
    imports: Mapping[str, Any] = {}
    """Exports of all stacks of the scope, by name."""
    make_up_imports: bool = False
    """Whether a name that no stack exports gets a value all the same."""


class Intrinsics:
    """Gives the values of one template; `resources` grows as resources come to exist."""

    def __init__(self, template: Mapping[str, Any], around: Surroundings) -> None:
        self.template = template
        self.around = around
        self.resources: dict[str, Physical] = {}
        self._conditions: dict[str, bool] = {}
        self._open: set[str] = set()
        self.made_up_imports: dict[str, Mark | None] = {}
        """What no stack exports, and where it was asked for."""
        self._parameters = {key: self._typed(key, value) for key, value in around.parameters.items()}

    def _typed(self, key: str, value: Any) -> Any:
        definition = (self.template.get("Parameters") or {}).get(key) or {}
        kind = str(definition.get("Type") or "")
        if isinstance(value, str) and ("List" in kind):
            return [part.strip() for part in value.split(",")] if value else []
        return value

    def resolve(self, node: Any, mark: Mark | None = None) -> Any:
        """The node without intrinsics; `NO_VALUE` entries are left out. Raises ApplicationError."""
        mark = mark_of(node) or mark
        if isinstance(node, list):
            return [value for item in node if (value := self.resolve(item, mark)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument, mark)
            if name.startswith("Fn::"):
                raise ApplicationError.at(f"{name} is not supported", mark)
        pairs = ((key, self.resolve(value, mark_of(node, key) or mark)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not NO_VALUE}

    def condition(self, name: str, mark: Mark | None = None) -> bool:
        """Whether a condition of the template holds. Raises ApplicationError."""
        if name in self._conditions:
            return self._conditions[name]
        conditions = self.template.get("Conditions") or {}
        if name not in conditions:
            raise ApplicationError.at(f"there is no condition {name}", mark)
        if name in self._open:
            raise ApplicationError.at(f"the condition {name} depends on itself", mark_of(conditions, name))
        self._open.add(name)
        try:
            held = _truth(self.resolve(conditions[name], mark_of(conditions, name)))
        finally:
            self._open.discard(name)
        self._conditions[name] = held
        return held

    def ref(self, name: str, mark: Mark | None) -> Any:
        pseudo = self._pseudo(name)
        if pseudo is not None:
            return pseudo
        if name in self.resources:
            return self.resources[name].id
        if name in self._parameters:
            return self._parameters[name]
        raise ApplicationError.at(f"Ref names {name}, which is neither a resource nor a parameter", mark)

    def _pseudo(self, name: str) -> Any:
        scope = self.around.scope
        match name:
            case "AWS::Region":
                return scope.region
            case "AWS::AccountId":
                return scope.account
            case "AWS::Partition":
                return partition_of(scope.region)
            case "AWS::URLSuffix":
                return "amazonaws.com.cn" if scope.region.startswith("cn-") else "amazonaws.com"
            case "AWS::StackName":
                return self.around.stack
            case "AWS::StackId":
                return self.around.stack_id
            case "AWS::NotificationARNs":
                return []
            case "AWS::NoValue":
                return NO_VALUE
        return None

    def attribute(self, name: str, attribute: str, mark: Mark | None) -> Any:
        physical = self.resources.get(name)
        if physical is None:
            raise ApplicationError.at(f"Fn::GetAtt names {name}, which is not a resource of the template", mark)
        found: Any = physical.attributes.get(attribute)
        if found is None and "." in attribute:
            found = physical.attributes
            for key in attribute.split("."):
                found = found.get(key) if isinstance(found, Mapping) else None
        if found is None:
            if physical.attributes.get("*") is not None:  # the placeholder of something that is not supported
                return physical.attributes["*"]
            raise ApplicationError.at(f"{name} has no attribute {attribute}", mark)
        return found


def _ref(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return self.ref(str(argument), mark)


def _get_att(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    name, attribute = argument.split(".", 1) if isinstance(argument, str) else (argument[0], argument[1])
    return self.attribute(str(name), str(self.resolve(attribute, mark)), mark)


def _sub(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    text, variables = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

    def value(match: re.Match[str]) -> str:
        name = match[2].strip()
        if match[1]:
            return "${" + match[2] + "}"
        if name in variables:
            return _text(self.resolve(variables[name], mark))
        if "." in name and self._pseudo(name) is None:
            owner, attribute = name.split(".", 1)
            return _text(self.attribute(owner, attribute, mark))
        return _text(self.ref(name, mark))

    return _SUB.sub(value, str(text))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "" if value is NO_VALUE else json.dumps(value) if isinstance(value, dict) else str(value)


def _join(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    items = self.resolve(argument[1], mark)
    return str(argument[0]).join(map(_text, items if isinstance(items, list) else [items]))


def _split(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return _text(self.resolve(argument[1], mark)).split(str(argument[0]))


def _select(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    index, items = int(self.resolve(argument[0], mark)), self.resolve(argument[1], mark)
    if isinstance(items, str):
        items = items.split(",")
    if not isinstance(items, list) or not 0 <= index < len(items):
        raise ApplicationError.at(f"Fn::Select has no item {index}", mark)
    return items[index]


def _if(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return self.resolve(argument[1] if self.condition(str(argument[0]), mark) else argument[2], mark)


def _truth(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _equals(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    left, right = (self.resolve(one, mark) for one in argument)
    return _text(left) == _text(right)


def _and(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return all(_truth(self.resolve(one, mark)) for one in argument)


def _or(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return any(_truth(self.resolve(one, mark)) for one in argument)


def _not(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return not _truth(self.resolve(argument[0] if isinstance(argument, list) else argument, mark))


def _condition(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    # Inside a policy statement "Condition" is a mapping of its own.
    return self.condition(argument, mark) if isinstance(argument, str) else {"Condition": self.resolve(argument, mark)}


def _find_in_map(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    path = [_text(self.resolve(part, mark)) for part in argument[:3]]
    node: Any = self.template.get("Mappings") or {}
    for key in path:
        if not isinstance(node, Mapping) or key not in node:
            if len(argument) > 3 and isinstance(argument[3], Mapping) and "DefaultValue" in argument[3]:
                return self.resolve(argument[3]["DefaultValue"], mark)
            raise ApplicationError.at(f"Fn::FindInMap finds nothing at {'.'.join(path)}", mark)
        node = node[key]
    return self.resolve(node, mark)


def _base64(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return base64.b64encode(_text(self.resolve(argument, mark)).encode()).decode()


def _import_value(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    name = _text(self.resolve(argument, mark))
    if name in self.around.imports:
        return self.around.imports[name]
    if not self.around.make_up_imports:
        raise ApplicationError.at(f"no stack exports {name}", mark)
    self.made_up_imports.setdefault(name, mark)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return self.around.scope.arn("imported", slug) if slug.endswith("arn") else f"local-{slug}"


def _get_azs(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    region = _text(self.resolve(argument, mark)) or self.around.scope.region
    return [f"{region}{letter}" for letter in "abc"]


def _cidr(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    block, count, *bits = self.resolve(argument, mark)
    network = ipaddress.ip_network(str(block))
    prefix = network.max_prefixlen - int(bits[0] if bits else 8)
    subnets = network.subnets(new_prefix=prefix)
    return [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]


def _length(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return len(self.resolve(argument, mark))


def _to_json(self: Intrinsics, argument: Any, mark: Mark | None) -> Any:
    return json.dumps(self.resolve(argument, mark), separators=(",", ":"))


_FUNCTIONS: dict[str, Callable[[Intrinsics, Any, Mark | None], Any]] = {
    "Ref": _ref,
    "Condition": _condition,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::And": _and,
    "Fn::Or": _or,
    "Fn::Not": _not,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::ImportValue": _import_value,
    "Fn::GetAZs": _get_azs,
    "Fn::Cidr": _cidr,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json,
}


def references(node: Any) -> Iterator[str]:
    """The names that a node refers to: resources, parameters and pseudo parameters alike."""
    return (name for name, _ in marked_references(node, None))


def marked_references(node: Any, mark: Mark | None) -> Iterator[tuple[str, Mark | None]]:
    """The names that a node refers to, and where."""
    if isinstance(node, dict):
        for key, value in node.items():
            here = mark_of(node, key) or mark
            if key == "Ref" and isinstance(value, str):
                yield value, here
            elif key == "Fn::GetAtt" and value:
                yield (value.split(".")[0] if isinstance(value, str) else str(value[0])), here
            elif key == "Fn::Sub" and isinstance(value, str | list) and value:
                yield from _sub_references(value, here)
            else:
                yield from marked_references(value, here)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from marked_references(item, mark_of(node, index) or mark)


def _sub_references(argument: Any, mark: Mark | None) -> Iterator[tuple[str, Mark | None]]:
    text, variables = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    yield from marked_references(variables, mark)
    for match in _SUB.finditer(str(text)):
        name = match[2].strip()
        if not match[1] and name not in variables:
            yield (name if name.startswith("AWS::") else name.split(".")[0]), mark


def in_order(resources: Mapping[str, Any], origins: Mapping[str, Mark]) -> list[str]:
    """Logical ids, each after all it refers to or depends on. Raises ApplicationError for a cycle.

    CloudFormation makes all that need nothing more at once, so those that need less come first; templates rely on it:
    a GatewayResponse that no Deployment refers to is a part of it all the same.
    """
    needs = {key: dependencies(resource, resources) - {key} for key, resource in resources.items()}
    depths: dict[str, int] = {}
    state: dict[str, int] = {}

    def visit(key: str, path: tuple[str, ...]) -> None:
        if state.get(key) == 2:
            return
        if state.get(key) == 1:
            chain = " → ".join([*path[path.index(key) :], key])
            raise ApplicationError.at(
                f"resources depend on each other: {chain}", mark_of(resources[key]) or origins.get(key)
            )
        state[key] = 1
        for need in sorted(needs[key]):
            visit(need, (*path, key))
        state[key] = 2
        depths[key] = 1 + max((depths[need] for need in needs[key]), default=0)

    for key in resources:
        visit(key, ())
    return sorted(resources, key=lambda key: depths[key])


def dependencies(resource: Mapping[str, Any], resources: Mapping[str, Any]) -> set[str]:
    """The resources that one needs before it can be made."""
    declared = resource.get("DependsOn") or []
    found = {declared} if isinstance(declared, str) else set(declared)
    found.update(references(resource.get("Properties")))
    return found & set(resources)
