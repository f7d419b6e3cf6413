"""Errors as documents: code, status and members in each protocol's form.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html is what SDKs make of them; the forms are
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization and its siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.wire import json_format, scalars
from dayfly.wire.codecs import Answer
from dayfly.wire.operations import Service
from dayfly.wire.shapes import Shape
from dayfly.wire.xml_format import escape


class WireError:
    """What an error document says. `code` may be a shape's name or a wire code of the model."""

    __slots__ = ("code", "members", "message", "status")

    def __init__(
        self, code: str, message: str, status: int | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        self.code, self.message, self.status, self.members = code, message, status, dict(members or {})


def write_error(service: Service | None, protocol: str, error: WireError, request_id: str) -> Answer:
    """The answer for an error. Without a service (none was recognised) it is plain."""
    shape = service.error_shape(error.code) if service is not None else None
    trait: dict[str, Any] = shape.traits.get("error", {}) if shape is not None else {}
    status = (
        error.status or trait.get("httpStatusCode") or (500 if shape is not None and shape.traits.get("fault") else 400)
    )
    name = shape.name if shape is not None else error.code
    wire_code = str(trait.get("code") or name)
    match protocol:
        case "query":
            return _query(service, wire_code, error, shape, status, request_id)
        case "rest-xml":
            return _rest_xml(service, wire_code, error, shape, status, request_id)
        case "rest-json":
            return _rest_json(service, name, error, shape, status, request_id)
        case _:
            return _json(service, name, wire_code, error, shape, status, request_id)


def _members(shape: Shape | None, error: WireError, status: int) -> dict[str, Any]:
    """The modelled members' values by their names in the model; the message under its own, however it is spelt."""
    if shape is None:
        return {"message": error.message, **error.members}
    found: dict[str, Any] = {}
    for name in shape.members:
        if name.lower() == "message":
            found[name] = error.message
        elif name in error.members:
            found[name] = error.members[name]
        elif name == "Type" and shape.members[name].kind == "string":
            # Lambda's errors say whose fault they are.
            found[name] = "User" if status < 500 else "Service"
    return found


def _json_document(service: Service | None, shape: Shape | None, error: WireError, status: int) -> dict[str, Any]:
    values = _members(shape, error, status)
    if service is None or shape is None:
        return values
    inside = {key: value for key, value in values.items() if key in shape.body_members}
    document: dict[str, Any] = service.json_writers.members_writer(shape.name, shape.body_members)(inside)
    if not any(key.lower() == "message" for key in values):
        document["message"] = error.message
    return document


def _json(
    service: Service | None,
    name: str,
    wire_code: str,
    error: WireError,
    shape: Shape | None,
    status: int,
    request_id: str,
) -> Answer:
    metadata = service.metadata if service is not None else {}
    compatible = "awsQueryCompatible" in metadata
    # SQS qualifies its errors' names, the older JSON services do not; SDKs read both.
    kind = f"com.amazonaws.{service.name}#{name}" if compatible and service is not None else name
    body = json_format.encode({"__type": kind, **_json_document(service, shape, error, status)})
    headers = [
        ("Content-Type", f"application/x-amz-json-{metadata.get('jsonVersion', '1.0')}"),
        ("x-amzn-RequestId", request_id),
    ]
    if compatible:
        headers.append(("x-amzn-query-error", f"{wire_code};{'Sender' if status < 500 else 'Receiver'}"))
    return Answer(status, headers, body)


def _rest_json(
    service: Service | None, name: str, error: WireError, shape: Shape | None, status: int, request_id: str
) -> Answer:
    body = json_format.encode(_json_document(service, shape, error, status))
    headers = [
        ("Content-Type", "application/json"), ("x-amzn-RequestId", request_id), ("x-amzn-ErrorType", name),
    ]  # fmt: skip
    return Answer(status, [*headers, *_member_headers(shape, error)], body)


def _member_headers(shape: Shape | None, error: WireError) -> list[tuple[str, str]]:
    if shape is None:
        return []
    return [
        (member.wire_name or name, scalars.writer(member, "header")(error.members[name]))
        for name, member in shape.members.items()
        if member.location == "header" and error.members.get(name) is not None
    ]


def _xml_error(service: Service | None, code: str, error: WireError, shape: Shape | None, status: int) -> str:
    side = "Sender" if status < 500 else "Receiver"
    out = [f"<Type>{side}</Type><Code>{escape(code)}</Code>"]
    if error.message:
        out.append(f"<Message>{escape(error.message)}</Message>")
    if service is not None and shape is not None:
        values = _members(shape, error, status)
        inside = {
            key: value for key, value in values.items() if key in shape.body_members and key.lower() not in _WRITTEN
        }
        service.xml_writers.members_writer(shape.name, shape.body_members)(out, "", inside)
    return "".join(out)


_WRITTEN = ("message", "code", "type")


def _query(
    service: Service | None, code: str, error: WireError, shape: Shape | None, status: int, request_id: str
) -> Answer:
    space = service.metadata.get("xmlNamespace", "") if service is not None else ""
    uri = space if isinstance(space, str) else space.get("uri", "")
    inner = _xml_error(service, code, error, shape, status)
    body = (
        f'<?xml version="1.0"?>\n<ErrorResponse xmlns="{uri}"><Error>{inner}</Error>'
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Answer(status, [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)], body.encode())


def _rest_xml(
    service: Service | None, code: str, error: WireError, shape: Shape | None, status: int, request_id: str
) -> Answer:
    inner = _xml_error(service, code, error, shape, status)
    body = f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    headers = [("Content-Type", "application/xml"), ("x-amzn-RequestId", request_id), *_member_headers(shape, error)]
    return Answer(status, headers, body.encode())
