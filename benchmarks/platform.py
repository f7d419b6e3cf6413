"""The platform as a process, with an application made for the benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

EMPTY = "service: bench\nprovider:\n  name: aws\n  runtime: python3.11\n"


class Running:
    """A started platform: its ready record, how long it took, and its process."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any], started_s: float) -> None:
        self.process = process
        self.ready = ready
        self.started_s = started_s
        self.endpoint = str(ready["endpoint"])
        self.port = int(self.endpoint.rsplit(":", 1)[1])

    def url(self, kind: str) -> str:
        """The base URL of the application's API of this kind."""
        return next(str(api["url"]) for stack in self.ready["stacks"] for api in stack["apis"] if api["kind"] == kind)

    def function(self, key: str) -> str:
        """A function's physical name."""
        return next(str(stack["functions"][key]["name"]) for stack in self.ready["stacks"] if key in stack["functions"])

    def rss_mib(self) -> float:
        """Resident memory of the platform and all its children, in MiB."""
        return sum(_rss_kib(pid) for pid in _tree(self.process.pid)) / 1024


@contextlib.contextmanager
def running(files: Mapping[str, str], *options: str) -> Iterator[Running]:
    """`dayfly dev` on an application of these files, until the block is left."""
    with tempfile.TemporaryDirectory(prefix="dayfly-bench-") as directory:
        for name, text in files.items():
            path = Path(directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        Path(directory).chmod(0o755)
        began = time.perf_counter()
        command = [sys.executable, "-m", "dayfly", "dev", directory, "--json", "--port", "0", *options]
        with Path(directory, "stderr").open("wb") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment())
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said = json.loads(line)
                if said["event"] == "ready":
                    yield Running(process, said, time.perf_counter() - began)
                    return
            raise SystemExit("the platform did not start: " + Path(directory, "stderr").read_text())
        finally:
            # Nobody reads what is said from now on; a full pipe would stop the platform.
            if process.stdout is not None:
                process.stdout.close()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment() -> dict[str, str]:
    """The environment that a platform is measured in: with compiled modules, as an installed package has them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _rss_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
