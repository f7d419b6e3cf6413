"""How requests of an operation are read and its results written, protocol by protocol; each a closure compiled once.

The formats of bodies are in their own modules; here they meet HTTP: forms, headers, status, payloads, event streams.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from dayfly.wire import eventstream, json_format, rest, xml_format
from dayfly.wire.query_format import tree
from dayfly.wire.refusals import Malformed
from dayfly.wire.rest import Message, Params
from dayfly.wire.shapes import Shape

if TYPE_CHECKING:
    from dayfly.wire.operations import Operation, Service


class Answer(NamedTuple):
    """An HTTP answer: a whole body, or an asynchronous iterator of its chunks."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes]


Read = Callable[[Message, Mapping[str, str]], Params]
"""A request and its path's labels → parameters. Raises Rejected."""
ReadForm = Callable[[Sequence[tuple[str, str]]], Params]
"""A query request's names and values, which were needed to find the operation, → parameters."""
Write = Callable[[Params, str], Answer]
"""An output's members and the request's id → the answer."""


def form_pairs(message: Message) -> list[tuple[str, str]]:
    """A query request's parameters: the form in the body, and those in the query string."""
    try:
        body = message.body.decode()
    except UnicodeDecodeError as error:
        raise Malformed("The form is not valid UTF-8", "MalformedInput") from error
    pairs = parse_qsl(body, keep_blank_values=True) if body else []
    return [*message.query, *pairs] if message.raw_query else pairs


def json_reader(operation: Operation) -> Read:
    if operation.input is None:
        return lambda message, _labels: json_format.decode(message.body) and {}
    convert, decode = operation.service.json_readers.reader(operation.input), json_format.decode

    def read(message: Message, _labels: Mapping[str, str]) -> Params:
        return convert(decode(message.body))  # type: ignore[no-any-return]

    return read


def json_writer(operation: Operation) -> Write:
    content_type = f"application/x-amz-json-{operation.service.metadata.get('jsonVersion', '1.0')}"
    encode = json_format.encode
    convert = operation.service.json_writers.writer(operation.output) if operation.output else None
    stream = _event_member(operation.output)
    if stream is not None:
        return _event_writer(operation, stream)

    def write(result: Params, request_id: str) -> Answer:
        body = encode(convert(result)) if convert is not None else b"{}" if operation.output else b""
        return Answer(200, [("Content-Type", content_type), ("x-amzn-RequestId", request_id)], body)

    return write


def form_reader(operation: Operation) -> ReadForm:
    if operation.input is None:
        return lambda _pairs: {}
    convert = operation.service.query_readers.reader(operation.input)
    return lambda pairs: convert(tree(pairs))


def query_writer(operation: Operation) -> Write:
    service, output = operation.service, operation.output
    space = service.metadata.get("xmlNamespace", "")
    uri = space if isinstance(space, str) else space.get("uri", "")
    head = f'<?xml version="1.0"?>\n<{operation.name}Response xmlns="{uri}">'
    wrapper = (output.traits.get("resultWrapper") or f"{operation.name}Result") if output else ""
    members = service.xml_writers.members_writer(output.name, output.members) if output else None

    def write(result: Params, request_id: str) -> Answer:
        out = [head]
        if members is not None:
            out.append(f"<{wrapper}>")
            members(out, wrapper, result)
            out.append(f"</{wrapper}>")
        out.append(
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>"
        )
        return Answer(200, [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)], "".join(out).encode())

    return write


def rest_reader(operation: Operation, protocol: str) -> Read:
    shape = operation.input
    if shape is None:
        return lambda _message, _labels: {}
    literals = frozenset(name for name, _ in parse_qsl(operation.uri.partition("?")[2], keep_blank_values=True))
    parts, read_body = rest.parts_reader(shape, literals), _body_reader(operation.service, shape, protocol)

    def read(message: Message, labels: Mapping[str, str]) -> Params:
        params = read_body(message.body)
        for read_part in parts:
            read_part(message, labels, params)
        return params

    return read


def _body_reader(service: Service, shape: Shape, protocol: str) -> rest.ReadBody:
    name = shape.payload
    if name is None:
        if not shape.body_members:
            return lambda _body: {}
        return _document_reader(service, shape.body_members, protocol)
    member = shape.members[name]
    if member.kind == "blob":
        return lambda body: {name: body} if body else {}
    if member.kind == "string":
        return lambda body: {name: body.decode("utf-8", "replace")} if body else {}
    if protocol == "rest-json":
        read_json = service.json_readers.reader(member)
        return lambda body: {name: read_json(json_format.decode(body))} if body else {}
    read_xml = service.xml_readers.reader(member)
    return lambda body: {name: read_xml(xml_format.parse(body))} if body else {}


def _document_reader(service: Service, members: dict[str, Shape], protocol: str) -> rest.ReadBody:
    if protocol == "rest-json":
        read_json = service.json_readers.members_reader(members)
        return lambda body: read_json(json_format.decode(body))
    read_xml = service.xml_readers.members_reader(members)
    return lambda body: read_xml(xml_format.parse(body)) if body else {}


WriteBody = Callable[[Params], tuple[str, Any]]
"""An output's members → content type and body."""


def rest_writer(operation: Operation, protocol: str) -> Write:
    shape = operation.output
    if shape is None:
        return lambda _result, request_id: Answer(operation.status, [("x-amzn-RequestId", request_id)], b"")
    stream = _event_member(shape)
    if stream is not None:
        return _event_writer(operation, stream)
    headers = rest.headers_writer(shape)
    body = _body_writer(operation, shape, protocol)
    status_name = next((name for name, member in shape.members.items() if member.location == "statusCode"), None)

    def write(result: Params, request_id: str) -> Answer:
        for key in result:
            if key not in shape.members:
                raise json_format.unknown_member(shape.name, key)
        answer_headers = [("x-amzn-RequestId", request_id)]
        for write_header in headers:
            write_header(result, answer_headers)
        content_type, content = body(result)
        if content_type and not any(name.lower() == "content-type" for name, _ in answer_headers):
            answer_headers.append(("Content-Type", content_type))
        status = operation.status
        if status_name is not None and result.get(status_name) is not None:
            status = int(result[status_name])
        return Answer(status, answer_headers, b"" if status in (204, 304) else content)

    return write


def _body_writer(operation: Operation, shape: Shape, protocol: str) -> WriteBody:
    service, name = operation.service, shape.payload
    if name is None:
        return _document_writer(service, shape, operation.name, protocol)
    member = shape.members[name]
    if member.kind in ("blob", "string"):
        usual = "application/octet-stream" if member.kind == "blob" else "text/plain"
        content_type = str(shape.traits.get("payloadContentType", usual))

        def write_raw(result: Params) -> tuple[str, Any]:
            value = result.get(name)
            if value is None:
                return "", b""
            # An asynchronous iterator goes through as it is and is sent as it comes.
            return content_type, value.encode() if isinstance(value, str) else value

        return write_raw
    if protocol == "rest-json":
        to_json = service.json_writers.writer(member) or (lambda value: value)

        def write_json(result: Params) -> tuple[str, Any]:
            value = result.get(name)
            return "application/json", json_format.encode(to_json(value)) if value is not None else b""

        return write_json
    to_xml = service.xml_writers.writer(member)
    root = member.document_name or member.name

    def write_xml(result: Params) -> tuple[str, Any]:
        if result.get(name) is None:
            return "", b""
        out: list[str] = []
        to_xml(out, root, result[name])
        return "application/xml", "".join(out).encode()

    return write_xml


def _document_writer(service: Service, shape: Shape, operation: str, protocol: str) -> WriteBody:
    members = shape.output_members
    if not members:
        # An answer without any member is an empty document; one whose members are all headers has no body.
        return lambda _result: (
            ("application/json", b"{}") if protocol == "rest-json" and not shape.members else ("", b"")
        )
    outside = shape.members.keys() - members.keys()

    def inside(result: Params) -> Params:
        return {key: value for key, value in result.items() if key not in outside} if outside else result

    if protocol == "rest-json":
        to_json = service.json_writers.members_writer(shape.name, members)
        return lambda result: ("application/json", json_format.encode(to_json(inside(result))))
    to_xml, attributes = service.xml_writers.members_writer(shape.name, members), xml_format.attributes_writer(shape)
    root = shape.document_name or f"{operation}Response"
    space = service.metadata.get("xmlNamespace", "")
    uri = space if isinstance(space, str) else space.get("uri", "")
    head = f'<{root} xmlns="{uri}"' if uri else f"<{root}"

    def write_xml(result: Params) -> tuple[str, Any]:
        out = [f"{head}{attributes(result)}>"]
        to_xml(out, root, inside(result))
        out.append(f"</{root}>")
        return "application/xml", "".join(out).encode()

    return write_xml


def _event_member(shape: Shape | None) -> tuple[str, Shape] | None:
    if shape is None:
        return None
    return next(((name, member) for name, member in shape.members.items() if member.event_stream), None)


def _event_writer(operation: Operation, stream: tuple[str, Shape]) -> Write:
    """An output whose event stream member is an asynchronous iterator of `{event name: its members}`."""
    name, shape = stream
    output = operation.output
    assert output is not None
    headers = rest.headers_writer(output)
    events = {key: _event_encoder(operation.service, key, member) for key, member in shape.members.items()}
    status_name = next((key for key, member in output.members.items() if member.location == "statusCode"), None)

    async def encoded(source: AsyncIterator[dict[str, Params]]) -> AsyncIterator[bytes]:
        async for event in source:
            for key, members in event.items():
                yield events[key](members)

    def write(result: Params, request_id: str) -> Answer:
        answer_headers = [("x-amzn-RequestId", request_id)]
        for write_header in headers:
            write_header(result, answer_headers)
        # The stream's own type must win over a modelled Content-Type header, which SDKs take from the payload.
        answer_headers = [pair for pair in answer_headers if pair[0].lower() != "content-type"]
        answer_headers.append(("Content-Type", "application/vnd.amazon.eventstream"))
        status = int(result.get(status_name) or operation.status) if status_name else operation.status
        return Answer(status, answer_headers, encoded(result[name]))

    return write


def _event_encoder(service: Service, name: str, shape: Shape) -> Callable[[Params], bytes]:
    in_headers = {key: member for key, member in shape.members.items() if member.traits.get("eventheader")}
    payload = next(((key, member) for key, member in shape.members.items() if member.traits.get("eventpayload")), None)
    rest_members = {key: member for key, member in shape.members.items() if key not in in_headers}
    to_json = service.json_writers.members_writer(shape.name, rest_members)
    head = {":event-type": name, ":message-type": "exception" if shape.traits.get("exception") else "event"}
    if shape.traits.get("exception"):
        head[":exception-type"] = head.pop(":event-type")

    def encode(members: Params) -> bytes:
        headers: dict[str, Any] = {**head, **{key: members[key] for key in in_headers if members.get(key) is not None}}
        if payload is not None and payload[1].kind in ("blob", "string"):
            value = members.get(payload[0], b"")
            headers[":content-type"] = "application/octet-stream" if payload[1].kind == "blob" else "text/plain"
            return eventstream.encode(headers, value.encode() if isinstance(value, str) else value)
        headers[":content-type"] = "application/json"
        body = {key: value for key, value in members.items() if key not in in_headers}
        return eventstream.encode(headers, json_format.encode(to_json(body)))

    return encode
