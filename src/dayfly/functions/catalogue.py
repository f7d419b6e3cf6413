"""All functions and layers in memory, and the keys of their records in the journal.

    lambda/function/<account>/<region>/<name>            Function
    lambda/version/<account>/<region>/<name>/<version>   Configuration
    lambda/layer/<account>/<region>/<name>               Layer
    lambda/layer-version/<account>/<region>/<name>/<n>   LayerVersion

Every `put_…` and `drop_…` changes memory and returns the changes that make it durable.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dayfly.functions.errors import FunctionNotFound, NotFound
from dayfly.functions.model import Configuration, Function, Layer, LayerVersion
from dayfly.functions.names import LATEST, FunctionName, function_arn, layer_arn
from dayfly.identity import Scope
from dayfly.store import Change, Journal

FUNCTION, VERSION = "lambda/function/", "lambda/version/"
LAYER, LAYER_VERSION = "lambda/layer/", "lambda/layer-version/"

_encode = msgspec.msgpack.encode


class Held:
    """A function and all its versions. Replaced records, never changed ones."""

    __slots__ = ("function", "scope", "versions")

    def __init__(self, scope: Scope, function: Function) -> None:
        self.scope = scope
        self.function = function
        self.versions: dict[str, Configuration] = {}

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def arn(self) -> str:
        return function_arn(self.scope, self.function.name)

    @property
    def latest(self) -> Configuration:
        return self.versions[LATEST]

    def published(self) -> list[Configuration]:
        """Published versions in the order of their numbers."""
        return sorted((v for v in self.versions.values() if v.version != LATEST), key=lambda v: int(v.version))


class Catalogue:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._functions: dict[tuple[Scope, str], Held] = {}
        self._layers: dict[tuple[Scope, str], Layer] = {}
        self._layer_versions: dict[tuple[Scope, str], dict[int, LayerVersion]] = {}
        self.edits = 0
        """Grows with every change: whoever derived something compares it."""

    def load(self) -> None:
        self.edits += 1
        self._functions.clear()
        self._layers.clear()
        self._layer_versions.clear()
        for key, value in self._journal.load(FUNCTION):
            scope, rest = _placed(key, FUNCTION)
            self._functions[scope, rest] = Held(scope, msgspec.msgpack.decode(value, type=Function))
        for key, value in self._journal.load(VERSION):
            scope, rest = _placed(key, VERSION)
            name, _, version = rest.partition("/")
            self._functions[scope, name].versions[version] = msgspec.msgpack.decode(value, type=Configuration)
        for key, value in self._journal.load(LAYER):
            scope, rest = _placed(key, LAYER)
            self._layers[scope, rest] = msgspec.msgpack.decode(value, type=Layer)
        for key, value in self._journal.load(LAYER_VERSION):
            scope, rest = _placed(key, LAYER_VERSION)
            layer = msgspec.msgpack.decode(value, type=LayerVersion)
            self._layer_versions.setdefault((scope, layer.name), {})[layer.version] = layer

    # Looking up

    def find(self, scope: Scope, name: str) -> Held | None:
        return self._functions.get((scope, name))

    def get(self, name: FunctionName) -> Held:
        """Raises FunctionNotFound."""
        held = self._functions.get((name.scope, name.name))
        if held is None:
            raise FunctionNotFound(name.arn)
        return held

    def configuration(self, name: FunctionName) -> Configuration:
        """The version that this name points at, an alias's main one. Raises FunctionNotFound."""
        held = self.get(name)
        wanted = name.qualifier or LATEST
        alias = held.function.aliases.get(wanted)
        found = held.versions.get(alias.version if alias else wanted)
        if found is None:
            raise FunctionNotFound(name.arn)
        return found

    def functions(self, scope: Scope) -> list[Held]:
        """A scope's functions by name."""
        return sorted((held for held in self.every() if held.scope == scope), key=lambda held: held.name)

    def every(self) -> Iterator[Held]:
        return iter(list(self._functions.values()))

    def layer_version(self, scope: Scope, name: str, version: int) -> LayerVersion:
        """Raises NotFound."""
        found = self.find_layer_version(scope, name, version)
        if found is None:
            raise NotFound(f"Layer version {layer_arn(scope, name)}:{version} does not exist.")
        return found

    def find_layer_version(self, scope: Scope, name: str, version: int) -> LayerVersion | None:
        return self._layer_versions.get((scope, name), {}).get(version)

    def layers(self, scope: Scope) -> list[LayerVersion]:
        """The newest version of each of a scope's layers, by name."""
        newest = [held[max(held)] for (where, _), held in self._layer_versions.items() if where == scope and held]
        return sorted(newest, key=lambda layer: layer.name)

    def layer_versions(self, scope: Scope, name: str) -> list[LayerVersion]:
        """A layer's versions, newest first."""
        held = self._layer_versions.get((scope, name), {})
        return [held[version] for version in sorted(held, reverse=True)]

    def next_layer_version(self, scope: Scope, name: str) -> int:
        held = self._layers.get((scope, name))
        return held.next_version if held else 1

    def every_layer_version(self) -> Iterator[tuple[Scope, LayerVersion]]:
        for (scope, _), held in list(self._layer_versions.items()):
            for layer in held.values():
                yield scope, layer

    # Changing

    def put_function(self, scope: Scope, function: Function) -> Change:
        self.edits += 1
        held = self._functions.get((scope, function.name))
        if held is None:
            self._functions[scope, function.name] = Held(scope, function)
        else:
            held.function = function
        return _key(FUNCTION, scope, function.name), _encode(function)

    def put_version(self, scope: Scope, name: str, configuration: Configuration) -> Change:
        self.edits += 1
        self._functions[scope, name].versions[configuration.version] = configuration
        return _key(VERSION, scope, f"{name}/{configuration.version}"), _encode(configuration)

    def drop_version(self, scope: Scope, name: str, version: str) -> Change:
        self.edits += 1
        del self._functions[scope, name].versions[version]
        return _key(VERSION, scope, f"{name}/{version}"), None

    def drop_function(self, scope: Scope, name: str) -> list[Change]:
        self.edits += 1
        held = self._functions.pop((scope, name))
        versions: list[Change] = [(_key(VERSION, scope, f"{name}/{version}"), None) for version in held.versions]
        return [*versions, (_key(FUNCTION, scope, name), None)]

    def put_layer_version(self, scope: Scope, layer: LayerVersion) -> list[Change]:
        self.edits += 1
        self._layer_versions.setdefault((scope, layer.name), {})[layer.version] = layer
        key = _key(LAYER_VERSION, scope, f"{layer.name}/{layer.version}")
        changes: list[Change] = [(key, _encode(layer))]
        if layer.version >= self.next_layer_version(scope, layer.name):
            counted = Layer(name=layer.name, next_version=layer.version + 1)
            self._layers[scope, layer.name] = counted
            changes.append((_key(LAYER, scope, layer.name), _encode(counted)))
        return changes

    def drop_layer_version(self, scope: Scope, name: str, version: int) -> list[Change]:
        self.edits += 1
        if self._layer_versions.get((scope, name), {}).pop(version, None) is None:
            return []
        return [(_key(LAYER_VERSION, scope, f"{name}/{version}"), None)]


def _key(prefix: str, scope: Scope, rest: str) -> str:
    return f"{prefix}{scope.account}/{scope.region}/{rest}"


def _placed(key: str, prefix: str) -> tuple[Scope, str]:
    account, region, rest = key[len(prefix) :].split("/", 2)
    return Scope(account, region), rest
