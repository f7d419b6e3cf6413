"""The whole life of a request, with real SDK clients in front."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from in_process import Answered, client

from dayfly.api import Fault, Refused
from dayfly.api.registry import Registry
from dayfly.clock import ManualClock
from dayfly.errors import Error, Unavailable, Unsupported
from dayfly.front.messages import Request
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds

ME = Caller(scope=Scope("111111111111", "eu-west-1"))


class NoQueue(Error):
    """The specified queue does not exist."""


class Sqs:
    service = "sqs"
    FAULTS = {NoQueue: Fault("QueueDoesNotExist")}

    def __init__(self) -> None:
        self.calls: list[tuple[Caller, dict[str, Any]]] = []

    async def send_message(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((caller, params))
        return {"MessageId": "m-1", "MD5OfMessageBody": "5d41402abc4b2a76b9719d911017c592"}

    async def get_queue_url(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise NoQueue

    async def get_queue_attributes(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((caller, params))
        return {"Attributes": {"DelaySeconds": "5"}}

    async def create_queue(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError

    async def delete_queue(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise Unavailable("The disk is full")

    async def purge_queue(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise Unsupported("dayfly cannot purge yet")

    async def list_queues(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"QueueUrl": "a slip of the pen"}


class Lambda:
    service = "lambda"
    FAULTS: dict[type[Error], Fault] = {}

    async def invoke(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"StatusCode": 200, "Payload": params["Payload"].upper(), "ExecutedVersion": "$LATEST"}

    async def get_function(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise Refused("ResourceNotFoundException", f"Function not found: {params['FunctionName']}")

    async def invoke_with_response_stream(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        async def events() -> AsyncIterator[dict[str, Any]]:
            yield {"PayloadChunk": {"Payload": b"one "}}
            yield {"PayloadChunk": {"Payload": b"two"}}
            yield {"InvokeComplete": {}}

        return {"StatusCode": 200, "EventStream": events()}


class Sns:
    service = "sns"
    FAULTS: dict[type[Error], Fault] = {}

    async def create_topic(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"TopicArn": caller.scope.arn("sns", params["Name"])}

    async def publish(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        raise Refused("NotFoundException", "Topic does not exist")


class Connections:
    service = "apigatewaymanagementapi"
    FAULTS: dict[type[Error], Fault] = {}

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []

    async def post_to_connection(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self.posted.append(params)
        return {}


@pytest.fixture
def parts(tmp_path) -> dict[str, Any]:
    return {"sqs": Sqs(), "lambda": Lambda(), "sns": Sns(), "apigatewaymanagementapi": Connections()}


@pytest.fixture
def registry(parts, tmp_path) -> Registry:
    counted: list[tuple[str, str, str]] = []
    made = Registry(
        {name: lambda part=part: part for name, part in parts.items()},
        clock=ManualClock(),
        ids=SeededIds(),
        on_request=lambda caller, *said: counted.append((caller.scope.account, *said[:2])),
    )
    made.counted = counted  # type: ignore[attr-defined]
    return made


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_message_is_sent_in_json_and_the_key_says_the_account(registry, parts):
    seen = Answered()
    sqs = client(registry, "sqs", key="123456789012", seen=seen)
    sent = sqs.send_message(
        QueueUrl="http://127.0.0.1:4566/123456789012/jobs",
        MessageBody="hello",
        MessageAttributes={"n": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
    )
    assert sent["MessageId"] == "m-1"
    caller, params = parts["sqs"].calls[0]
    assert caller.scope == Scope("123456789012", "eu-west-1")
    assert caller.request_id == seen.headers["x-amzn-RequestId"] == sent["ResponseMetadata"]["RequestId"]
    assert params["MessageAttributes"] == {"n": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    assert registry.counted == [("123456789012", "sqs", "SendMessage")]


def test_a_key_that_is_no_account_means_the_default_account(registry, parts):
    client(registry, "sqs", key="AKIAIOSFODNN7EXAMPLE").send_message(QueueUrl="http://q", MessageBody="x")
    assert parts["sqs"].calls[0][0].scope.account == "000000000000"


def test_a_missing_parameter_of_sqs_is_said_in_its_words(registry):
    sqs = client(registry, "sqs")
    sqs.meta.service_model.operation_model("SendMessage").input_shape.required_members.clear()
    with pytest.raises(ClientError) as error:
        sqs.send_message(MessageBody="x")
    assert code_of(error) == ("MissingParameter", 400)
    assert "The request must contain the parameter QueueUrl." in str(error.value)


def test_an_error_of_sqs_has_its_old_code_in_a_header(registry):
    seen = Answered()
    with pytest.raises(ClientError) as error:
        client(registry, "sqs", seen=seen).get_queue_url(QueueName="none")
    assert code_of(error) == ("AWS.SimpleQueueService.NonExistentQueue", 400)
    assert seen.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"


async def form(registry: Registry, body: str, path: str = "/", method: str = "POST") -> tuple[int, str]:
    headers = [("Host", "127.0.0.1:4566"), ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
    response = await registry.answer(Request(method, path, headers, body.encode()))
    assert response is not None
    assert isinstance(response.body, bytes)
    return response.status, response.body.decode()


async def test_an_old_client_speaks_query_to_sqs(registry, parts):
    status, body = await form(
        registry,
        "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fh%2F123456789012%2Fq&MessageBody=a%26b"
        "&MessageAttribute.1.Name=k&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v",
    )
    assert status == 200
    assert "<SendMessageResponse" in body
    assert "<SendMessageResult><MessageId>m-1</MessageId>" in body
    assert parts["sqs"].calls[0][1] == {
        "QueueUrl": "http://h/123456789012/q",
        "MessageBody": "a&b",
        "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}},
    }


async def test_a_form_sent_to_a_queues_url_needs_neither_version_nor_queue(registry, parts):
    status, body = await form(registry, "Action=GetQueueAttributes&AttributeName.1=All", "/123456789012/jobs")
    assert status == 200
    assert "<Attribute><Name>DelaySeconds</Name><Value>5</Value></Attribute>" in body
    assert parts["sqs"].calls[0][1] == {
        "QueueUrl": "http://127.0.0.1:4566/123456789012/jobs",
        "AttributeNames": ["All"],
    }


async def test_a_query_may_be_a_get(registry, parts):
    status, _ = await form(registry, "", "/123456789012/jobs?Action=SendMessage&MessageBody=hi+there", "GET")
    assert status == 200
    assert parts["sqs"].calls[0][1]["MessageBody"] == "hi there"


async def test_an_error_in_the_query_protocol_is_xml_with_the_wire_code(registry):
    status, body = await form(registry, "Action=GetQueueUrl&Version=2012-11-05&QueueName=none")
    assert status == 400
    assert "<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in body


async def test_an_unknown_action_is_invalid(registry):
    status, body = await form(registry, "Action=Dance&Version=2012-11-05")
    assert (status, "<Code>InvalidAction</Code>" in body) == (400, True)


def test_what_has_no_handler_is_named(registry):
    with pytest.raises(ClientError) as error:
        client(registry, "sqs").start_message_move_task(SourceArn="arn:aws:sqs:eu-west-1:000000000000:dead")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "dayfly does not support sqs:StartMessageMoveTask yet" in str(error.value)


def test_an_unexpected_exception_is_logged_and_the_next_request_is_answered(registry, caplog):
    sqs = client(registry, "sqs")
    with pytest.raises(ClientError) as error:
        sqs.create_queue(QueueName="boom")
    assert code_of(error) == ("InternalFailure", 500)
    assert "ZeroDivisionError" in caplog.text
    assert sqs.send_message(QueueUrl="http://q", MessageBody="x")["MessageId"] == "m-1"


def test_an_answer_outside_the_model_is_a_fault_of_ours(registry, caplog):
    with pytest.raises(ClientError) as error:
        client(registry, "sqs").list_queues()
    assert code_of(error) == ("InternalFailure", 500)
    assert "ListQueuesResult has no member 'QueueUrl'" in caplog.text


def test_unavailable_is_503_and_unsupported_501(registry):
    sqs = client(registry, "sqs")
    with pytest.raises(ClientError) as error:
        sqs.delete_queue(QueueUrl="http://q")
    assert code_of(error) == ("ServiceUnavailable", 503)
    with pytest.raises(ClientError) as error:
        sqs.purge_queue(QueueUrl="http://q")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


async def json_request(registry: Registry, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
    headers = [("Host", "h"), ("X-Amz-Target", target), ("Content-Type", "application/x-amz-json-1.0")]
    response = await registry.answer(Request("POST", "/", headers, body))
    assert response is not None
    return response.status, json.loads(response.body)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"{", b'"text"', b"\xff", b'{"MessageBody": 1}', b'{"MessageAttributes": []}'])
async def test_bad_json_is_a_serialization_exception(registry, body):
    status, answer = await json_request(registry, "AmazonSQS.SendMessage", body)
    assert status == 400
    assert answer["__type"].endswith("SerializationException")
    assert answer["message"]


async def test_an_unknown_operation_is_said(registry):
    status, answer = await json_request(registry, "AmazonSQS.Dance", b"{}")
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "UnknownOperationException")


def test_a_function_is_invoked_with_bytes(registry):
    answer = client(registry, "lambda").invoke(FunctionName="shout", Payload=b'"hi"')
    assert answer["Payload"].read() == b'"HI"'
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"


def test_a_streamed_answer_is_framed_as_events(registry):
    answer = client(registry, "lambda").invoke_with_response_stream(FunctionName="stream")
    events = list(answer["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event) == b"one two"
    assert "InvokeComplete" in events[-1]


def test_a_modelled_error_has_its_status_and_its_type_in_a_header(registry):
    seen = Answered()
    functions = client(registry, "lambda", seen=seen)
    with pytest.raises(functions.exceptions.ResourceNotFoundException) as error:
        functions.get_function(FunctionName="none")
    assert code_of(error) == ("ResourceNotFoundException", 404)
    assert error.value.response["Type"] == "User"
    assert seen.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"


def test_a_constraint_of_the_model_is_said_in_awss_words(registry):
    functions = client(registry, "lambda")
    functions.meta.service_model.operation_model("CreateFunction")
    with pytest.raises(ClientError) as error:
        functions.get_function(FunctionName="not a name")
    assert code_of(error) == ("ValidationException", 400)
    assert "1 validation error detected: Value 'not a name' at 'functionName' failed to satisfy constraint: " in str(
        error.value
    )


def test_a_query_service_answers_xml(registry):
    sns = client(registry, "sns", key="222222222222")
    assert sns.create_topic(Name="news")["TopicArn"] == "arn:aws:sns:eu-west-1:222222222222:news"
    with pytest.raises(sns.exceptions.NotFoundException) as error:
        sns.publish(TopicArn="arn:aws:sns:eu-west-1:222222222222:none", Message="x")
    assert code_of(error) == ("NotFound", 404)


@pytest.mark.parametrize("prefix", ["", "/dev", "/_aws/execute-api/a1b2c3/dev"])
def test_a_connection_is_found_behind_any_stage(registry, parts, prefix):
    api = client(registry, "apigatewaymanagementapi", endpoint=f"http://127.0.0.1:3001{prefix}")
    api.post_to_connection(ConnectionId="L0SM9cOFvHcCIhw=", Data=b"hello")
    assert parts["apigatewaymanagementapi"].posted == [{"ConnectionId": "L0SM9cOFvHcCIhw=", "Data": b"hello"}]


async def test_requests_for_other_services_are_not_answered_here(registry):
    assert await registry.answer(Request("GET", "/", [("Host", "127.0.0.1:4566")])) is None
    headers = [("Host", "h"), ("X-Amz-Target", "DynamoDB_20120810.ListTables")]
    assert await registry.answer(Request("POST", "/", headers, b"{}")) is None


async def test_a_call_from_within_is_checked_and_brought_into_the_models_types(registry, parts):
    answer = await registry.call(
        ME, "sqs", "SendMessage", {"QueueUrl": "http://q", "MessageBody": 5, "DelaySeconds": "3"}
    )
    assert answer["MessageId"] == "m-1"
    assert parts["sqs"].calls[0] == (ME, {"QueueUrl": "http://q", "MessageBody": "5", "DelaySeconds": 3})
    with pytest.raises(Refused) as refused:
        await registry.call(ME, "sqs", "SendMessage", {"QueueUrl": "http://q"})
    assert refused.value.code == "MissingParameter"
    with pytest.raises(Refused) as refused:
        await registry.call(ME, "sqs", "SendMessage", {"QueueURL": "http://q"})
    assert 'Unknown parameter in input: "QueueURL"' in refused.value.message
    with pytest.raises(Refused) as refused:
        await registry.call(ME, "sqs", "GetQueueUrl", {"QueueName": "none"})
    assert refused.value.code == "QueueDoesNotExist"


async def test_a_call_to_a_service_that_is_not_here_goes_to_the_fallback(registry):
    async def fallback(caller, service, operation, params):
        return {"TableNames": [service, operation, params]}

    with pytest.raises(Refused):
        await registry.call(ME, "dynamodb", "ListTables")
    registry.fallback_call = fallback
    assert await registry.call(ME, "dynamodb", "ListTables", {}) == {"TableNames": ["dynamodb", "ListTables", {}]}
