"""A real botocore client whose requests go to a registry in this process: no sockets, all of the SDK."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from dayfly.api.registry import Registry
from dayfly.front.messages import Request


class Raw:
    """What botocore reads an answer's body from."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def read(self, amount: int | None = None) -> bytes:
        taken = self.body if amount is None else self.body[:amount]
        self.body = self.body[len(taken) :]
        return taken

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def request_of(prepared: Any) -> Request:
    target = "/" + prepared.url.split("://", 1)[1].partition("/")[2]
    host = prepared.url.split("://", 1)[1].partition("/")[0].partition("?")[0]
    headers = [(text(name), text(value)) for name, value in prepared.headers.items()]
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return Request(
        prepared.method, target, [("Host", host), *headers], body.encode() if isinstance(body, str) else bytes(body)
    )


class Answered:
    """The last exchange, for tests to look at."""

    request: Request
    status: int
    headers: dict[str, str]


def client(
    registry: Registry,
    service: str,
    *,
    key: str = "test",
    secret: str = "test",
    token: str | None = None,
    region: str = "eu-west-1",
    seen: Answered | None = None,
    endpoint: str = "http://127.0.0.1:4566",
) -> Any:
    made = boto3.session.Session(key, secret, token, region).client(
        service, endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1})
    )

    def send(request: Any, **_: Any) -> AWSResponse:
        async def exchange() -> tuple[int, list[tuple[str, str]], bytes]:
            response = await registry.answer(request_of(request))
            assert response is not None, "not a service of ours"
            body = response.body
            if not isinstance(body, bytes):
                body = b"".join([chunk async for chunk in body])
            return response.status, response.headers, body

        status, headers, body = in_thread(exchange)
        if seen is not None:
            seen.request, seen.status, seen.headers = request_of(request), status, dict(headers)
        return AWSResponse(request.url, status, dict(headers), Raw(body))

    made.meta.events.register("before-send", send)
    return made


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="in-process server").start()
    return loop


def in_thread(work: Any) -> Any:
    """Run a coroutine function to its end in one lasting loop beside the test's own."""
    return asyncio.run_coroutine_threadsafe(work(), _loop()).result(30)
