"""AWS's own protocol cases against our readers and writers."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import canonicalize

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
from dayfly.wire.codecs import Answer
from dayfly.wire.faults import WireError, write_error
from dayfly.wire.operations import Codec, Operation, Service

PARSERS = {"query": QueryParser, "json": JSONParser, "rest-json": RestJSONParser, "rest-xml": RestXMLParser}

NOT_OURS = {
    "ec2": "EC2's own dialect of query; dayfly serves no EC2 API",
    "smithy-rpc-v2-cbor": "no service of dayfly's speaks CBOR only; those that offer it offer JSON too",
}
GZIP = "the case asserts the Content-Encoding header alone; it gives no body to read"
BY_BOTOCORE = "botocore reads and writes this otherwise itself (its own list of ignored cases)"
EXCLUDED_INPUT = {
    **dict.fromkeys(
        (
            "json:SDKAppliedContentEncoding_awsJson1_1",
            "json:SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1",
            "json_1_0:SDKAppliedContentEncoding_awsJson1_0",
            "json_1_0:SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0",
            "query:SDKAppliedContentEncoding_awsQuery",
            "query:SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery",
            "rest-json:SDKAppliedContentEncoding_restJson1",
            "rest-json:SDKAppendedGzipAfterProvidedEncoding_restJson1",
            "rest-xml:SDKAppliedContentEncoding_restXml",
            "rest-xml:SDKAppendedGzipAfterProvidedEncoding_restXml",
        ),
        GZIP,
    ),
    "rest-json:RestJsonHostWithPath": "the client's endpoint has a path of its own there, which is no part of the API",
    "rest-json:RestJsonHttpWithEmptyStructurePayload": "no structure and an empty one are both sent as {}",
    "rest-json:RestJsonHttpWithHeadersButNoPayload": "no structure and an empty one are both sent as {}",
}
"""Cases that are not run, with the reason; each is shown as skipped."""
COMPARED_AS_SENT = (
    "rest-json:RestJsonInputAndOutputWithQuotedStringHeaders",
    "rest-json:RestJsonInputAndOutputWithTimestampHeaders",
    "rest-xml:InputAndOutputWithTimestampHeaders",
    "rest-xml:BodyWithXmlName",
)
"""Answers that botocore cannot read back: they are compared with the case's own message."""
EMPTY_INPUT = {
    "query:QueryEmptyQueryMaps": ("MapArg",),
    "rest-json:RestJsonHttpPrefixHeadersAreNotPresent": ("fooMap",),
    "rest-json:RestJsonNullAndEmptyHeaders": ("b", "c"),
    "rest-json:RestJsonOmitsEmptyListQueryValues": None,
    "rest-xml:HttpPrefixHeadersAreNotPresent": ("fooMap",),
    "rest-xml:NullAndEmptyHeaders": ("b", "c"),
}
"""Members that the client gives and does not send, because they are empty: they are not expected back (None: all)."""
EXCLUDED_OUTPUT = {
    "query:QueryXmlLists": BY_BOTOCORE,
    "rest-xml:XmlLists": BY_BOTOCORE,
    "rest-json:RestJsonHttpPayloadTraitsWithNoBlobBody": "botocore makes an absent blob an empty one",
    "rest-xml:HttpPayloadTraitsWithNoBlobBody": "botocore makes an absent blob an empty one",
    "rest-json:RestJsonHttpPayloadWithUnsetUnion": "botocore cannot read an absent union",
    "rest-xml:RestXmlHttpPayloadWithUnsetUnion": "botocore cannot read an absent union",
}

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


def test_every_protocol_is_run_or_excluded_with_a_reason() -> None:
    found = {case.protocol for direction in ("input", "output") for case in cases.load(direction)}
    assert found == {*cases.PROTOCOLS, *NOT_OURS}
    assert EXCLUDED_INPUT.keys() | EMPTY_INPUT.keys() <= {case.id for case in INPUT}
    assert EXCLUDED_OUTPUT.keys() | set(COMPARED_AS_SENT) <= {case.id for case in OUTPUT}


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
    expected = dict(case.case["params"])
    for name in EMPTY_INPUT.get(case.id, ()) or (list(expected) if case.id in EMPTY_INPUT else ()):
        assert expected.pop(name) in ("", [], {})
    assert operation.input is not None or not expected
    members = operation.input.members if operation.input is not None else {}
    named = {member.wire_name for member in members.values() if member.location == "querystring"}
    for name, member in members.items():
        if member.location == "querystring" and member.kind == "map" and name in expected:
            # A map of all parameters may repeat those that members name; we give each once, under its member.
            expected[name] = {key: item for key, item in expected[name].items() if key not in named}
            expected = {key: item for key, item in expected.items() if item != {}}
        if member.traits.get("idempotencyToken"):
            expected.setdefault(name, IDEMPOTENCY_TOKEN)  # the client makes one up
        if member.json_value and isinstance(expected.get(name), str):
            expected[name] = json.loads(expected[name])  # the case gives the value as the JSON that it is sent as
    return expected


IDEMPOTENCY_TOKEN = "00000000-0000-4000-8000-000000000000"


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
    if case.id in COMPARED_AS_SENT:
        expected = case.case["response"]
        assert {key: dict(answer.headers).get(key) for key in expected["headers"]} == expected["headers"]
        if expected.get("body"):
            assert canonicalize(answer.body, strip_text=True) == canonicalize(expected["body"], strip_text=True)
        return
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


COMMON_HEADERS = ("x-amzn-RequestId", "Content-Type")


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
        # Without those that every answer has and no case expects: one case gathers all headers there are.
        "headers": HeadersDict({key: value for key, value in answer.headers if key not in COMMON_HEADERS or stream}),
        "body": RawStream(answer.body) if stream else answer.body,  # type: ignore[arg-type]
        "context": {"operation_name": name},
    }
    parsed: dict[str, Any] = parser.parse(response, shape)
    for key, value in parsed.items():
        if isinstance(value, EventStream):
            parsed[key] = list(value)
    return parsed
