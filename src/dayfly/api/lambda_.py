"""AWS Lambda: invoking. The other operations are in `lambda_functions`, `lambda_layers` and `lambda_access`.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

import msgspec

from dayfly.api import Api, Fault, Params
from dayfly.api.lambda_access import LambdaAccess
from dayfly.api.lambda_functions import LambdaFunctions
from dayfly.api.lambda_layers import LambdaLayers
from dayfly.clock import Clock
from dayfly.errors import NOT_JSON, Error
from dayfly.functions import errors
from dayfly.functions.invoke import Outcome
from dayfly.functions.names import read_function
from dayfly.functions.service import Functions
from dayfly.identity import Caller


class Lambda(LambdaFunctions, LambdaLayers, LambdaAccess):
    service: ClassVar[str] = "lambda"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        errors.NotFound: Fault("ResourceNotFoundException"),
        errors.Conflict: Fault("ResourceConflictException"),
        errors.InvalidParameter: Fault("InvalidParameterValueException"),
        errors.ValidationFailed: Fault("ValidationException", 400),
        errors.PreconditionFailed: Fault("PreconditionFailedException"),
        errors.InvalidRequestContent: Fault("InvalidRequestContentException"),
        errors.RequestTooLarge: Fault("RequestTooLargeException"),
        errors.CodeTooLarge: Fault("RequestEntityTooLargeException", 413),
        errors.TooManyRequests: Fault("TooManyRequestsException"),
    }

    def __init__(
        self,
        *,
        functions: Functions,
        clock: Clock,
        endpoint: str,
        others: tuple[Api, ...] = (),
        permission: Callable[[str], str] = lambda _path: "",
    ) -> None:
        """`others` have further operations of this service (event source mappings) and their own FAULTS."""
        super().__init__(functions, endpoint, permission)
        self._clock = clock
        self._others = others
        faults = dict(type(self).FAULTS)
        for other in others:
            faults.update(other.FAULTS)
        # This instance's own table hides the class's: it answers for `others` too.
        vars(self)["FAULTS"] = faults

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for other in self._others:
                if hasattr(other, name):
                    return getattr(other, name)
        raise AttributeError(name)

    async def invoke(self, caller: Caller, params: Params) -> Params:
        payload = _json(params.get("Payload"))
        kind = params.get("InvocationType") or "RequestResponse"
        if kind == "Event":
            return await self._enqueued(caller, params, payload)
        if kind == "DryRun":
            self._functions.catalogue.configuration(self._named(caller, params))
            return {"StatusCode": 204}
        outcome = await self._invoked(caller, params, payload)
        answer: Params = {
            "StatusCode": 200,
            "Payload": outcome.payload,
            "ExecutedVersion": outcome.executed_version,
        }
        if outcome.error:
            answer["FunctionError"] = outcome.error
        if params.get("LogType") == "Tail":
            answer["LogResult"] = outcome.log_result()
        return answer

    async def invoke_async(self, caller: Caller, params: Params) -> Params:
        """Deprecated by AWS, still called by old clients."""
        args = params.get("InvokeArgs") or b""
        data = args if isinstance(args, bytes) else args.read()
        _, changes = self._functions.enqueue(caller.scope, params["FunctionName"], _json(data), source="invoke")
        await self._functions.commit(changes)
        return {"Status": 202}

    async def invoke_with_response_stream(self, caller: Caller, params: Params) -> Params:
        """`EventStream` is an asynchronous iterator of event-stream members, one dict each."""
        if params.get("InvocationType") == "DryRun":
            self._functions.catalogue.configuration(self._named(caller, params))
            return {"StatusCode": 204}
        payload = _json(params.get("Payload"))
        name = self._named(caller, params)
        version = self._functions.catalogue.configuration(name).version
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        running = asyncio.ensure_future(self._invoked(caller, params, payload, chunks))
        running.add_done_callback(lambda _: chunks.put_nowait(None))
        first = await chunks.get()
        if first is None and not running.cancelled() and running.exception() is not None:
            await running
        return {
            "StatusCode": 200,
            "ExecutedVersion": version,
            "ResponseStreamContentType": "application/octet-stream",
            "EventStream": _stream(first, chunks, running, tail=params.get("LogType") == "Tail"),
        }

    async def _invoked(
        self, caller: Caller, params: Params, payload: bytes, chunks: asyncio.Queue[bytes | None] | None = None
    ) -> Outcome:
        return await self._functions.invoke(
            caller.scope,
            params["FunctionName"],
            payload,
            source="invoke",
            qualifier=params.get("Qualifier"),
            client_context=_client_context(params.get("ClientContext")),
            request_id=caller.request_id or None,
            on_chunk=chunks.put_nowait if chunks else None,
        )

    async def _enqueued(self, caller: Caller, params: Params, payload: bytes) -> Params:
        name = read_function(caller.scope, params["FunctionName"], params.get("Qualifier"))
        _, changes = self._functions.enqueue(
            caller.scope, name.arn, payload, source="invoke", request_id=caller.request_id
        )
        await self._functions.commit(changes)
        return {"StatusCode": 202, "Payload": b""}


async def _stream(
    first: bytes | None, chunks: asyncio.Queue[bytes | None], running: asyncio.Future[Outcome], *, tail: bool
) -> AsyncIterator[Params]:
    """https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html"""
    try:
        streamed = first is not None
        while first is not None:
            yield {"PayloadChunk": {"Payload": first}}
            first = await chunks.get()
        outcome = await running
        if not streamed and outcome.payload and not outcome.error:
            yield {"PayloadChunk": {"Payload": outcome.payload}}
        complete: Params = {}
        if outcome.error:
            complete["ErrorCode"] = outcome.error
            complete["ErrorDetails"] = outcome.payload.decode(errors="replace")
        if tail:
            complete["LogResult"] = outcome.log_result()
        yield {"InvokeComplete": complete}
    finally:
        running.cancel()


def _json(payload: bytes | None) -> bytes:
    """The payload, `{}` where there is none. Raises InvalidRequestContent for what is not JSON."""
    if not payload:
        return b"{}"
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
        payload.decode()  # which a raw value is not looked at for
    except NOT_JSON as error:
        raise errors.InvalidRequestContent(f"Could not parse request body into json: {error}") from None
    return payload


def _client_context(encoded: str | None) -> bytes:
    if not encoded:
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise errors.InvalidRequestContent("Client context must be a valid Base64-encoded JSON object.") from None
