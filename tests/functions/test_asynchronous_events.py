"""Asynchronous invocations: retries, ages, destinations, dead letters.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import msgspec
from bench import Bench

from dayfly.runtime import Finished, Throttled

QUEUE = "arn:aws:sqs:us-east-1:000000000000:records"


def failing(spec, invoke):
    return Finished(payload=b'{"errorMessage":"no","errorType":"E"}', error="Unhandled")


async def test_an_event_runs_once_when_it_succeeds(bench):
    await bench.create()
    request_id = await bench.enqueue(b'{"a":1}')
    await bench.settle()
    ((_, invoke),) = bench.invoker.seen
    assert (invoke.payload, invoke.request_id) == (b'{"a":1}', request_id)
    assert bench.work.pending() == 0


async def test_a_failed_event_is_tried_again_after_one_and_two_minutes_with_the_same_id(bench):
    await bench.create()
    bench.invoker.answer = failing
    await bench.enqueue()
    await bench.settle()
    counts = []
    for seconds in (59, 1, 119, 1, 3600):
        await bench.settle(seconds)
        counts.append(len(bench.invoker.seen))
    assert counts == [1, 2, 2, 3, 3]
    assert len({invoke.request_id for _, invoke in bench.invoker.seen}) == 1
    assert bench.work.pending() == 0


async def test_what_failed_for_good_goes_to_the_destination_and_the_dead_letter_queue(bench):
    await bench.create(DeadLetterConfig={"TargetArn": QUEUE})
    await bench.call(
        "PutFunctionEventInvokeConfig",
        FunctionName="greet",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": QUEUE + "2"}},
    )
    bench.invoker.answer = failing
    await bench.enqueue(b'{"a":1}')
    await bench.settle()
    record = next(d for d in bench.delivered if d.arn == QUEUE + "2")
    document = msgspec.json.decode(record.payload)
    assert document["requestContext"]["condition"] == "RetriesExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 1
    assert document["requestContext"]["functionArn"].endswith(":function:greet:$LATEST")
    assert document["requestPayload"] == {"a": 1}
    assert document["responseContext"]["functionError"] == "Unhandled"
    letter = next(d for d in bench.delivered if d.arn == QUEUE)
    assert letter.payload == b'{"a":1}'
    assert letter.attributes["ErrorMessage"] == "no"


async def test_a_success_goes_to_its_destination(bench):
    await bench.create()
    config = {"OnSuccess": {"Destination": "arn:aws:events:us-east-1:000000000000:event-bus/default"}}
    await bench.call("PutFunctionEventInvokeConfig", FunctionName="greet", DestinationConfig=config)
    await bench.enqueue(b'"hello"')
    await bench.settle()
    (record,) = bench.delivered
    assert record.detail_type == "Lambda Function Invocation Result - Success"
    assert msgspec.json.decode(record.payload)["responsePayload"] == "hello"


async def test_throttled_events_come_back_until_they_are_too_old(bench):
    await bench.create()
    await bench.call(
        "PutFunctionEventInvokeConfig",
        FunctionName="greet",
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": QUEUE}},
    )

    def throttled(spec, invoke):
        raise Throttled

    bench.invoker.answer = throttled
    await bench.enqueue()
    await bench.settle()
    for _ in range(10):
        await bench.settle(60)
    (record,) = bench.delivered
    assert msgspec.json.decode(record.payload)["requestContext"]["condition"] == "EventAgeExceeded"


async def test_an_event_of_a_function_that_is_gone_is_dropped(bench):
    await bench.create()
    bench.invoker.answer = failing
    await bench.enqueue()
    await bench.settle()
    await bench.call("DeleteFunction", FunctionName="greet")
    await bench.settle(60)
    assert len(bench.invoker.seen) == 1
    assert bench.work.pending() == 0


async def test_an_acknowledged_event_runs_after_a_restart(bench, tmp_path):
    await bench.create()
    await bench.work.stop(0)
    request_id = await bench.enqueue(b"5")
    again = Bench(tmp_path / "code", records=bench.journal.records)
    again.work.load()
    again.work.start()
    await again.settle()
    ((_, invoke),) = again.invoker.seen
    assert (invoke.request_id, invoke.payload) == (request_id, b"5")
    await again.work.stop(0)
