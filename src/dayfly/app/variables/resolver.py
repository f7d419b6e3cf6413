"""Gives variables their values: lazily, each place once, cycles refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.app.variables import grammar, sources
from dayfly.app.variables.sources import MISSING, Doors, Options
from dayfly.app.yaml import ApplicationError, Map, Mark, Seq, mark_of

__all__ = ["Doors", "Options", "Resolver"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a variable stands: its path for people, and its file and line."""

    path: str
    mark: Mark | None = None

    def below(self, container: Any, key: Any) -> Place:
        return Place(path=f"{self.path}.{key}" if self.path else str(key), mark=mark_of(container, key) or self.mark)


class Resolver:
    """Resolves the variables of one `serverless.yml`.

    `document` is the parsed file; `value("custom.a")` is what `${self:custom.a}` means; `resolve(node, place)` resolves
    any part. `construct` answers `${construct:name.output}`. All files read are added to `files`.
    """

    def __init__(self, document: Map, directory: Path, options: Options, doors: Doors | None = None) -> None:
        self.document = document
        self.directory = directory
        self.options = options
        self.doors = doors or Doors()
        self.files: set[Path] = set()
        self.construct: Callable[[str], Any] = lambda _: MISSING
        self.instance_id = "dayfly"
        self.lenient = False
        """As versions 1 and 2 of the framework: what has no value is left empty and told in `unset`."""
        self.unset: dict[str, Mark | None] = {}
        self.environment: dict[str, str] = dict(options.environment)
        self._files: dict[tuple[Path, str], Any] = {}
        self._done: dict[int, tuple[Any, Any]] = {}
        self._open: list[tuple[str, int]] = []

    def forget(self) -> None:
        """Drop what was resolved so far: the options have changed."""
        self._done.clear()
        self._files.clear()

    def read(self, path: Path, address: str, content: Callable[[], Any]) -> Any:
        """The content of a file, read once: its mappings are told apart by identity, and scripts take their time."""
        if (path, address) not in self._files:
            self._files[path, address] = content()
        return self._files[path, address]

    def value(self, path: str, place: Place | None = None, *, deep: bool = True) -> Any:
        """What stands at a dotted path of the document, resolved; MISSING where nothing does.

        Not `deep`: what is in a mapping or list may still have variables.
        """
        node: Any = self.document
        here = Place(path="")
        for key in filter(None, path.replace("[", ".").replace("]", "").split(".")):
            if isinstance(node, str):
                node = self._text(node, here, deep=False)
            if isinstance(node, Mapping) and key in node:
                node, here = node[key], here.below(node, key)
            elif isinstance(node, list) and key.isdigit() and int(key) < len(node):
                node, here = node[int(key)], here.below(node, int(key))
            else:
                return MISSING
        if deep:
            return self.resolve(node, here)
        return self._text(node, here, deep=False) if isinstance(node, str) else node

    def resolve(self, node: Any, place: Place | None = None) -> Any:
        """The same content with every variable replaced by its value. Raises ApplicationError."""
        place = place or Place(path="", mark=mark_of(node))
        if isinstance(node, str):
            return self._text(node, place)
        if not isinstance(node, Map | Seq):
            return node
        if id(node) in self._done:
            if self._done[id(node)][1] is None:
                raise ApplicationError.at(f"{place.path} contains itself", place.mark)
            return self._done[id(node)][1]
        self._done[id(node)] = (node, None)  # the node is kept, so that its id is not used again
        resolved = node.like()
        try:
            self._fill(node, resolved, place)
        except BaseException:
            del self._done[id(node)]  # a fallback may come back here
            raise
        self._done[id(node)] = (node, resolved)
        return resolved

    def _fill(self, node: Map | Seq, resolved: Map | Seq, place: Place) -> None:
        if isinstance(node, Map) and isinstance(resolved, Map):
            for key, value in node.items():
                name = str(self._text(key, place)) if grammar.has_variable(key) else key
                resolved[name] = self.resolve(value, place.below(node, key))
                if name != key and key in node.lines:
                    resolved.lines = {**resolved.lines, name: node.lines[key]}
        else:
            for index, item in enumerate(node):
                resolved.append(self.resolve(item, place.below(node, index)))  # type: ignore[union-attr]

    def _text(self, text: str, place: Place, *, deep: bool = True) -> Any:
        if not grammar.has_variable(text):
            return text
        mine = (text, hash(place))
        if mine in self._open:
            chain = " → ".join(one for one, _ in [*self._open[self._open.index(mine) :], mine])
            raise ApplicationError.at(f"a variable needs its own value: {chain}", place.mark)
        self._open.append(mine)
        try:
            value = self.parts(grammar.parse(text), place)
        except grammar.Malformed as error:
            raise ApplicationError.at(str(error), place.mark) from error
        finally:
            self._open.pop()
        # What is in it is resolved once its own variable has its value, because it may refer to its neighbours:
        # `custom: ${file(c.yml)}`, in c.yml `a: ${self:custom.b}`. The whole document is given as it is written.
        nested = deep and isinstance(value, Map | Seq) and value is not self.document
        return self.resolve(value, place) if nested else value

    def parts(self, parts: grammar.Parts, place: Place) -> Any:
        """The value of parsed text; a lone variable keeps its type."""
        if len(parts) == 1 and isinstance(parts[0], grammar.Variable):
            return self._variable(parts[0], place)
        return "".join(part if isinstance(part, str) else self._as_text(part, place) for part in parts)

    def _as_text(self, variable: grammar.Variable, place: Place) -> str:
        value = self._variable(variable, place)
        if isinstance(value, dict | list):
            raise ApplicationError.at(
                f"{variable.text} at {place.path!r} is a {'list' if isinstance(value, list) else 'mapping'}, "
                "which cannot stand inside a text",
                place.mark,
            )
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    def _variable(self, variable: grammar.Variable, place: Place) -> Any:
        failure: str | None = None
        found_null = False
        for source in variable.sources:
            if isinstance(source, grammar.Literal):
                return source.value
            if isinstance(source, grammar.Parts):
                value = self.parts(source, place)
            else:
                try:
                    value = sources.lookup(self, source, place)
                except sources.Unresolved as unresolved:
                    failure = failure or str(unresolved)
                    continue
            if value is None:
                found_null = True
            elif value is not MISSING:
                return self.resolve(value, place) if isinstance(value, str) and source_may_nest(source) else value
        if found_null:
            return None
        for source in variable.sources:  # version 1 gave these two their defaults even where nobody said them
            if (
                isinstance(source, grammar.Source)
                and source.type == "opt"
                and source.address in (("stage",), ("region",))
            ):
                return getattr(self.options, str(source.address[0]))
        why = (
            f"{variable.text} at {place.path!r} has no value: {failure or 'nothing is there and no fallback is given'}"
        )
        if self.lenient:
            self.unset[why] = place.mark
            return None
        raise ApplicationError.at(why, place.mark)


def source_may_nest(source: Any) -> bool:
    """Texts from the application's own files may hold variables; those from outside are data."""
    return isinstance(source, grammar.Source) and source.type in ("file", "param")
