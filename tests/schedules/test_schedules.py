"""EventBridge Scheduler: firing, restarts, groups."""

from __future__ import annotations

import msgspec
import pytest

from dayfly.clock import ManualClock
from dayfly.identity import Scope
from dayfly.ids import SeededIds
from dayfly.schedules import Schedules
from dayfly.schedules.service import Conflict, Invalid, NotFound, Schedule
from dayfly.store.memory import MemoryJournal

SCOPE = Scope("000000000000", "us-east-1")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet"


class Bench:
    def __init__(self, records=None, clock=None):
        self.journal = MemoryJournal(records)
        self.clock = clock or ManualClock(1_700_000_040_000)
        self.sent = []
        self.schedules = Schedules(journal=self.journal, clock=self.clock, ids=SeededIds(), send=self.send)
        self.schedules.load()
        self.schedules.start()

    def send(self, scope, delivery):
        self.sent.append(delivery)
        return [(f"sent/{len(self.sent)}", b"x")]

    async def create(self, expression, **fields):
        given = {"name": "s", "group": "default", "target_arn": ARN, "target": {"Arn": ARN}, **fields}
        await self.journal.commit(self.schedules.create(SCOPE, Schedule(expression=expression, **given)))

    async def advance(self, seconds):
        self.clock.advance(seconds)
        await self.journal.commit(())


async def test_a_rate_fires_at_once_and_then_each_period():
    bench = Bench()
    await bench.create("rate(5 minutes)")
    await bench.advance(0)
    assert len(bench.sent) == 1
    await bench.advance(299)
    assert len(bench.sent) == 1
    await bench.advance(1)
    assert len(bench.sent) == 2


async def test_the_event_names_the_schedule_and_the_time_it_was_due():
    bench = Bench()
    await bench.create("cron(0/5 * * * ? *)")
    await bench.advance(300)
    event = msgspec.json.decode(bench.sent[0].payload)
    assert event["source"] == "aws.scheduler"
    assert event["detail-type"] == "Scheduled Event"
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"]
    assert event["time"] == "2023-11-14T22:15:00Z"


async def test_the_given_input_is_sent_with_its_context_attributes():
    bench = Bench()
    target = {"Arn": ARN, "Input": '{"at":"<aws.scheduler.scheduled-time>","a":1}'}
    await bench.create("at(2023-11-14T22:20:00)", target=target)
    await bench.advance(3600)
    assert [d.payload for d in bench.sent] == [b'{"at":"2023-11-14T22:20:00Z","a":1}']


async def test_a_fire_is_committed_together_with_the_next_time():
    bench = Bench()
    await bench.create("rate(1 minute)")
    bench.journal.held = True
    bench.clock.advance(60)
    assert "sent/1" not in bench.journal.records
    bench.journal.release()
    await bench.journal.commit(())
    assert bench.journal.records["sent/1"] == b"x"


async def test_what_was_missed_while_stopped_fires_once_at_the_next_start():
    bench = Bench()
    await bench.create("cron(* * * * ? *)")
    await bench.advance(60)
    bench.schedules.stop()
    clock = ManualClock(bench.clock.now_ms() + 3_600_000)
    again = Bench(bench.journal.records, clock)
    await again.advance(0.001)
    assert len(again.sent) == 1
    await again.advance(60)
    assert len(again.sent) == 2


async def test_a_one_time_schedule_goes_when_it_is_told_to():
    bench = Bench()
    await bench.create("at(2023-11-14T22:20:00)", delete_after=True)
    await bench.advance(3600)
    assert len(bench.sent) == 1
    assert bench.schedules.schedules(SCOPE) == []
    assert not [key for key in bench.journal.records if key.startswith("scheduler/")]


async def test_a_schedule_that_is_off_or_over_does_not_fire():
    bench = Bench()
    await bench.create("rate(1 minute)", name="off", enabled=False)
    await bench.create("rate(1 minute)", name="over", end_ms=bench.clock.now_ms() + 90_000)
    await bench.advance(3600)
    assert [d.source_arn.rpartition("/")[2] for d in bench.sent] == ["over", "over"]


async def test_tick_fires_by_schedule_and_by_function():
    bench = Bench()
    await bench.create("at(2030-01-01T00:00:00)")
    for name in ("s", "greet", ARN):
        fired, changes = bench.schedules.tick(SCOPE, name)
        assert fired == ["s"]
        assert changes
    assert bench.schedules.tick(SCOPE, "nobody") == ([], [])


async def test_groups_hold_schedules_and_take_them_along():
    bench = Bench()
    await bench.journal.commit(bench.schedules.create_group(SCOPE, "g", {}))
    with pytest.raises(Conflict):
        bench.schedules.create_group(SCOPE, "g", {})
    await bench.create("rate(1 minute)", group="g")
    await bench.journal.commit(bench.schedules.delete_group(SCOPE, "g"))
    assert bench.schedules.schedules(SCOPE) == []
    with pytest.raises(NotFound):
        bench.schedules.group(SCOPE, "g")
    with pytest.raises(Invalid):
        bench.schedules.delete_group(SCOPE, "default")
