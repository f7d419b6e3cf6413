"""A journal that forgets: for tests, and for `dayfly dev` without a state directory.

Tests make it fail and make it slow:

    journal.failing = True     # commits are refused, as on a full disk, until it is False again
    journal.held = True        # commits stay in the air (not durable, not failed) until `release()`
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from dayfly.store import Changes
from dayfly.store.group import Batch, GroupCommit


class MemoryJournal(GroupCommit):
    """Records in a dict; a commit is "durable" in the next turn of the loop."""

    def __init__(self, records: dict[str, bytes] | None = None) -> None:
        super().__init__()
        self.records: dict[str, bytes] = {} if records is None else records
        """What is durable. Hand it to a second journal to play a restart."""
        self.failing = False
        self.held = False

    def load(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for key in sorted(key for key in self.records if key.startswith(prefix)):
            yield key, self.records[key]

    def apply(self, changes: Changes) -> None:
        """Make these changes durable at once, without a loop; for tests of pure transitions."""
        for key, value in changes:
            if value is None:
                self.records.pop(key, None)
            else:
                self.records[key] = value

    def release(self) -> None:
        """Let go what `held` keeps in the air."""
        self.held = False
        if self._writing is not None:
            self._settle()

    def _write(self, batch: Batch) -> bool:
        if not self.held:
            asyncio.get_running_loop().call_soon(self._settle)
        return False

    def _settle(self) -> None:
        if self._writing is None or self.held:
            return
        if self.failing:
            self._failed("the test says so")
        else:
            self.apply(list(self._writing.changes.items()))
            self._wrote()

    def _probe(self) -> None:
        asyncio.get_running_loop().call_soon(lambda: self._probed(not self.failing))

    def _read(self, key: str) -> bytes | None:
        return self.records.get(key)

    async def _release(self) -> None:
        pass
