"""Invocations and requests are counted, summed, and found again after a restart."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dayfly.clock import ManualClock
from dayfly.identity import Scope
from dayfly.meter import Count, Invocation, Meter
from dayfly.meter.meter import CHUNK, HISTORY
from dayfly.meter.records import DAY_MS, HOUR_MS
from dayfly.store.memory import MemoryJournal

HERE = Scope("000000000000", "eu-west-1")
ELSEWHERE = Scope("111111111111", "eu-west-1")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def meter(journal: MemoryJournal, clock: ManualClock) -> Meter:
    return Meter(journal=journal, clock=clock)


def ran(clock: ManualClock, function: str = "f", **fields) -> Invocation:
    given = {"request_id": "r", "at": clock.now_ms(), "duration_ms": 10.5, "billed_ms": 11, "memory_mb": 512} | fields
    return Invocation(function=function, **given)


def again(journal: MemoryJournal, clock: ManualClock) -> Meter:
    meter = Meter(journal=MemoryJournal(journal.records), clock=clock)
    meter.load()
    return meter


async def test_usage_sums_what_a_function_used(meter: Meter, clock: ManualClock) -> None:
    meter.invoked(HERE, ran(clock, cold=True, init_ms=100.0))
    meter.invoked(HERE, ran(clock, duration_ms=20.5, billed_ms=2000, error="Unhandled"))
    meter.invoked(HERE, ran(clock, "g"))
    meter.invoked(ELSEWHERE, ran(clock))
    used = meter.usage(HERE).functions
    assert sorted(used) == ["f", "g"]
    assert (used["f"].invocations, used["f"].errors, used["f"].cold_starts, used["f"].init_ms) == (2, 1, 1, 100.0)
    assert (used["f"].billed_ms, used["f"].max_duration_ms, used["f"].average_ms) == (2011, 20.5, 15.5)
    assert used["f"].gb_s == pytest.approx(2.011 / 2)


async def test_requests_are_counted_by_resource(meter: Meter) -> None:
    meter.counted(HERE, "sqs", "jobs", "SendMessage")
    meter.counted(HERE, "sqs", "jobs", "SendMessage", 9)
    meter.counted(HERE, "ses", "", "sent")
    assert meter.usage(HERE).counts == [
        Count(kind="ses", name="", metric="sent", amount=1),
        Count(kind="sqs", name="jobs", metric="SendMessage", amount=10),
    ]


async def test_figures_are_durable_100_ms_later_without_anyone_asking(
    meter: Meter, journal: MemoryJournal, clock: ManualClock
) -> None:
    meter.invoked(HERE, ran(clock))
    meter.counted(HERE, "sqs", "jobs", "SendMessage")
    assert journal.records == {}
    clock.advance(0.1)
    await asyncio.sleep(0)
    await journal.commit(())
    found = again(journal, clock)
    assert found.invocations(HERE) == meter.invocations(HERE) != []
    assert found.usage(HERE) == meter.usage(HERE)


async def test_a_thousand_small_flushes_make_few_records(
    meter: Meter, journal: MemoryJournal, clock: ManualClock
) -> None:
    for _ in range(1000):
        meter.invoked(HERE, ran(clock))
        await meter.flush()
    assert len(journal.records) == 1000 / CHUNK + 1
    assert len(again(journal, clock).invocations(HERE)) == 1000


async def test_invocations_are_found_by_function_and_time(meter: Meter, clock: ManualClock) -> None:
    start_ms = clock.now_ms()
    for function in ("f", "g", "f"):
        meter.invoked(HERE, ran(clock, function))
        clock.advance(1)
    assert [one.at - start_ms for one in meter.invocations(HERE, "f")] == [0, 2000]
    assert [one.function for one in meter.invocations(HERE, since_ms=start_ms + 1000)] == ["g", "f"]
    assert meter.invocations(ELSEWHERE) == []


async def test_the_history_is_bounded_and_the_sums_are_not(
    meter: Meter, journal: MemoryJournal, clock: ManualClock
) -> None:
    for _ in range(HISTORY + 3 * CHUNK):
        meter.invoked(HERE, ran(clock))
    await meter.flush()
    assert HISTORY <= len(meter.invocations(HERE)) <= HISTORY + CHUNK
    found = again(journal, clock)
    assert len(found.invocations(HERE)) == len(meter.invocations(HERE))
    assert found.usage(HERE).functions["f"].invocations == HISTORY + 3 * CHUNK


async def test_usage_of_a_period_counts_the_hours_that_overlap_it(meter: Meter, clock: ManualClock) -> None:
    start_ms = clock.now_ms()
    for _ in range(5):
        meter.invoked(HERE, ran(clock))
        clock.advance(3600)
    assert meter.usage(HERE, start_ms + HOUR_MS, start_ms + 3 * HOUR_MS).functions["f"].invocations == 3
    assert meter.usage(HERE, start_ms + 30 * HOUR_MS).functions == {}


async def test_old_hours_are_summed_into_days_without_loss(
    meter: Meter, journal: MemoryJournal, clock: ManualClock
) -> None:
    for _ in range(24 * 10):
        meter.invoked(HERE, ran(clock))
        meter.counted(HERE, "sqs", "jobs", "SendMessage")
        clock.advance(3600)
    await meter.flush()
    hours = [key for key in journal.records if "/h/" in key]
    days = [key for key in journal.records if "/d/" in key]
    assert len(hours) <= 3 * 24 + 2
    assert 7 <= len(days) <= 8
    used = again(journal, clock).usage(HERE)
    assert (used.functions["f"].invocations, used.counts[0].amount) == (240, 240)
    assert clock.now_ms() - used.since_ms >= 10 * DAY_MS - HOUR_MS


async def test_a_failed_write_loses_figures_but_not_the_meter(
    meter: Meter, journal: MemoryJournal, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    journal.on_lost(meter.load)
    meter.invoked(HERE, ran(clock))
    await meter.flush()
    journal.failing = True
    meter.invoked(HERE, ran(clock))
    clock.advance(0.1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert "figures of usage were lost" in caplog.text
    assert len(meter.invocations(HERE)) == 1


async def test_subscribers_hear_of_each_invocation_until_they_leave(meter: Meter, clock: ManualClock) -> None:
    heard: list[tuple[Scope, str]] = []
    leave = meter.subscribe(lambda scope, invocation: heard.append((scope, invocation.function)))
    meter.invoked(HERE, ran(clock))
    leave()
    meter.invoked(HERE, ran(clock))
    assert heard == [(HERE, "f")]


async def test_an_account_is_forgotten(meter: Meter, journal: MemoryJournal, clock: ManualClock) -> None:
    meter.invoked(HERE, ran(clock))
    meter.invoked(ELSEWHERE, ran(clock))
    await meter.flush()
    await journal.commit(meter.forget(HERE.account))
    assert again(journal, clock).scopes() == meter.scopes() == [ELSEWHERE]


async def test_the_end_says_nothing_of_figures_that_are_kept_already(
    meter: Meter, journal: MemoryJournal, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    meter.invoked(HERE, ran(clock))
    await meter.flush()
    await journal.close()
    clock.advance(0.2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert caplog.text == ""


async def test_figures_that_somebody_asked_for_are_kept_all_the_same(
    meter: Meter, journal: MemoryJournal, clock: ManualClock
) -> None:
    meter.invoked(HERE, ran(clock))
    assert len(meter.invocations(HERE)) == 1
    clock.advance(0.2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(again(journal, clock).invocations(HERE)) == 1
