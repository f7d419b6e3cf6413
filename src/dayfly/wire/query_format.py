"""Parameters in forms: `Action=…&Entry.1.Id=…`, from a body or a query string.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dayfly.wire import scalars
from dayfly.wire.refusals import Malformed
from dayfly.wire.shapes import Shape

Node = dict[str, Any]
"""A level of the dotted names. Its own text, if it has one, is under the empty name."""
ReadNode = Callable[[Node], Any]


def tree(pairs: Iterable[tuple[str, str]]) -> Node:
    """The dotted names as nested dictionaries. Raises Malformed for names with an empty part."""
    root: Node = {}
    for name, value in pairs:
        node = root
        for part in name.split("."):
            if not part:
                raise Malformed(f"Invalid parameter name {name!r}", "MalformedInput")
            node = node.setdefault(part, {})
        node[""] = value
    return root


def query_name(name: str, member: Shape) -> str:
    """What a member is called in forms and in query's XML: a patch's name, the flattened item's, or its own."""
    if patched := member.traits.get("queryName"):
        return str(patched)
    if member.kind == "list" and member.flattened and member.member.wire_name:
        return member.member.wire_name
    return member.wire_name or name


def accepted_names(name: str, member: Shape) -> list[str]:
    """All names a member may come under: SDKs disagree whether a flattened list is named after itself or its items."""
    return list(dict.fromkeys((member.wire_name or name, query_name(name, member))))


class QueryReaders:
    """Readers of one service's shapes."""

    def __init__(self) -> None:
        self._structures: dict[str, ReadNode] = {}

    def reader(self, shape: Shape) -> ReadNode:
        match shape.kind:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _text_reader(scalars.reader(shape))

    def _structure(self, shape: Shape) -> ReadNode:
        known = self._structures.get(shape.identity)
        if known is not None:
            return known
        self._structures[shape.identity] = lambda node: self._structures[shape.identity](node)  # noqa: PLW0108 - looked up late
        fields = [
            (key, name, self.reader(member))
            for name, member in shape.members.items()
            for key in accepted_names(name, member)
        ]

        def read(node: Node) -> dict[str, Any]:
            return {name: read_member(node[key]) for key, name, read_member in fields if key in node}

        self._structures[shape.identity] = read
        return read

    def _list(self, shape: Shape) -> ReadNode:
        read_item = self.reader(shape.member)
        item_name = shape.member.wire_name or "member"

        def read(node: Node) -> list[Any]:
            items = node if shape.flattened else (node.get(item_name) or node.get("member") or {})
            return [read_item(item) for item in _in_order(items)]

        return read

    def _map(self, shape: Shape) -> ReadNode:
        read_value = self.reader(shape.value)
        key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"

        def read(node: Node) -> dict[str, Any]:
            entries = node if shape.flattened else node.get("entry", {})
            return {
                entry[key_name].get("", ""): read_value(entry.get(value_name, {"": ""}))
                for entry in _in_order(entries)
                if key_name in entry
            }

        return read


def _in_order(items: Node) -> list[Node]:
    try:
        return [items[key] for key in sorted((key for key in items if key), key=int)]
    except ValueError as error:
        raise Malformed(f"List positions must be numbers, not {sorted(items)}", "MalformedInput") from error


def _text_reader(read: scalars.ReadText) -> ReadNode:
    def read_text(node: Node) -> Any:
        if "" not in node:
            raise Malformed("Unexpected complex element termination", "MalformedInput")
        try:
            return read(node[""])
        except Malformed as error:
            raise Malformed(error.message, "MalformedInput") from error

    return read_text
