"""AWS's own protocol cases against our readers and writers."""

from __future__ import annotations

import base64
import json
import math
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStream
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import JSONParser, QueryParser, RestJSONParser, RestXMLParser
from botocore.utils import parse_timestamp
from dateutil.tz import tzutc

sys.path.insert(0, str(Path(__file__).parent))
import cases
from cases import Case

from dayfly.front.messages import Request
from dayfly.wire import calls
from dayfly.wire.faults import WireError, write_error
from dayfly.wire.operations import Answer, Codec, Operation, Service

PARSERS = {"query": QueryParser, "json": JSONParser, "rest-json": RestJSONParser, "rest-xml": RestXMLParser}

NOT_OURS = {
    "ec2": "EC2's own dialect of query; dayfly serves no EC2 API",
    "smithy-rpc-v2-cbor": "no service of dayfly's speaks CBOR only; those that offer it offer JSON too",
}
EXCLUDED_INPUT: dict[str, str] = {}
EXCLUDED_OUTPUT: dict[str, str] = {}

if not cases.archive().exists():
    pytest.skip(
        f"AWS's protocol cases are not at {cases.archive()}; `python tests/protocols/cases.py` fetches them",
        allow_module_level=True,
    )

INPUT = [case for case in cases.load("input") if case.protocol in cases.PROTOCOLS]
OUTPUT = [case for case in cases.load("output") if case.protocol in cases.PROTOCOLS]


def service_of(case: Case) -> tuple[Service, Operation]:
    model = case.model()
    model["metadata"].setdefault("protocols", [case.protocol])
    service = Service("protocoltest", model)
    operation = service.operation(service.operation_names[0])
    assert operation is not None
    return service, operation


def request_of(serialized: dict[str, Any]) -> Request:
    body = serialized.get("body", "")
    return Request(
        serialized.get("method", "POST"),
        serialized.get("uri", "/"),
        list(serialized.get("headers", {}).items()),
        body.encode() if isinstance(body, str) else body,
    )


def marked(found: list[Case], excluded: dict[str, str]) -> list[Any]:
    return [
        pytest.param(case, id=case.id, marks=[pytest.mark.skip(excluded[case.id])] if case.id in excluded else [])
        for case in found
    ]


@pytest.mark.parametrize("case", marked(INPUT, EXCLUDED_INPUT))
def test_a_request_is_read(case: Case) -> None:
    service, operation = service_of(case)
    request = request_of(case.case["serialized"])
    codec = operation.codec(case.protocol)
    if case.protocol.startswith("rest"):
        call = calls.find(service, request, case.protocol)
        params = codec.read(request, call.labels)
    else:
        params = codec.read(request, {})
    assert comparable(params) == comparable(expected_params(case, operation))


def expected_params(case: Case, operation: Operation) -> Any:
    return case.case["params"]


def comparable(value: Any) -> Any:
    match value:
        case dict():
            return {key: comparable(item) for key, item in value.items() if item is not None}
        case list():
            return [comparable(item) for item in value]
        case bytes():
            return value.decode()
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


@pytest.mark.parametrize("case", marked(OUTPUT, EXCLUDED_OUTPUT))
async def test_an_answer_is_written(case: Case) -> None:
    service, operation = service_of(case)
    description = case.model()
    model = ServiceModel(description)
    name = next(iter(description["operations"]))
    operation_model = OperationModel(description["operations"][name], model)
    if "error" in case.case:
        error = WireError(
            case.case.get("errorCode", ""), case.case.get("errorMessage", ""), case.case["response"]["status_code"],
            case.case["error"],
        )  # fmt: skip
        answer = write_error(service, case.protocol, error, "request-id")
        parsed = parse(case, answer, operation_model.output_shape, name)
        assert parsed["Error"]["Code"] == error.code
        assert parsed["Error"].get("Message", "") == error.message
        shape = model.shape_for_error_code(error.code)
        members = parse(case, answer, shape, name)
        assert comparable({key: members.get(key) for key in case.case["error"]}) == comparable(case.case["error"])
        return
    result = with_types(case, operation)
    answer = Codec(operation, case.protocol).write(result, "request-id")
    shape = operation_model.output_shape
    if case.protocol == "query" and shape is not None and shape.members:
        shape.serialization["resultWrapper"] = f"{name}Result"
    if not isinstance(answer.body, bytes):
        answer = answer._replace(body=b"".join([chunk async for chunk in answer.body]))
    parsed = parse(case, answer, shape, name)
    parsed.pop("ResponseMetadata", None)
    assert comparable(parsed) == comparable(case.case["result"])


def with_types(case: Case, operation: Operation) -> dict[str, Any]:
    """The case's expected result as a handler would give it: blobs as bytes, special floats as floats."""
    return typed(operation.output, case.case["result"])


def typed(shape: Any, value: Any) -> Any:
    if shape is None:
        return {}
    match shape.kind:
        case "structure" if shape.event_stream:
            return events(shape, value)
        case "structure" if not shape.traits.get("document") and isinstance(value, dict):
            return {key: typed(shape.members[key], item) for key, item in value.items() if key in shape.members}
        case "list" if value is not None:
            return [typed(shape.member, item) for item in value]
        case "map" if value is not None:
            return {key: typed(shape.value, item) for key, item in value.items()}
        case "blob":
            return value.encode()
        case "float" | "double":
            return float(value)
    return value


async def events(shape: Any, found: list[dict[str, Any]]) -> Any:
    for event in found:
        yield {name: typed(shape.members[name], members) for name, members in event.items()}


class RawStream:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self) -> Any:
        yield self.body


def parse(case: Case, answer: Answer, shape: Any, name: str) -> dict[str, Any]:
    parser = PARSERS[case.protocol](
        timestamp_parser=lambda value: parse_timestamp(value).astimezone(tzutc()).timestamp()
    )
    stream = (
        shape is not None
        and getattr(shape, "type_name", "") == "structure"
        and any(member.serialization.get("eventstream") for member in shape.members.values())
    )
    response = {
        "status_code": answer.status,
        "headers": HeadersDict(dict(answer.headers)),
        "body": RawStream(answer.body) if stream else answer.body,  # type: ignore[arg-type]
        "context": {"operation_name": name},
    }
    parsed: dict[str, Any] = parser.parse(response, shape)
    for key, value in parsed.items():
        if isinstance(value, EventStream):
            parsed[key] = list(value)
    return parsed
