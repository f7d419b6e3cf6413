"""Event source mappings: pollers, batches, failures. The functions are played by the test."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from dayfly.clock import ManualClock
from dayfly.errors import Unsupported
from dayfly.functions.errors import Conflict, FunctionNotFound, InvalidParameter, TooManyRequests
from dayfly.functions.sources import Sources
from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.queues import Attachment, Draft, Queues
from dayfly.store.memory import MemoryJournal

HERE = Scope("000000000000", "us-east-1")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


class Functions:
    """Answers with what `play` makes of the event."""

    def __init__(self):
        self.events = []
        self.running = self.most_running = 0
        self.play = lambda _: {}
        self.gate = None

    async def invoke(self, scope, name, payload, *, source):
        event = json.loads(payload)
        self.events.append([record["body"] for record in event["Records"]])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.gate is not None:
                await self.gate.wait()
            answer = self.play(event)
        finally:
            self.running -= 1
        if isinstance(answer, Exception):
            raise answer
        error = "Unhandled" if answer == "error" else None
        return SimpleNamespace(payload=json.dumps(answer).encode(), error=error)


class World:
    def __init__(self):
        self.clock, self.ids, self.journal = ManualClock(), SeededIds(), MemoryJournal()
        shared = {"journal": self.journal, "clock": self.clock, "ids": self.ids}
        self.functions = Functions()
        self.queues = Queues(**shared, endpoint="http://here")
        self.sources = Sources(**shared, queues=self.queues, functions=self.functions)
        self.sources.start()

    async def join(self, name="jobs", **settings):
        given = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
        self.queue = await self.queues.create(HERE, name, given)
        self.mapping = await self.sources.create(HERE, self.queue.arn, FUNCTION, **settings)
        await turns()

    async def send(self, *bodies, **more):
        await self.queues.send_all(self.queue, [Draft(body=body, **more) for body in bodies])
        await turns()


async def turns(count=80):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.sources.stop(1)


async def test_messages_become_one_event_and_are_deleted(world):
    await world.join()
    await world.send("1", "2")
    assert world.functions.events == [["1", "2"]]
    assert len(world.queue) == 0


async def test_the_event_is_shaped_as_on_aws(world):
    # https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    events = []
    world.functions.play = lambda event: events.append(event) or {}
    await world.join()
    await world.send("x", attributes={"n": Attachment("Number", "1")})
    [record] = events[0]["Records"]
    assert set(record) == {
        *("messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody", "eventSource"),
        *("eventSourceARN", "awsRegion"),
    }
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "us-east-1")
    assert record["eventSourceARN"] == world.queue.arn
    assert record["messageAttributes"]["n"] == {
        "stringValue": "1",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "Number",
    }
    assert set(record["attributes"]) == {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"),
    }


async def test_messages_of_a_failed_batch_return_after_their_visibility_timeout(world):
    await world.join()
    world.functions.play = lambda _: "error"
    await world.send("1")
    assert world.functions.events == [["1"]]
    world.functions.play = lambda _: {}
    world.clock.advance(30)
    await turns()
    assert world.functions.events == [["1"], ["1"]]
    assert len(world.queue) == 0


async def test_only_the_reported_failures_return(world):
    await world.join(partial=True)
    world.functions.play = lambda event: {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]} for record in event["Records"] if record["body"] == "bad"
        ]
    }
    await world.send("good", "bad")
    assert len(world.queue) == 1
    assert world.queue.in_flight == 1


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (None, 0),
        ({}, 0),
        ({"batchItemFailures": None}, 0),
        ({"batchItemFailures": []}, 0),
        ("text", 1),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 1),
        ({"batchItemFailures": [{"wrong": "x"}]}, 1),
        ({"batchItemFailures": "x"}, 1),
    ],
)
async def test_a_report_that_makes_no_sense_fails_the_batch(world, answer, left):
    await world.join(partial=True)
    world.functions.play = lambda _: answer
    await world.send("x")
    assert len(world.queue) == left


async def test_several_batches_run_at_once_up_to_the_maximum(world):
    await world.join(batch_size=1, at_once=2)
    world.functions.gate = asyncio.Event()
    await world.send("1", "2", "3")
    assert world.functions.running == 2
    world.functions.gate.set()
    await turns()
    assert (len(world.queue), world.functions.most_running) == (0, 2)


async def test_a_fifo_group_is_processed_in_order_one_batch_at_a_time(world):
    await world.join("q.fifo", batch_size=1)
    world.functions.gate = asyncio.Event()
    await world.send("a1", "a2", group="a")
    await world.send("b1", group="b")
    assert sorted(world.functions.events) == [["a1"], ["b1"]]
    world.functions.gate.set()
    await turns()
    assert world.functions.events[-1] == ["a2"]


async def test_a_window_gathers_a_larger_batch(world):
    await world.join(batch_size=20, window_s=5)
    await world.send(*map(str, range(8)))
    await world.send(*map(str, range(8, 12)))
    assert world.functions.events == []
    world.clock.advance(5)
    await turns()
    assert [len(batch) for batch in world.functions.events] == [12]


async def test_messages_that_no_filter_wants_are_deleted(world):
    await world.join(filters=('{"body": {"kind": ["a"]}}', '{"messageAttributes": {"n": {"stringValue": ["1"]}}}'))
    await world.send('{"kind": "a"}', '{"kind": "b"}', "no json")
    assert world.functions.events == [['{"kind": "a"}']]
    await world.send("x", attributes={"n": Attachment("Number", "1")})
    assert world.functions.events[1:] == [["x"]]
    assert len(world.queue) == 0


async def test_a_throttled_batch_is_tried_again(world):
    await world.join()
    world.functions.play = lambda _: TooManyRequests()
    await world.send("x")
    world.functions.play = lambda _: {}
    world.clock.advance(1)
    await turns()
    assert len(world.queue) == 0


async def test_a_missing_function_or_queue_does_not_end_the_poller(world):
    await world.join()
    world.functions.play = lambda _: FunctionNotFound("f")
    await world.send("x")
    assert len(world.queue) == 1
    await world.queues.delete_queue(world.queue)
    await turns()
    world.functions.play = lambda _: {}
    world.queue = await world.queues.create(HERE, "jobs")
    world.clock.advance(5)
    await world.send("y")
    assert world.functions.events[-1] == ["y"]


async def test_a_disabled_mapping_takes_nothing_until_it_is_enabled(world):
    await world.join(enabled=False)
    await world.send("x")
    assert world.functions.events == []
    await world.sources.update(HERE, world.mapping.id, enabled=True)
    await turns()
    assert world.functions.events == [["x"]]
    await world.sources.delete(HERE, world.mapping.id)
    await world.send("y")
    assert world.functions.events == [["x"]]


async def test_stopping_lets_running_batches_finish_and_loses_no_message(world):
    await world.join(batch_size=1)
    world.functions.gate = asyncio.Event()
    await world.send("x")
    stopping = asyncio.ensure_future(world.sources.stop(10))
    await turns()
    await world.send("y")
    world.functions.gate.set()
    await stopping
    assert (len(world.queue), world.queue.waiting) == (1, 1)


async def test_mappings_are_there_after_a_restart(world):
    await world.join(batch_size=3)
    world.sources.load()
    assert world.sources.get(HERE, world.mapping.id) == world.mapping
    await turns()
    await world.send("x")
    assert world.functions.events == [["x"]]


async def test_the_same_pair_is_joined_once(world):
    await world.join()
    with pytest.raises(Conflict, match="already exists"):
        await world.sources.create(HERE, world.queue.arn, FUNCTION)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"batch_size": 11},
        {"batch_size": 10_001, "window_s": 1},
        {"window_s": 301},
        {"at_once": 1},
        {"filters": ("x",)},
        {"filters": ('{"body": "x"}',)},
    ],
)
async def test_settings_that_aws_refuses_are_refused(world, settings):
    with pytest.raises(InvalidParameter):
        await world.join(**settings)


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:mq:us-east-1:000000000000:broker:b", "MQ"),
        ("arn:aws:kafka:us-east-1:000000000000:cluster/c", "MSK"),
    ],
)
async def test_other_sources_are_refused_by_name(world, arn, name):
    with pytest.raises(Unsupported, match=name):
        await world.sources.create(HERE, arn, FUNCTION)
