"""The embedded journal: one SQLite file in WAL mode with `synchronous=FULL`, and one thread that writes it.

The thread takes a whole batch (see `group.py`) in one transaction, so one fdatasync serves everyone who waits, and
wakes the loop once. Every step of a statement lets go of the interpreter lock and has to win it back from a busy loop;
hence few statements with many rows instead of one statement a row, no BEGIN and COMMIT around a single one, and a
shorter switch interval (SWITCH_S).

Where the disk answers quickly, handing a batch to another thread and being woken by it takes longer than writing it:
such a batch is written in the loop (`_Writer.quick`). One slow write, wherever, sends the next ones to the thread.

Measured for 1 KiB values under keys like `sqs/000000000000/us-east-1/q/m/000000000001` (SQLite 3.40, batches of 64): a
table WITHOUT ROWID on 8 KiB pages writes 100,000 records/s, on 4 KiB pages 30,000 (such values overflow), a rowid table
77,000 (every key is stored twice).

See https://www.sqlite.org/wal.html, https://www.sqlite.org/withoutrowid.html.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sqlite3
import sys
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Self, TypeVar

from dayfly.errors import Error
from dayfly.store.checkpoint import Checkpointer
from dayfly.store.group import Batch, GroupCommit
from dayfly.store.lock import StateLock

T = TypeVar("T")
log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
PAGE_BYTES = 8192
CHECKPOINT_PAGES = 2048
"""16 MiB of log: long enough that pages written often are copied seldom, short enough to copy in ~20 ms."""
SWITCH_S = 0.0005
"""How long a busy loop may keep the interpreter lock from the writing thread. With Python's 5 ms a commit beside a loop
that never rests took 18 ms, with this 0.5 ms, and the loop got as much done."""
ROWS = (1024, 256, 64, 16, 4, 1)
"""Statements exist for these many rows; a batch is cut into them."""


QUICK_S = 0.001
"""A batch is written in the loop while the last write took no longer than this …"""
QUICK_BYTES = 128 * 1024
"""… and the batch is no larger than this."""


class StateTooNew(Error):
    """The state was written by a newer version of dayfly."""


class StateUnreadable(Error):
    """The state file cannot be opened."""


class SqliteJournal(GroupCommit):
    """Use `SqliteJournal.open(path)`. May be opened and loaded from before a loop runs; then used from one loop."""

    def __init__(
        self, path: Path, lock: StateLock, quick_s: float, writer: sqlite3.Connection, reader: sqlite3.Connection
    ) -> None:
        super().__init__()
        self.path = path
        self._lock = lock
        self._reader = reader
        self._writer = _Writer(writer, path, quick_s)

    @classmethod
    def open(cls, path: Path, *, quick_s: float = QUICK_S) -> Self:
        """Open the state file, making it and its directory where they are missing.

        With `quick_s` 0 every batch is written by the thread, with infinity every one that is small in the loop.
        Raises StateInUse (another process has it), StateTooNew and StateUnreadable. Shortens the process's switch
        interval to SWITCH_S where it is longer.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_S))
        lock = StateLock(path.with_name(path.name + ".lock"))
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(_connect(path))
            _prepare(opened[0], path)
            opened.append(_connect(path))
            opened[1].execute("PRAGMA query_only = ON")
        except BaseException as error:
            for connection in opened:
                connection.close()
            lock.release()
            if isinstance(error, sqlite3.Error):
                raise StateUnreadable(f"The state file {path} cannot be opened: {error}.") from error
            raise
        return cls(path, lock, quick_s, *opened)

    def load(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        end = _end_of(prefix)
        if end is None:
            select = "SELECT key, value FROM records WHERE key >= ? ORDER BY key"
            return self._reader.execute(select, (prefix,))
        select = "SELECT key, value FROM records WHERE key >= ? AND key < ? ORDER BY key"
        return self._reader.execute(select, (prefix, end))

    def _read(self, key: str) -> bytes | None:
        row = self._reader.execute("SELECT value FROM records WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _write(self, batch: Batch) -> bool:
        loop, writer = self._running_loop(), self._writer
        if writer.quick(batch.size):
            try:
                writer.write(batch.changes, batch.size)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, as from the thread
                writer.roll_back()
                loop.call_soon(self._failed, _words(error))
                return False
            return True
        writer.jobs.put((loop, batch.changes, batch.size, self._wrote, self._failed))
        return False

    def _probe(self) -> None:
        def worked() -> None:
            self._probed(worked=True)

        def failed(_reason: str) -> None:
            self._probed(worked=False)

        self._writer.jobs.put((self._running_loop(), None, 0, worked, failed))

    async def _release(self) -> None:
        await asyncio.to_thread(self._writer.close)
        self._reader.close()
        self._lock.release()

    def _running_loop(self) -> AbstractEventLoop:
        return self._loop if self._loop is not None else asyncio.get_running_loop()


Job = tuple[AbstractEventLoop, "dict[str, bytes | None] | None", int, Callable[[], None], Callable[[str], None]]
"""Where to report to, the changes (None: find out whether writing works) and their size in bytes, what to call when it
worked, or did not."""


class _Writer:
    """The writing connection and its thread, which ends with the connection.

    The journal writes one batch at a time: from a job to its report the connection is the thread's, else the loop's.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, quick_s: float) -> None:
        self.connection = connection
        self._quick_s = quick_s
        self._took_s = 1.0
        """How long the last batch took. The first one goes to the thread: nobody knows the disk yet."""
        self._log = Checkpointer(lambda: _connect(path), pages=CHECKPOINT_PAGES, page_bytes=PAGE_BYTES)
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dayfly-journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Blocks until what was queued is written and the log is folded into the file."""
        self.jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            loop, changes, size, worked, failed = job
            try:
                try:
                    self.write(changes, size)
                except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the thread must go on
                    self.roll_back()
                    loop.call_soon_threadsafe(failed, _words(error))
                else:
                    loop.call_soon_threadsafe(worked)
            except RuntimeError:
                log.warning("the loop ended before the journal was closed")
        self._finish()

    def quick(self, size: int) -> bool:
        """Whether a batch of so many bytes is likely to be written in less time than a thread takes to hear of it."""
        return self._took_s <= self._quick_s and size <= QUICK_BYTES and not self._log.due

    def write(self, changes: dict[str, bytes | None] | None, size: int) -> None:
        """One batch in one transaction; None: find out whether writing works."""
        began_s = time.perf_counter()
        self._log.finish(self.connection)
        if changes is None:
            self._try_writing()
        else:
            self._put(changes)
        self._took_s = time.perf_counter() - began_s
        self._log.wrote(size, len(changes or ()))

    def _put(self, changes: dict[str, bytes | None]) -> None:
        execute = self.connection.execute
        if len(changes) == 1:
            ((key, value),) = changes.items()
            execute(*((_PUT[1], (key, value)) if value is not None else (_DELETE[1], (key,))))
            return
        statements = list(_statements(changes))
        if len(statements) == 1:
            execute(*statements[0])
            return
        execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            execute(sql, values)
        execute("COMMIT")

    def _try_writing(self) -> None:
        """Write something that leaves nothing behind, of a size that shows there is room again."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("INSERT OR REPLACE INTO probe VALUES (1, zeroblob(65536))")
        self.connection.execute("DELETE FROM probe")
        self.connection.execute("COMMIT")

    def roll_back(self) -> None:
        self._took_s = 1.0
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("the journal could not be rolled back: %s", error)

    def _finish(self) -> None:
        self._log.close()
        try:
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            log.warning("the journal's log could not be folded into its file, the next start does it: %s", error)
        self.connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute("PRAGMA busy_timeout = 10000")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StateTooNew(
            f"The state file {path} has schema version {version}, this dayfly knows {SCHEMA_VERSION}: "
            "it was written by a newer dayfly. Start that one, or another state directory."
        )
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StateUnreadable(f"The file system of {path} does not support SQLite's write-ahead log.")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # see checkpoint.py
    connection.execute("PRAGMA cache_size = -16384")
    log_left = path.with_name(path.name + "-wal")
    if log_left.exists() and log_left.stat().st_size > PAGE_BYTES * CHECKPOINT_PAGES // 4:
        # A killed process left it. The checkpointer counts what this process writes: it would grow from kill to kill.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if version < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY, filler BLOB)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _put(rows: int) -> str:
    return "INSERT OR REPLACE INTO records VALUES " + ",".join(["(?,?)"] * rows)


def _delete(rows: int) -> str:
    return f"DELETE FROM records WHERE key IN ({','.join('?' * rows)})"


_PUT = {rows: _put(rows) for rows in ROWS}
_DELETE = {rows: _delete(rows) for rows in ROWS}


def _statements(changes: dict[str, bytes | None]) -> Iterator[tuple[str, Sequence[str | bytes]]]:
    """As few statements as do all of it. Each key is there once, so puts and deletes may be regrouped."""
    puts = [item for item in changes.items() if item[1] is not None]
    for part, rows in _cut(puts):
        yield _PUT[rows], list(itertools.chain.from_iterable(part))  # type: ignore[arg-type]  # puts have values
    if len(puts) < len(changes):
        for keys, rows in _cut([key for key, value in changes.items() if value is None]):
            yield _DELETE[rows], keys


def _cut(items: list[T]) -> Iterator[tuple[list[T], int]]:
    start = 0
    for rows in ROWS:
        while len(items) - start >= rows:
            yield items[start : start + rows], rows
            start += rows


def _end_of(prefix: str) -> str | None:
    """The least text above every text with this prefix, by code point; None if there is none."""
    for index in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[index])
        if point < 0x10FFFF:
            # The code points of surrogates have no place in UTF-8: the next one after U+D7FF is U+E000.
            return prefix[:index] + chr(0xE000 if point == 0xD7FF else point + 1)
    return None
