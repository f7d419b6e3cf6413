"""The half of a journal that runs in the event loop: gathering commits into batches, and what happens when one fails.

A commit joins the batch that is gathering; while one batch is being written the next one gathers by itself, so
everyone who waits shares one write. At most one batch is being written at any time:

    commit() ──► gathering (deque of batches) ──► writing (one) ──► _wrote(), or at once: its waiters resolve
                                                       └──────────► _failed(): its waiters and all behind it are refused

    state      commit(changes)            commit(())
    working    gathers                    resolves behind what gathers
    refusing   refused, memory is dirty   refused while memory is dirty, else resolves
    closed     refused                    refused

While refusing, a transition may still have changed memory before its commit was refused. Memory is then dirty: the
callbacks given to `on_lost` run again before anyone may see it, though not in a row (a reload may be long).
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable

from dayfly.store import Changes, JournalFailed

log = logging.getLogger(__name__)

MOST_CHANGES = 5000
"""A batch takes no further commit beyond these many changes …"""
MOST_BYTES = 8 * 1024 * 1024
"""… or these many bytes, so that whoever waits for a batch waits a bounded time. One commit is never split."""
PROBE_PAUSE_S = 0.25
"""While refusing, writing is tried again at most this often."""
RELOAD_SHARE = 10
"""While refusing, reloading takes at most one part in so many of the time."""


class Batch:
    """The changes of several commits, in order and collapsed by key, and who waits for them."""

    __slots__ = ("changes", "size", "waiters")

    def __init__(self) -> None:
        self.changes: dict[str, bytes | None] = {}
        self.size = 0
        self.waiters: list[Future[None]] = []

    def add(self, changes: Changes) -> None:
        size = 0
        for key, value in changes:
            if not key.isascii():
                key.encode()  # a lone surrogate has no bytes: refused here rather than in the middle of a batch
            size += 64 if value is None else len(value) + 64
        self.changes.update(changes)
        self.size += size

    def full(self) -> bool:
        return self.size >= MOST_BYTES or len(self.changes) >= MOST_CHANGES

    def resolve(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def refuse(self, message: str) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(JournalFailed(message))


class GroupCommit(ABC):
    """A journal whose commits are written in batches; a subclass writes them, reads, and releases what it holds."""

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None
        self._gathering: deque[Batch] = deque()
        self._writing: Batch | None = None
        self._handing_over = False
        self._lost: list[Callable[[], None]] = []
        self._refusing: str | None = None
        self._dirty = False
        self._reloading = False
        self._reload_after_s = 0.0
        self._probing = False
        self._probe_after_s = 0.0
        self._closed = False

    # What a subclass does.

    @abstractmethod
    def _write(self, batch: Batch) -> bool:
        """Start writing. True: it is durable already; else `_wrote()` or `_failed(reason)` is called in the loop
        when it is done, not from within.
        """

    @abstractmethod
    def _probe(self) -> None:
        """Start to find out whether writing works; `_probed(worked)` is called in the loop."""

    @abstractmethod
    def _read(self, key: str) -> bytes | None:
        """The durable value."""

    @abstractmethod
    async def _release(self) -> None:
        """Give back files, threads and connections."""

    # The journal's face.

    def commit(self, changes: Changes) -> Future[None]:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        done = loop.create_future()
        if self._refusing is not None or self._closed:
            return self._refuse(done, changes)
        gathering = self._gathering
        if not changes and self._writing is None and not gathering:
            done.set_result(None)
            return done
        if not gathering or (changes and gathering[-1].full()):
            gathering.append(Batch())
        batch = gathering[-1]
        batch.add(changes)
        batch.waiters.append(done)
        if self._writing is None and not self._handing_over:
            # At the end of this turn of the loop: whoever commits in the same turn shares the write.
            self._handing_over = True
            loop.call_soon(self._hand_over)
        return done

    def get(self, key: str) -> bytes | None:
        for batch in reversed(self._gathering):
            if key in batch.changes:
                return batch.changes[key]
        if self._writing is not None and key in self._writing.changes:
            return self._writing.changes[key]
        return self._read(key)

    def on_lost(self, callback: Callable[[], None]) -> None:
        self._lost.append(callback)

    async def close(self) -> None:
        if self._closed:
            return
        behind_all = self.commit(()) if self._refusing is None and self._loop is asyncio.get_running_loop() else None
        self._closed = True  # from here on commits are refused, so that what is awaited comes to an end
        try:
            if behind_all is not None:
                await behind_all
        except JournalFailed:
            log.warning("the journal failed while it was being closed")
        finally:
            await self._release()

    # Batches on their way.

    def _hand_over(self) -> None:
        self._handing_over = False
        while self._writing is None and self._gathering:
            batch = self._gathering.popleft()
            if batch.changes:
                self._writing = batch
                if not self._write(batch):
                    return
                self._writing = None
            batch.resolve()

    def _wrote(self) -> None:
        batch, self._writing = self._writing, None
        if batch is not None:
            batch.resolve()  # first these: the next batch may be written at once, and commits resolve in order
        if self._gathering:
            self._hand_over()

    def _failed(self, reason: str) -> None:
        message = f"The journal could not be written ({reason}); nothing of this request was kept."
        log.error("the journal could not be written: %s", reason)
        refused = [*([self._writing] if self._writing else ()), *self._gathering]
        self._writing = None
        self._gathering.clear()
        self._refusing = reason
        self._probe_after_s = time.monotonic() + PROBE_PAUSE_S
        for batch in refused:
            batch.refuse(message)
        # Waiters run in a later turn of the loop, so they find memory as the journal has it.
        self._reload()

    # Refusing.

    def _refuse(self, done: Future[None], changes: Changes) -> Future[None]:
        if self._closed:
            done.set_exception(JournalFailed("The journal is closed; nothing of this request was kept."))
            return done
        self._try_again()
        if changes:
            self._dirty = True
        if self._dirty:
            self._reload_soon()
            message = f"The journal cannot be written ({self._refusing}); nothing of this request was kept."
            done.set_exception(JournalFailed(message))
        else:
            done.set_result(None)
        return done

    def _try_again(self) -> None:
        now_s = time.monotonic()
        if not self._probing and now_s >= self._probe_after_s:
            self._probing = True
            self._probe_after_s = now_s + PROBE_PAUSE_S
            self._probe()

    def _probed(self, worked: bool) -> None:
        self._probing = False
        if not worked or self._closed:
            return
        if self._dirty:
            self._reload()
        if self._dirty:
            return  # memory could not be loaded: the next attempt to commit tries again
        self._refusing = None
        log.warning("the journal can be written again")

    def _reload_soon(self) -> None:
        if not self._reloading and self._loop is not None:
            self._reloading = True
            self._loop.call_later(max(0.0, self._reload_after_s - time.monotonic()), self._reload_if_dirty)

    def _reload_if_dirty(self) -> None:
        self._reloading = False
        if self._dirty and not self._closed:
            self._reload()

    def _reload(self) -> None:
        started_s = time.monotonic()
        self._dirty = False
        for callback in self._lost:
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - the others must load too; nothing is shown until all have
                self._dirty = True
                _complain(error)
        ended_s = time.monotonic()
        self._reload_after_s = ended_s + (ended_s - started_s) * RELOAD_SHARE


def _complain(error: BaseException) -> None:
    log.error("memory could not be loaded again after the journal had failed", exc_info=error)
