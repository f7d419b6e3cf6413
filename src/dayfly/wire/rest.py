"""Where members go in HTTP messages of the REST protocols: labels, query strings, headers, status code, payload.

https://smithy.io/2.0/spec/http-bindings.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import unquote

from dayfly.wire import scalars, timestamps
from dayfly.wire.refusals import Malformed
from dayfly.wire.shapes import Shape

Params = dict[str, Any]
ReadBody = Callable[[bytes], Params]


class Message(Protocol):
    """What the wire needs of an HTTP request (`front.messages.Request` is one)."""

    @property
    def method(self) -> str: ...
    @property
    def raw_path(self) -> str: ...
    @property
    def raw_query(self) -> str: ...
    @property
    def query(self) -> list[tuple[str, str]]: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...

    def header(self, name: str, default: str = "") -> str: ...


ReadPart = Callable[[Message, Mapping[str, str], Params], None]
"""Takes one kind of part out of a request (and its path's labels) and adds the members found."""


def parts_reader(shape: Shape, literals: frozenset[str] = frozenset()) -> list[ReadPart]:
    """What reads everything of a request that is outside its body. `literals` are the query parameters that belong to
    the operation's address and are no values."""
    by_place: dict[str, dict[str, Shape]] = {"uri": {}, "querystring": {}, "header": {}, "headers": {}}
    for name, member in shape.members.items():
        if member.location in by_place:
            by_place[member.location][name] = member
    makers = {
        "uri": _labels,
        "querystring": lambda members: _query(members, literals),
        "header": _headers,
        "headers": _prefixed,
    }
    return [makers[place](members) for place, members in by_place.items() if members]


def _labels(members: dict[str, Shape]) -> ReadPart:
    fields = [(member.wire_name or name, name, scalars.reader(member, "uri")) for name, member in members.items()]

    def read(_message: Message, labels: Mapping[str, str], params: Params) -> None:
        for label, name, to_value in fields:
            if label in labels:
                params[name] = to_value(unquote(labels[label]))

    return read


def _query(members: dict[str, Shape], literals: frozenset[str]) -> ReadPart:
    named: dict[str, tuple[str, bool, scalars.ReadText]] = {}
    maps: list[tuple[str, bool]] = []
    for name, member in members.items():
        if member.kind == "map":
            maps.append((name, member.value.kind == "list"))
        elif member.kind == "list":
            named[member.wire_name or name] = (name, True, scalars.reader(member.member, "querystring"))
        else:
            named[member.wire_name or name] = (name, False, scalars.reader(member, "querystring"))

    def read(message: Message, _labels: Mapping[str, str], params: Params) -> None:
        if not message.raw_query:
            return
        for key, text in message.query:
            field = named.get(key)
            if field is None:
                if key not in literals:
                    _into_maps(maps, key, text, params)
            elif field[1]:
                params.setdefault(field[0], []).append(field[2](text))
            else:
                params[field[0]] = field[2](text)

    return read


def _into_maps(maps: list[tuple[str, bool]], key: str, text: str, params: Params) -> None:
    for name, listed in maps:
        if listed:
            params.setdefault(name, {}).setdefault(key, []).append(text)
        else:
            params.setdefault(name, {}).setdefault(key, text)


def _headers(members: dict[str, Shape]) -> ReadPart:
    fields = []
    for name, member in members.items():
        header = (member.wire_name or name).lower()
        if member.kind == "list":
            fields.append((header, name, _header_list_reader(member.member)))
        else:
            fields.append((header, name, scalars.reader(member, "header")))

    def read(message: Message, _labels: Mapping[str, str], params: Params) -> None:
        for header, name, to_value in fields:
            text = message.header(header)
            if text:
                params[name] = to_value(text)

    return read


_HTTP_DATES = re.compile(r"[A-Za-z]{3}, [^,]+")
_ITEMS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')


def _header_list_reader(member: Shape) -> scalars.ReadText:
    to_value = scalars.reader(member, "header")
    dates = member.kind == "timestamp" and (member.timestamp_format or "rfc822") == "rfc822"

    def read(text: str) -> list[Any]:
        if dates:
            return [to_value(item) for item in _HTTP_DATES.findall(text)]
        return [to_value(item) for item in _split(text)]

    return read


def _split(text: str) -> list[str]:
    """The items of a header's list; those in double quotes may hold commas."""
    items, at = [], 0
    while at < len(text):
        found = _ITEMS.match(text, at)
        if found is None:
            raise Malformed(f"Invalid list in a header: {text}")
        quoted, plain = found.groups()
        items.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip())
        at = found.end()
    return items


def _prefixed(members: dict[str, Shape]) -> ReadPart:
    prefixes = [((member.wire_name or "").lower(), name) for name, member in members.items()]

    def read(message: Message, _labels: Mapping[str, str], params: Params) -> None:
        for prefix, name in prefixes:
            found = {key[len(prefix) :]: text for key, text in message.headers if key.lower().startswith(prefix)}
            if found:
                params[name] = found

    return read


WritePart = Callable[[Params, list[tuple[str, str]]], None]
"""Adds the headers that one member becomes."""


def headers_writer(shape: Shape) -> list[WritePart]:
    """What writes an output's members that are headers."""
    writers = []
    for name, member in shape.members.items():
        if member.location == "header":
            writers.append(_header_writer(name, member))
        elif member.location == "headers":
            writers.append(_prefix_writer(name, member.wire_name or ""))
    return writers


def _header_writer(name: str, member: Shape) -> WritePart:
    header = member.wire_name or name
    if member.kind == "list":
        to_item = scalars.writer(member.member, "header", timestamps.DEFAULTS["header"])
        quoting = member.member.kind == "string"

        def list_text(value: Any) -> str:
            return ", ".join(_quoted(to_item(item)) if quoting else to_item(item) for item in value)

        to_text: scalars.WriteText = list_text
    else:
        to_text = scalars.writer(member, "header", timestamps.DEFAULTS["header"])

    def write(params: Params, headers: list[tuple[str, str]]) -> None:
        value = params.get(name)
        if value is not None:
            headers.append((header, to_text(value)))

    return write


def _quoted(item: str) -> str:
    if "," in item or '"' in item:
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return item


def _prefix_writer(name: str, prefix: str) -> WritePart:
    def write(params: Params, headers: list[tuple[str, str]]) -> None:
        headers.extend((prefix + key, str(value)) for key, value in (params.get(name) or {}).items())

    return write
