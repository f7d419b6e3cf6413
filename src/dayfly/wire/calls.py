"""Which operation of a service a request means, and in which protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from dayfly.wire.codecs import form_pairs
from dayfly.wire.locate import QUEUE_PATH
from dayfly.wire.operations import Operation, Service
from dayfly.wire.refusals import Rejected
from dayfly.wire.rest import Message, Params

Form = Sequence[tuple[str, str]]


class Call(NamedTuple):
    """A request that was understood as far as its operation."""

    operation: Operation
    protocol: str
    labels: Mapping[str, str] = {}
    """Of the path, in the REST protocols."""
    form: Form = ()
    """Names and values, in the query protocol."""

    def read(self, message: Message) -> Params:
        """The parameters, as the model names them. Raises Rejected."""
        codec = self.operation.codec(self.protocol)
        params = codec.read_form(self.form) if self.protocol == "query" else codec.read(message, self.labels)
        if "QueueUrl" not in params and self.operation.service.name == "sqs":
            _queue_from_path(self.operation, message, params)
        self.operation.validate(params)
        return params


def protocol_of(service: Service, message: Message) -> str:
    """The protocol the client speaks: of those the service has, the one that the request looks like; or ''."""
    if message.header("x-amz-target"):
        return "json" if "json" in service.protocols else service.protocol
    if "query" in service.protocols and service.protocol != "query":
        return "query"
    return service.protocol


def find(service: Service, message: Message, protocol: str) -> Call:
    """The operation. Raises Rejected: UnknownOperationException, InvalidAction or MissingAction."""
    match protocol:
        case "json":
            return _by_target(service, message)
        case "query":
            return _by_action(service, message)
        case "rest-json" | "rest-xml":
            return _by_path(service, message, protocol)
    spoken = message.header("smithy-protocol") or service.metadata["protocol"]
    raise Rejected("UnsupportedProtocol", f"dayfly does not speak {spoken} to {service.name}", 501)


def _by_target(service: Service, message: Message) -> Call:
    name = message.header("x-amz-target").rpartition(".")[2]
    operation = service.operation(name)
    if operation is None:
        raise Rejected("UnknownOperationException", f"The requested operation {name!r} is not known to {service.name}")
    return Call(operation, "json")


def _by_action(service: Service, message: Message) -> Call:
    pairs = form_pairs(message)
    action = next((value for name, value in pairs if name == "Action"), None)
    if action is None:
        raise Rejected("MissingAction", "The request is missing an action or a required parameter")
    operation = service.operation(action)
    if operation is None:
        version = next((value for name, value in pairs if name == "Version"), service.metadata.get("apiVersion", ""))
        raise Rejected("InvalidAction", f"Could not find operation {action} for version {version}")
    return Call(operation, "query", form=pairs)


def _by_path(service: Service, message: Message, protocol: str) -> Call:
    path = message.raw_path
    if service.name == "apigatewaymanagementapi":
        # Before it stand the stage, or the stage and the API's id, as the client's endpoint has them.
        path = path[max(path.find("/@connections"), path.find("/%40connections"), 0) :]
    query = parse_qsl(message.raw_query, keep_blank_values=True) if message.raw_query else ()
    found = service.routes.find(message.method, path, query)
    operation = service.operation(found[0]) if found is not None else None
    if found is None or operation is None:
        raise Rejected("UnknownOperationException", f"{service.name} has no operation at {message.method} {path}", 404)
    return Call(operation, protocol, found[1])


def _queue_from_path(operation: Operation, message: Message, params: Params) -> None:
    """Query requests may be sent to the queue's URL instead of naming it.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html
    """
    shape = operation.input
    if shape is not None and "QueueUrl" in shape.members and QUEUE_PATH.match(message.raw_path):
        params["QueueUrl"] = f"http://{message.header('host') or 'localhost'}{message.raw_path.rstrip('/')}"
