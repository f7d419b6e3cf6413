"""Whatever arrives at the port gets an answer that fits, and the platform goes on."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import write

from dayfly.testing import Served, serve

APPLICATION = {
    "serverless.yml": """
service: bad
provider:
  name: aws
  runtime: python3.12
functions:
  echo:
    handler: code.echo
    url: true
    events:
      - httpApi: ANY /{proxy+}
      - http: ANY /{proxy+}
""",
    "code.py": "def echo(event, context):\n    return {'statusCode': 200, 'body': event.get('body') or ''}\n",
}


class Port:
    """A port, and what was logged as a fault of dayfly's own while it was used."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.faults: list[str] = []

    def send(self, data: bytes, port: int | None = None, *, ends: bool = True, may_wait: bool = False) -> bytes:
        """Everything answered to these bytes; `ends`: nothing more will come, as far as the server is told.

        `may_wait`: the bytes may announce more than there is, for which the server rightly waits.
        """
        address = ("127.0.0.1", port or self.served.platform.port)
        with socket.create_connection(address, timeout=2 if may_wait else 20) as connection:
            try:
                connection.sendall(data)
                if ends:
                    # Not a half close, which dayfly takes for a client that is gone: one more request, then the end.
                    connection.sendall(b"GET /_dayfly/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:
                return b""
            except TimeoutError:
                if may_wait:
                    return b""
                raise

    def goes_on(self) -> None:
        asked = b"GET /_dayfly/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert b" 200 OK\r\n" in self.send(asked, ends=False)
        assert not self.faults, self.faults


class _Faults(logging.Handler):
    def __init__(self, port: Port) -> None:
        super().__init__(logging.ERROR)
        self._port = port

    def emit(self, record: logging.LogRecord) -> None:
        reason = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self._port.faults.append(record.getMessage() + reason)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Port]:
    with serve(application=write(tmp_path_factory.mktemp("bad"), APPLICATION)) as served:
        served.client("sqs").create_queue(QueueName="q")
        made = Port(served)
        handler = _Faults(made)
        logging.getLogger().addHandler(handler)
        yield made
        logging.getLogger().removeHandler(handler)


SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0\r\n"  # noqa: E501
JSON = "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{}\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def post(headers: str, body: bytes, path: str = "/", method: str = "POST") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


CASES: dict[str, tuple[bytes, bytes, bytes]] = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", b" 400 ", b""),
    "no version": (b"GET /_dayfly/health\r\n\r\n", b" 200 ", b""),
    "a line without colon": (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", b" 400 ", b""),
    "a length that is no number": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n", b" 400 ", b""),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b" 400 ", b""),
    "a negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b" 400 ", b""),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b" 400 ",
        b"",
    ),
    "a chunk of a strange size": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", b" 400 ", b""),
    "huge headers": (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n", b" 431 ", b""),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 60_000 + b"\r\n", b" 431 ", b""),
    "a huge target": (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n", b" 431 ", b""),
    "a body above the limit": (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b" 413 ", b""),
    "NUL in a header": (b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", b" 400 ", b""),
    "JSON cut off": (post(JSON.format("SendMessage"), b'{"QueueUrl": "'), b" 400 ", b"SerializationException"),
    "JSON of another kind": (post(JSON.format("SendMessage"), b"[1]"), b" 400 ", b"SerializationException"),
    "JSON with invalid UTF-8": (
        post(JSON.format("SendMessage"), b'{"QueueUrl": "\xff\xfe"}'),
        b" 400 ",
        b"SerializationException",
    ),
    "JSON with a lone surrogate": (
        post(JSON.format("SendMessage"), b'{"QueueUrl": "http://x/000000000000/q", "MessageBody": "\\ud800"}'),
        b" 400 ",
        b"",
    ),
    "JSON with a NUL": (
        post(JSON.format("SendMessage"), b'{"QueueUrl": "http://x/000000000000/q", "MessageBody": "a\\u0000"}'),
        b" 400 ",
        b"",
    ),
    "JSON nested too deep": (post(JSON.format("SendMessage"), b"[" * 100_000), b" 400 ", b""),
    "a huge number": (
        post(JSON.format("ReceiveMessage"), b'{"QueueUrl": "http://x/000000000000/q", "MaxNumberOfMessages": 1e999}'),
        b" 400 ",
        b"",
    ),
    "an unknown operation in JSON": (post(JSON.format("Dance"), b"{}"), b" 400 ", b"UnknownOperationException"),
    "no operation": (
        post(SIGNED.format("sqs") + "Content-Type: application/x-amz-json-1.0\r\n", b"{}"),
        b" 400 ",
        b"MissingAction",
    ),
    "an unknown action": (
        post(SIGNED.format("sns") + FORM, b"Action=Dance&Version=2010-03-31"),
        b" 400 ",
        b"<Code>InvalidAction</Code>",
    ),
    "no action": (post(SIGNED.format("sns") + FORM, b"=&&&=%zz"), b" 400 ", b"<Code>MissingAction</Code>"),
    "a form that is no text": (
        post(SIGNED.format("sns") + FORM, b"\xff=&&&"),
        b" 400 ",
        b"<Code>MalformedInput</Code>",
    ),
    "a form with invalid UTF-8": (
        post(SIGNED.format("sns") + FORM, b"Action=CreateTopic&Version=2010-03-31&Name=%ff%00"),
        b" 400 ",
        b"InvalidParameter",
    ),
    "an unknown operation by path": (post("", b"{}", "/2015-03-31/functions/a/dances"), b" 404 ", b""),
    "JSON cut off for a path": (
        post("", b'{"FunctionName":', "/2015-03-31/functions"),
        b" 400 ",
        b"SerializationException",
    ),
    "a payload that is not JSON": (
        post("", b"\xff\0", "/2015-03-31/functions/bad-dev-echo/invocations"),
        b" 400 ",
        b"InvalidRequestContentException",
    ),
    "a payload with invalid UTF-8": (
        post("", b'"\xff"', "/2015-03-31/functions/bad-dev-echo/invocations"),
        b" 400 ",
        b"InvalidRequestContentException",
    ),
    "a payload nested too deep": (
        post("", b"[" * 100_000, "/2015-03-31/functions/bad-dev-echo/invocations"),
        b" 400 ",
        b"InvalidRequestContentException",
    ),
    "a path that is no path": (post("", b"", "/%zz%00%ff/../..//"), b" 501 ", b"dayfly does not serve"),
    "a control call that is not JSON": (post("", b"\xff", "/_dayfly/tick"), b" 400 ", b"the body must be"),
    "an unknown service": (post(SIGNED.format("nonsense"), b"{}"), b" 501 ", b"dayfly does not serve"),
    "a broken Authorization": (post("Authorization: AWS4-HMAC-SHA256 Credential=\r\n", b"{}"), b" 501 ", b""),
    "a broken date": (post(JSON.format("ListQueues") + "X-Amz-Date: never\r\n", b"{}"), b" 200 ", b""),
    "the wrong content type": (
        post(SIGNED.format("sqs") + "Content-Type: text/xml\r\n", b"<a/>"),
        b" 400 ",
        b"",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_bad_input_gets_an_answer_that_says_so(kind: str, port: Port) -> None:
    data, status, words = CASES[kind]
    answer = port.send(data)
    first = answer.partition(b"\r\n")[0]
    assert first.startswith(b"HTTP/1.1 "), answer[:200]
    assert status in first, answer[:600]
    assert b" 500 " not in first, answer[:600]
    assert words in answer, answer[:600]
    port.goes_on()


def test_what_comes_behind_the_last_request_of_a_connection_is_not_waited_for(port: Port) -> None:
    last = b"GET /_dayfly/health HTTP/1.1\r\nConnection: close\r\n\r\n"
    answer = port.send(last + last)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b" 200 OK" in answer


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab",
        b"GET / HT",
        b"",
    ],
    ids=["chunk", "body", "head", "nothing"],
)
def test_a_request_that_is_cut_off_harms_nobody(data: bytes, port: Port) -> None:
    with socket.create_connection(("127.0.0.1", port.served.platform.port)) as connection:
        connection.sendall(data)
    port.goes_on()


def mutated(sample: bytes, places: list[tuple[int, int]]) -> bytes:
    changed = bytearray(sample)
    for place, value in places:
        changed[place % len(changed)] = value
    return bytes(changed)


SAMPLES = [
    post(JSON.format("SendMessage"), b'{"QueueUrl": "http://x/000000000000/q", "MessageBody": "a"}'),
    post(JSON.format("ReceiveMessage"), b'{"QueueUrl": "http://x/000000000000/q", "MaxNumberOfMessages": 1}'),
    post(JSON.format("CreateQueue"), b'{"QueueName": "r", "Attributes": {"DelaySeconds": "1"}}'),
    post(SIGNED.format("sns") + FORM, b"Action=CreateTopic&Version=2010-03-31&Name=a&Attributes.entry.1.key=b"),
    post(SIGNED.format("sqs") + FORM, b"Action=SendMessage&Version=2012-11-05&MessageBody=a", "/000000000000/q"),
    post(SIGNED.format("ses") + FORM, b"Action=SendRawEmail&Version=2010-12-01&RawMessage.Data=YQ%3D%3D&Source=a%40b"),
    post(SIGNED.format("lambda"), b'{"FunctionName": "a", "Code": {"ZipFile": "UEs="}}', "/2015-03-31/functions"),
    post(SIGNED.format("apigateway"), b'{"name": "a"}', "/restapis"),
    post(SIGNED.format("apigateway"), b'{"name": "a", "protocolType": "HTTP"}', "/v2/apis"),
    post(
        SIGNED.format("events") + "X-Amz-Target: AWSEvents.PutEvents\r\n", b'{"Entries": [{"Detail": "{}", "Time": 1}]}'
    ),
    post(SIGNED.format("logs") + "X-Amz-Target: Logs_20140328.FilterLogEvents\r\n", b'{"logGroupName": "a"}'),
    post("", b"body", "/_aws/lambda-url/abc/x?y=z"),
    post("", b'{"function": "echo"}', "/_dayfly/tick"),
]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sample=st.sampled_from(SAMPLES),
    places=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
)
def test_requests_with_wrong_bytes_are_answered_without_a_fault(
    port: Port, sample: bytes, places: list[tuple[int, int]]
) -> None:
    answer = port.send(mutated(sample, places), may_wait=True)
    assert b"HTTP/1.1 500" not in answer, answer[:600]
    assert not port.faults, port.faults


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=200), body=st.binary(max_size=100))
def test_any_bytes_at_all_are_survived_by_every_port(port: Port, data: bytes, body: bytes) -> None:
    ports = port.served.platform.ports
    for number in (port.served.platform.port, ports["http"], ports["websocket"], ports["lambda"]):
        port.send(data, number, may_wait=True)
        answer = port.send(post("X: " + data.hex() + "\r\n", body, "/dev/any"), number)
        assert b"HTTP/1.1 500" not in answer, answer[:600]
    assert not port.faults, port.faults
