"""One `serverless.yml` being compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.app.code import CodeSource
from dayfly.app.report import Report
from dayfly.app.seeds import Seed
from dayfly.app.serverless import naming
from dayfly.app.variables import Resolver
from dayfly.app.variables.sources import MISSING
from dayfly.app.yaml import ApplicationError, Map, Mark, Seq, mark_of


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `functions`."""

    key: str
    name: str
    definition: Map
    mark: Mark | None = None

    @property
    def id(self) -> str:
        return naming.function(self.key)

    @property
    def normal(self) -> str:
        return naming.normal(self.key)

    @property
    def arn(self) -> dict[str, Any]:
        return {"Fn::GetAtt": [self.id, "Arn"]}


class Service:
    """The resolved settings of a service and what has been compiled of it so far."""

    def __init__(self, resolver: Resolver, directory: Path, report: Report) -> None:
        self.resolver = resolver
        self.directory = directory
        self.report = report
        self.document = resolver.document
        self.stage = resolver.options.stage
        self.name = self._name()
        self.provider = self.section("provider")
        self.plugins: dict[str, Mark | None] = {}
        self.functions: dict[str, Function] = {}
        self.resources: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.origins: dict[str, Mark] = {}
        self.code: dict[str, CodeSource] = {}
        self.seeds: tuple[Seed, ...] = ()
        """Items that new tables are filled with."""

    def _name(self) -> str:
        service = self.resolver.resolve(self.document.get("service"))
        name = service.get("name") if isinstance(service, Mapping) else service
        if not name:
            raise ApplicationError.at("the service has no name (`service: …`)", mark_of(self.document))
        return str(name)

    def section(self, key: str) -> Map:
        """A resolved top-level mapping; empty where there is none."""
        value = self.resolver.value(key)
        if value is MISSING or value is None:
            return Map(mark_of(self.document))
        if not isinstance(value, Map):
            raise ApplicationError.at(f"{key} must be a mapping", mark_of(self.document, key))
        return value

    def custom(self, path: str, default: Any = None) -> Any:
        value = self.resolver.value(f"custom.{path}")
        return default if value is MISSING or value is None else value

    def merged(self, key: str) -> Map:
        """A section that may be a mapping or a list of mappings (`functions`, `resources`)."""
        value = self.resolver.value(key)
        if isinstance(value, Seq):
            whole = Map(value.mark)
            for index, part in enumerate(value):
                if isinstance(part, Map):
                    merge(whole, part)
                elif part is not None:
                    raise ApplicationError.at(f"each part of {key} must be a mapping", mark_of(value, index))
            return whole
        return self.section(key)

    def add(
        self, logical_id: str, kind: str, properties: Mapping[str, Any], mark: Mark | None = None, **more: Any
    ) -> dict[str, Any]:
        """Add a resource to the template, leaving out properties that are None."""
        given = {name: value for name, value in properties.items() if value is not None}
        resource = {"Type": kind, "Properties": given, **{k: v for k, v in more.items() if v}}
        self.resources[logical_id] = resource
        if mark is not None:
            self.origins.setdefault(logical_id, mark)
        return resource

    def permit(
        self, logical_id: str, function: Function | Mapping[str, Any], principal: str, source: Any = None
    ) -> None:
        arn = function.arn if isinstance(function, Function) else function
        properties = {"FunctionName": arn, "Action": "lambda:InvokeFunction", "Principal": principal}
        self.add(logical_id, "AWS::Lambda::Permission", {**properties, "SourceArn": source})

    def output(self, name: str, value: Any, description: str = "") -> None:
        self.outputs[name] = {"Description": description, "Value": value} if description else {"Value": value}

    def target(self, value: Any, mark: Mark | None) -> Any:
        """A function given by key, name, ARN or intrinsic, as an ARN."""
        if isinstance(value, str) and value in self.functions:
            return self.functions[value].arn
        if isinstance(value, str) and not value.startswith("arn:"):
            for function in self.functions.values():
                if function.name == value:
                    return function.arn
            raise ApplicationError.at(f"there is no function {value!r}", mark)
        return value


def merge(into: Map, more: Map) -> None:
    """Put `more` over `into`: mappings merge, lists are joined, anything else is replaced."""
    for key, value in more.items():
        mine = into.get(key)
        if isinstance(mine, Map) and isinstance(value, Map):
            copy = mine.like()
            copy.update(mine)
            copy.lines = dict(mine.lines)
            merge(copy, value)
            into[key] = copy
        elif isinstance(mine, list) and isinstance(value, list):
            into[key] = [*mine, *value]
        else:
            into[key] = value
        if key in more.lines:
            into.lines = {**into.lines, key: more.lines[key]}
