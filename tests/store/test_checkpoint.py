"""The log is folded into the file while commits go on, and stays short."""

from __future__ import annotations

import sqlite3

from dayfly.store import checkpoint, sqlite
from dayfly.store.sqlite import SqliteJournal


async def test_a_long_log_is_folded_and_started_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 64)
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal.open(path)
    value = b"x" * 4096
    for number in range(2000):
        await journal.commit([(f"k/{number:06}", value)])
    log = path.with_name("journal.sqlite-wal").stat().st_size
    assert log < 2 * checkpoint.TOO_LONG * 64 * sqlite.PAGE_BYTES
    assert sum(1 for _ in journal.load("k/")) == 2000
    await journal.close()
    reopened = SqliteJournal.open(path)
    assert sum(1 for _ in reopened.load("k/")) == 2000
    await reopened.close()


def test_a_log_that_cannot_be_folded_is_left_as_it_is(tmp_path):
    connection = sqlite3.connect(tmp_path / "file")
    connection.close()

    class Broken:
        def execute(self, _sql: str) -> object:
            raise sqlite3.OperationalError("disk I/O error")

    assert checkpoint.fold(Broken()) is None
