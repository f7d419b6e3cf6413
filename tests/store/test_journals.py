"""Memory and SQLite keep every promise of the journal, and SQLite those of its file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dayfly.store import Journal, JournalFailed
from dayfly.store.check import CHECKS, Check, Subject
from dayfly.store.lock import StateInUse
from dayfly.store.memory import MemoryJournal
from dayfly.store.sqlite import QUICK_BYTES, ROWS, SCHEMA_VERSION, SqliteJournal, StateTooNew, StateUnreadable, _cut


class Memory:
    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}

    def open(self) -> Journal:
        return MemoryJournal(self.records)

    def break_writes(self, journal: Journal) -> None:
        assert isinstance(journal, MemoryJournal)
        journal.failing = True

    def mend_writes(self, journal: Journal) -> None:
        assert isinstance(journal, MemoryJournal)
        journal.failing = False


class Sqlite:
    """Breaks by a limit on the file's pages: SQLite then answers as on a full disk (SQLITE_FULL)."""

    def __init__(self, path: Path, quick_s: float = 0) -> None:
        self.path = path
        self.quick_s = quick_s

    def open(self) -> Journal:
        return SqliteJournal.open(self.path, quick_s=self.quick_s)

    def limit(self, journal: Journal, pages: int) -> None:
        assert isinstance(journal, SqliteJournal)
        journal._writer.connection.execute(f"PRAGMA max_page_count = {pages}")

    def break_writes(self, journal: Journal) -> None:
        self.limit(journal, 1)  # SQLite takes the present size where that is more

    def mend_writes(self, journal: Journal) -> None:
        self.limit(journal, 1_000_000)


@pytest.fixture(params=["memory", "sqlite by its thread", "sqlite in the loop"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "memory":
        return Memory()
    return Sqlite(tmp_path / "state" / "journal.db", 0 if "thread" in request.param else float("inf"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
async def test_journal(check: Check, subject: Subject) -> None:
    await check(subject)


async def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    program = f"""
import sys; sys.path[:0] = {sys.path!r}
from pathlib import Path
from dayfly.store.sqlite import SqliteJournal
from dayfly.store.lock import StateInUse
try: SqliteJournal.open(Path({str(tmp_path / "journal.db")!r}))
except StateInUse as error: print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"in use by process {os.getpid()} " in run.stdout
    with pytest.raises(StateInUse):
        SqliteJournal.open(tmp_path / "journal.db")
    await journal.close()
    await SqliteJournal.open(tmp_path / "journal.db").close()


def test_the_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "journal.db")
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    with pytest.raises(StateTooNew, match=r"schema version 2.*newer dayfly"):
        SqliteJournal.open(tmp_path / "journal.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"shopping list" * 1000)
    with pytest.raises(StateUnreadable, match="not a database"):
        SqliteJournal.open(tmp_path / "journal.db")
    assert (tmp_path / "journal.db").read_bytes() == b"shopping list" * 1000


def test_a_journal_is_loaded_before_a_loop_runs_and_then_used(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    assert list(journal.load("")) == []

    async def use() -> None:
        await journal.commit([("a", b"1")])
        await journal.close()

    asyncio.run(use())


async def test_closing_folds_the_log_into_the_file(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    await journal.commit([("a", b"1" * 100_000)])
    await journal.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.db", "journal.db.lock"]


async def test_what_commits_in_one_turn_shares_one_transaction(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    statements: list[str] = []
    journal._writer.connection.set_trace_callback(statements.append)
    await asyncio.gather(*[journal.commit([(f"k/{n}", b"v")]) for n in range(64)])
    assert len([line for line in statements if line.startswith("INSERT")]) == 1
    journal._writer.connection.set_trace_callback(None)
    await journal.close()


def written_by(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that write, as they do."""
    names: list[str] = []
    write = journal._writer.write

    def noted(changes: dict[str, bytes | None] | None, size: int) -> None:
        names.append(threading.current_thread().name)
        write(changes, size)

    monkeypatch.setattr(journal._writer, "write", noted)
    return names


async def test_the_loop_writes_while_the_disk_is_quick_and_never_large_batches(tmp_path, monkeypatch) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db", quick_s=0.9)
    names = written_by(journal, monkeypatch)
    await journal.commit([("first", b"")])  # nobody knows the disk yet
    await journal.commit([("small", b"v")])
    await journal.commit([("large", bytes(QUICK_BYTES + 1))])
    await journal.commit([("small again", b"v")])
    assert names == ["dayfly-journal", "MainThread", "dayfly-journal", "MainThread"]
    journal._writer._took_s = 1.0  # a disk that stalled
    await journal.commit([("after a stall", b"v")])
    assert names[-1] == "dayfly-journal"
    await journal.close()


async def test_a_full_disk_is_said_in_the_error(tmp_path: Path) -> None:
    subject = Sqlite(tmp_path / "journal.db")
    journal = subject.open()
    subject.break_writes(journal)
    with pytest.raises(JournalFailed, match="disk is full"):
        await journal.commit([("a", bytes(1_000_000))])
    subject.mend_writes(journal)
    await journal.close()


@pytest.mark.parametrize("count", [0, 1, 3, 5, 63, 64, 65, 1023, 5000])
def test_a_batch_is_cut_into_statements_without_loss(count: int) -> None:
    parts = list(_cut(list(range(count))))
    assert [item for part, _ in parts for item in part] == list(range(count))
    assert all(len(part) == rows and rows in ROWS for part, rows in parts)
