"""WebSocket → function → WebSocket: a route whose answer goes back to the client, at 1 and 16 connections.

Ceiling: our own listener echoing without a function, same clients, same run.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.platform import running
from benchmarks.report import Row, show

FILES = {
    "serverless.yml": """service: bench
provider: {name: aws, runtime: python3.11}
functions:
  echo:
    handler: handler.echo
    events:
      - websocket: {route: $connect}
      - websocket: {route: $default, routeResponseSelectionExpression: $default}
""",
    "handler.py": 'def echo(event, context):\n    return {"statusCode": 200, "body": event.get("body")}\n',
}
ECHO = """
import asyncio, uvloop
from picows import WSListener, WSMsgType, ws_create_server
class Echo(WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            transport.send(frame.msg_type, frame.get_payload_as_bytes())
async def main():
    server = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""


async def echoes(url: str, connections: int, seconds: float) -> tuple[float, float]:
    """Round trips per second and their median in milliseconds."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    latencies: list[float] = []
    until = time.perf_counter() + seconds

    class Client(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            self.transport = transport
            self.ask()

        def ask(self) -> None:
            self.sent = time.perf_counter()
            self.transport.send(WSMsgType.TEXT, b'{"action": "echo", "text": "hello"}')

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            now = time.perf_counter()
            latencies.append(now - self.sent)
            if now < until:
                self.ask()
            else:
                transport.disconnect()

    pairs = [await ws_connect(Client, url) for _ in range(connections)]
    began = time.perf_counter()
    await asyncio.gather(*(transport.wait_disconnected() for transport, _ in pairs), return_exceptions=True)
    latencies.sort()
    return len(latencies) / (time.perf_counter() - began), latencies[len(latencies) // 2] * 1000


def measure(url: str, counts: Sequence[int], seconds: float) -> list[tuple[float, float]]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return [runner.run(echoes(url, count, seconds)) for count in counts]


def main() -> None:
    counts = (1, 16)
    bare = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE)
    try:
        assert bare.stdout is not None
        ceilings = measure(f"ws://127.0.0.1:{int(bare.stdout.readline())}/", counts, 3)
    finally:
        bare.kill()
    rows = []
    with running(FILES) as platform:
        ran = measure(platform.url("websocket"), counts, 4)
    for count, (rate, p50), (top, top_p50) in zip(counts, ran, ceilings, strict=True):
        rows.append(Row(f"echo through a function, {count} connections", rate, "/s", top, "/s without function"))
        rows.append(Row(f"echo through a function, {count} connections, p50", p50, "ms", top_p50, "ms without"))
    show("WebSocket", rows)


if __name__ == "__main__":
    main()
