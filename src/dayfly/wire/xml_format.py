"""Shapes in XML: read from rest-xml bodies, written for query and rest-xml answers.

https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from dayfly.wire import scalars
from dayfly.wire.json_format import unknown_member
from dayfly.wire.query_format import accepted_names, query_name
from dayfly.wire.refusals import Malformed
from dayfly.wire.shapes import Shape

Element = ElementTree.Element
ReadElement = Callable[[Element], Any]
WriteElement = Callable[[list[str], str, Any], None]
"""Appends `<name>value</name>` to the pieces of a document."""


def escape(text: str) -> str:
    """Text for an element or an attribute. (The standard library's function brings urllib.request and ssl along.)"""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    # A carriage return would be read back as a line feed by any XML parser.
    return text.replace("\r", "&#xD;")


def parse(body: bytes) -> Element:
    """The document's root. Document types are refused: entities in them can blow a small body up. Raises Malformed."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Malformed("The XML you provided has a document type, which is not allowed", "MalformedXML")
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Malformed(
            "The XML you provided was not well-formed or did not validate against our published schema", "MalformedXML"
        ) from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


class XmlReaders:
    """Readers of one service's shapes."""

    def __init__(self) -> None:
        self._structures: dict[str, ReadElement] = {}

    def reader(self, shape: Shape) -> ReadElement:
        match shape.kind:
            case "structure":
                return self._structure(shape)
            case "list":
                read_item = self.reader(shape.member)
                return lambda element: [read_item(item) for item in element]
            case "map":
                return self._map(shape)
            case _:
                read = scalars.reader(shape)
                return lambda element: read(element.text or "")

    def _structure(self, shape: Shape) -> ReadElement:
        known = self._structures.get(shape.identity)
        if known is not None:
            return known
        self._structures[shape.identity] = lambda element: self._structures[shape.identity](element)  # noqa: PLW0108 - looked up late
        read = self.members_reader(shape.members)
        self._structures[shape.identity] = read
        return read

    def members_reader(self, members: dict[str, Shape]) -> ReadElement:
        elements: dict[str, tuple[str, ReadElement, str]] = {}
        attributes: list[tuple[str, str, scalars.ReadText]] = []
        for name, member in members.items():
            if member.traits.get("xmlAttribute"):
                local = (member.wire_name or name).rpartition(":")[2]
                attributes.append((local, name, scalars.reader(member)))
            elif member.flattened and member.kind == "list":
                for key in accepted_names(name, member):
                    elements.setdefault(key, (name, self.reader(member.member), "list"))
            elif member.flattened and member.kind == "map":
                elements[member.wire_name or name] = (name, self._entry(member), "map")
            else:
                elements[member.wire_name or name] = (name, self.reader(member), "")

        def read(element: Element) -> dict[str, Any]:
            result: dict[str, Any] = {}
            for child in element:
                field = elements.get(_local(child.tag))
                if field is None:
                    continue
                name, read_child, gathered = field
                if gathered == "list":
                    result.setdefault(name, []).append(read_child(child))
                elif gathered == "map":
                    result.setdefault(name, {}).update(read_child(child))
                else:
                    result[name] = read_child(child)
            for attribute, name, read_text in attributes:
                for key, value in element.attrib.items():
                    if _local(key) == attribute:
                        result[name] = read_text(value)
            return result

        return read

    def _map(self, shape: Shape) -> ReadElement:
        read_entry = self._entry(shape)

        def read(element: Element) -> dict[str, Any]:
            result: dict[str, Any] = {}
            for entry in element:
                result.update(read_entry(entry))
            return result

        return read

    def _entry(self, shape: Shape) -> ReadElement:
        key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"
        read_value = self.reader(shape.value)

        def read(entry: Element) -> dict[str, Any]:
            parts = {_local(child.tag): child for child in entry}
            if key_name not in parts or value_name not in parts:
                return {}
            return {parts[key_name].text or "": read_value(parts[value_name])}

        return read


class XmlWriters:
    """Writers of one service's shapes. `query` takes the names that forms use where a patch gives them."""

    def __init__(self) -> None:
        self._structures: dict[str, WriteElement] = {}

    def writer(self, shape: Shape) -> WriteElement:
        """A writer of a whole element; a flattened list or map writes one element per entry."""
        match shape.kind:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _text_writer(shape)

    def _structure(self, shape: Shape) -> WriteElement:
        space = _namespace(shape)
        attributes = attributes_writer(shape)
        write_members = self._members_of(shape)

        def write(out: list[str], name: str, value: dict[str, Any]) -> None:
            out.append(f"<{name}{space}{attributes(value)}>")
            write_members(out, name, value)
            out.append(f"</{name}>")

        return write

    def _members_of(self, shape: Shape) -> WriteElement:
        known = self._structures.get(shape.identity)
        if known is not None:
            return known
        self._structures[shape.identity] = lambda out, name, value: self._structures[shape.identity](out, name, value)  # noqa: PLW0108 - looked up late
        write = self.members_writer(shape.name, shape.members)
        self._structures[shape.identity] = write
        return write

    def members_writer(self, structure: str, members: dict[str, Shape]) -> WriteElement:
        """Writes the members without the element around them."""
        fields = {
            name: (query_name(name, member), self.writer(member))
            for name, member in members.items()
            if not member.traits.get("xmlAttribute")
        }
        skipped = members.keys() - fields.keys()

        def write(out: list[str], _name: str, value: dict[str, Any]) -> None:
            for key, item in value.items():
                if item is None or key in skipped:
                    continue
                if key not in fields:
                    raise unknown_member(structure, key)
                wire_name, write_member = fields[key]
                write_member(out, wire_name, item)

        return write

    def _list(self, shape: Shape) -> WriteElement:
        write_item = self.writer(shape.member)
        if shape.flattened:

            def write_flat(out: list[str], name: str, value: list[Any]) -> None:
                for item in value:
                    write_item(out, name, item)

            return write_flat
        item_name, space = shape.member.wire_name or "member", _namespace(shape)

        def write(out: list[str], name: str, value: list[Any]) -> None:
            out.append(f"<{name}{space}>")
            for item in value:
                write_item(out, item_name, item)
            out.append(f"</{name}>")

        return write

    def _map(self, shape: Shape) -> WriteElement:
        key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"
        write_key, write_value = self.writer(shape.key), self.writer(shape.value)
        flat, space = shape.flattened, _namespace(shape)

        def write(out: list[str], name: str, value: dict[str, Any]) -> None:
            entry_name = name if flat else "entry"
            if not flat:
                out.append(f"<{name}{space}>")
            for key, item in value.items():
                out.append(f"<{entry_name}>")
                write_key(out, key_name, key)
                write_value(out, value_name, item)
                out.append(f"</{entry_name}>")
            if not flat:
                out.append(f"</{name}>")

        return write


def _text_writer(shape: Shape) -> WriteElement:
    to_text, space = scalars.writer(shape), _namespace(shape)

    def write(out: list[str], name: str, value: Any) -> None:
        out.append(f"<{name}{space}>{escape(to_text(value))}</{name}>")

    return write


def _namespace(shape: Shape) -> str:
    space = shape.traits.get("xmlNamespace")
    if not space:
        return ""
    uri, prefix = (space, None) if isinstance(space, str) else (space["uri"], space.get("prefix"))
    return f' xmlns:{prefix}="{uri}"' if prefix else f' xmlns="{uri}"'


def attributes_writer(shape: Shape) -> Callable[[dict[str, Any]], str]:
    """What writes the members that are attributes of the element."""
    found = [
        (name, member.wire_name or name, scalars.writer(member))
        for name, member in shape.members.items()
        if member.traits.get("xmlAttribute")
    ]
    if not found:
        return lambda _value: ""

    def write(value: dict[str, Any]) -> str:
        return "".join(
            f' {wire_name}="{escape(to_text(value[name]))}"'
            for name, wire_name, to_text in found
            if value.get(name) is not None
        )

    return write
