"""Limits on memory through control groups: version 1, version 2, or none.

Each environment gets a directory of its own. Joining it makes the kernel wait for a grace period, some 10 ms, in
which nobody can fork: a process that is to wait in a seat joins by itself before it is sandboxed, one that is started
on demand is put there by a thread as soon as no start is waiting. Limits are written when the environment is told its
function.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

_log = logging.getLogger(__name__)


class Cgroups:
    def __init__(self, base: Path | None, version: int) -> None:
        self._base = base
        self.version = version
        """1, 2, or 0 where there are none to use."""

    @classmethod
    def find(cls, tag: str) -> Cgroups:
        """The memory group under our own one, if we may make groups there."""
        try:
            lines = Path("/proc/self/cgroup").read_text().splitlines()
        except OSError:
            return cls(None, 0)
        places = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines}
        for controllers, place in places.items():
            if "memory" in controllers.split(","):
                return cls._try(Path(f"/sys/fs/cgroup/{controllers}{place}"), tag, 1)
        if "" in places:
            parent = Path(f"/sys/fs/cgroup{places['']}")
            try:
                delegated = "memory" in (parent / "cgroup.subtree_control").read_text().split()
            except OSError:
                delegated = False
            if delegated:
                return cls._try(parent, tag, 2)
        return cls(None, 0)

    @classmethod
    def _try(cls, parent: Path, tag: str, version: int) -> Cgroups:
        for stale in parent.glob("dayfly-*"):
            if not Path(f"/proc/{stale.name.removeprefix('dayfly-')}").exists():
                _remove(stale)
        base = parent / f"dayfly-{tag}"
        try:
            base.mkdir(exist_ok=True)
            if version == 2:
                (base / "cgroup.subtree_control").write_text("+memory")
        except OSError:
            return cls(None, 0)
        return cls(base, version)

    def new(self, number: int) -> list[str]:
        """The directories that the next environment makes and joins."""
        return [f"{self._base}/{number}"] if self._base is not None else []

    def join(self, groups: Sequence[str], pid: int, *, memory_mb: int) -> None:
        """Put a running process into its group. May wait for the kernel some 10 ms: not for the event loop."""
        for group in groups:
            try:
                Path(group).mkdir(exist_ok=True)
                Path(group, "cgroup.procs").write_text(str(pid))
            except OSError:
                continue  # it ended meanwhile
        self.limit(groups, memory_mb=memory_mb)

    def limit(self, groups: Sequence[str], *, memory_mb: int) -> None:
        name = "memory.limit_in_bytes" if self.version == 1 else "memory.max"
        for group in groups:
            try:
                Path(group, name).write_text(str(memory_mb << 20))
            except OSError as error:
                _log.warning("A memory limit could not be set: %s.", error)

    def discard(self, groups: Sequence[str]) -> None:
        for group in groups:
            try:
                Path(group).rmdir()
            except OSError:
                continue  # its last process is still on its way out; `close` comes by again

    def close(self) -> None:
        if self._base is not None:
            _remove(self._base)


def _remove(base: Path) -> None:
    try:
        for group in [*base.iterdir(), base]:
            if group.is_dir():
                group.rmdir()
    except OSError:
        return  # processes in it: somebody else's, or on their way out
