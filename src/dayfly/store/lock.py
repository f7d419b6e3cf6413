"""One process per state: a lock file that the operating system lets go of when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from dayfly.errors import Error


class StateInUse(Error):
    """Another process has this state open."""


class StateLock:
    """Held from construction to `release()`. Raises StateInUse, naming the process that has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StateInUse(f"The state in {path.parent} is in use by process {holder} (lock file {path}).") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would race with a process that is just opening it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
