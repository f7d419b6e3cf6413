"""The door for stacks: an operation by name, made into a request by botocore and answered by a companion.

botocore builds and reads the messages; the exchange itself goes the same way as a client's, so that it is kept and
separated by account in the same place.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dayfly.api import Refused
from dayfly.errors import Unavailable
from dayfly.front.messages import Request, Response
from dayfly.identity import Caller
from dayfly.identity.sessions import own_session

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient

Answer = Callable[[Request], Awaitable[Response]]


class Clients:
    """botocore clients, made when first needed (which takes long, hence in threads) and kept."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str, str], BaseClient] = {}
        self._lock = threading.Lock()
        self._current = threading.local()

    async def call(
        self, answer: Answer, caller: Caller, service: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Raises Refused in the service's own words."""
        loop = asyncio.get_running_loop()

        def exchange(request: Request) -> Response:
            return asyncio.run_coroutine_threadsafe(_whole(answer, request), loop).result()

        return await asyncio.to_thread(self._call, exchange, caller, service, operation, dict(params))

    def _call(
        self,
        exchange: Callable[[Request], Response],
        caller: Caller,
        service: str,
        operation: str,
        params: dict[str, Any],
    ) -> dict[str, Any]:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client(caller, service)
        self._current.exchange = exchange
        try:
            found: dict[str, Any] = getattr(client, xform_name(operation))(**params)
        except ClientError as error:
            described = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise Refused(described.get("Code", "Unknown"), described.get("Message", str(error)), status) from error
        except BotoCoreError as error:
            raise Refused("ValidationException", str(error), 400) from error
        except AttributeError as error:
            raise Refused("InvalidAction", f"{service} has no operation {operation}", 400) from error
        finally:
            self._current.exchange = None
        found.pop("ResponseMetadata", None)
        return found

    def _client(self, caller: Caller, service: str) -> BaseClient:
        key = (service, caller.scope.region, caller.access_key_id)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._made(*key)
            return self._clients[key]

    def _made(self, service: str, region: str, access_key_id: str) -> BaseClient:
        from botocore.config import Config

        client = own_session().create_client(
            service,
            region_name=region,
            endpoint_url="http://127.0.0.1",
            aws_access_key_id=access_key_id,
            aws_secret_access_key="companion",
            config=Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
            ),
        )
        # Answering here keeps botocore from opening a connection of its own.
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: object) -> object:
        from botocore.awsrequest import AWSResponse
        from botocore.httpsession import EndpointConnectionError

        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = [(name, _text(value)) for name, value in request.headers.items()]
        headers.append(("Host", parts.netloc))
        exchange: Callable[[Request], Response] = self._current.exchange
        try:
            response = exchange(Request(request.method, target, headers, _body(request.body)))
        except Unavailable as error:
            raise EndpointConnectionError(endpoint_url=request.url) from error
        body = response.body if isinstance(response.body, bytes) else b""
        return AWSResponse(request.url, response.status, _mapping(response.headers), _Raw(body))


async def _whole(answer: Answer, request: Request) -> Response:
    response = await answer(request)
    if not isinstance(response.body, bytes):
        response.body = b"".join([chunk async for chunk in response.body])
    return response


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else bytes(body.read())


class _Raw:
    """What botocore reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        body, self._body = self._body, b""
        return [body]

    def read(self, size: int | None = None, *_: object, **__: object) -> bytes:
        size = len(self._body) if size is None or size < 0 else size
        read, self._body = self._body[:size], self._body[size:]
        return read


def _mapping(headers: list[tuple[str, str]]) -> Any:
    from botocore.compat import HTTPHeaders

    made = HTTPHeaders()
    for name, value in headers:
        made[name] = value
    return made
