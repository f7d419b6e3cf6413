"""Function URLs: an HTTP endpoint of one function, with or without an IAM signature, whole or streamed.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.errors import NOT_JSON, Error
from dayfly.functions.errors import TooManyRequests
from dayfly.gateways.cors import is_preflight, preflight, with_cors
from dayfly.gateways.doors import Functions, Verify
from dayfly.gateways.events import event_v2
from dayfly.gateways.model import Api, Stage
from dayfly.gateways.moment import Moment
from dayfly.gateways.responses import Malformed, _body, _single, _status, reply_v2
from dayfly.gateways.traffic import Headers, Incoming, Reply, message
from dayfly.ids import Ids

_encode = msgspec.json.Encoder().encode
_SEPARATOR = bytes(8)
_PRELUDE_BYTES = 64 * 1024
_STAGE = Stage(name="$default", created_s=0)


class UrlAnswers:
    def __init__(self, functions: Functions, clock: Clock, ids: Ids, verify: Verify | None) -> None:
        self._functions = functions
        self._clock = clock
        self._ids = ids
        self._verify = verify

    async def answer(self, request: Incoming, url_id: str) -> Reply:
        """One request to a function URL."""
        try:
            scope, function, auth, cors, mode = self._functions.url(url_id)
        except (Error, TypeError, KeyError):
            return message(403, "Forbidden", key="Message", error_type="AccessDeniedException")
        if cors and is_preflight(request):
            return preflight(cors, request, status=200)
        api = Api(id=url_id, kind="http", account=scope.account, region=scope.region, name="", created_s=0)
        path = request.raw_path or "/"
        moment = Moment(api, _STAGE, api.scope, request, path, self._ids.uuid(), self._clock.now_ms())
        moment.route_key = "$default"
        account = "anonymous"
        if auth == "AWS_IAM":
            if not await self._signed(request, moment):
                return message(403, "Forbidden", key="Message", error_type="AccessDeniedException")
            account = scope.account
        event = event_v2(moment)
        event["requestContext"]["accountId"] = account
        # Unlike an HTTP API, a function URL leaves the path as the client wrote it.
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        payload = _encode(event)
        if mode == "RESPONSE_STREAM":
            reply = await self._streamed(scope, function, payload)
        else:
            reply = await self._buffered(scope, function, payload)
        reply.headers.append(("x-amzn-RequestId", moment.request_id))
        return with_cors(cors, request, reply) if cors else reply

    async def _signed(self, request: Incoming, moment: Moment) -> bool:
        if not (request.header("authorization").startswith("AWS4-") or "X-Amz-Signature=" in request.raw_query):
            return False
        if self._verify is None:
            return True
        try:
            verdict = self._verify(request)
            caller = await verdict if inspect.isawaitable(verdict) else verdict
        except Error:
            return False
        account = caller.scope.account
        moment.authorizer = {
            "iam": {
                "accessKey": caller.access_key_id,
                "accountId": account,
                "callerId": caller.access_key_id,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": caller.arn,
                "userId": caller.access_key_id,
            }
        }
        return True

    async def _buffered(self, scope: Any, function: str, payload: bytes) -> Reply:
        try:
            outcome = await self._functions.invoke(scope, function, payload, source="url")
            return _broken() if outcome.error is not None else reply_v2(outcome.payload)
        except TooManyRequests:
            return message(429, "Rate Exceeded.", key="Message", error_type="TooManyRequestsException")
        except Malformed:
            return _broken()
        except Error:
            return message(404, "Not Found", key="Message", error_type="ResourceNotFoundException")

    async def _streamed(self, scope: Any, function: str, payload: bytes) -> Reply:
        """Wait for the prelude, or for enough to know that there is none, then pass chunks on as they come."""
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        on_chunk: Callable[[bytes], None] = chunks.put_nowait
        running = asyncio.ensure_future(
            self._functions.invoke(scope, function, payload, source="url", on_chunk=on_chunk)
        )
        running.add_done_callback(lambda _: chunks.put_nowait(None))
        begun = b""
        ended = False
        while (
            not ended and (not begun or (begun[:1] == b"{" and _SEPARATOR not in begun)) and len(begun) < _PRELUDE_BYTES
        ):
            chunk = await chunks.get()
            ended = chunk is None
            begun += chunk or b""
        if ended and not begun:
            return await self._unstreamed(running)
        status, headers, first = _prelude(begun)
        return Reply(status, headers, _pass_on(first, chunks, running, ended))

    async def _unstreamed(self, running: asyncio.Future[Any]) -> Reply:
        """The function answered without streaming, or failed before its first byte."""
        try:
            outcome = await running
            return _broken() if outcome.error is not None else reply_v2(outcome.payload)
        except TooManyRequests:
            return message(429, "Rate Exceeded.", key="Message", error_type="TooManyRequestsException")
        except (Malformed, Error):
            return _broken()


async def _pass_on(
    first: bytes, chunks: asyncio.Queue[bytes | None], running: asyncio.Future[Any], ended: bool
) -> AsyncIterator[bytes]:
    if first:
        yield first
    while not ended:
        chunk = await chunks.get()
        if chunk is None:
            break
        yield chunk
    outcome = await running
    if outcome.error is not None:
        # The head is out: breaking the stream off is how the client learns of it.
        raise ConnectionResetError("the function failed in the middle of its answer")


def _prelude(begun: bytes) -> tuple[int, Headers, bytes]:
    """Status, headers and the body's first bytes. Without a prelude: 200 and everything is body."""
    head, found, rest = begun.partition(_SEPARATOR)
    if found:
        try:
            prelude = msgspec.json.decode(head)
            headers = _single(prelude.get("headers"))
            headers += [("set-cookie", str(cookie)) for cookie in prelude.get("cookies") or ()]
            if not any(name.lower() == "content-type" for name, _ in headers):
                headers.append(("content-type", "application/octet-stream"))
            return _status(prelude.get("statusCode", 200)), headers, rest + _body(prelude)
        except (*NOT_JSON, AttributeError, Malformed):
            pass
    return 200, [("content-type", "application/octet-stream")], begun


def _broken() -> Reply:
    return Reply(502, [("content-type", "text/plain"), ("x-amzn-ErrorType", "Unhandled")], b"Internal Server Error")
