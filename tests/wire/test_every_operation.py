"""Every operation of every service that dayfly has: what botocore sends is read, what is written botocore reads."""

from __future__ import annotations

import copy
import functools
import io
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from dayfly.front.messages import Request
from dayfly.wire import calls, models
from dayfly.wire.operations import Service

SERVICES = ("sqs", "sns", "ses", "sesv2", "lambda", "apigateway", "apigatewayv2", "apigatewaymanagementapi", "events",
            "scheduler", "logs", "sts", "iam", "cloudformation")  # fmt: skip
MOMENT = 1_700_000_000


@functools.cache
def session() -> Any:
    return botocore.session.get_session()


def example(shape: Any, inside: tuple[str, ...] = ()) -> Any:
    """A value of a shape with every member set, as deep as its first repetition."""
    match shape.type_name:
        case "structure":
            if shape.is_document_type or getattr(shape, "is_tagged_union", False):
                members = list(shape.members.items())[:1]
            else:
                members = list(shape.members.items())
            deeper = (*inside, shape.name)
            return {
                name: value
                for name, member in members
                if member.name not in deeper and (value := example(member, deeper)) is not None
            }
        case "list":
            value = None if shape.member.name in inside else example(shape.member, inside)
            return None if value is None else [value, value]
        case "map":
            value = None if shape.value.name in inside else example(shape.value, inside)
            return None if value is None else {"key one": value, "b": value}
        case "string":
            return {"x": 1} if shape.serialization.get("jsonvalue") else f"ä & <{shape.name}> /é"
        case "blob":
            return b"\x00\xff blob"
        case "boolean":
            return True
        case "timestamp":
            return MOMENT
        case "float" | "double":
            return 1.5
        case _:
            return 7


def in_ascii(shape: Any, value: Any) -> Any:
    """Headers cannot carry every text."""
    return {
        name: "plain"
        if shape.members[name].serialization.get("location") == "header" and isinstance(item, str)
        else item
        for name, item in value.items()
    }


def request_of(serialized: dict[str, Any]) -> Request:
    serialized = copy.deepcopy(serialized)
    prepare_request_dict(serialized, "http://127.0.0.1:4566", context={"client_config": None})
    body = serialized["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    target = "/" + serialized["url"].split("://", 1)[1].partition("/")[2]
    headers = [(str(name), str(value)) for name, value in serialized["headers"].items()]
    return Request(
        serialized["method"], target, headers, body.encode() if isinstance(body, str) else bytes(body or b"")
    )


def plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _ if hasattr(value, "timestamp"):
            return value.timestamp()
        case _ if hasattr(value, "read"):
            return value.read()
    return value


def check_operation(service: Service, model: ServiceModel, name: str, protocol: str) -> None:
    operation_model = model.operation_model(name)
    if operation_model.input_shape is not None and not operation_model.has_event_stream_input:
        sent = in_ascii(operation_model.input_shape, example(operation_model.input_shape))
        serializer = create_serializer(protocol, include_validation=False)
        request = request_of(serializer.serialize_to_request(sent, operation_model))
        call = calls.find(service, request, protocol)
        assert call.operation.name == name
        assert call.operation.codec(protocol).read(request, call.labels) == sent
    if operation_model.output_shape is not None and not operation_model.has_event_stream_output:
        result = in_ascii(operation_model.output_shape, example(operation_model.output_shape))
        operation = service.operation(name)
        assert operation is not None
        answer = operation.codec(protocol).write(result, "the-id")
        parsed = create_parser(protocol).parse(
            {
                "status_code": answer.status if isinstance(answer.status, int) else 200,
                "headers": HeadersDict(dict(answer.headers)),
                "body": io.BytesIO(answer.body) if operation_model.has_streaming_output else answer.body,
                "context": {"operation_name": name},
            },
            operation_model.output_shape,
        )
        metadata = parsed.pop("ResponseMetadata", {})
        assert metadata.get("RequestId") == "the-id"
        status_members = {
            key for key, shape in operation_model.output_shape.members.items()
            if shape.serialization.get("location") == "statusCode"
        }  # fmt: skip
        given = {key: value for key, value in result.items() if key not in status_members}
        assert plain(parsed) == {**given, **dict.fromkeys(status_members, answer.status)}


@pytest.mark.parametrize("service_name", SERVICES)
def test_every_operation_goes_there_and_back(service_name, tmp_path):
    model = session().get_service_model(service_name)
    service = Service.load(service_name, tmp_path)
    for name in model.operation_names:
        check_operation(service, model, name, service.protocol)


def test_every_operation_of_sqs_goes_there_and_back_in_the_query_protocol(tmp_path):
    patched = copy.deepcopy(models.load("sqs", tmp_path))
    patched["metadata"].update(protocol="query", protocols=["query"])
    for shape in patched["shapes"].values():
        for member in shape.get("members", {}).values():
            # What our patch calls a map, botocore's own models say at the member.
            if (name := patched["shapes"][member["shape"]].get("queryName")) is not None:
                member["locationName"] = name
    for name, operation in patched["operations"].items():
        operation["name"] = name
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{name}Result"
    model = ServiceModel(patched, "sqs")
    service = Service.load("sqs", tmp_path)
    for name in model.operation_names:
        check_operation(service, model, name, "query")
