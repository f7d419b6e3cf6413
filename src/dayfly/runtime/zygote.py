"""The platform's end of a zygote: start it, tell it to fork, hear of deaths."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.errors import Unavailable

SHIM = Path(__file__).parent / "shim"


class Child:
    """A process forked by a zygote. Its id stays valid until `on_exit` was called."""

    __slots__ = ("_zygote", "fitted", "id", "on_exit", "pid", "spawned", "status")

    def __init__(self, zygote: Zygote, number: int) -> None:
        self._zygote = zygote
        self.id = number
        self.pid = 0
        self.status: int | None = None
        self.on_exit: Callable[[int], None] | None = None
        loop = asyncio.get_running_loop()
        self.spawned: asyncio.Future[None] = loop.create_future()
        self.fitted: asyncio.Future[None] | None = None

    def kill(self) -> None:
        if self.status is None:
            self._zygote.send({"op": "kill", "id": self.id})

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.pid and self.status is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return  # it ended; the zygote tells soon


class Zygote:
    def __init__(self, *, interpreter: str, options: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._interpreter = interpreter
        self._options = dict(options)
        self._environment = dict(environment)
        self._children: dict[int, Child] = {}
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._unsent: list[tuple[bytes, list[int]]] = []
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.Future[None] | None = None
        self.on_end: Callable[[], None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process and wait until it can fork. Raises Unavailable with what it said."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        said_read, said_write = os.pipe()
        command = [self._interpreter, "-I", "-S", "-X", "utf8", str(SHIM / "zygote.py"), str(theirs.fileno())]
        try:
            # start_new_session: a terminal's Ctrl-C is for the platform, which ends us in its own time.
            self._process = subprocess.Popen(  # noqa: ASYNC220 - a vfork; a few milliseconds, once a family
                command,
                stdin=subprocess.DEVNULL,
                stdout=said_write,
                stderr=said_write,
                pass_fds=(theirs.fileno(),),
                env=self._environment,
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(said_write)
        self._socket = ours
        self._ready = loop.create_future()
        loop.add_reader(ours.fileno(), self._readable)
        self.send(self._options)
        try:
            await self._ready
        except Unavailable:
            os.set_blocking(said_read, False)
            said = os.read(said_read, 65536).decode("utf-8", "replace").strip()
            raise Unavailable(said.rpartition("\n")[2] or "the zygote ended") from None
        finally:
            os.close(said_read)

    def spawn(self, *, mode: str, channel: socket.socket, log: int, **more: Any) -> Child:
        """Fork a child; `child.spawned` is done when it exists. The descriptors are closed here."""
        child = Child(self, next(self._numbers))
        self._children[child.id] = child
        fds = [channel.detach(), log]
        try:
            self.send({"op": "spawn", "id": child.id, "mode": mode, **more}, fds)
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise
        return child

    async def fit(self, child: Child, **places: Any) -> None:
        """Attach code and layers to a waiting child. Raises Unavailable."""
        child.fitted = asyncio.get_running_loop().create_future()
        self.send({"op": "fit", "id": child.id, **places})
        await child.fitted

    def send(self, message: Mapping[str, Any], fds: list[int] | None = None) -> None:
        if self._socket is None:
            raise Unavailable("the zygote ended")
        self._unsent.append((msgspec.json.encode(message) + b"\n", fds or []))
        if len(self._unsent) == 1:
            self._writable()

    def _writable(self) -> None:
        if self._socket is None:
            return
        loop = asyncio.get_running_loop()
        while self._unsent:
            data, fds = self._unsent[0]
            try:
                sent = socket.send_fds(self._socket, [data], fds) if fds else self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                loop.add_writer(self._socket.fileno(), self._writable)
                return
            except OSError:
                for _, left in self._unsent:
                    for fd in left:
                        os.close(fd)
                self._unsent.clear()
                break
            for fd in fds:
                os.close(fd)
            if sent < len(data):
                self._unsent[0] = (data[sent:], [])
                continue
            self._unsent.pop(0)
        loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._ended()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._hear(msgspec.json.decode(line))

    def _hear(self, message: dict[str, Any]) -> None:
        if message["op"] == "ready":
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            return
        child = self._children.get(message["id"])
        if child is None:
            return
        match message["op"]:
            case "spawned":
                child.pid = message["pid"]
                if not child.spawned.done():
                    child.spawned.set_result(None)
            case "fitted":
                if child.fitted is not None and not child.fitted.done():
                    child.fitted.set_result(None)
            case "failed":
                self._fail(child, message["error"])
            case "exited":
                self._exit(child, message["status"])
                self.send({"op": "reap", "id": child.id})

    def _fail(self, child: Child, why: str) -> None:
        for future in (child.spawned, child.fitted):
            if future is not None and not future.done():
                future.set_exception(Unavailable(why))
                future.exception()  # whoever waits is told all the same

    def _exit(self, child: Child, status: int) -> None:
        self._children.pop(child.id, None)
        child.status = status
        self._fail(child, "the environment ended before it was ready")
        if child.on_exit is not None:
            child.on_exit(status)

    def _ended(self) -> None:
        """The zygote is gone, and by the kernel's hand all its children."""
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            loop.remove_reader(self._socket.fileno())
            loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                self._process.kill()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(Unavailable("the zygote ended"))
        for child in list(self._children.values()):
            self._exit(child, -signal.SIGKILL)
        if self.on_end is not None:
            self.on_end()

    def close(self) -> None:
        """End it and its children at once."""
        self.on_end = None
        if self._socket is not None:
            self._ended_by_us()

    def _ended_by_us(self) -> None:
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_RDWR)
        self._ended()


def interpreter() -> str:
    """The real interpreter: not a virtual environment's, whose packages environments must not see."""
    return str(getattr(sys, "_base_executable", sys.executable))
