"""What subscription filters match is sent on in the commit that keeps the lines.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from typing import Any

import pytest

from dayfly.clock import ManualClock
from dayfly.errors import Unsupported
from dayfly.functions.invoke import ASYNC_LIMIT
from dayfly.identity import Scope
from dayfly.ids import SeededIds
from dayfly.logs import FilterNotFound, GroupNotFound, InvalidParameter, Logs, TooManyFilters
from dayfly.logs.records import event_id
from dayfly.logs.subscriptions import MOST_EVENTS
from dayfly.store import JournalFailed
from dayfly.store.memory import MemoryJournal
from dayfly.targets import Delivery

HERE = Scope("000000000000", "eu-west-1")
GROUP = "/aws/lambda/f"
FUNCTION = HERE.arn("lambda", "function:shipper")


def opened(delivery: Delivery) -> dict[str, Any]:
    data = json.loads(delivery.payload)["awslogs"]["data"]
    return json.loads(gzip.decompress(base64.b64decode(data)))


class Bench:
    def __init__(self, records: dict[str, bytes] | None = None, clock: ManualClock | None = None) -> None:
        self.journal = MemoryJournal(records)
        self.clock = clock or ManualClock()
        self.logs = Logs(journal=self.journal, clock=self.clock, ids=SeededIds(), send=self.send)
        self.logs.load()
        self.journal.on_lost(self.logs.load)
        self.count = 0

    def send(self, scope: Scope, delivery: Delivery) -> list[tuple[str, bytes]]:
        """As the work queue would: a record of its own, in the same commit."""
        assert scope == HERE
        self.count += 1
        return [(f"sent/{self.count:04}", json.dumps([delivery.arn, delivery.payload.hex()]).encode())]

    def sent(self) -> list[Delivery]:
        """What is durable."""
        found = [json.loads(record) for _, record in self.journal.load("sent/")]
        return [Delivery(arn=arn, payload=bytes.fromhex(payload), source="logs") for arn, payload in found]

    async def put(self, name: str = "all", pattern: str = "", destination: str = FUNCTION, **more: str) -> None:
        changes = self.logs.put_filter(HERE, GROUP, name, pattern=pattern, destination=destination, **more)
        await self.journal.commit(changes)

    async def write(self, *texts: str, stream: str = "s", group: str = GROUP) -> None:
        self.logs.write(HERE, group, stream, [(self.clock.now_ms(), text) for text in texts])
        await self.logs.flush()


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.journal.commit(bench.logs.create_group(HERE, GROUP))
    return bench


async def test_a_function_gets_what_matches_as_lambda_documents_it(bench: Bench) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html"""
    await bench.put("errors", "ERROR")
    await bench.write("ERROR one", "all is well", "an ERROR, too")
    (delivery,) = bench.sent()
    assert delivery.arn == FUNCTION
    document = opened(delivery)
    ids = [event.pop("id") for event in document["logEvents"]]
    assert document == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": GROUP,
        "logStream": "s",
        "subscriptionFilters": ["errors"],
        "logEvents": [
            {"timestamp": bench.clock.now_ms(), "message": "ERROR one"},
            {"timestamp": bench.clock.now_ms(), "message": "an ERROR, too"},
        ],
    }
    page = bench.logs.read(HERE, GROUP, "s", from_head=True)
    assert ids == [event_id("s", page.found[index].position) for index in (0, 2)]


async def test_events_of_several_streams_go_separately_and_in_order(bench: Bench) -> None:
    await bench.put()
    bench.logs.write(HERE, GROUP, "a", [(1, "1")])
    bench.logs.write(HERE, GROUP, "b", [(1, "2")])
    bench.logs.write(HERE, GROUP, "a", [(2, "3")])
    bench.logs.write(HERE, "/other", "a", [(2, "4")])
    await bench.logs.flush()
    got = [(one["logStream"], [event["message"] for event in one["logEvents"]]) for one in map(opened, bench.sent())]
    assert got == [("a", ["1", "3"]), ("b", ["2"])]


async def test_each_event_has_an_id_of_its_own_across_chunks_and_writes(bench: Bench) -> None:
    await bench.put()
    await bench.write(*["x" * 6000] * 10)
    await bench.write(*["x" * 6000] * 10)
    ids = [event["id"] for one in bench.sent() for event in opened(one)["logEvents"]]
    page = bench.logs.read(HERE, GROUP, "s", from_head=True)
    assert ids == [event_id("s", found.position) for found in page.found]
    assert len(set(ids)) == 20


async def test_put_log_events_are_sent_on(bench: Bench) -> None:
    await bench.put()
    await bench.journal.commit(bench.logs.create_stream(HERE, GROUP, "s"))
    await bench.logs.put(HERE, GROUP, "s", [(5, "put")])
    (delivery,) = bench.sent()
    assert [event["message"] for event in opened(delivery)["logEvents"]] == ["put"]


async def test_floods_are_cut_into_events_that_a_function_takes(bench: Bench) -> None:
    noise = random.Random(1)
    lines = ["".join(chr(noise.randrange(32, 127)) for _ in range(1000)) for _ in range(1500)]
    await bench.put()
    await bench.write(*lines)
    sent = bench.sent()
    assert len(sent) == 3
    assert all(len(one.payload) < ASYNC_LIMIT for one in sent)
    assert [event["message"] for one in sent for event in opened(one)["logEvents"]] == lines
    await bench.write(*["x"] * (MOST_EVENTS + 1), stream="t")
    assert [len(opened(one)["logEvents"]) for one in bench.sent()[3:]] == [MOST_EVENTS, 1]


async def test_what_is_not_kept_is_not_sent(bench: Bench) -> None:
    await bench.put()
    bench.journal.failing = True
    with pytest.raises(JournalFailed):
        await bench.write("lost")
    bench.journal.failing = False
    assert bench.sent() == []
    assert bench.logs.filters(HERE, GROUP) != []


async def test_streams_get_the_document_itself_by_log_stream_or_at_random(bench: Bench) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/subscription-concepts.html (distribution)"""
    kept: list[Delivery] = []
    bench.logs._subscriptions._send = lambda _, delivery: kept.append(delivery) or ()
    await bench.put("together", destination=HERE.arn("kinesis", "stream/k"), role="arn:aws:iam::000000000000:role/r")
    await bench.put("apart", destination=HERE.arn("kinesis", "stream/k"), distribution="Random")
    await bench.write("hello")
    assert [delivery.partition_key for delivery in kept] == ["s", ""]
    assert all(b"hello" in gzip.decompress(delivery.payload) for delivery in kept)


async def test_filters_are_changed_listed_deleted_and_there_after_a_restart(bench: Bench) -> None:
    await bench.put("b", "ERROR", role="r")
    made_ms = bench.clock.now_ms()
    bench.clock.advance(10)
    await bench.put("b", "WARN")
    await bench.put("a")
    again = Bench(bench.journal.records, bench.clock)
    assert [(one.name, one.pattern) for one in again.logs.filters(HERE, GROUP)] == [("a", ""), ("b", "WARN")]
    assert again.logs.filters(HERE, GROUP)[1].created_ms == made_ms
    await again.journal.commit(again.logs.delete_filter(HERE, GROUP, "a"))
    with pytest.raises(FilterNotFound):
        again.logs.delete_filter(HERE, GROUP, "a")
    await again.write("ERROR", "WARN")
    (delivery,) = again.sent()
    assert [event["message"] for event in opened(delivery)["logEvents"]] == ["WARN"]


async def test_a_group_takes_its_filters_along(bench: Bench) -> None:
    await bench.put()
    await bench.journal.commit(bench.logs.delete_group(HERE, GROUP))
    await bench.write("again")
    assert bench.sent() == []
    assert Bench(bench.journal.records).logs.filters(HERE, GROUP) == []


async def test_a_group_has_at_most_two_filters(bench: Bench) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""
    await bench.put("a")
    await bench.put("b")
    await bench.put("b", "changed")
    with pytest.raises(TooManyFilters):
        await bench.put("c")


async def test_what_cannot_be_sent_on_is_refused(bench: Bench) -> None:
    with pytest.raises(Unsupported, match=r"destination:other are not supported"):
        await bench.put(destination=HERE.arn("logs", "destination:other"))
    with pytest.raises(InvalidParameter):
        await bench.put(destination="shipper")
    with pytest.raises(InvalidParameter):
        await bench.put(pattern='"open')
    with pytest.raises(GroupNotFound):
        bench.logs.put_filter(HERE, "/none", "a", pattern="", destination=FUNCTION)
    assert bench.logs.filters(HERE, GROUP) == []
