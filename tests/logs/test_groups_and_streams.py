"""Lines are taken in cheaply, kept in chunks, found by time and pattern, and expire."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dayfly.clock import ManualClock
from dayfly.errors import Unsupported
from dayfly.identity import Scope
from dayfly.ids import SeededIds
from dayfly.logs import GroupExists, GroupNotFound, InvalidParameter, Logs, Pattern, StreamExists, StreamNotFound
from dayfly.store.memory import MemoryJournal

HERE = Scope("000000000000", "eu-west-1")
GROUP = "/aws/lambda/f"


class Bench:
    def __init__(self, journal: MemoryJournal | None = None, clock: ManualClock | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = clock or ManualClock()
        self.logs = Logs(journal=self.journal, clock=self.clock, ids=SeededIds())
        self.logs.load()
        self.journal.on_lost(self.logs.load)

    def restarted(self) -> Bench:
        return Bench(MemoryJournal(self.journal.records), self.clock)

    def write(self, *texts: str, stream: str = "s", group: str = GROUP) -> None:
        self.logs.write(HERE, group, stream, [(self.clock.now_ms(), text) for text in texts])

    def texts(self, stream: str = "s", **options) -> list[str]:
        page = self.logs.read(HERE, GROUP, stream, from_head=True, **options)
        return [found.event.text for found in page.found]

    def search(self, pattern: str = "", **options) -> list[str]:
        return [found.event.text for found in self.logs.search(HERE, GROUP, Pattern(pattern), **options)]

    def chunks(self) -> int:
        return sum(key.startswith("loglines/") for key in self.journal.records)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_what_is_written_is_found_after_a_restart(bench: Bench) -> None:
    bench.write("START", "hello", "END")
    await bench.logs.flush()
    again = bench.restarted()
    assert again.texts() == ["START", "hello", "END"]
    assert [group.name for group in again.logs.groups(HERE)] == [GROUP]
    assert again.logs.streams(HERE, GROUP) == bench.logs.streams(HERE, GROUP)


async def test_writing_is_durable_100_ms_later_without_anyone_asking(bench: Bench) -> None:
    bench.write("hello")
    assert bench.journal.records == {}
    bench.clock.advance(0.1)
    await asyncio.sleep(0)
    await bench.journal.commit(())
    assert bench.restarted().texts() == ["hello"]


async def test_a_thousand_trickling_lines_make_few_chunks(bench: Bench) -> None:
    for number in range(1000):
        bench.write(f"line {number:04}")
        await bench.logs.flush()
    assert bench.chunks() == 3
    assert bench.restarted().texts() == bench.texts() == [f"line {number:04}" for number in range(1000)]


async def test_a_flood_is_cut_into_chunks_in_order(bench: Bench) -> None:
    bench.write(*(f"{number:04}" + "x" * 1000 for number in range(500)))
    await bench.logs.flush()
    assert bench.chunks() > 20
    assert [text[:4] for text in bench.texts()] == [f"{number:04}" for number in range(500)]


async def test_pages_forwards_and_backwards_join_without_gap_or_overlap(bench: Bench) -> None:
    lines = [f"{number:04}" + "x" * 300 for number in range(200)]
    bench.write(*lines)
    await bench.logs.flush()
    forwards: list[str] = []
    page = bench.logs.read(HERE, GROUP, "s", from_head=True, limit=7)
    while page.found:
        forwards += [found.event.text for found in page.found]
        page = bench.logs.read(HERE, GROUP, "s", start=page.end, limit=7)
    assert forwards == lines
    bench.write("new")
    await bench.logs.flush()
    assert [found.event.text for found in bench.logs.read(HERE, GROUP, "s", start=page.end).found] == ["new"]
    backwards: list[str] = []
    page = bench.logs.read(HERE, GROUP, "s", limit=7)
    while page.found:
        backwards = [found.event.text for found in page.found] + backwards
        page = bench.logs.read(HERE, GROUP, "s", end=page.start, limit=7)
    assert backwards == [*lines, "new"]


async def test_events_are_found_by_time_and_streams_merged_by_it(bench: Bench) -> None:
    start_ms = bench.clock.now_ms()
    for number in range(6):
        bench.write(str(number), stream="ab"[number % 2])
        bench.clock.advance(1)
    await bench.logs.flush()
    assert bench.search() == ["0", "1", "2", "3", "4", "5"]
    assert bench.search(since_ms=start_ms + 1000, until_ms=start_ms + 4000) == ["1", "2", "3"]
    assert bench.search(streams=lambda name: name == "b") == ["1", "3", "5"]
    assert bench.search(skip=2, limit=3) == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["ERROR one", "WARN two words", "info ERROR two"]),
        ("ERROR", ["ERROR one", "info ERROR two"]),
        ("ERROR two", ["info ERROR two"]),
        ('"two words"', ["WARN two words"]),
        ("ERROR -info", ["ERROR one"]),
        ("-ERROR", ["WARN two words"]),
        ("?WARN ?info", ["WARN two words", "info ERROR two"]),
        ("error", []),
    ],
)
async def test_patterns_find_terms_and_phrases(bench: Bench, pattern: str, found: list[str]) -> None:
    bench.write("ERROR one", "WARN two words", "info ERROR two")
    await bench.logs.flush()
    assert bench.search(pattern) == found


@pytest.mark.parametrize("pattern", ["[ip, user]", "%[0-9]+%", "{ $.a = %x% }", "{ $.['a'] = 1 }"])
def test_patterns_that_are_not_supported_say_so(pattern: str) -> None:
    with pytest.raises(Unsupported):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", ['"open', "a-b", 'x "'])
def test_patterns_that_cannot_be_read_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidParameter):
        Pattern(pattern)


async def test_expired_events_are_not_shown_and_then_deleted(bench: Bench) -> None:
    await bench.journal.commit(bench.logs.create_group(HERE, GROUP))
    await bench.journal.commit(bench.logs.set_retention(HERE, GROUP, 1))
    bench.write("gone", stream="gone")
    bench.write(*["old" + "x" * 5000] * 10)
    bench.clock.advance(86_000)
    bench.write("new")
    await bench.logs.flush()
    bench.clock.advance(401)
    assert bench.search() == ["new"]
    chunks = bench.chunks()
    bench.clock.advance(3600)
    await bench.logs.flush()
    assert bench.chunks() < chunks
    assert [stream.name for stream in bench.logs.streams(HERE, GROUP)] == ["s"]
    assert bench.restarted().search() == bench.search() == ["new"]


async def test_deleting_a_group_leaves_nothing(bench: Bench) -> None:
    bench.write("x" * 20_000, "y" * 20_000, "z")
    bench.write("other", stream="t")
    await bench.logs.flush()
    await bench.journal.commit(bench.logs.delete_group(HERE, GROUP))
    assert bench.journal.records == {}
    bench.write("again")
    await bench.logs.flush()
    assert bench.texts() == ["again"]


async def test_an_account_is_forgotten_with_what_is_buffered(bench: Bench) -> None:
    bench.write("one")
    await bench.logs.flush()
    bench.write("two")
    await bench.journal.commit(bench.logs.forget(HERE.account))
    await bench.logs.flush()
    assert bench.journal.records == {}


async def test_names_that_exist_or_do_not_are_refused(bench: Bench) -> None:
    with pytest.raises(GroupNotFound):
        bench.logs.create_stream(HERE, GROUP, "s")
    bench.logs.create_group(HERE, GROUP)
    with pytest.raises(GroupExists):
        bench.logs.create_group(HERE, GROUP)
    with pytest.raises(StreamNotFound):
        bench.texts()
    bench.logs.create_stream(HERE, GROUP, "s")
    with pytest.raises(StreamExists):
        bench.logs.create_stream(HERE, GROUP, "s")
    with pytest.raises(InvalidParameter):
        bench.logs.create_group(HERE, "no spaces")
    with pytest.raises(InvalidParameter):
        bench.logs.create_stream(HERE, GROUP, "no:colons")
    with pytest.raises(InvalidParameter):
        bench.logs.set_retention(HERE, GROUP, 2)


async def test_lines_for_an_impossible_name_take_nothing_else_down(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.write("bad", group="no such name")
    bench.write("good \ud800")
    await bench.logs.flush()
    assert bench.texts() == ["good ?"]
    assert "were dropped" in caplog.text


async def test_subscribers_hear_what_is_durable(bench: Bench) -> None:
    heard: list[tuple[str, str, list[str]]] = []

    def hear(_scope, group, stream, events) -> None:
        heard.append((group, stream, [event.text for event in events]))

    leave = bench.logs.subscribe(hear, HERE, GROUP)
    bench.write("one")
    bench.write("two")
    bench.write("elsewhere", group="/other")
    assert heard == []
    await bench.logs.flush()
    leave()
    bench.write("three")
    await bench.logs.flush()
    assert heard == [(GROUP, "s", ["one", "two"])]


async def test_lines_that_could_not_be_written_are_not_shown(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    bench.write("kept")
    await bench.logs.flush()
    bench.journal.failing = True
    bench.write("lost")
    bench.clock.advance(0.1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert bench.texts() == ["kept"]
    assert "log lines were lost" in caplog.text
