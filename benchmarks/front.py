"""What the front costs: HTTP answers a second, WebSocket echoes a second, and HTTP -> function in process.

    python -m benchmarks.front [--seconds 3]

The load generator (wrk; for WebSockets a picows client) shares the machine's cores with the server, which runs as a
child process of its own. Beside each figure stands a ceiling measured in the same run: a raw asyncio.Protocol with
httptools that writes a fixed answer and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
import time
from typing import Any

import httptools
import picows
import uvloop

from dayfly.front import Listener, Request, Response
from dayfly.front.websocket import Socket

BODY = b'{"message": "hello world"}'
PORTS = {"listener": 18471, "ceiling": 18472}


class Ceiling(asyncio.Protocol):
    """Parses requests and writes a fixed answer."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY))


class Echo:
    subprotocol: str | None = None

    def opened(self, socket: Socket) -> None:
        self.socket = socket

    def received(self, message: str | bytes) -> None:
        self.socket.send(message)

    def closed(self, code: int, reason: str) -> None:
        """Nothing to keep."""


async def serve() -> None:
    async def answer(_: Request) -> Response:
        return Response(200, [("content-type", "application/json")], BODY)

    async def upgrade(_: Request) -> Echo:
        return Echo()

    listener = Listener()
    await listener.start("127.0.0.1", PORTS["listener"], answer, upgrade=upgrade)
    await asyncio.get_running_loop().create_server(Ceiling, "127.0.0.1", PORTS["ceiling"])
    print("ready", flush=True)
    await asyncio.Event().wait()


def wrk(port: int, connections: int, seconds: int) -> str:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    middle = re.search(r"50%\s+(\S+)", text)
    assert rate
    assert middle
    return f"{float(rate[1]):>9,.0f}/s  p50 {middle[1]:>8}"


class Sender(picows.WSListener):
    count = 0

    def on_ws_connected(self, transport: Any) -> None:
        transport.send(picows.WSMsgType.BINARY, bytes(100))

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == picows.WSMsgType.BINARY:
            Sender.count += 1
            transport.send(picows.WSMsgType.BINARY, bytes(100))


async def echoes(connections: int, seconds: float) -> float:
    url = f"ws://127.0.0.1:{PORTS['listener']}/"
    opened = [await picows.ws_connect(Sender, url) for _ in range(connections)]
    Sender.count = 0
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    rate = Sender.count / (time.perf_counter() - begun)
    for transport, _ in opened:
        transport.disconnect()
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve())
        return
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.front", "--serve"], stdout=subprocess.PIPE)
    try:
        assert server.stdout
        server.stdout.readline()
        if shutil.which("wrk"):
            for connections in (1, 16, 64):
                for name, port in PORTS.items():
                    print(f"HTTP {name:8} {connections:>3} connections  {wrk(port, connections, options.seconds)}")
        else:
            print("HTTP: wrk is not installed (Debian's package `wrk`)")
        for connections in (1, 16, 64):
            rate = uvloop.run(echoes(connections, options.seconds))
            print(f"WebSocket echo {connections:>3} connections  {rate:>9,.0f}/s")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
