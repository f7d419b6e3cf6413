"""Whatever a client sends is read or refused; nothing else comes out."""

from __future__ import annotations

import contextlib
import json
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from dayfly.front.messages import Request
from dayfly.wire import calls, locate
from dayfly.wire.operations import Service
from dayfly.wire.refusals import Rejected

SQS, SNS, LAMBDA = Service.load("sqs"), Service.load("sns"), Service.load("lambda")
NAMES = st.sampled_from(["QueueUrl", "MessageBody", "DelaySeconds", "MessageAttributes", "Entries", "DataType", "Id"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=4),
    max_leaves=12,
)
FORM_NAMES = st.lists(
    st.sampled_from(["QueueUrl", "MessageAttribute", "SendMessageBatchRequestEntry", "1", "x", "", "Name", "Value",
                     "DataType", "Attributes", "entry", "key", "member", "Id", "9" * 5000]),
    min_size=1, max_size=5,
).map(".".join)  # fmt: skip


def read_or_refused(service: Service, request: Request) -> None:
    with contextlib.suppress(Rejected):
        assert isinstance(calls.find(service, request, calls.protocol_of(service, request)).read(request), dict)


@given(
    st.sampled_from(["SendMessage", "SendMessageBatch", "CreateQueue"]),
    VALUES.map(json.dumps).map(str.encode) | st.binary(),
)
def test_any_json(operation, body):
    read_or_refused(SQS, Request("POST", "/", [("X-Amz-Target", f"AmazonSQS.{operation}")], body))


@given(
    st.sampled_from(["SendMessage", "SendMessageBatch", "CreateTopic", "Subscribe", "SetQueueAttributes"]),
    st.lists(st.tuples(FORM_NAMES, st.text()), max_size=6),
)
def test_any_form(operation, pairs):
    body = urlencode([("Action", operation), *pairs], errors="replace").encode()
    for service in (SQS, SNS):
        read_or_refused(service, Request("POST", "/", [], body))


@given(st.binary())
def test_any_bytes_as_a_form(body):
    request = Request("POST", "/", [("Content-Type", "application/x-www-form-urlencoded")], body)
    locate.service_of(request, locate.credential(request))
    read_or_refused(SNS, request)


@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    st.sampled_from(
        ["/2015-03-31/functions", "/2015-03-31/functions/f/configuration", "/2015-03-31/functions/f/code", ""]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126)),
    st.binary() | VALUES.map(json.dumps).map(str.encode),
)
def test_any_rest_request(method, path, rest, body):
    read_or_refused(LAMBDA, Request(method, path + rest, [("X-Amz-Invocation-Type", rest)], body))


@given(st.text(), st.text())
def test_any_credentials(authorization, query):
    request = Request("GET", f"/?X-Amz-Credential={query}", [("Authorization", authorization)])
    locate.service_of(request, locate.credential(request))
