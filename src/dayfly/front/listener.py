"""The listener: ports, the connections on them, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayfly.errors import Error
from dayfly.front.connection import Connection
from dayfly.front.limits import Limits
from dayfly.front.messages import Answer
from dayfly.front.upgrade import Upgrade

if TYPE_CHECKING:
    import ssl

    from dayfly.front.websocket import Socket

_SWEEP_S = 1.0


class PortTaken(Error):
    """Somebody else listens on this port."""

    def __init__(self, host: str, port: int) -> None:
        owner = _listening_process(port)
        by = f" by process {owner[0]} ({owner[1]})" if owner else ""
        super().__init__(f"port {port} on {host} is taken{by}; stop it or choose another port")
        self.host = host
        self.port = port


class Listener:
    """Any number of ports, each with its own way of answering, stopped together."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self.sockets: set[Socket] = set()
        self.stopping = False
        self.now = 0.0
        """The loop's time at the last sweep: exact enough for time-outs, and free."""
        self._servers: list[asyncio.Server] = []
        self._unready: list[socket.socket] = []
        self._tls: asyncio.Task[None] | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]

    async def start(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        answer: Answer | None = None,
        *,
        upgrade: Upgrade | None = None,
        tls: ssl.SSLContext | None = None,
        taken: socket.socket | None = None,
    ) -> int:
        """Listen on one more port; 0 is any free one, `taken` one that is bound already. Returns the port. Raises
        PortTaken.
        """
        if answer is None:
            raise TypeError("answer is required")
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time()
        scheme = "https" if tls else "http"
        bound: list[int] = [port]
        place: dict[str, Any] = {"host": host, "port": port} if taken is None else {"sock": taken}
        try:
            server = await self.loop.create_server(
                lambda: Connection(self, answer, upgrade, bound[0], scheme), **place, ssl=tls, backlog=1024
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE or "address already in use" in str(error):
                raise PortTaken(host, port) from error
            raise
        bound[0] = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(_SWEEP_S, self._sweep)
        return bound[0]

    async def start_tls(
        self, taken: socket.socket, answer: Answer, *, upgrade: Upgrade | None, context: Callable[[], ssl.SSLContext]
    ) -> None:
        """Listen with TLS on a bound socket. `context` is called, in a thread, once somebody connects: making
        certificates takes long, and many platforms never need one.
        """
        loop = self.loop = asyncio.get_running_loop()
        taken.setblocking(False)
        taken.listen(1024)

        async def serve() -> None:
            made = await asyncio.to_thread(context)
            port = int(taken.getsockname()[1])
            server = await loop.create_server(
                lambda: Connection(self, answer, upgrade, port, "https"), sock=taken, ssl=made, backlog=1024
            )
            self._servers.append(server)
            if self.stopping:
                server.close()

        def connected() -> None:
            loop.remove_reader(taken)
            self._tls = loop.create_task(serve(), name="first TLS connection")

        loop.add_reader(taken, connected)
        self._unready.append(taken)

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Accept nothing more, finish what is being answered, abort what is not done in time."""
        self.stopping = True
        for waiting in self._unready:
            self.loop.remove_reader(waiting)
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.stop()
        for open_one in list(self.sockets):
            open_one.close(1001, "going away")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while self.connections or self.sockets:  # noqa: ASYNC110 - happens once, at the end
                    await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        for open_one in list(self.sockets):
            open_one.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        await asyncio.sleep(0)  # lets the aborted connections' tasks see their cancellation

    def _sweep(self) -> None:
        """One timer for all connections: time-outs are a second coarse, and cost nothing per request."""
        self.now = self.loop.time()
        for connection in list(self.connections):
            connection.sweep(self.now)
        self._sweeper = self.loop.call_later(_SWEEP_S, self._sweep)

    def __repr__(self) -> str:
        ports: list[Any] = [one.getsockname()[1] for server in self._servers for one in server.sockets]
        return f"<Listener on {ports} with {len(self.connections)} connections, {len(self.sockets)} sockets>"


def bound(host: str, port: int = 0) -> socket.socket:
    """A socket that has the port, nobody listening on it yet. Raises PortTaken."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host, port) from error
        raise
    return found


def _listening_process(port: int) -> tuple[int, str] | None:
    """Process id and name of whoever listens on a TCP port, where /proc tells."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) in inodes:
                process = link.parent.parent
                return int(process.name), (process / "comm").read_text().strip()
    return None
