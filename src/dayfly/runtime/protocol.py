"""The Lambda Runtime API as a state machine without I/O.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. A runtime polls `next`, then posts a response or an
error for that request id; or posts an initialisation error once. What is not supported names itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from dayfly.runtime import Invoke

_BASE = "/2018-06-01/runtime/"
_UNSUPPORTED = {
    "/2020-01-01/extension": "the Extensions API",
    "/2022-07-01/telemetry": "the Telemetry API",
    "/2020-08-15/logs": "the Logs API",
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime told with a request."""

    kind: Literal["ready", "response", "error", "init error"]
    body: bytes = b""
    content_type: str = "application/json"
    streaming: bool = False


def _refused(status: int, kind: str, message: str) -> Answer:
    body = msgspec.json.encode({"errorMessage": message, "errorType": kind})
    return Answer(status=status, body=body, headers=(("Content-Type", "application/json"),))


_ACCEPTED = Answer(status=202, body=b'{"status":"OK"}', headers=(("Content-Type", "application/json"),))


class RuntimeApi:
    """One environment's conversation. `poll` true means that the runtime waits in `next`."""

    def __init__(self) -> None:
        self.poll = False
        self._ready = False
        self._request_id: str | None = None
        self._event: tuple[Invoke, int] | None = None

    def event(self, invoke: Invoke, deadline_ms: int) -> None:
        """There is an event; the next answer to `next` carries it."""
        assert self._event is None, "one event at a time"
        self._event = (invoke, deadline_ms)

    def next_answer(self) -> Answer | None:
        """The answer to a waiting `next`, or None while there is nothing to give."""
        if not self.poll or self._event is None:
            return None
        (invoke, deadline_ms), self._event, self.poll = self._event, None, False
        self._request_id = invoke.request_id
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invoke.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", invoke.invoked_arn),
        ]
        if invoke.trace_id:
            headers.append(("Lambda-Runtime-Trace-Id", invoke.trace_id))
        if invoke.client_context:
            headers.append(("Lambda-Runtime-Client-Context", invoke.client_context.decode("utf-8", "replace")))
        return Answer(status=200, body=invoke.payload, headers=tuple(headers))

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answer | None, Said | None]:
        """One request of the runtime: its answer (None: `next` waits), and what it told the platform."""
        for prefix, name in _UNSUPPORTED.items():
            if path.startswith(prefix):
                return _refused(501, "NotSupported", f"{name} is not supported by dayfly yet"), None
        if not path.startswith(_BASE):
            return _refused(404, "InvalidRequest", f"unknown path {path}"), None
        match method, path.removeprefix(_BASE).split("/"):
            case "GET", ["invocation", "next"]:
                self.poll = True
                said = None if self._ready else Said(kind="ready")
                self._ready = True
                return self.next_answer(), said
            case "POST", ["init", "error"]:
                return _ACCEPTED, Said(kind="init error", body=_error_body(headers, body))
            case "POST", ["invocation", request_id, ("response" | "error") as kind]:
                if request_id != self._request_id:
                    return _refused(400, "InvalidRequestID", f"Invalid request ID: {request_id}"), None
                self._request_id = None
                if kind == "error":
                    return _ACCEPTED, Said(kind="error", body=_error_body(headers, body))
                streaming = headers.get("lambda-runtime-function-response-mode", "").lower() == "streaming"
                content_type = headers.get("content-type", "application/json")
                return _ACCEPTED, Said(kind="response", body=body, content_type=content_type, streaming=streaming)
            case _:
                return _refused(404, "InvalidRequest", f"unknown path {path}"), None


def _error_body(headers: Mapping[str, str], body: bytes) -> bytes:
    if body:
        return body
    kind = headers.get("lambda-runtime-function-error-type", "Runtime.Unknown")
    return msgspec.json.encode({"errorType": kind, "errorMessage": ""})
