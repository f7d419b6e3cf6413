"""Step Functions' executions: names for those that are given none, and synchronous ones, which moto does not have.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.errors import NOT_JSON
from dayfly.front.messages import Request, Response

OPERATION = "StartSyncExecution"
STARTS = "StartExecution"
_TARGET = "AWSStepFunctions."
_LIMIT_S = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: the duration of an express execution."""
_KEPT = (
    "executionArn",
    "stateMachineArn",
    "name",
    "startDate",
    "stopDate",
    "status",
    "error",
    "cause",
    "input",
    "output",
)
Ask = Callable[[Request], Awaitable[Response]]


def named(request: Request) -> Request:
    """The same start with a name of its own: moto would take a second one without any for the first one's.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    try:
        params = msgspec.json.decode(request.body)
    except NOT_JSON:
        return request  # moto says what is wrong with it
    if not isinstance(params, dict) or params.get("name"):
        return request
    return _changed(request, STARTS, msgspec.json.encode({**params, "name": str(uuid.uuid4())}))


async def start_sync(ask: Ask, clock: Clock, request: Request) -> Response:
    started = await ask(_changed(request, STARTS, request.body))
    if started.status >= 400 or not isinstance(started.body, bytes):
        return started
    wanted = msgspec.json.encode({"executionArn": msgspec.json.decode(started.body)["executionArn"]})
    until_ms, pause_s = clock.now_ms() + _LIMIT_S * 1000, 0.01
    while True:
        answer = await ask(_changed(request, "DescribeExecution", wanted))
        if answer.status >= 400 or not isinstance(answer.body, bytes):
            return answer
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        if found.get("status") != "RUNNING":
            break
        if clock.now_ms() > until_ms:
            found["status"] = "TIMED_OUT"
            break
        await clock.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.2)
    shown = {name: found[name] for name in _KEPT if found.get(name) is not None}
    shown["billingDetails"] = {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64}
    return Response(200, answer.headers, msgspec.json.encode(shown))


def _changed(request: Request, operation: str, body: bytes) -> Request:
    headers = [
        (name, value) for name, value in request.headers if name.lower() not in ("x-amz-target", "content-length")
    ]
    return Request(request.method, request.target, [*headers, ("X-Amz-Target", _TARGET + operation)], body)
