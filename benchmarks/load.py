"""The load generator: the same request over and over on N connections, from a process of its own.

wrk where it is installed (Debian's package), because it takes little of the two cores that it shares with what it
measures; else our own loop on raw sockets, which is slower and says so.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


class Load(NamedTuple):
    """What one run saw. Latencies in milliseconds."""

    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "X-Amz-Date": "20260101T000000Z",
}


def signed(service: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of an AWS call as `dayfly dev` takes it: the key is named, nothing is signed."""
    return {name: value.format(service=service) for name, value in SIGNED.items()} | dict(headers)


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "python"


def load(
    url: str,
    connections: int,
    seconds: float = 5,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Load:
    """Send for so many seconds; answers other than 2xx count as errors."""
    if generator() == "wrk":
        return _wrk(url, connections, seconds, method, headers or {}, body)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return Load(*pool.apply(_own, (url, connections, seconds, method, dict(headers or {}), body)))


def _wrk(url: str, connections: int, seconds: float, method: str, headers: Mapping[str, str], body: bytes) -> Load:
    script = [f"wrk.method = {json.dumps(method)}", f"wrk.body = {json.dumps(body.decode())}"]
    script += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    script += [
        "done = function(summary, latency, requests)",
        "  local e = summary.errors",
        '  io.write(string.format("RESULT %d %d %.1f %.1f %d\\n", summary.requests, summary.duration,',
        "    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))",
        "end",
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("\n".join(script))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "-s", file.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", done.stdout)
    if found is None:
        raise SystemExit(f"wrk said: {done.stdout}{done.stderr}")
    count, duration_us, p50_us, p99_us, errors = (float(value) for value in found.groups())
    return Load(connections, count / (duration_us / 1e6), p50_us / 1000, p99_us / 1000, int(errors))


def _own(
    url: str, connections: int, seconds: float, method: str, headers: dict[str, str], body: bytes
) -> tuple[int, float, float, float, int]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_own_run(url, connections, seconds, request_bytes(url, method, headers, body)))


def request_bytes(url: str, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, latencies: list[float], until: float) -> None:
        self.request = request
        self.latencies = latencies
        self.until = until
        self.errors = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        found = re.search(rb"content-length: *(\d+)", head)
        if len(self._buffer) < end + 4 + (int(found[1]) if found else 0):
            return
        now = time.perf_counter()
        self.errors += head[9:10] != b"2"
        self.latencies.append(now - self._sent)
        self._buffer = b""
        if now < self.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += exc is not None
        if not self.done.done():
            self.done.set_result(None)


async def _own_run(url: str, connections: int, seconds: float, request: bytes) -> tuple[int, float, float, float, int]:
    parts = urlsplit(url)
    latencies: list[float] = []
    began = time.perf_counter()
    callers = []
    for _ in range(connections):
        _, caller = await asyncio.get_running_loop().create_connection(
            lambda: _Caller(request, latencies, began + seconds), parts.hostname or "", parts.port or 80
        )
        callers.append(caller)
    await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - began
    latencies.sort()
    count = len(latencies)
    return (
        connections,
        count / took,
        latencies[count // 2] * 1000,
        latencies[min(count - 1, int(count * 0.99))] * 1000,
        sum(caller.errors for caller in callers),
    )


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
