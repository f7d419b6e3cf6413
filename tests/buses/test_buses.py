"""Rules: matching events and firing on schedules."""

from __future__ import annotations

import msgspec
import pytest

from dayfly.buses import Buses
from dayfly.buses.errors import AlreadyExists, Invalid, NotFound
from dayfly.buses.model import Bus, Rule, Target
from dayfly.clock import ManualClock
from dayfly.identity import Scope
from dayfly.ids import SeededIds
from dayfly.store.memory import MemoryJournal
from dayfly.targets import Delivery

SCOPE = Scope("000000000000", "us-east-1")
GREET = "arn:aws:lambda:us-east-1:000000000000:function:greet"


class Bench:
    def __init__(self, records=None, clock=None):
        self.journal = MemoryJournal(records)
        self.clock = clock or ManualClock(1_700_000_040_000)
        self.sent = []
        self.buses = Buses(journal=self.journal, clock=self.clock, ids=SeededIds(), send=self.send)
        self.buses.load()
        self.buses.start()

    def send(self, scope, delivery):
        self.sent.append(delivery)
        return [(f"sent/{len(self.sent)}", b"x")]

    async def rule(self, name="r", bus="default", target=None, **fields):
        await self.journal.commit(self.buses.put_rule(SCOPE, Rule(name=name, bus=bus, **fields))[1])
        wanted = [target or Target(id="1", arn=GREET)]
        await self.journal.commit(self.buses.put_targets(SCOPE, bus, name, wanted))

    def put(self, bus="default", **detail):
        event = self.buses.event(SCOPE, source="shop", detail_type="Order", detail=detail, resources=[])
        return event, self.buses.put_events(SCOPE, bus, [event])


async def test_an_event_goes_to_the_targets_of_the_rules_it_matches():
    bench = Bench()
    await bench.rule("new", pattern='{"detail":{"state":["new"]}}')
    await bench.rule("old", pattern='{"detail":{"state":["old"]}}')
    await bench.rule("off", pattern='{"source":["shop"]}', state="DISABLED")
    event, changes = bench.put(state="new")
    (delivery,) = bench.sent
    assert changes == [("sent/1", b"x")]
    assert delivery.arn == GREET
    assert delivery.source_arn == "arn:aws:events:us-east-1:000000000000:rule/new"
    assert msgspec.json.decode(delivery.payload) == event


async def test_a_scheduled_rule_fires_each_period_with_aws_event():
    bench = Bench()
    await bench.rule(schedule="rate(1 minute)")
    bench.clock.advance(120)
    assert len(bench.sent) == 2
    event = msgspec.json.decode(bench.sent[0].payload)
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/r"]
    assert event["time"] == "2023-11-14T22:15:00Z"
    assert bench.sent[0].source == "schedule"


async def test_changing_only_the_targets_of_a_rule_keeps_its_time():
    bench = Bench()
    await bench.rule(schedule="rate(1 minute)")
    bench.clock.advance(59)
    await bench.rule(schedule="rate(1 minute)", target=Target(id="1", arn=GREET, input='{"a":1}'))
    bench.clock.advance(1)
    assert [delivery.payload for delivery in bench.sent] == [b'{"a":1}']


async def test_a_disabled_rule_rests_until_it_is_enabled():
    bench = Bench()
    await bench.rule(schedule="rate(1 minute)")
    await bench.journal.commit(bench.buses.set_state(SCOPE, "default", "r", "DISABLED"))
    bench.clock.advance(600)
    assert bench.sent == []
    await bench.journal.commit(bench.buses.set_state(SCOPE, "default", "r", "ENABLED"))
    bench.clock.advance(60)
    assert len(bench.sent) == 1


async def test_a_missed_time_fires_once_after_a_restart():
    bench = Bench()
    await bench.rule(schedule="rate(1 minute)")
    again = Bench(bench.journal.records, ManualClock(bench.clock.now_ms() + 600_000))
    again.clock.advance(0)
    assert len(again.sent) == 1
    again.clock.advance(60)
    assert len(again.sent) == 2


async def test_a_part_of_the_event_is_sent_where_a_path_says_so():
    bench = Bench()
    await bench.rule(pattern='{"source":["shop"]}', target=Target(id="1", arn=GREET, input_path="$.detail"))
    bench.put(state="new")
    assert bench.sent[0].payload == b'{"state":"new"}'


async def test_tick_fires_by_rule_and_by_function():
    bench = Bench()
    await bench.rule(schedule="cron(0 0 1 1 ? 2099)")
    for name in ("r", "greet", GREET):
        assert bench.buses.tick(SCOPE, name)[0] == ["r"]
    assert bench.buses.tick(SCOPE, "nobody") == ([], [])


async def test_own_buses_hold_their_own_rules():
    bench = Bench()
    await bench.journal.commit(bench.buses.create_bus(SCOPE, Bus(name="shop"))[1])
    await bench.rule(bus="shop", pattern='{"source":["shop"]}')
    bench.put()
    assert bench.sent == []
    bench.put(bus="shop")
    assert bench.sent[0].source_arn.endswith(":rule/shop/r")
    with pytest.raises(AlreadyExists):
        bench.buses.create_bus(SCOPE, Bus(name="shop"))
    with pytest.raises(Invalid):
        bench.buses.delete_bus(SCOPE, "shop")
    with pytest.raises(Invalid):
        bench.buses.put_rule(SCOPE, Rule(name="x", bus="shop", schedule="rate(1 minute)"))
    with pytest.raises(NotFound):
        bench.put(bus="elsewhere")


async def test_a_delivery_to_a_bus_becomes_an_event_on_it():
    bench = Bench()
    await bench.rule(pattern='{"source":["lambda"]}')
    delivery = Delivery(
        arn="arn:aws:events:us-east-1:000000000000:event-bus/default",
        payload=b'{"a":1}',
        source="lambda",
        detail_type="Lambda Function Invocation Result - Success",
    )
    await bench.buses.take(SCOPE, delivery)
    event = msgspec.json.decode(bench.sent[0].payload)
    assert (event["detail-type"], event["detail"]) == (delivery.detail_type, {"a": 1})


async def test_rules_with_targets_are_not_deleted():
    bench = Bench()
    await bench.rule(schedule="rate(1 minute)")
    with pytest.raises(Invalid, match="since it has targets"):
        bench.buses.delete_rule(SCOPE, "default", "r")
    await bench.journal.commit(bench.buses.remove_targets(SCOPE, "default", "r", ["1"]))
    await bench.journal.commit(bench.buses.delete_rule(SCOPE, "default", "r"))
    assert not [key for key in bench.journal.records if key.startswith("events/")]
