"""How the platform talks with the process in an environment: over frames here, over HTTP in `endpoint.py`.

A channel carries one description, then one event at a time; what comes back goes to its `listener`.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Literal, Protocol

import msgspec

from dayfly.runtime import Invoke, frames

# Shared by all channels: what is read is copied out at once, and a fresh buffer of this size would be mapped each time.
_BUFFER = bytearray(262_144)
_VIEW = memoryview(_BUFFER)


class Listener:
    """What an environment hears from its channel."""

    def initialised(self, ok: bool, init_us: int) -> None: ...

    def chunk(self, body: bytes) -> None: ...

    def answered(
        self, payload: bytes, error: Literal["Unhandled"] | None, content_type: str, *, quiet: bool = False
    ) -> None:
        """The event's result; `quiet`: nothing that was printed waits to be read."""

    def fatal(self, payload: bytes) -> None:
        """An error after which the process ends."""

    def closed(self) -> None: ...


class Channel(Protocol):
    listener: Listener

    def describe(self, description: dict[str, Any]) -> None:
        """Tell the process which function it is."""
        ...

    def event(self, invoke: Invoke, timeout_ms: int) -> None: ...

    def drain(self) -> None:
        """Hear now what has arrived already."""
        ...

    def close(self) -> None: ...


class FrameChannel:
    """Frames over our end of a socketpair, read when the loop says so, written at once."""

    def __init__(self, ours: socket.socket) -> None:
        self.listener = Listener()
        self.hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._socket = ours
        self._loop = asyncio.get_running_loop()
        self._reader = frames.FrameReader()
        self._unsent = bytearray()
        self._content_type = "application/json"
        self._open = True
        self._loop.add_reader(ours.fileno(), self._readable)

    def describe(self, description: dict[str, Any]) -> None:
        self._write(frames.encode(b"I", msgspec.json.encode(description)))

    def event(self, invoke: Invoke, timeout_ms: int) -> None:
        self._content_type = "application/json"
        self._write(frames.encode_event(invoke, timeout_ms))

    def _write(self, data: bytes) -> None:
        if not self._open:
            return
        sent = 0
        if not self._unsent:
            try:
                sent = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                return  # the process is ending; the reader hears of it
            if sent == len(data):
                return
            self._loop.add_writer(self._socket.fileno(), self._writable)
        self._unsent += data[sent:]

    def _writable(self) -> None:
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._unsent.clear()
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        try:
            size = self._socket.recv_into(_BUFFER)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0
        data = bytes(_VIEW[:size])
        if not data:
            self._loop.remove_reader(self._socket.fileno())
            if not self.hello.done():
                self.hello.set_exception(ConnectionResetError("the environment ended before it was ready"))
                self.hello.exception()  # somebody may or may not wait for it
            self.listener.closed()
            return
        for kind, body in self._reader.feed(data):
            self._hear(kind, body)

    def _hear(self, kind: int, body: bytes) -> None:
        if kind == 81:  # Q
            self.listener.answered(body, None, "application/json", quiet=True)
        elif kind == 82:  # R
            self.listener.answered(body, None, self._content_type)
        elif kind == 67:  # C
            self.listener.chunk(body)
        elif kind == 70:  # F
            self.listener.answered(body, "Unhandled", "application/json")
        elif kind == 88:  # X
            self.listener.fatal(body)
        elif kind == 83:  # S
            self._content_type = body.decode("utf-8", "replace")
        elif kind == 68:  # D
            ok, micros = frames.DONE.unpack(body)
            self.listener.initialised(bool(ok), micros)
        elif kind == 72 and not self.hello.done():  # H
            self.hello.set_result(None)

    def drain(self) -> None:
        while self._open:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            for kind, body in self._reader.feed(data):
                self._hear(kind, body)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
