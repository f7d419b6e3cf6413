"""The journal: a keyed record store with four verbs.

Nouns: a *record* is a key (text) with a value (bytes); *changes* are puts and deletes of records, in order. Domain
state lives in memory; a transition changes it and returns changes; the journal makes them durable.

    sent, changes = queue.send(message, now)     # pure, no await
    await journal.commit(changes)                # group commit: one fsync for everyone waiting
    return sent

What every implementation promises (held by `check.py`):

- `commit` takes its place in the order when it is *called*, not when it is awaited: a transition and the call to commit
  in the same synchronous step keep memory and journal in the same order. Its future resolves once these changes and all
  earlier ones would survive a crash of process and machine.
- `commit(())` resolves once everything committed before is durable: an answer that only reveals state awaits that.
- Commits are atomic: after a crash, all changes of a commit are there or none.
- If a commit fails (disk full), it and everything behind it raises `JournalFailed`, then the callbacks given to
  `on_lost` run (each domain reloads, which undoes what was not committed) before anyone who waited goes on, and commits
  are refused with `JournalFailed` until a write succeeds again. `commit(())` is not refused while memory is what the
  journal has: reading goes on over a full disk, save in the moments between a refused change and the next reload.

Start reading here, then `group.py` (gathering commits, failing, refusing), `memory.py` (the shortest implementation),
`sqlite.py` with its `log.py` and `table.py`; `check.py` is the conformance suite.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from dayfly.errors import Unavailable

Change = tuple[str, bytes | None]
"""A record's key and its new value; None deletes it."""
Changes = Sequence[Change]


class JournalFailed(Unavailable):
    """The journal could not be written; nothing of this request was kept."""


class Journal(Protocol):
    def load(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every durable record whose key starts with the prefix, in the order of keys (by code point)."""
        ...

    def get(self, key: str) -> bytes | None:
        """One record's latest committed value; what is committed but not durable yet counts."""
        ...

    def commit(self, changes: Changes) -> Future[None]:
        """Queue these changes, all or none, behind all earlier ones; the future resolves when they are durable."""
        ...

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call back after a failed commit, when what is in memory must be loaded again."""
        ...

    async def close(self) -> None:
        """Wait for what was committed, then release everything."""
        ...
