"""Follow-up work runs once it is durable, in order within its group, again after failures, and after a restart."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dayfly.clock import ManualClock
from dayfly.ids import SeededIds
from dayfly.store import Changes
from dayfly.store.memory import MemoryJournal
from dayfly.work import Item, Retry, RetryPolicy, Work


class Bench:
    """A queue of work on a journal that forgets, and what ran."""

    def __init__(self, journal: MemoryJournal | None = None, clock: ManualClock | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = clock or ManualClock()
        self.work = Work(journal=self.journal, clock=self.clock, ids=SeededIds())
        self.work.load()
        self.journal.on_lost(self.work.load)
        self.ran: list[str] = []

    async def note(self, item: Item) -> None:
        self.ran.append(item.payload.decode())

    def put(self, text: str, kind: str = "note", **options) -> str:
        item_id, changes = self.work.put(kind, text.encode(), **options)
        self.journal.commit(changes)
        return item_id

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.work.idle()

    async def restarted(self) -> Bench:
        await self.work.stop(0)
        return Bench(MemoryJournal(self.journal.records), self.clock)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.work.handle("note", bench.note)
    return bench


async def test_an_item_runs_and_its_record_goes(bench: Bench) -> None:
    bench.work.start()
    bench.put("hello")
    await bench.work.idle()
    assert bench.ran == ["hello"]
    assert bench.journal.records == {}
    assert bench.work.pending() == 0


async def test_an_item_does_not_run_before_it_is_durable(bench: Bench) -> None:
    bench.work.start()
    bench.journal.held = True
    bench.put("hello")
    for _ in range(5):
        await asyncio.sleep(0)
    assert bench.ran == []
    bench.journal.release()
    await bench.work.idle()
    assert bench.ran == ["hello"]


async def test_an_item_whose_commit_failed_never_runs(bench: Bench) -> None:
    bench.work.start()
    bench.journal.failing = True
    _, changes = bench.work.put("note", b"lost")
    await asyncio.gather(bench.journal.commit(changes), return_exceptions=True)
    await bench.work.idle()
    assert bench.ran == []
    assert bench.work.pending() == 0


async def test_items_put_before_the_start_run_after_it(bench: Bench) -> None:
    bench.put("early")
    bench.work.start()
    await bench.work.idle()
    assert bench.ran == ["early"]


async def test_an_item_waits_for_its_time(bench: Bench) -> None:
    bench.work.start()
    for delay in (5, 1, 3):
        bench.put(str(delay), due_ms=bench.clock.now_ms() + delay * 1000)
    await bench.work.idle()
    assert bench.ran == []
    await bench.advance(3)
    assert bench.ran == ["1", "3"]
    await bench.advance(86_400)
    assert bench.ran == ["1", "3", "5"]


async def test_what_had_not_completed_runs_again_after_a_restart(bench: Bench) -> None:
    started = asyncio.Event()

    async def hang(item: Item) -> None:
        started.set()
        await asyncio.Event().wait()

    bench.work.handle("hang", hang)
    bench.work.start()
    bench.put("cut short", kind="hang")
    bench.put("later", kind="hang", due_ms=bench.clock.now_ms() + 60_000)
    await started.wait()
    await bench.work.stop(0)
    again = await bench.restarted()
    again.work.handle("hang", again.note)
    again.work.start()
    await again.work.idle()
    assert again.ran == ["cut short"]
    await again.advance(60)
    assert again.ran == ["cut short", "later"]


async def test_what_a_handler_returns_is_committed_with_the_completion(bench: Bench) -> None:
    async def run(item: Item) -> Changes:
        return [("result", item.payload)]

    bench.work.handle("compute", run)
    bench.work.start()
    bench.put("42", kind="compute")
    bench.journal.held = True
    await asyncio.sleep(0)
    bench.journal.release()
    await bench.work.idle()
    assert bench.journal.records == {"result": b"42"}


async def test_a_retry_is_durable_and_counts_the_attempts(bench: Bench) -> None:
    attempts: list[int] = []

    async def run(item: Item) -> Retry | None:
        attempts.append(item.attempts)
        return Retry(10_000, [("seen", b"yes")]) if item.attempts < 2 else None

    bench.work.handle("try", run)
    bench.work.start()
    bench.put("x", kind="try")
    await bench.work.idle()
    assert bench.journal.records["seen"] == b"yes"
    again = await bench.restarted()
    again.work.handle("try", run)
    again.work.start()
    await again.advance(9)
    assert attempts == [0]
    await again.advance(1)
    await again.advance(10)
    assert attempts == [0, 1, 2]
    assert again.work.pending() == 0


async def test_an_exception_is_retried_by_the_policy_and_then_given_up(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    runs: list[int] = []

    async def fail(item: Item) -> None:
        runs.append(bench.clock.now_ms())
        raise ValueError("no")

    def bury(item: Item, error: BaseException) -> Changes:
        return [("dead/" + item.id, f"{error} after {item.attempts + 1}".encode())]

    bench.work.handle("fail", fail, retry=RetryPolicy(delays_ms=(1_000, 5_000), attempts=4, exhausted=bury))
    bench.work.start()
    start_ms = bench.clock.now_ms()
    bench.put("x", kind="fail", id="x")
    await bench.work.idle()
    for _ in range(20):
        await bench.advance(1)
    assert [at - start_ms for at in runs] == [0, 1_000, 6_000, 11_000]
    assert bench.journal.records == {"dead/x": b"no after 4"}


async def test_a_group_runs_in_order_one_after_the_other(bench: Bench) -> None:
    busy: list[str] = []
    most = 0

    async def run(item: Item) -> None:
        nonlocal most
        busy.append(item.id)
        most = max(most, len(busy))
        await asyncio.sleep(0)
        busy.remove(item.id)
        bench.ran.append(item.payload.decode())

    bench.work.handle("line", run)
    bench.work.start()
    for number in range(20):
        bench.put(str(number), kind="line", group="g")
    await bench.work.idle()
    assert bench.ran == [str(number) for number in range(20)]
    assert most == 1


async def test_a_group_that_waits_for_a_retry_holds_its_successors_and_no_other_group(bench: Bench) -> None:
    async def run(item: Item) -> Retry | None:
        if item.payload == b"a1" and item.attempts == 0:
            return Retry(1_000)
        bench.ran.append(item.payload.decode())
        return None

    bench.work.handle("line", run)
    bench.work.start()
    for text in ("a1", "a2", "b1", "a3"):
        bench.put(text, kind="line", group=text[0])
    await bench.work.idle()
    assert bench.ran == ["b1"]
    again = await bench.restarted()
    again.work.handle("line", run)
    again.work.start()
    await again.work.idle()
    assert bench.ran == ["b1"]
    await again.advance(1)
    assert bench.ran == ["b1", "a1", "a2", "a3"]


async def test_at_most_so_many_of_a_kind_run_at_once(bench: Bench) -> None:
    busy = most = 0

    async def run(item: Item) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy -= 1

    bench.work.handle("narrow", run, concurrency=3)
    bench.work.start()
    for number in range(20):
        bench.put(str(number), kind="narrow")
    await bench.work.idle()
    assert most == 3


async def test_items_without_a_handler_are_kept_and_warned_about(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.put("who", kind="unknown")
    await bench.journal.commit(())
    again = await bench.restarted()
    again.work.start()
    await again.work.idle()
    assert "nothing handles: unknown" in caplog.text
    again.work.handle("unknown", again.note)
    await again.work.idle()
    assert again.ran == ["who"]


async def test_an_id_put_again_replaces_what_waits(bench: Bench) -> None:
    bench.work.start()
    bench.put("old", id="tick", due_ms=bench.clock.now_ms() + 1_000)
    bench.put("new", id="tick", due_ms=bench.clock.now_ms() + 2_000)
    await bench.work.idle()
    await bench.advance(10)
    assert bench.ran == ["new"]
    assert bench.journal.records == {}


async def test_a_handler_may_put_its_own_id_again(bench: Bench) -> None:
    async def tick(item: Item) -> Changes:
        bench.ran.append("tick")
        _, changes = bench.work.put("tick", b"", id=item.id, due_ms=item.due_ms + 1_000)
        return changes

    bench.work.handle("tick", tick)
    bench.work.start()
    bench.put("", kind="tick", id="schedule")
    await bench.work.idle()
    await bench.advance(1)
    await bench.advance(1)
    assert bench.ran == ["tick"] * 3
    again = await bench.restarted()
    assert again.work.pending() == 1


async def test_a_cancelled_item_does_not_run(bench: Bench) -> None:
    bench.work.start()
    item_id = bench.put("x", due_ms=bench.clock.now_ms() + 1_000)
    bench.journal.commit(bench.work.cancel(item_id))
    await bench.advance(5)
    assert bench.ran == []
    assert bench.journal.records == {}
    assert bench.work.cancel("none") == []


async def test_cancelling_the_head_of_a_group_lets_the_next_one_run(bench: Bench) -> None:
    bench.work.start()
    head = bench.put("head", group="g", due_ms=bench.clock.now_ms() + 1_000)
    bench.put("next", group="g")
    await bench.work.idle()
    assert bench.ran == []
    bench.journal.commit(bench.work.cancel(head))
    await bench.work.idle()
    assert bench.ran == ["next"]


async def test_a_completion_that_could_not_be_written_runs_the_item_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def run(item: Item) -> None:
        bench.ran.append(item.payload.decode())
        bench.journal.failing = len(bench.ran) == 1

    bench.work.handle("once", run)
    bench.work.start()
    bench.put("x", kind="once", group="g")
    bench.put("y", kind="once", group="g")
    await bench.work.idle()
    assert bench.ran == ["x"]
    bench.journal.failing = False
    for _ in range(400):
        if bench.work.pending() == 0:
            break
        await asyncio.sleep(0.01)  # the journal tries again by itself, in real time
        await bench.advance(1)
    assert bench.ran[-1] == "y"
    assert set(bench.ran[:-1]) == {"x"}
    assert bench.journal.records == {}


async def test_stopping_waits_for_what_runs_and_starts_nothing(bench: Bench) -> None:
    gate = asyncio.Event()

    async def run(item: Item) -> None:
        await gate.wait()
        bench.ran.append(item.payload.decode())

    bench.work.handle("slow", run, concurrency=1)
    bench.work.start()
    bench.put("first", kind="slow")
    bench.put("second", kind="slow")
    for _ in range(5):
        await asyncio.sleep(0)
    stopping = asyncio.ensure_future(bench.work.stop(5))
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert bench.ran == ["first"]
    assert bench.work.pending() == 1
    assert "stopped: 1 items" in repr(bench.work)


async def test_bodies_beyond_the_budget_are_read_when_they_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dayfly.work.queue.MOST_BODY_BYTES", 100)
    for number in range(30):
        bench.put(f"{number:010}")
    bench.work.start()
    await bench.work.idle()
    assert bench.ran == [f"{number:010}" for number in range(30)]
    assert bench.work._body_bytes == 0


async def test_what_matches_is_forgotten(bench: Bench) -> None:
    bench.work.start()
    for number in range(4):
        bench.put(str(number), due_ms=bench.clock.now_ms() + 1_000)
    bench.journal.commit(bench.work.forget(lambda item: item.payload in (b"1", b"3")))
    await bench.work.idle()
    await bench.advance(5)
    assert bench.ran == ["0", "2"]


async def test_a_completion_that_is_no_changes_hangs_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def run(item: Item) -> Changes:
        bench.ran.append(item.payload.decode())
        return [("bad\ud800" if len(bench.ran) == 1 else "good", b"")]

    bench.work.handle("clumsy", run)
    bench.work.start()
    bench.put("x", kind="clumsy", group="g")
    bench.put("y", kind="clumsy", group="g")
    await bench.work.idle()
    assert "cannot be committed" in caplog.text
    await bench.advance(1)
    assert bench.ran == ["x", "x", "y"]
    assert bench.journal.records == {"good": b""}


async def test_loading_again_forgets_nothing_that_is_in_the_air(bench: Bench) -> None:
    gate = asyncio.Event()

    async def run(item: Item) -> None:
        await gate.wait()
        bench.ran.append(item.payload.decode())

    bench.work.handle("slow", run)
    bench.work.start()
    bench.put("running", kind="slow")
    await bench.journal.commit(())
    for _ in range(3):
        await asyncio.sleep(0)
    bench.journal.held = True
    gate.set()
    bench.put("fresh", kind="slow")
    for _ in range(3):
        await asyncio.sleep(0)
    bench.work.load()
    bench.journal.release()
    await bench.work.idle()
    assert bench.ran == ["running", "fresh"]
    assert bench.work.pending() == 0
    assert bench.journal.records == {}
