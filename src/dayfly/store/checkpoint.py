"""Folding the write-ahead log back into the file without making commits wait for it.

SQLite does it within the commit that makes the log too long, which then takes some 30 ms. Here a thread with a
connection of its own copies pages while commits go on; they append meanwhile, so that a small rest always stays. Once
the rest is small the writing thread copies it itself, which takes little, and the next commit starts the log anew.

    writer: wrote() ──► long enough ──► checkpointer: copies until little is left ──► writer: finish() before a commit

See https://www.sqlite.org/wal.html#performance_considerations, https://www.sqlite.org/pragma.html#pragma_wal_checkpoint.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger(__name__)

LITTLE_PAGES = 256
"""A rest of these many pages is copied by the writing thread."""
ROUNDS = 4
"""The checkpointer gives up to come to so small a rest after these many attempts."""
TOO_LONG = 8
"""Beyond so many times the wanted length the writing thread copies everything, however long it takes."""


class Checkpointer:
    """`connect` opens the thread's connection; `pages` is the length of the log to keep to, `page_bytes` its unit.

    `wrote` and `finish` are called by whoever writes, never by two at once.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, pages: int, page_bytes: int) -> None:
        self._connect = connect
        self._pages = pages
        self._page_bytes = page_bytes
        self._length = 0
        self._copying = False
        self._copied = False
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="dayfly-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, size: int, changes: int) -> None:
        """A commit of about so many bytes and changes went into the log; the pages it touched are guessed from them."""
        self._length += 2 + size // self._page_bytes + changes // 4
        if self._length >= self._pages and not self._copying:
            self._copying = True
            self._wanted.put(True)

    @property
    def due(self) -> bool:
        """Whether `finish` will have something to copy."""
        return self._copied or self._length >= TOO_LONG * self._pages

    def finish(self, writer: sqlite3.Connection) -> None:
        """Between two commits: start the log anew where all but little of it is copied, or where it is far too long."""
        if not self.due:
            return
        left = fold(writer)
        self._length = left if left is not None else 0
        self._copied = self._copying = False

    def close(self) -> None:
        """Blocks until a copy under way has ended."""
        self._wanted.put(False)
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while self._wanted.get():
            try:
                connection = connection or self._connect()
            except sqlite3.Error as error:
                log.warning("the journal's log is folded into its file by the writing thread: %s", error)
            else:
                for _ in range(ROUNDS):
                    left = fold(connection)
                    if left is None or left <= LITTLE_PAGES:
                        break
            self._copied = True
        if connection is not None:
            connection.close()


def fold(connection: sqlite3.Connection) -> int | None:
    """Copy what can be copied without waiting for anybody; the pages left, None where that failed."""
    try:
        _, length, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error as error:  # a full disk, say: the log stays, and nothing of it is lost
        log.warning("the journal's log could not be folded into its file: %s", error)
        return None
    return max(0, int(length) - int(copied))
