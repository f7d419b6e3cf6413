"""The log is folded into the file while commits go on, and stays short."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys

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


def test_the_log_that_a_killed_process_left_is_folded_at_the_next_start(tmp_path):
    write = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
for number in range(100):
    connection.execute("INSERT INTO records VALUES (?, ?)", (f"a/{number}", bytes(100_000)))
os._exit(9)
"""
    path = tmp_path / "journal.sqlite"

    async def opened_and_closed():
        journal = SqliteJournal.open(path)
        size = path.with_name(path.name + "-wal").stat().st_size if path.with_name(path.name + "-wal").exists() else 0
        count = sum(1 for _ in journal.load("a/"))
        await journal.close()
        return size, count

    asyncio.run(opened_and_closed())
    subprocess.run([sys.executable, "-c", write, str(path)], check=False)
    assert path.with_name(path.name + "-wal").stat().st_size > 5_000_000
    assert asyncio.run(opened_and_closed()) == (0, 100)
