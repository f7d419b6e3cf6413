"""Where the state of some companion services is kept as a whole, so that a start repeats the last calls, not all.

The record of calls stays complete: a snapshot is a short cut, taken by the child process of itself (see `inside.py`)
and used only by the same version of the library. What it does not hold, or where there is none, is repeated.

A snapshot belongs to an epoch. Forgetting state begins a new one, so that a snapshot that is still being written then
brings nothing back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dayfly.store import Journal

SERVICES = frozenset({"dynamodb", "s3"})
"""What snapshots hold: the services that applications write to all day."""
EPOCH_KEY = "companion-epoch"
FEWEST_CALLS = 500
"""Since the last snapshot, before another one is taken: to repeat so many takes about a second …"""
BYTES_PER_CALL = 20_000
"""… and one call more for so many bytes of state, because writing it takes time, too."""
CALLS_AT_THE_END = 50
"""When the platform stops, a snapshot is taken for fewer."""


class Snapshots:
    """The files of one state directory; `path` is the one of this epoch."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.epoch = ""
        self.taken_at = 0
        """The number of the last call in the newest snapshot that was asked for."""

    def load(self, journal: Journal) -> None:
        self.epoch = (journal.get(EPOCH_KEY) or b"0").decode()

    @property
    def path(self) -> Path:
        return self._directory / f"moto-{self.epoch}.state"

    def begin(self, epoch: str) -> tuple[str, bytes]:
        """A new epoch: what was kept is deleted. Answers the change to commit with whatever forgets the calls."""
        for path in self._directory.glob("moto-*.state*"):
            path.unlink(missing_ok=True)
        self.epoch, self.taken_at = epoch, 0
        return EPOCH_KEY, epoch.encode()

    def due(self, last_call: int) -> bool:
        """Whether enough has happened since the last one."""
        since = last_call - self.taken_at
        if since < FEWEST_CALLS:
            return False
        size = 0
        with contextlib.suppress(OSError):
            size = self.path.stat().st_size
        return since >= size // BYTES_PER_CALL


def last_number(journal: Journal, prefix: str, digits: int) -> int:
    """The greatest number under this prefix, without reading all of them; 0 where there is none."""
    found = prefix
    for _ in range(digits):
        digit = next((one for one in "9876543210" if _any(journal, found + one)), None)
        if digit is None:
            return 0
        found += digit
    return int(found.removeprefix(prefix))


def _any(journal: Journal, prefix: str) -> bool:
    entries: Iterator[tuple[str, bytes]] = iter(journal.load(prefix))
    return next(entries, None) is not None
