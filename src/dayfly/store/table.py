"""The table: every record that has left the log, in one SQLite file in WAL mode with `synchronous=FULL`.

It takes in what the log holds in one transaction, together with the number of the log's last record: whatever the
moment of a crash, what the table has and what the log holds beyond it are all there is. Few statements with many rows:
every step of a statement lets go of the interpreter lock and has to win it back from a busy loop.

Measured for 1 KiB values under keys like `sqs/000000000000/us-east-1/q/m/000000000001` (SQLite 3.40, batches of 64): a
table WITHOUT ROWID on 8 KiB pages writes 100,000 records/s, on 4 KiB pages 30,000 (such values overflow), a rowid table
77,000 (every key is stored twice).

See https://www.sqlite.org/wal.html, https://www.sqlite.org/withoutrowid.html.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from dayfly.errors import Error

T = TypeVar("T")
log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
"""1 had no log beside it: an older dayfly must not open a state whose last commits it would not see."""
PAGE_BYTES = 8192
LONG_BYTES = 4 * 1024 * 1024
"""SQLite's own log is folded into the file at the start if a killed process left more than this of it."""
ROWS = (256, 64, 16, 4, 1)
"""Statements exist for these many rows; what is to be written is cut into them."""


class StateTooNew(Error):
    """The state was written by a newer version of dayfly."""


class StateUnreadable(Error):
    """The state file cannot be opened."""


class Table:
    """One connection that writes, used by one thread at a time, and one that reads, used in the loop.

    Raises StateTooNew and StateUnreadable when it is made, sqlite3.Error when writing fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(_connect(path))
            _prepare(opened[0], path)
            opened.append(_connect(path))
            opened[1].execute("PRAGMA query_only = ON")
            (self.settled,) = opened[0].execute("SELECT number FROM settled").fetchone()
            """The number of the log's last record that is in the table."""
        except BaseException as error:
            for connection in opened:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise StateUnreadable(f"The state file {path} cannot be opened: {error}.") from error
            raise
        self.writer, self._reader = opened

    def rows(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every record whose key starts with the prefix, in the order of keys, as things are now."""
        end = _end_of(prefix)
        if end is None:
            return self._reader.execute("SELECT key, value FROM records WHERE key >= ? ORDER BY key", (prefix,))
        select = "SELECT key, value FROM records WHERE key >= ? AND key < ? ORDER BY key"
        return self._reader.execute(select, (prefix, end))

    def get(self, key: str) -> bytes | None:
        row = self._reader.execute("SELECT value FROM records WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def take(self, changes: Mapping[str, bytes | None], number: int) -> None:
        """Make these changes, all or none, which are those of the log up to its record `number`; durable on return."""
        execute = self.writer.execute
        try:
            execute("BEGIN IMMEDIATE")
            for sql, values in _statements(changes):
                execute(sql, values)
            execute("UPDATE settled SET number = ?", (number,))
            execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.settled = number
        self._fold("PASSIVE")

    def close(self) -> None:
        self._reader.close()
        self._fold("TRUNCATE")
        self.writer.close()

    def _fold(self, how: str) -> None:
        """Copy SQLite's log into the file, which lets the next transaction start it anew."""
        try:
            self.writer.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        except sqlite3.Error as error:  # a full disk, say: the log stays, and nothing of it is lost
            log.warning("SQLite's log could not be folded into %s: %s", self.path, error)

    def _roll_back(self) -> None:
        try:
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("a transaction could not be rolled back: %s", error)


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
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # see Table.take
    connection.execute("PRAGMA cache_size = -16384")
    left = path.with_name(path.name + "-wal")
    if left.exists() and left.stat().st_size > LONG_BYTES:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if version < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )
        connection.execute("DROP TABLE IF EXISTS probe")
        connection.execute("CREATE TABLE settled (number INTEGER NOT NULL)")
        connection.execute("INSERT INTO settled VALUES (0)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _put(rows: int) -> str:
    return "INSERT OR REPLACE INTO records VALUES " + ",".join(["(?,?)"] * rows)


def _delete(rows: int) -> str:
    return f"DELETE FROM records WHERE key IN ({','.join('?' * rows)})"


_PUT = {rows: _put(rows) for rows in ROWS}
_DELETE = {rows: _delete(rows) for rows in ROWS}


def _statements(changes: Mapping[str, bytes | None]) -> Iterator[tuple[str, Sequence[str | bytes]]]:
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
