"""dayfly as a process of its own, for tests of what only a process shows: signals, exit statuses, what is on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0
EMPTY = "service: empty\nprovider:\n  name: aws\n"


class Running:
    """A started `dayfly …`; its lines of JSON are read as they come."""

    def __init__(self, *words: str, cwd: Path, environment: dict[str, str] | None = None) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DAYFLY_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dayfly", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=kept | (environment or {}),
            start_new_session=True,
        )
        self.lines: list[dict[str, Any]] = []
        self.stderr = ""
        self._unread: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_out, self._read_err)]
        for reader in self._readers:
            reader.start()

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):  # a kill may cut a line off
                said = json.loads(line)
                self.lines.append(said)
                self._unread.put(said)
        self._unread.put(None)

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr += line.decode(errors="replace")

    def wait_for(self, event: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The next line of this kind; lines before it are passed over."""
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                said = self._unread.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line {event!r} came; stderr: {self.stderr}") from None
            if said is None:
                raise AssertionError(f"it ended without a line {event!r}; status {self.wait()}; stderr: {self.stderr}")
            if said["event"] == event and matches(said):
                return said

    def ready(self) -> dict[str, Any]:
        return self.wait_for("ready")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """The exit status; everything it said has been read."""
        status = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return status

    def stop(self) -> int:
        self.interrupt()
        return self.wait()

    def kill(self) -> None:
        """The whole process group, without a word."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for reader, pipe in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
            reader.join(PATIENCE_S)
            if pipe is not None and not reader.is_alive():
                pipe.close()

    def descendants(self) -> dict[int, str]:
        """All processes below it, with what tells each from a later one of the same id."""
        parents = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = entry.read_text().rpartition(")")[2].split()
                parents[int(entry.parent.name)] = (int(fields[1]), fields[19])
        found: dict[int, str] = {}
        below = {self.process.pid}
        while below:
            below = {pid for pid, (parent, _) in parents.items() if parent in below and pid not in found}
            found |= {pid: parents[pid][1] for pid in below}
        return found


def alive(processes: dict[int, str]) -> dict[int, str]:
    """Those that still run, with their commands."""
    found = {}
    for pid, started in processes.items():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if fields[19] == started and fields[0] not in "ZX":
                found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return found


@contextlib.contextmanager
def running(*words: str, cwd: Path, environment: dict[str, str] | None = None) -> Iterator[Running]:
    started = Running(*words, cwd=cwd, environment=environment)
    try:
        yield started
    finally:
        started.kill()


def command(*words: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DAYFLY_"))}
    return subprocess.run(
        [sys.executable, "-m", "dayfly", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=kept | (environment or {}),
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )


def eventually(holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """What `holds` answers as soon as it is true."""
    ends = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < ends, f"it did not come to be that {what}"
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write(directory: Path, files: dict[str, str]) -> Path:
    """Files by their path in the directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory
