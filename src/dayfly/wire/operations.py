"""Services and operations: models with their readers and writers, compiled when an operation is first used.

A `Service` is one model. `service.operation(name, protocol)` is a `Codec`: it reads requests of that operation in that
protocol, and writes its answers. Start reading at `Codec`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from dayfly.wire import models
from dayfly.wire.codecs import (
    Read,
    ReadForm,
    Write,
    form_pairs,
    form_reader,
    json_reader,
    json_writer,
    query_writer,
    rest_reader,
    rest_writer,
)
from dayfly.wire.json_format import JsonReaders, JsonWriters
from dayfly.wire.query_format import QueryReaders
from dayfly.wire.refusals import Rejected
from dayfly.wire.rest import Params
from dayfly.wire.routes import Routes
from dayfly.wire.shapes import Shape
from dayfly.wire.validation import Validator
from dayfly.wire.xml_format import XmlReaders, XmlWriters

PROTOCOLS = ("query", "json", "rest-json", "rest-xml")


class Operation:
    """One operation of a service, whatever the protocol."""

    def __init__(self, service: Service, name: str, raw: models.Raw) -> None:
        self.service = service
        self.name = name
        self._raw = raw
        self.method: str = raw["http"].get("method", "POST")
        self.uri: str = raw["http"].get("requestUri", "/")
        self.status: int = int(raw["http"].get("responseCode", 200))
        self.unsigned: bool = raw.get("authtype") == "none"
        """Whether whoever calls it has no key: signing up, say."""
        self.handler_name = snake_case(name)
        self._codecs: dict[str, Codec] = {}

    @cached_property
    def input(self) -> Shape | None:
        return self.service.shape(self._raw["input"]) if "input" in self._raw else None

    @cached_property
    def output(self) -> Shape | None:
        return self.service.shape(self._raw["output"]) if "output" in self._raw else None

    @cached_property
    def error_names(self) -> frozenset[str]:
        return frozenset(error["shape"] for error in self._raw.get("errors", ()))

    @cached_property
    def validate(self) -> Callable[[Params], None]:
        """Raises Rejected where the parameters break the model's constraints."""
        return Validator(self.service.name, self.service.protocol, self.service.error_codes).of(self.input)

    def codec(self, protocol: str) -> Codec:
        found = self._codecs.get(protocol)
        if found is None:
            found = self._codecs[protocol] = Codec(self, protocol)
        return found

    def __repr__(self) -> str:
        return f"<Operation {self.service.name}:{self.name}>"


class Service:
    """One service model. `name` is botocore's name of it."""

    def __init__(self, name: str, model: models.Raw) -> None:
        self.name = name
        self.metadata: dict[str, Any] = model["metadata"]
        self._shapes: dict[str, models.Raw] = model["shapes"]
        self._raw_operations: dict[str, models.Raw] = model["operations"]
        self._operations: dict[str, Operation] = {}
        own = self.metadata["protocol"]
        self.protocols: tuple[str, ...] = tuple(
            spoken for spoken in self.metadata.get("protocols") or [own] if spoken in PROTOCOLS
        )
        self.json_readers, self.json_writers = JsonReaders(), JsonWriters()
        self.query_readers = QueryReaders()
        self.xml_readers, self.xml_writers = XmlReaders(), XmlWriters()

    @classmethod
    def load(cls, name: str, cache_directory: Path | None = None) -> Service:
        return cls(name, models.load(name, cache_directory))

    @property
    def protocol(self) -> str:
        """The one it speaks by default; empty where it speaks none that dayfly does."""
        return self.protocols[0] if self.protocols else ""

    @property
    def operation_names(self) -> list[str]:
        return list(self._raw_operations)

    def operation(self, name: str) -> Operation | None:
        found = self._operations.get(name)
        if found is None and name in self._raw_operations:
            found = self._operations[name] = Operation(self, name, self._raw_operations[name])
        return found

    @cached_property
    def routes(self) -> Routes:
        return Routes(
            (name, raw["http"].get("method", "POST"), raw["http"].get("requestUri", "/"))
            for name, raw in self._raw_operations.items()
        )

    def shape(self, reference: Mapping[str, Any]) -> Shape:
        return Shape(self._shapes, reference)

    @cached_property
    def error_codes(self) -> dict[str, str]:
        """Error shapes' names by name and by wire code."""
        found: dict[str, str] = {}
        for name, raw in self._shapes.items():
            if raw.get("exception") or raw.get("error"):
                found.setdefault(raw.get("error", {}).get("code", name), name)
        found.update({name: name for name in list(found.values())})
        return found

    def error_shape(self, code: str) -> Shape | None:
        """The modelled error of this shape name or wire code."""
        name = self.error_codes.get(code)
        return self.shape({"shape": name}) if name else None


class Codec:
    """How one operation's requests are read and its results written in one protocol.

    `read(message, labels)` gives the parameters as the model names them and raises Rejected;
    `write(result, request_id)` gives the answer.
    """

    def __init__(self, operation: Operation, protocol: str) -> None:
        self.operation = operation
        self.protocol = protocol
        self.read: Read
        self.write: Write
        self.read_form: ReadForm
        match protocol:
            case "json":
                self.read, self.write = json_reader(operation), json_writer(operation)
            case "query":
                self.read_form = read_form = form_reader(operation)
                self.read = lambda message, _labels: read_form(form_pairs(message))
                self.write = query_writer(operation)
            case "rest-json" | "rest-xml":
                self.read = rest_reader(operation, protocol)
                self.write = rest_writer(operation, protocol)
            case _:
                raise Rejected("UnsupportedProtocol", f"dayfly does not speak {protocol!r} to {operation.service.name}")


def snake_case(name: str) -> str:
    """`GetQueueUrl` → `get_queue_url`, `CreateAPIKey` → `create_api_key`, `ListMessageMoveTasks2` stays together."""
    result = []
    for position, char in enumerate(name):
        if char.isupper() and position:
            before, after = name[position - 1], name[position + 1 : position + 2]
            if not before.isupper() or (after.islower() and after):
                result.append("_")
        result.append(char.lower())
    return "".join(result)
