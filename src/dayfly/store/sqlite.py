"""The embedded journal: an append log in which commits become durable, and an SQLite file that takes them in later.

    commit() ──► log, one write and one fdatasync a batch ──► [every SETTLE_AFTER_S, or when it is full] ──► table
                  └ recent: what it holds, in memory           └ settling: what is on its way

What is read is the newest of three: what is recent, what is settling, the table. A record that is made and deleted in
between never reaches the table. When the journal is closed the table has everything and the log is removed.

Where the disk answers quickly, handing a batch to another thread and being woken by it takes longer than writing it:
such a batch is written in the loop. One slow write, wherever, sends the next ones to the thread. The table is written
by a second thread, so that a long transaction keeps no batch waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import sys
import threading
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Self

from dayfly.store.group import Batch, GroupCommit
from dayfly.store.lock import StateLock
from dayfly.store.log import FULL_BYTES, Log, LogDamaged, LogFile, Recovered
from dayfly.store.table import StateTooNew, StateUnreadable, Table

__all__ = ["SqliteJournal", "StateTooNew", "StateUnreadable"]

log = logging.getLogger(__name__)

SETTLE_AFTER_S = 5.0
"""The table is behind by no more than about this, however little is written."""
TRY_AGAIN_S = 1.0
"""After the table could not be written."""
TOO_LONG = 16
"""So many times FULL_BYTES may the log have while the table is being written; then commits wait."""
SWITCH_S = 0.0005
"""How long a busy loop may keep the interpreter lock from the writing threads. With Python's 5 ms a commit beside a
loop that never rests took 18 ms, with this 0.5 ms, and the loop got as much done."""
QUICK_S = 0.001
"""A batch is written in the loop while the last write took no longer than this …"""
QUICK_BYTES = 256 * 1024
"""… and the batch is no larger than this."""


class Part(NamedTuple):
    """What leaves the log for the table: the changes, the number of the last record, the files to give back."""

    changes: dict[str, bytes | None]
    number: int
    files: list[LogFile]


class SqliteJournal(GroupCommit):
    """Use `SqliteJournal.open(path)`. May be opened and loaded from before a loop runs; then used from one loop."""

    def __init__(
        self, lock: StateLock, table: Table, log: Log, recent: dict[str, bytes | None], quick_s: float
    ) -> None:
        super().__init__()
        self._lock = lock
        self._table = table
        self._log = log
        self._quick_s = quick_s
        self._took_s = 1.0
        """How long the last write took. The first one goes to the thread: nobody knows the disk yet."""
        self._recent = recent
        self._settling: Part | None = None
        self._busy = False
        self._probing_table = False
        self._held = False
        self._due: TimerHandle | None = None
        self._overdue = False
        self._writer = Worker("dayfly-journal")
        self._settler = Worker("dayfly-settler")

    @classmethod
    def open(cls, path: Path, *, quick_s: float = QUICK_S) -> Self:
        """Open the state file, making it and its directory where they are missing.

        With `quick_s` 0 every batch is written by the thread, with infinity every one that is small in the loop.
        Raises StateInUse (another process has it), StateTooNew and StateUnreadable (a damaged log among the reasons).
        Shortens the process's switch interval to SWITCH_S where it is longer.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_S))
        lock = StateLock(path.with_name(path.name + ".lock"))
        with contextlib.ExitStack() as undo:
            undo.callback(lock.release)
            table = Table(path)
            undo.callback(table.close)
            appending, recent = _recovered(path, table)
            undo.pop_all()
        return cls(lock, table, appending, recent, quick_s)

    # What is there.

    def load(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        newer: dict[str, bytes | None] = {}
        for changes in (*((self._settling.changes,) if self._settling else ()), self._recent):
            newer.update((key, value) for key, value in changes.items() if key.startswith(prefix))
        rows = self._table.rows(prefix)
        return _merged(rows, sorted(newer.items())) if newer else rows

    def _read(self, key: str) -> bytes | None:
        if key in self._recent:
            return self._recent[key]
        if self._settling is not None and key in self._settling.changes:
            return self._settling.changes[key]
        return self._table.get(key)

    # Into the log.

    def _write(self, batch: Batch) -> bool:
        log = self._log
        if self._settling is not None and log.size >= TOO_LONG * FULL_BYTES:
            self._held = True
            return False
        if self._took_s <= self._quick_s and batch.size <= QUICK_BYTES and log.fits(batch.size):
            try:
                self._took_s = log.append(batch.changes)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, as from the thread
                self._running_loop().call_soon(self._appended, error)
                return False
            self._keep(batch.changes)
            return True
        self._writer.do(self._running_loop(), lambda: self._append(batch), self._appended)
        return False

    def _append(self, batch: Batch) -> None:
        self._log.make_room(batch.size)
        self._took_s = self._log.append(batch.changes)

    def _appended(self, error: Exception | None) -> None:
        if error is not None:
            self._took_s = 1.0
            self._failed(_words(error))
            return
        if self._writing is not None:
            self._keep(self._writing.changes)
        self._wrote()

    def _keep(self, changes: Mapping[str, bytes | None]) -> None:
        """These are durable. Called when nothing is being appended."""
        self._recent.update(changes)
        if self._overdue or self._log.size >= FULL_BYTES:
            self._settle()
        if self._due is None:
            self._due = self._running_loop().call_later(SETTLE_AFTER_S, self._settle_soon)

    # Out of the log.

    def _settle_soon(self) -> None:
        self._due = None
        self._overdue = bool(self._recent)
        if self._overdue and self._writing is None:
            self._settle()

    def _settle(self) -> None:
        """Have the table take in what is recent, unless it is busy. Called when nothing is being appended."""
        if self._busy or self._closed:
            return
        part = self._settling
        if part is None:
            part = self._settling = Part(self._recent, self._log.number, self._log.cut())
            self._recent = {}
            self._overdue = False
        self._busy = True
        self._settler.do(self._running_loop(), lambda: self._table.take(part.changes, part.number), self._settled)

    def _settled(self, error: Exception | None) -> None:
        self._busy = False
        if error is None:
            if self._settling is not None:
                self._log.give_back(self._settling.files)
            self._settling = None
        else:
            log.warning("the table could not be written, what is new stays in the log: %s", error)
            self._running_loop().call_later(TRY_AGAIN_S, self._settle_again)
        if self._probing_table:
            self._probed_table(error)
        elif self._held:
            self._go_on(error)
        elif self._overdue and self._writing is None:
            self._settle()

    def _settle_again(self) -> None:
        if self._settling is not None:
            self._settle()

    def _go_on(self, error: Exception | None) -> None:
        """With the batch that had to wait for the table."""
        self._held = False
        if error is not None:
            self._failed(_words(error))
        elif self._writing is not None and self._write(self._writing):
            self._wrote()

    # After a write has failed: everything goes to the table, and the log begins another file.

    def _probe(self) -> None:
        self._probing_table = True
        if not self._busy:
            self._settle()

    def _probed_table(self, error: Exception | None) -> None:
        if error is None and self._log.failed:
            self._settle()
            return
        self._probing_table = False
        self._probed(worked=error is None)

    # The end.

    async def _release(self) -> None:
        if self._due is not None:
            self._due.cancel()
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._settler.close)  # its last report runs before this goes on
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        kept = True
        try:
            if self._settling is not None:
                self._table.take(self._settling.changes, self._settling.number)
            if self._table.settled != self._log.number:
                self._table.take(self._recent, self._log.number)
        except sqlite3.Error as error:
            log.warning("what is in the log could not be moved to the table, the next start does it: %s", error)
            kept = False
        if self._settling is not None:
            for file in self._settling.files:
                file.remove() if kept else file.close()
        self._table.close()
        self._log.close(remove=kept)
        self._lock.release()

    def _running_loop(self) -> AbstractEventLoop:
        return self._loop if self._loop is not None else asyncio.get_running_loop()


Report = Callable[[Exception | None], None]


class Worker:
    """A thread that does one thing after the other and reports each to the loop."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[AbstractEventLoop, Callable[[], None], Report] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, loop: AbstractEventLoop, job: Callable[[], None], report: Report) -> None:
        """Call the job in the thread, then `report` in the loop with what it raised, or None."""
        self._jobs.put((loop, job, report))

    def close(self) -> None:
        """Blocks until everything that was asked for is done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._jobs.get()) is not None:
            loop, job, report = asked
            raised: Exception | None = None
            try:
                job()
            except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, and the thread must go on
                raised = error
            try:
                loop.call_soon_threadsafe(report, raised)
            except RuntimeError:
                log.warning("the loop ended before the journal was closed")
            del asked, job, report


def _recovered(path: Path, table: Table) -> tuple[Log, dict[str, bytes | None]]:
    """The log, and what it holds that the table could not take in: nothing, unless the disk is full."""
    try:
        left = Recovered(path, table.settled)
        if not left.paths:
            return Log(path, table.settled), {}
        try:
            table.take(left.changes, left.number)
        except sqlite3.Error as error:
            log.warning("the table could not be written, what is new stays in the log: %s", error)
            return Log(path, left.number, left.paths), left.changes
        left.remove()
        return Log(path, left.number), {}
    except OSError as error:
        raise StateUnreadable(f"The log of the state file {path} cannot be read: {error}.") from error
    except LogDamaged as error:
        raise StateUnreadable(error.message) from error


def _merged(rows: Iterator[tuple[str, bytes]], newer: list[tuple[str, bytes | None]]) -> Iterator[tuple[str, bytes]]:
    """Rows with newer values in place of theirs, None for those that are gone; both in the order of keys."""
    at = 0
    for row in rows:
        while at < len(newer) and newer[at][0] <= row[0]:
            key, value = newer[at]
            at += 1
            if value is not None:
                yield key, value
            if key == row[0]:
                break
        else:
            yield row
    for key, value in newer[at:]:
        if value is not None:
            yield key, value


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
