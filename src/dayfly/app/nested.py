"""Nested stacks: templates that a template names by a local path become part of it.

A nested application is loaded like any other, and its expanded template is then merged into the parent's: its logical
ids, conditions and mappings get the nested stack's id in front; its parameters become what the parent gives them; what
asks for its outputs gets what they stand for. One plan, one build and one roll-back then hold for all of it. Names that
are made of a stack's name are made of the nested stack's, `<parent>-<logical id>-<12 letters>`, as on AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.app.application import Application
from dayfly.app.intrinsics import Intrinsics, Surroundings, references
from dayfly.app.report import Report
from dayfly.app.yaml import ApplicationError, Map, Mark, Seq, mark_of
from dayfly.identity import Scope

STACK, SERVERLESS = "AWS::CloudFormation::Stack", "AWS::Serverless::Application"
_LOCATIONS = {STACK: "TemplateURL", SERVERLESS: "Location"}
_SUB = re.compile(r"\$\{(!?)([^}]*)\}")
_HOLDER = "nested"
"""What stands at the place of a nested stack while SAM expands the parent."""


class Nested(msgspec.Struct, frozen=True, kw_only=True):
    """A nested stack as the parent declares it."""

    logical_id: str
    file: Path
    given: Mapping[str, Any]
    """Its parameters: texts that are known already, or expressions."""
    condition: str | None = None
    after: tuple[str, ...] = ()
    mark: Mark | None = None

    @property
    def suffix(self) -> str:
        return f"{self.logical_id}-{hashlib.sha1(self.logical_id.encode()).hexdigest()[:12].upper()}"

    @property
    def known(self) -> dict[str, str]:
        return {key: value for key, value in self.given.items() if isinstance(value, str)}

    @property
    def unknown(self) -> frozenset[str]:
        return frozenset(self.given) - frozenset(self.known)


def take(template: Map, directory: Path, known: Callable[[Any], str | None], report: Report) -> list[Nested]:
    """The nested stacks whose templates are files here; each leaves a holder in its place.

    `known` gives the value of a parameter that can be told without the parent's resources.
    """
    found: list[Nested] = []
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties")
        key = _LOCATIONS.get(resource["Type"])
        if key is None or not isinstance(properties, Map):
            continue
        location = properties.get(key)
        file = _file(location, directory)
        if file is None:
            continue
        if not file.is_file():
            report.unsupported(f"nested stack {logical_id}: there is no file {location}", mark_of(properties, key))
            continue
        after = resource.get("DependsOn") or []
        given = {}
        for name, value in (properties.get("Parameters") or {}).items():
            text = known(value)
            given[name] = value if text is None else text
        condition = resource.get("Condition")
        found.append(
            Nested(
                logical_id=logical_id,
                file=file,
                given=given,
                condition=condition and str(condition),
                after=(after,) if isinstance(after, str) else tuple(after),
                mark=mark_of(resource),
            )
        )
        resource["Type"], resource["Properties"] = STACK, {"TemplateURL": _HOLDER}
    return found


def _file(location: Any, directory: Path) -> Path | None:
    if not isinstance(location, str) or location.startswith(("https://", "http://", "s3://")):
        return None
    path = (directory / location).resolve()
    if path.is_dir():
        path = next((path / name for name in ("template.yaml", "template.yml") if (path / name).is_file()), path)
    return path


def values_now(template: Mapping[str, Any], parameters: Mapping[str, str], scope: Scope, stack: str) -> Intrinsics:
    """What can be told of a template before any of its resources exist."""
    without = {key: part for key, part in template.items() if key != "Resources"}
    return Intrinsics(without, Surroundings(scope=scope, stack=stack, stack_id="", parameters=parameters))


def value_now(template: Mapping[str, Any], parameters: Mapping[str, str], scope: Scope, stack: str) -> Any:
    """For `take`: values made of parameters, mappings and conditions alone."""
    intrinsics = values_now(template, parameters, scope, stack)

    def known(value: Any) -> str | None:
        if "AWS::StackId" in set(references(value)):
            return None
        try:
            found = intrinsics.resolve(value)
        except ApplicationError:
            return None
        if isinstance(found, list):
            return ",".join(map(str, found))
        return str(found).lower() if isinstance(found, bool) else str(found)

    return known


def merged(parent: Application, children: list[tuple[Nested, Application]]) -> Application:
    """The parent with everything that its nested stacks have. Raises ApplicationError."""
    if not children:
        return parent
    template = dict(parent.template)
    resources: dict[str, Any] = dict(template["Resources"])
    sections = {name: dict(template.get(name) or {}) for name in ("Conditions", "Mappings", "Outputs")}
    outputs: dict[str, Map] = {}
    for nested, child in children:
        inner = _Inner(nested, child)
        del resources[nested.logical_id]
        sections["Mappings"] |= {inner.id(key): value for key, value in (child.template.get("Mappings") or {}).items()}
        sections["Conditions"] |= inner.conditions()
        resources |= inner.resources()
        outputs[nested.logical_id] = inner.outputs()
        sections["Outputs"] |= {
            inner.id(key): output for key, output in outputs[nested.logical_id].items() if output.get("Export")
        }
    outer = _Outer(children, outputs)
    template["Resources"] = _like(parent.template["Resources"], {key: outer(one) for key, one in resources.items()})
    for name, section in sections.items():
        if section:
            template[name] = _like(template.get(name), {key: outer(one) for key, one in section.items()})
    return msgspec.structs.replace(
        parent,
        template=template,
        code=dict(parent.code) | {
            f"{nested.logical_id}{key}": msgspec.structs.replace(source, logical_id=f"{nested.logical_id}{key}")
            for nested, child in children for key, source in child.code.items()
        },
        functions=dict(parent.functions) | {
            f"{nested.logical_id}{key}": msgspec.structs.replace(one, logical_id=f"{nested.logical_id}{one.logical_id}")
            for nested, child in children for key, one in child.functions.items()
        },
        origins=dict(parent.origins) | {
            f"{nested.logical_id}{key}": mark for nested, child in children for key, mark in child.origins.items()
        },
        items=(*parent.items, *(item for _, child in children for item in child.items)),
        files=tuple(sorted({*parent.files, *(file for _, child in children for file in child.files)})),
    )  # fmt: skip


class _Rewriting:
    """Walks through a template's parts; subclasses say what becomes of names. Lines are kept."""

    def ref(self, name: str) -> Any:
        """What a `Ref` to this name becomes; None: it stays."""
        raise NotImplementedError

    def attribute(self, name: str, attribute: str, mark: Mark | None) -> Any:
        """What a `Fn::GetAtt` becomes; None: it stays."""
        raise NotImplementedError

    def condition(self, name: str) -> str:
        return name

    def mapping(self, name: Any) -> Any:
        """A mapping's name, or the expression that tells it."""
        return name

    def after(self, names: list[str]) -> list[str]:
        return names

    def __call__(self, node: Any) -> Any:
        if isinstance(node, list):
            return _like(node, [self(item) for item in node])
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((key, value),) = node.items()
            changed = self._intrinsic(key, value, mark_of(node, key) or mark_of(node))
            if changed is not None:
                return changed
        made = _like(node, {key: self(value) for key, value in node.items()})
        if isinstance(node.get("Condition"), str) and ("Type" in node or "Value" in node):  # a resource's, an output's
            made["Condition"] = self.condition(node["Condition"])
        if isinstance(node.get("Type"), str) and node.get("DependsOn"):
            named = node["DependsOn"]
            made["DependsOn"] = self.after([named] if isinstance(named, str) else list(named))
        return made

    def _intrinsic(self, key: str, value: Any, mark: Mark | None) -> Any:
        match key:
            case "Ref" if isinstance(value, str):
                return self.ref(value)
            case "Fn::GetAtt" if value:
                name, attribute = value.split(".", 1) if isinstance(value, str) else value
                return self.attribute(str(name), attribute, mark) if isinstance(attribute, str) else None
            case "Fn::Sub" if value:
                return self._sub(value, mark)
            case "Condition" if isinstance(value, str):
                return {"Condition": self.condition(value)}
            case "Fn::If":
                return {"Fn::If": [self.condition(str(value[0])), *(self(part) for part in value[1:])]}
            case "Fn::FindInMap":
                return {"Fn::FindInMap": [self.mapping(self(value[0])), *(self(part) for part in value[1:])]}
        return None

    def _sub(self, value: Any, mark: Mark | None) -> Any:
        text, variables = (value, {}) if isinstance(value, str) else (value[0], value[1])
        made = {name: self(inner) for name, inner in variables.items()}

        def token(match: re.Match[str]) -> str:
            name = match[2].strip()
            if match[1] or name in variables:
                return match[0]
            owner, _, attribute = name.partition(".")
            found = self.attribute(owner, attribute, mark) if attribute and "::" not in owner else self.ref(name)
            if found is None:
                return match[0]
            variable = f"nested{len(made)}"
            made[variable] = found
            return f"${{{variable}}}"

        written = _SUB.sub(token, str(text))
        return {"Fn::Sub": [written, made] if made else written}


class _Inner(_Rewriting):
    """A nested template's parts, as they stand in the parent's."""

    def __init__(self, nested: Nested, child: Application) -> None:
        self._nested = nested
        self._template = child.template
        self._values: dict[str, Any] = {}
        for key, definition in (child.template.get("Parameters") or {}).items():
            value = child.parameters[key] if key in child.parameters else nested.given[key]
            listed = isinstance(definition, Mapping) and "List" in str(definition.get("Type"))
            self._values[key] = {"Fn::Split": [",", value]} if listed else value

    def id(self, name: str) -> str:
        return f"{self._nested.logical_id}{name}"

    def conditions(self) -> dict[str, Any]:
        """Where the nested stack has a condition, its own hold only where that does."""
        own = {self.id(key): self(value) for key, value in (self._template.get("Conditions") or {}).items()}
        outer = self._nested.condition
        return own if outer is None else {key: {"Fn::And": [{"Condition": outer}, one]} for key, one in own.items()}

    def resources(self) -> dict[str, Any]:
        return {self.id(key): self._also(self(resource)) for key, resource in self._template["Resources"].items()}

    def outputs(self) -> Map:
        section = self._template.get("Outputs") or {}
        made = Map(self._nested.mark)
        made.update({key: self._also(self(output)) for key, output in section.items()})
        return made

    def _also(self, part: dict[str, Any]) -> dict[str, Any]:
        """What the nested stack itself waits for and depends on."""
        if self._nested.condition is not None and "Condition" not in part:
            part["Condition"] = self._nested.condition
        if self._nested.after and "Type" in part:
            part["DependsOn"] = [*(part.get("DependsOn") or []), *self._nested.after]
        return part

    def ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name in self._template["Resources"]:
            return {"Ref": self.id(name)}
        if name == "AWS::StackName":
            return {"Fn::Sub": f"${{AWS::StackName}}-{self._nested.suffix}"}
        return None

    def attribute(self, name: str, attribute: str, mark: Mark | None) -> Any:
        if name not in self._template["Resources"]:
            return None
        return {"Fn::GetAtt": [self.id(name), attribute]}

    def condition(self, name: str) -> str:
        return self.id(name) if name in (self._template.get("Conditions") or {}) else name

    def mapping(self, name: Any) -> Any:
        if isinstance(name, str):
            return self.id(name) if name in (self._template.get("Mappings") or {}) else name
        return {"Fn::Join": ["", [self._nested.logical_id, name]]}

    def after(self, names: list[str]) -> list[str]:
        return [self.id(name) for name in names]


class _Outer(_Rewriting):
    """The merged template's parts: what asked for a nested stack now asks for what the stack has."""

    def __init__(self, children: list[tuple[Nested, Application]], outputs: Mapping[str, Map]) -> None:
        self._children = {nested.logical_id: (nested, child) for nested, child in children}
        self._outputs = outputs
        self._open: list[str] = []

    def ref(self, name: str) -> Any:
        if name not in self._children:
            return None
        suffix = self._children[name][0].suffix
        arn = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${AWS::StackName}"
        return {"Fn::Sub": f"{arn}-{suffix}/{hashlib.sha1(suffix.encode()).hexdigest()}"}

    def attribute(self, name: str, attribute: str, mark: Mark | None) -> Any:
        if name not in self._children:
            return None
        key = attribute.removeprefix("Outputs.")
        output = self._outputs[name].get(key)
        if output is None:
            raise ApplicationError.at(
                f"the nested stack {name} has no output {key}", mark or self._children[name][0].mark
            )
        asked = f"{name}.{key}"
        if asked in self._open:
            raise ApplicationError.at(f"outputs of nested stacks depend on each other: {asked}", mark)
        self._open.append(asked)
        try:
            value = self(output.get("Value"))
        finally:
            self._open.pop()
        condition = output.get("Condition")
        return value if condition is None else {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}

    def after(self, names: list[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            if name in self._children:
                nested, child = self._children[name]
                found += [f"{nested.logical_id}{key}" for key in child.template["Resources"]]
            else:
                found.append(name)
        return found


def _like(original: Any, content: Any) -> Any:
    """The content with the lines of what it was made from."""
    if isinstance(original, Map):
        made = original.like()
        made.update(content)
        return made
    if isinstance(original, Seq):
        listed = original.like()
        listed.extend(content)
        return listed
    return content
