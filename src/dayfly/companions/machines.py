"""Step Functions' synchronous executions, which moto does not have: one that is started, and waited for.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.front.messages import Request, Response

OPERATION = "StartSyncExecution"
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


async def start_sync(ask: Ask, clock: Clock, request: Request) -> Response:
    started = await ask(_changed(request, "StartExecution", request.body))
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
