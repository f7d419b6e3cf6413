"""From the command to the first answer, and memory when idle. Ceiling: an interpreter that imports uvloop and stops."""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from benchmarks.platform import _rss_kib, environment
from benchmarks.report import Row, show


def main() -> None:
    _start_once()  # modules are compiled on the first start, as an installation does
    times, memory = zip(*(_start_once() for _ in range(7)), strict=True)
    bare = [_bare() for _ in range(7)]
    rows = [
        Row(
            "start to first answer, p50",
            statistics.median(times),
            "s",
            statistics.median(bare),
            "s to import uvloop",
            "<= 0.4",
        ),
        Row("idle memory", statistics.median(memory), "MiB", None, "", "<= 60"),
    ]
    show("start-up", rows)


def _start_once() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as state:
        port = _free_port()
        began = time.perf_counter()
        command = [sys.executable, "-m", "dayfly", "up", "--json", "--port", str(port), "--state", state]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_dayfly/health", timeout=1).read()
                    break
                except OSError:
                    time.sleep(0.002)
            took = time.perf_counter() - began
            time.sleep(1)
            return took, _rss_kib(process.pid) / 1024
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _bare() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, uvloop"], check=True)
    return time.perf_counter() - began


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
