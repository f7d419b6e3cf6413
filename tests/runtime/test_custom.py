"""Custom runtimes over the AWS Runtime API. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

# ruff: noqa: E501 - the code of functions stands in strings
from __future__ import annotations

import json
import sys

import pytest
from runtime_bench import invoke_of

from dayfly.runtime.protocol import RuntimeApi

LOOP = f"""#!{sys._base_executable}
import json, os, sys, urllib.request
BASE = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def post(path, body, **headers):
    return urllib.request.urlopen(urllib.request.Request(BASE + path, body.encode(), headers)).status
MODE = os.environ["MODE"]
if MODE == "init error":
    post("init/error", json.dumps({{"errorType": "Init.Bad", "errorMessage": "cannot"}}))
    sys.exit(1)
while True:
    with urllib.request.urlopen(BASE + "invocation/next") as answer:
        event, headers = json.load(answer), answer.headers
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    print("serving", flush=True)
    if MODE == "error":
        post(f"invocation/{{request_id}}/error", json.dumps({{"errorType": "My.Error", "errorMessage": "no"}}))
    elif MODE == "exit":
        os._exit(4)
    else:
        body = {{"event": event, "arn": headers["Lambda-Runtime-Invoked-Function-Arn"], "deadline": int(headers["Lambda-Runtime-Deadline-Ms"]), "cwd": os.getcwd()}}
        post(f"invocation/{{request_id}}/response", json.dumps(body))
"""


def custom(bench, mode):
    return bench.spec({"bootstrap": LOOP}, family="provided", environment={"MODE": mode}, timeout_ms=10_000)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_bootstrap_serves_events(bench):
    spec = custom(bench, "echo")
    for number in range(3):
        finished = await bench.pool.invoke(spec, invoke_of(number))
        document = json.loads(finished.payload)
        assert (document["event"], finished.cold, finished.error) == (number, number == 0, None)
        assert document["arn"].endswith(":function:demo")
        assert "serving" in finished.log


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("mode", "kind"), [("error", "My.Error"), ("init error", "Init.Bad"), ("exit", "Runtime.ExitError")]
)
async def test_errors_of_a_bootstrap_are_answers(bench, mode, kind):
    finished = await bench.pool.invoke(custom(bench, mode), invoke_of())
    assert (finished.error, json.loads(finished.payload)["errorType"]) == ("Unhandled", kind)


@pytest.mark.asyncio(loop_scope="module")
async def test_code_without_bootstrap_says_so(bench):
    finished = await bench.run({"other": ""}, family="provided")
    assert json.loads(finished.payload)["errorType"] == "Runtime.ExitError"
    assert any("Couldn't find valid bootstrap(s)" in line for line in finished.log)


def test_next_waits_until_there_is_an_event():
    api = RuntimeApi()
    answer, said = api.request("GET", "/2018-06-01/runtime/invocation/next", {}, b"")
    assert answer is None
    assert said is not None
    assert said.kind == "ready"
    invoke = invoke_of({"a": 1}, trace_id="Root=1", client_context=b"{}")
    api.event(invoke, 12345)
    given = api.next_answer()
    assert given is not None
    assert given.body == b'{"a": 1}'
    assert dict(given.headers)["Lambda-Runtime-Deadline-Ms"] == "12345"
    assert dict(given.headers)["Lambda-Runtime-Trace-Id"] == "Root=1"
    assert api.next_answer() is None


def test_an_answer_for_another_request_is_refused():
    answer, said = RuntimeApi().request("POST", "/2018-06-01/runtime/invocation/other/response", {}, b"1")
    assert said is None
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["errorType"]) == (400, "InvalidRequestID")


def test_what_is_not_supported_names_itself():
    answer, _ = RuntimeApi().request("POST", "/2020-01-01/extension/register", {}, b"")
    assert answer is not None
    assert answer.status == 501
    assert b"Extensions API" in answer.body
