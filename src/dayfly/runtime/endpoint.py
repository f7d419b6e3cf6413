"""Serves the Runtime API to one environment over HTTP on a loopback port, as a channel."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any, cast

import httptools

from dayfly.runtime import Invoke
from dayfly.runtime.channel import FrameChannel, Listener
from dayfly.runtime.protocol import Answer, RuntimeApi, Said

_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 501: "Not Implemented"}


class ApiChannel(Listener):
    """The channel of a custom runtime: its description by frame (before it becomes `bootstrap`), all else by HTTP."""

    def __init__(self, frames: FrameChannel) -> None:
        self.listener = Listener()
        self.api = RuntimeApi()
        self._frames = frames
        frames.listener = self
        self._started_s = time.perf_counter()
        self._polling: _Connection | None = None
        self._connections: set[_Connection] = set()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        serve = loop.create_server(lambda: _Connection(self), sock=self._socket)
        self._server = loop.create_task(serve, name="runtime api")

    def describe(self, description: dict[str, Any]) -> None:
        host, port = self._socket.getsockname()
        description["env"]["AWS_LAMBDA_RUNTIME_API"] = f"{host}:{port}"
        self._frames.describe(description)

    def event(self, invoke: Invoke, timeout_ms: int) -> None:
        self.api.event(invoke, time.time_ns() // 1_000_000 + timeout_ms)
        self._give_next()

    def _give_next(self) -> None:
        if self._polling is not None and (answer := self.api.next_answer()) is not None:
            connection, self._polling = self._polling, None
            connection.write(answer)

    def drain(self) -> None:
        return

    def closed(self) -> None:
        """The frame channel's end: the process is gone."""
        self.listener.closed()

    def close(self) -> None:
        self._frames.close()
        self._server.add_done_callback(_close_server)
        for connection in list(self._connections):
            connection.abort()

    # What connections tell

    def connected(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def disconnected(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._polling is connection:
            self._polling = None
            self.api.poll = False

    def request(self, connection: _Connection, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        answer, said = self.api.request(method, path, headers, body)
        if answer is None:
            self._polling = connection
        else:
            connection.write(answer)
        if said is not None:
            self._tell(said)

    def _tell(self, said: Said) -> None:
        listener = self.listener
        match said.kind:
            case "ready":
                listener.initialised(True, int((time.perf_counter() - self._started_s) * 1e6))
            case "init error":
                listener.initialised(False, int((time.perf_counter() - self._started_s) * 1e6))
                listener.answered(said.body, "Unhandled", "application/json")
            case "error":
                listener.answered(said.body, "Unhandled", "application/json")
            case "response":
                if said.streaming:
                    listener.chunk(said.body)
                listener.answered(b"" if said.streaming else said.body, None, said.content_type)


def _close_server(task: asyncio.Task[asyncio.Server]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


class _Connection(asyncio.Protocol):
    def __init__(self, channel: ApiChannel) -> None:
        self._channel = channel
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._channel.connected(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._channel.disconnected(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        path = self._url.partition(b"?")[0].decode("latin-1")
        self._channel.request(self, method, path, self._headers, bytes(self._body))

    def write(self, answer: Answer) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        lines.append(f"Content-Length: {len(answer.body)}\r\n\r\n")
        self._transport.write("\r\n".join(lines).encode("latin-1", "replace") + answer.body)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
