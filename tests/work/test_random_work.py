"""Whatever is put, delayed, retried, failed and restarted: all of it completes, and groups keep their order."""

from __future__ import annotations

import asyncio
import logging

from hypothesis import given, settings
from hypothesis import strategies as st

from dayfly.clock import ManualClock
from dayfly.ids import SeededIds
from dayfly.store import Changes
from dayfly.store.memory import MemoryJournal
from dayfly.work import Item, Retry, RetryPolicy, Work

puts = st.tuples(
    st.just("put"),
    st.sampled_from([None, "g", "h"]),
    st.integers(0, 3),  # due in so many seconds
    st.sampled_from(["complete", "complete", "retry", "raise"]),
)
steps = st.one_of(
    puts,
    puts,
    st.tuples(st.just("advance"), st.integers(0, 3)),
    st.tuples(st.just("turns"), st.integers(0, 4)),
    st.tuples(st.just("restart")),
)


class Run:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.records: dict[str, bytes] = {}
        self.ids = SeededIds()
        self.put: list[tuple[str | None, str]] = []
        self.completed: list[str] = []
        self.running: set[str | None] = set()
        self.start()

    def start(self) -> None:
        self.journal = MemoryJournal(self.records)
        self.work = Work(journal=self.journal, clock=self.clock, ids=self.ids)
        self.work.load()
        policy = RetryPolicy(delays_ms=(1_000,), attempts=3, exhausted=self.give_up)
        self.work.handle("k", self.run, retry=policy, concurrency=3)
        self.work.start()

    async def run(self, item: Item) -> Changes | Retry:
        assert item.group is None or item.group not in self.running, "two of a group at once"
        self.running.add(item.group)
        try:
            await asyncio.sleep(0)
        finally:
            self.running.discard(item.group)
        behaviour, _, name = item.payload.decode().partition(" ")
        if behaviour == "retry" and item.attempts < 2:
            return Retry(1_000)
        if behaviour == "raise":
            raise ValueError(name)
        return [("done/" + name, b"")]

    def give_up(self, item: Item, _error: BaseException) -> Changes:
        return [("done/" + item.payload.decode().partition(" ")[2], b"given up")]

    async def step(self, step: tuple) -> None:
        match step:
            case ("put", group, delay_s, behaviour):
                name = f"{len(self.put):03}"
                due_ms = self.clock.now_ms() + delay_s * 1000
                payload = f"{behaviour} {name}".encode()
                _, changes = self.work.put("k", payload, due_ms=due_ms, group=group)
                await self.journal.commit(changes)
                self.put.append((group, name))
            case ("advance", seconds):
                self.clock.advance(seconds)
            case ("turns", turns):
                for _ in range(turns):
                    await asyncio.sleep(0)
            case ("restart",):
                await self.work.stop(0)
                await self.journal.close()
                self.start()
        self.check_groups()

    def check_groups(self) -> None:
        for group in ("g", "h"):
            done = [f"done/{name}" in self.records for where, name in self.put if where == group]
            assert done == sorted(done, reverse=True), "a group completes in the order it was put"

    async def finish(self) -> None:
        for _ in range(4 * len(self.put) + 10):
            await self.work.idle()
            self.clock.advance(1)
        await self.work.idle()
        assert self.records.keys() == {f"done/{name}" for _, name in self.put}
        assert self.work.pending() == 0
        await self.work.stop(0)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=25))
def test_all_that_was_put_completes_in_the_order_of_its_group(script: list[tuple]) -> None:
    async def play() -> None:
        run = Run()
        for step in script:
            await run.step(step)
        await run.finish()

    logging.getLogger("dayfly.work").setLevel(logging.CRITICAL + 1)
    try:
        asyncio.run(play())
    finally:
        logging.getLogger("dayfly.work").setLevel(logging.NOTSET)
