"""Shapes in JSON bodies: closures compiled once per shape.

Readers drop members that the model does not know and nulls, as AWS does, and refuse values of the wrong type.
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON
from dayfly.wire import scalars, timestamps
from dayfly.wire.refusals import Malformed
from dayfly.wire.shapes import Shape

Convert = Callable[[Any], Any]
_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def decode(body: bytes) -> Any:
    """The body's JSON value; an empty body is an empty object. Raises Malformed."""
    try:
        return _decode(body) if body else {}
    except NOT_JSON as error:
        raise Malformed(f"The request body is not valid JSON: {error}") from error


def _wrong(value: object, kind: str) -> Malformed:
    source = {
        str: "STRING_VALUE", bool: "TRUE_VALUE" if value else "FALSE_VALUE", int: "NUMBER_VALUE",
        float: "DECIMAL_VALUE", list: "Start of list", dict: "Start of structure or map",
    }.get(type(value), type(value).__name__)  # fmt: skip
    if isinstance(value, (list, dict)):
        return Malformed(f"{source} found where not expected")
    return Malformed(f"{source} can not be converted to {'an' if kind[0] in 'AEIO' else 'a'} {kind}")


class JsonReaders:
    """Readers of one service's shapes."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def reader(self, shape: Shape) -> Convert:
        match shape.kind:
            case "structure":
                return self._document if shape.traits.get("document") else self._structure(shape)
            case "list":
                return _list_reader(self.reader(shape.member), keep_null=bool(shape.traits.get("sparse")))
            case "map":
                return _map_reader(self.reader(shape.value), keep_null=bool(shape.traits.get("sparse")))
            case "string" | "character":
                return _read_json_value if shape.json_value else _read_string
            case "integer" | "long" | "short" | "byte":
                return _read_integer
            case "float" | "double":
                return _read_float
            case "boolean":
                return _read_boolean
            case "timestamp":
                return timestamps.parse
            case "blob":
                return scalars.read_base64
            case kind:
                raise TypeError(f"no such kind of shape: {kind}")

    @staticmethod
    def _document(value: Any) -> Any:
        return value

    def _structure(self, shape: Shape) -> Convert:
        known = self._structures.get(shape.identity)
        if known is not None:
            return known
        # A structure may hold itself: whoever meets it meanwhile is given a step that looks it up later.
        self._structures[shape.identity] = lambda value: self._structures[shape.identity](value)  # noqa: PLW0108 - looked up late
        read = self.members_reader(shape.members)
        self._structures[shape.identity] = read
        return read

    def members_reader(self, members: dict[str, Shape]) -> Convert:
        fields = {member.wire_name or name: (name, self.reader(member)) for name, member in members.items()}
        find = fields.get

        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise _wrong(value, "Structure")
            result = {}
            for key, item in value.items():
                if item is not None and (field := find(key)) is not None:
                    result[field[0]] = field[1](item)
            return result

        return read


def _read_string(value: Any) -> str:
    if type(value) is str:
        return value
    raise _wrong(value, "String")


def _read_json_value(value: Any) -> Any:
    return decode(_read_string(value).encode())


def _read_integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise _wrong(value, "Integer")


def _read_float(value: Any) -> float:
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise _wrong(value, "Double")


def _read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _wrong(value, "Boolean")


def _list_reader(read: Convert, *, keep_null: bool) -> Convert:
    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _wrong(value, "List")
        if keep_null:
            return [None if item is None else read(item) for item in value]
        return [read(item) for item in value if item is not None]

    return read_list


def _map_reader(read: Convert, *, keep_null: bool) -> Convert:
    def read_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _wrong(value, "Map")
        if keep_null:
            return {key: None if item is None else read(item) for key, item in value.items()}
        return {key: read(item) for key, item in value.items() if item is not None}

    return read_map


class JsonWriters:
    """Writers of one service's shapes: model values → JSON values. None as a writer means: as it is."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def writer(self, shape: Shape) -> Convert | None:
        match shape.kind:
            case "structure":
                return None if shape.traits.get("document") else self._structure(shape)
            case "list":
                write = self.writer(shape.member)
                return list if write is None else _list_writer(write)
            case "map":
                write = self.writer(shape.value)
                return None if write is None else _map_writer(write)
            case "string" if shape.json_value:
                return lambda value: encode(value).decode()
            case "float" | "double":
                return _write_float
            case "timestamp":
                return _timestamp_writer(shape.timestamp_format or "unixTimestamp")
            case "blob":
                return scalars.write_base64
            case _:
                return None

    def _structure(self, shape: Shape) -> Convert:
        known = self._structures.get(shape.identity)
        if known is not None:
            return known
        self._structures[shape.identity] = lambda value: self._structures[shape.identity](value)  # noqa: PLW0108 - looked up late
        write = self.members_writer(shape.name, shape.members)
        self._structures[shape.identity] = write
        return write

    def members_writer(self, name: str, members: dict[str, Shape]) -> Convert:
        fields = {key: (member.wire_name or key, self.writer(member)) for key, member in members.items()}

        def write(value: dict[str, Any]) -> dict[str, Any]:
            result = {}
            for key, item in value.items():
                if item is not None:
                    wire_name, convert = _field(fields, key, name)
                    result[wire_name] = item if convert is None else convert(item)
            return result

        return write


def _field(fields: dict[str, tuple[str, Convert | None]], key: str, name: str) -> tuple[str, Convert | None]:
    try:
        return fields[key]
    except KeyError:
        raise unknown_member(name, key) from None


def unknown_member(structure: str, member: str) -> TypeError:
    """A handler answered what the model does not know; dropping it silently would hide a slip of the pen."""
    return TypeError(f"{structure} has no member {member!r} in the service model")


def _write_float(value: float) -> Any:
    # JSON has no infinities; the protocol writes them as strings.
    return value if value - value == 0 else scalars.write_float(value)


def _timestamp_writer(form: str) -> Convert:
    if form == "unixTimestamp":
        return timestamps.number
    return lambda value: timestamps.text(value, form)


def _list_writer(write: Convert) -> Convert:
    return lambda value: [None if item is None else write(item) for item in value]


def _map_writer(write: Convert) -> Convert:
    return lambda value: {key: None if item is None else write(item) for key, item in value.items()}
