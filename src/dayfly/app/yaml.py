"""YAML and JSON whose mappings and sequences remember their file and lines.

Plain scalars follow the YAML 1.2 core schema, as the Framework's parser does: `yes` and `2012-10-17` are text.
CloudFormation's short tags become their long form (`!Ref x` is `{"Ref": "x"}`):
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from dayfly.errors import Error

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip


class Mark(NamedTuple):
    """Where something stands; lines count from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class ApplicationError(Error):
    """The application cannot be understood."""

    def __init__(self, message: str, file: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.file = file
        self.line = line

    @classmethod
    def at(cls, message: str, mark: Mark | None) -> ApplicationError:
        return cls(message, *(mark or (None, None)))

    def __str__(self) -> str:
        if self.file is None:
            return self.message
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class Map(dict[str, Any]):
    """A mapping that knows where it and each of its keys stand."""

    def __init__(self, mark: Mark | None = None) -> None:
        super().__init__()
        self.mark = mark
        self.lines: dict[str, Mark] = {}

    def like(self) -> Map:
        """An empty mapping in the same place."""
        empty = Map(self.mark)
        empty.lines = self.lines
        return empty


class Seq(list[Any]):
    """A sequence that knows where it and each of its items stand."""

    def __init__(self, mark: Mark | None = None) -> None:
        super().__init__()
        self.mark = mark
        self.lines: list[Mark] = []

    def like(self) -> Seq:
        """An empty sequence in the same place."""
        empty = Seq(self.mark)
        empty.lines = self.lines
        return empty


def mark_of(container: Any, key: Any = None) -> Mark | None:
    """Where a container, or one key or item of it, stands; None for what was made by us."""
    if isinstance(container, Map) and key is not None:
        return container.lines.get(key, container.mark)
    if isinstance(container, Seq) and isinstance(key, int) and key < len(container.lines):
        return container.lines[key]
    return getattr(container, "mark", None)


def read(path: Path) -> Any:
    """The content of a YAML or JSON file. Raises ApplicationError."""
    return parse(text_of(path), path)


def text_of(path: Path) -> str:
    """The text of a file. Raises ApplicationError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ApplicationError(f"{path.name} cannot be read: {error.strerror}", path) from error
    except UnicodeDecodeError as error:
        raise ApplicationError(f"{path.name} is not UTF-8 text", path) from error


def parse(text: str, file: Path) -> Any:
    """A document with lines. Raises ApplicationError where it is malformed."""
    if file.suffix == ".json":
        text = text.replace("\t", "    ")  # legal between JSON's tokens, never inside them; not so in YAML
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _Builder(file).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "malformed"
        raise ApplicationError(f"not valid YAML: {problem}", file, mark.line + 1 if mark else None) from error
    except yaml.YAMLError as error:
        raise ApplicationError(f"not valid YAML: {str(error).splitlines()[0]}", file) from error
    finally:
        loader.dispose()


class _Builder:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.open: set[int] = set()

    def build(self, node: Any) -> Any:
        tag = node.tag or ""
        if not tag.startswith("!"):
            return self._plain(node)
        return self._short_tag(tag[1:], node)

    def _mark(self, node: Any) -> Mark:
        return Mark(self.file, node.start_mark.line + 1)

    def _plain(self, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self.open:
            raise ApplicationError.at("an anchor contains itself", self._mark(node))
        self.open.add(id(node))
        built = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._mapping(node)
        self.open.discard(id(node))
        return built

    def _sequence(self, node: Any) -> Seq:
        sequence = Seq(self._mark(node))
        for item in node.value:
            sequence.append(self.build(item))
            sequence.lines.append(self._mark(item))
        return sequence

    def _mapping(self, node: Any) -> Map:
        mapping = Map(self._mark(node))
        for key, value in node.value:
            if key.value == "<<" and not key.style:
                self._merge(mapping, value)
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise ApplicationError.at("a key must be a word", self._mark(key))
            mapping[key.value] = self.build(value)
            mapping.lines[key.value] = self._mark(key)
        return mapping

    def _merge(self, mapping: Map, value: Any) -> None:
        for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            merged = self.build(part)
            if not isinstance(merged, Map):
                raise ApplicationError.at("<< must name mappings", self._mark(part))
            for name, content in merged.items():
                if name not in mapping:
                    mapping[name] = content
                    mapping.lines[name] = merged.lines[name]

    def _short_tag(self, name: str, node: Any) -> Any:
        value = node.value if isinstance(node, yaml.ScalarNode) else self._plain(node)
        if name == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        mapping = Map(self._mark(node))
        key = name if name in ("Ref", "Condition") else f"Fn::{name}"
        mapping[key] = value
        mapping.lines[key] = mapping.mark or self._mark(node)
        return mapping


def _scalar(node: Any) -> Any:
    text: str = node.value
    if node.style:  # quoted or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if text.startswith(("0x", "0o")):
        try:
            return int(text, 0)
        except ValueError:
            return text
    return float(text) if _FLOAT.fullmatch(text) else text
