"""What a route leads to: a function, an HTTP backend, a fixed answer or an AWS service.

Time-outs and errors are AWS's: an HTTP API says 503 `Service Unavailable` where a REST API says 504 `Endpoint request
timed out`, and 500 `Internal Server Error` where a REST API says 502 `Internal server error`.
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import msgspec

from dayfly.errors import Error, Unsupported
from dayfly.functions.errors import TooManyRequests
from dayfly.gateways.doors import Ask, Call, Functions, Outcome
from dayfly.gateways.events import event_v1, event_v2
from dayfly.gateways.mapped import Mapped
from dayfly.gateways.mapping import evaluate
from dayfly.gateways.moment import Moment
from dayfly.gateways.outgoing import BackendFailed, fetch
from dayfly.gateways.plan import Step, Target
from dayfly.gateways.responses import Malformed, reply_v1, reply_v2
from dayfly.gateways.traffic import JSON, Headers, Reply, message
from dayfly.identity import Caller

_encode = msgspec.json.Encoder().encode
MAX_BYTES = 10 * 1024 * 1024
_XMLNS = "http://queue.amazonaws.com/doc/2012-11-05/"
# subtype: service, operation, members that are numbers or JSON documents, members that are renamed
_SERVICES: dict[str, tuple[str, str]] = {
    "SQS-SendMessage": ("sqs", "SendMessage"),
    "SQS-ReceiveMessage": ("sqs", "ReceiveMessage"),
    "SQS-DeleteMessage": ("sqs", "DeleteMessage"),
    "SQS-PurgeQueue": ("sqs", "PurgeQueue"),
    "EventBridge-PutEvents": ("events", "PutEvents"),
    "StepFunctions-StartExecution": ("stepfunctions", "StartExecution"),
    "StepFunctions-StopExecution": ("stepfunctions", "StopExecution"),
    "Kinesis-PutRecord": ("kinesis", "PutRecord"),
}
_NUMBERS = frozenset({"DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"})


def failed(moment: Moment, *, gone_wrong: str = "") -> Reply:
    """The integration did not give an answer that can be passed on."""
    if moment.api.kind == "http":
        return message(500, "Internal Server Error")
    return message(502, "Internal server error", error_type=gone_wrong or "InternalServerErrorException")


def timed_out(moment: Moment) -> Reply:
    if moment.api.kind == "http":
        return message(503, "Service Unavailable")
    return message(504, "Endpoint request timed out", error_type="GatewayTimeoutException")


class Integrations:
    def __init__(self, functions: Functions, call: Call, ask: Ask | None = None) -> None:
        self._functions = functions
        self._call = call
        self._loop: asyncio.AbstractEventLoop | None = None
        self.mapped = Mapped(functions, call, ask)

    async def run(self, step: Step, moment: Moment) -> Reply:
        target = step.target
        if len(moment.request.body) > MAX_BYTES:
            rest = moment.api.kind == "rest"
            return message(413, "HTTP content length exceeded 10485760 bytes." if rest else "Request Entity Too Large")
        if target.kind == "function":
            return await self._function(step, target, moment)
        match target.kind:
            case "http":
                return await self._http(target, moment)
            case "mapped":
                return await self.mapped.run(target, moment)
            case "service":
                return await self._service(target, moment)
            case "none":
                return failed(moment)
            case _:
                raise Unsupported(
                    f"{moment.route_key or step.key} needs {target.why}, which dayfly does not support yet"
                )

    async def invoke(self, target: Target, moment: Moment, event: bytes) -> Outcome:
        """Raises TimeoutError at the integration's deadline; the function runs on, as on AWS."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        # What `asyncio.timeout` does, without asking for the running loop (a system call in this Python) and without a
        # task of its own: every request waits here.
        task: asyncio.Task[Any] = asyncio.current_task(loop)  # type: ignore[assignment]
        over = False

        def give_up() -> None:
            nonlocal over
            over = True
            task.cancel()

        timer = loop.call_later(target.timeout_ms / 1000, give_up)
        try:
            return await self._functions.invoke(moment.scope, target.arn, event, source="apigateway")
        except asyncio.CancelledError:
            if over and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    async def _function(self, step: Step, target: Target, moment: Moment) -> Reply:
        http_api = moment.api.kind == "http"
        if target.payload == "2.0" and http_api:
            event = event_v2(moment)
        else:
            event = event_v1(moment, step.resource_id, version=http_api)
        try:
            outcome = await self.invoke(target, moment, _encode(event))
        except TimeoutError:
            return timed_out(moment)
        except TooManyRequests:
            return message(429, "Too Many Requests", error_type="TooManyRequestsException")
        except Error:
            # The function is not there: AWS says no more than that something is wrong behind the gateway.
            return failed(moment)
        if outcome.error is not None:
            return failed(moment)
        try:
            if target.payload == "2.0" and http_api:
                return reply_v2(outcome.payload)
            return reply_v1(outcome.payload, http_api=http_api)
        except Malformed:
            return failed(moment)

    async def _http(self, target: Target, moment: Moment) -> Reply:
        request = moment.request
        url = target.uri
        for name, value in moment.parameters.items():
            url = url.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
        if request.raw_query:
            url += ("&" if "?" in url else "?") + request.raw_query
        headers: Headers = [*request.headers, ("X-Forwarded-For", request.peer)]
        method = request.method if target.method == "ANY" else target.method
        try:
            return await asyncio.wait_for(fetch(method, url, headers, request.body), target.timeout_ms / 1000)
        except TimeoutError:
            return timed_out(moment)
        except BackendFailed:
            return message(503, "Service Unavailable") if moment.api.kind == "http" else failed(moment)

    async def _service(self, target: Target, moment: Moment) -> Reply:
        """A first-class integration.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html
        """
        known = _SERVICES.get(target.service)
        if known is None:
            raise Unsupported(f"the integration subtype {target.service} is not supported yet")
        service, operation = known
        params = {
            name: value
            for name, expression in target.parameters.items()
            if (value := evaluate(expression, moment)) is not None and name != "Region"
        }
        caller = Caller(scope=moment.scope, request_id=moment.request_id, source_ip=moment.request.peer)
        try:
            async with asyncio.timeout(target.timeout_ms / 1000):
                result = await self._call(caller, service, operation, _typed(service, params))
        except TimeoutError:
            return timed_out(moment)
        except Error as error:
            code = getattr(error, "code", type(error).__name__)
            status = getattr(error, "status", None) or 400
            return Reply(status, [JSON], _encode({"__type": code, "message": error.message}))
        if service == "sqs":
            return Reply(200, [("content-type", "text/xml")], sqs_document(operation, result, moment.request_id))
        return Reply(200, [("content-type", "application/x-amz-json-1.1")], _encode(result))


def _typed(service: str, params: dict[str, str]) -> dict[str, Any]:
    """Mapped values are texts: give them the types that the operation takes."""
    typed: dict[str, Any] = dict(params)
    for name in _NUMBERS & typed.keys():
        typed[name] = int(typed[name])
    for name in ("MessageAttributes", "MessageSystemAttributes", "AttributeNames", "MessageAttributeNames"):
        if isinstance(typed.get(name), str):
            typed[name] = msgspec.json.decode(typed[name])
    if service == "events":
        entry = {name: value for name, value in typed.items() if name != "Resources" and name != "TraceHeader"}
        if "Resources" in typed:
            entry["Resources"] = msgspec.json.decode(typed["Resources"])
        return {"Entries": [entry]}
    if service == "stepfunctions":
        return {name[0].lower() + name[1:]: value for name, value in typed.items()}
    if service == "kinesis" and "Data" in typed:
        typed["Data"] = typed["Data"].encode()
    return typed


def sqs_document(operation: str, result: dict[str, Any], request_id: str) -> bytes:
    """SQS's answer in the query protocol, which is what first-class integrations pass on."""
    inner = (
        _xml(result)
        if operation != "ReceiveMessage"
        else "".join(f"<Message>{_xml(received)}</Message>" for received in result.get("Messages") or ())
    )
    body = f"<{operation}Result>{inner}</{operation}Result>" if inner or operation == "ReceiveMessage" else ""
    return (
        f'<?xml version="1.0"?><{operation}Response xmlns="{_XMLNS}">{body}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def _xml(members: dict[str, Any]) -> str:
    texts = []
    for name, value in members.items():
        if isinstance(value, dict):
            single = "Attribute" if name == "Attributes" else "MessageAttribute"
            for key, held in value.items():
                inner = _xml(held) if isinstance(held, dict) else escape(str(held), quote=False)
                texts.append(f"<{single}><Name>{escape(key, quote=False)}</Name><Value>{inner}</Value></{single}>")
        else:
            texts.append(f"<{name}>{escape(str(value), quote=False)}</{name}>")
    return "".join(texts)
