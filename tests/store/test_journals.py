"""Memory and SQLite keep every promise of the journal, and SQLite those of its file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfly.store import Journal, JournalFailed, sqlite, table
from dayfly.store.check import CHECKS, Check, Subject, refused
from dayfly.store.lock import StateInUse
from dayfly.store.log import LEAST_STEP
from dayfly.store.memory import MemoryJournal
from dayfly.store.sqlite import QUICK_BYTES, SqliteJournal, StateTooNew, StateUnreadable
from dayfly.store.table import ROWS, SCHEMA_VERSION, _cut


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
    """Breaks by a limit on the size of files: what is there may be written, nothing may grow, as on a full disk."""

    def __init__(self, path: Path, quick_s: float = 0) -> None:
        self.path = path
        self.quick_s = quick_s

    def open(self) -> Journal:
        return SqliteJournal.open(self.path, quick_s=self.quick_s)

    def break_writes(self, journal: Journal) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LEAST_STEP, resource.RLIM_INFINITY))

    def mend_writes(self, journal: Journal) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture(params=["memory", "sqlite by its thread", "sqlite in the loop", "sqlite settling all the time"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    if request.param == "memory":
        yield Memory()
        return
    if "all the time" in request.param:
        monkeypatch.setattr(sqlite, "FULL_BYTES", 1)
    state = Sqlite(tmp_path / "state" / "journal.db", 0 if "thread" in request.param else float("inf"))
    try:
        yield state
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


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
from dayfly.store.log import LEAST_STEP
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
    with pytest.raises(StateTooNew, match=rf"schema version {SCHEMA_VERSION + 1}.*newer dayfly"):
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


async def test_what_commits_in_one_turn_shares_one_record(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    await asyncio.gather(*[journal.commit([(f"k/{n}", b"v")]) for n in range(64)])
    assert journal._log.number == 1
    await journal.close()


def written_by(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that append to the log, as they do."""
    names: list[str] = []
    append = journal._log.append

    def noted(changes: dict[str, bytes | None]) -> float:
        names.append(threading.current_thread().name)
        return append(changes)

    monkeypatch.setattr(journal._log, "append", noted)
    return names


async def test_the_loop_writes_while_the_disk_is_quick_and_never_large_batches(tmp_path, monkeypatch) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db", quick_s=0.9)
    names = written_by(journal, monkeypatch)
    await journal.commit([("first", b"")])  # nobody knows the disk yet
    await journal.commit([("small", b"v")])
    await journal.commit([("large", bytes(QUICK_BYTES + 1))])
    await journal.commit([("small again", b"v")])
    assert names == ["dayfly-journal", "MainThread", "dayfly-journal", "MainThread"]
    journal._took_s = 1.0  # a disk that stalled
    await journal.commit([("after a stall", b"v")])
    assert names[-1] == "dayfly-journal"
    await journal.close()


async def test_the_loop_never_waits_for_a_file_to_grow(tmp_path, monkeypatch) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db", quick_s=float("inf"))
    names = written_by(journal, monkeypatch)
    for _ in range(6):
        await journal.commit([("k", bytes(50_000))])
    assert names == ["dayfly-journal", "MainThread", "MainThread", "dayfly-journal", "MainThread", "MainThread"]
    await journal.close()


async def test_a_full_disk_is_said_in_the_error(tmp_path: Path) -> None:
    subject = Sqlite(tmp_path / "journal.db")
    journal = subject.open()
    subject.break_writes(journal)
    try:
        with pytest.raises(JournalFailed, match="File too large"):
            await journal.commit([("a", bytes(1_000_000))])
    finally:
        subject.mend_writes(journal)
    await journal.close()


def in_table(path: Path) -> dict[str, bytes]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT key, value FROM records"))


async def eventually(holds: Callable[[], object], promise: str) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(promise)


async def test_the_table_has_what_was_committed_after_a_while(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "SETTLE_AFTER_S", 0.02)
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    await journal.commit([("a", b"1"), ("b", b"1")])
    await eventually(lambda: in_table(path) == {"a": b"1", "b": b"1"}, "the table takes in what is in the log")
    await journal.commit([("a", None)])
    await eventually(lambda: in_table(path) == {"b": b"1"}, "again and again")
    assert dict(journal.load("")) == {"b": b"1"}
    await journal.close()


async def test_what_is_deleted_soon_never_reaches_the_table(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    written: list[str] = []
    journal._table.writer.set_trace_callback(written.append)
    await journal.commit([("short-lived", b"v")])
    await journal.commit([("short-lived", None)])
    await journal.close()
    assert not any("INSERT" in line for line in written)


@pytest.fixture
def held_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another process that holds the table's write lock; `close()` lets it go."""
    monkeypatch.setattr(sqlite, "TRY_AGAIN_S", 0.02)
    connect = table._connect

    def impatient(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA busy_timeout = 1")
        return connection

    monkeypatch.setattr(table, "_connect", impatient)
    asyncio.run(SqliteJournal.open(tmp_path / "journal.db").close())
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    yield other
    other.close()


async def test_commits_go_on_while_the_table_cannot_be_written(tmp_path, held_table, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "FULL_BYTES", 1000)
    journal = SqliteJournal.open(tmp_path / "journal.db")
    held_table.execute("BEGIN IMMEDIATE")
    for number in range(4):
        await journal.commit([(f"k/{number}", bytes(500)), ("all", b"%d" % number)])
    assert in_table(tmp_path / "journal.db") == {}
    assert [key for key, _ in journal.load("")] == ["all", "k/0", "k/1", "k/2", "k/3"]
    assert journal.get("k/1") == bytes(500), "what waits for the table"
    assert journal.get("all") == b"3"
    held_table.execute("ROLLBACK")
    await eventually(lambda: "k/1" in in_table(tmp_path / "journal.db"), "it is tried again")
    await journal.close()
    assert len(in_table(tmp_path / "journal.db")) == 5


async def test_commits_wait_for_the_table_once_the_log_is_far_too_long(tmp_path, held_table, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "FULL_BYTES", 1000)
    monkeypatch.setattr(sqlite, "TOO_LONG", 3)
    journal = SqliteJournal.open(tmp_path / "journal.db")
    held_table.execute("BEGIN IMMEDIATE")
    outcome = JournalFailed("none yet")
    for number in range(100):
        try:
            await journal.commit([(f"k/{number}", bytes(500))])
        except JournalFailed as error:
            outcome = error
            break
    assert "database is locked" in str(outcome)
    kept = len(list(journal.load("k/")))
    assert 6 < kept < 20
    held_table.execute("ROLLBACK")
    while await refused(journal.commit([("again", b"v")])):
        await asyncio.sleep(0.02)
    assert len(list(journal.load("k/"))) == kept
    assert journal.get("again") == b"v"
    await journal.close()
    assert len(in_table(tmp_path / "journal.db")) == kept + 1


CRASH = """
import asyncio, os, sys
from pathlib import Path
from dayfly.store.sqlite import SqliteJournal
async def main():
    journal = SqliteJournal.open(Path(sys.argv[1]))
    for number in range(100):
        await journal.commit([(f"a/{number}", bytes(1000)), ("last", b"%d" % number)])
    await journal.commit([("a/0", None)])
    os._exit(9)
asyncio.run(main())
"""


def crashed(path: Path) -> None:
    program = f"import sys; sys.path[:0] = {sys.path!r}\n{CRASH}"
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 9
    assert path.with_name("journal.db.log-1").exists()


async def test_what_a_killed_process_left_in_the_log_is_in_the_table_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    crashed(path)
    assert in_table(path) == {}
    journal = SqliteJournal.open(path)
    assert len(in_table(path)) == 100
    assert journal.get("last") == b"99"
    assert not path.with_name("journal.db.log-1").exists()
    await journal.commit([("more", b"v")])
    await journal.close()
    assert len(in_table(path)) == 101


async def test_a_start_that_cannot_write_the_table_reads_the_log_and_goes_on(tmp_path, held_table) -> None:
    path = tmp_path / "journal.db"
    crashed(path)
    held_table.execute("BEGIN IMMEDIATE")
    journal = SqliteJournal.open(path)
    assert len(list(journal.load("a/"))) == 99
    await journal.commit([("a/0", b"back")])
    assert len(list(journal.load("a/"))) == 100
    held_table.execute("ROLLBACK")
    await journal.close()
    assert in_table(path)["a/0"] == b"back"
    assert not list(tmp_path.glob("journal.db.log-*"))


async def test_a_close_that_cannot_write_the_table_leaves_the_log_to_the_next_start(tmp_path, held_table) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    await journal.commit([("a", b"1")])
    held_table.execute("BEGIN IMMEDIATE")
    await journal.close()
    held_table.execute("ROLLBACK")
    assert in_table(path) == {}
    journal = SqliteJournal.open(path)
    assert dict(journal.load("")) == {"a": b"1"}
    await journal.close()


def test_a_damaged_log_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    crashed(path)
    content = bytearray(path.with_name("journal.db.log-1").read_bytes())
    content[500] ^= 1
    path.with_name("journal.db.log-1").write_bytes(content)
    with pytest.raises(StateUnreadable, match=r"journal\.db\.log-1 is damaged: its record 1 cannot be read"):
        SqliteJournal.open(path)
    assert path.with_name("journal.db.log-1").read_bytes() == content


async def test_the_state_of_a_version_without_a_log_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("CREATE TABLE records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        old.execute("CREATE TABLE probe (id INTEGER PRIMARY KEY, filler BLOB)")
        old.execute("INSERT INTO records VALUES ('a', x'31')")
        old.execute("PRAGMA user_version = 1")
    journal = SqliteJournal.open(path)
    assert journal.get("a") == b"1"
    await journal.commit([("b", b"2")])
    await journal.close()
    assert in_table(path) == {"a": b"1", "b": b"2"}


RECORDS = st.dictionaries(st.text("ab/", max_size=3), st.binary(max_size=2))
NEWER = st.dictionaries(st.text("ab/", max_size=3), st.none() | st.binary(max_size=2))


@given(rows=RECORDS, newer=NEWER)
def test_rows_and_newer_values_are_read_as_one(rows: dict[str, bytes], newer: dict[str, bytes | None]) -> None:
    wanted = {key: value for key, value in (rows | newer).items() if value is not None}
    assert list(sqlite._merged(iter(sorted(rows.items())), sorted(newer.items()))) == sorted(wanted.items())


@pytest.mark.parametrize("count", [0, 1, 3, 5, 63, 64, 65, 1023, 5000])
def test_a_batch_is_cut_into_statements_without_loss(count: int) -> None:
    parts = list(_cut(list(range(count))))
    assert [item for part, _ in parts for item in part] == list(range(count))
    assert all(len(part) == rows and rows in ROWS for part, rows in parts)
