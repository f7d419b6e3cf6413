"""Queues over a journal: waiting, durability, restarts."""

from __future__ import annotations

import asyncio

import pytest

from dayfly.clock import ManualClock
from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.queues import Draft, Queues, errors
from dayfly.store.memory import MemoryJournal

HERE = Scope("000000000000", "us-east-1")


class World:
    def __init__(self):
        self.clock = ManualClock()
        self.ids = SeededIds()
        self.journal = MemoryJournal()
        self.queues = self.opened()

    def opened(self):
        queues = Queues(journal=self.journal, clock=self.clock, ids=self.ids, endpoint="http://here:4566")
        queues.load()
        return queues

    async def restart(self):
        await self.journal.commit(())
        self.journal = MemoryJournal(self.journal.records)
        self.queues = self.opened()

    async def sent(self, name, *bodies, **more):
        queue = self.queues.find(HERE, name)
        for body in bodies:
            await self.queues.send(queue, Draft(body=body, **more))

    async def received(self, name, most=10, wait_s=0):
        arn = self.queues.find(HERE, name).arn
        return await self.queues.receive(arn, most=most, wait_s=wait_s)


@pytest.fixture
def world():
    return World()


def bodies(deliveries):
    return [delivery.message.body for delivery in deliveries]


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_queue_is_found_by_its_name_arn_and_any_url_of_it(world):
    queue = await world.queues.create(HERE, "jobs")
    assert world.queues.url_of(queue) == "http://here:4566/000000000000/jobs"
    for url in ("http://elsewhere/000000000000/jobs", "https://sqs.us-east-1.amazonaws.com/000000000000/jobs", "jobs"):
        assert world.queues.by_url(HERE, url) is queue
    assert world.queues.by_arn("arn:aws:sqs:us-east-1:000000000000:jobs") is queue
    with pytest.raises(errors.QueueDoesNotExist, match="The specified queue does not exist"):
        world.queues.by_url(HERE, "http://here:4566/111111111111/jobs")


async def test_creating_twice_is_fine_unless_an_attribute_differs(world):
    first = await world.queues.create(HERE, "jobs", {"DelaySeconds": "1"})
    assert await world.queues.create(HERE, "jobs") is first
    assert await world.queues.create(HERE, "jobs", {"DelaySeconds": "1"}) is first
    with pytest.raises(errors.QueueNameExists, match="different value for attribute DelaySeconds"):
        await world.queues.create(HERE, "jobs", {"DelaySeconds": "2"})


async def test_a_waiting_receiver_is_woken_by_a_message(world):
    await world.queues.create(HERE, "jobs")
    waiting = asyncio.ensure_future(world.received("jobs", wait_s=20))
    await turns()
    assert not waiting.done()
    await world.sent("jobs", "x")
    assert bodies(await waiting) == ["x"]


async def test_a_waiting_receiver_is_woken_when_a_delay_or_a_timeout_is_over(world):
    await world.queues.create(HERE, "jobs")
    await world.sent("jobs", "x", delay_s=5)
    waiting = asyncio.ensure_future(world.received("jobs", wait_s=20))
    await turns()
    world.clock.advance(5)
    assert bodies(await waiting) == ["x"]
    waiting = asyncio.ensure_future(world.received("jobs", wait_s=20))
    await turns()
    world.clock.advance(20)
    assert await waiting == []
    waiting = asyncio.ensure_future(world.received("jobs", wait_s=20))
    await turns()
    world.clock.advance(10)
    assert bodies(await waiting) == ["x"]


async def test_receivers_are_served_in_the_order_in_which_they_came(world):
    await world.queues.create(HERE, "jobs")
    waiting = [asyncio.ensure_future(world.received("jobs", 1, wait_s=20)) for _ in range(3)]
    await turns()
    await world.sent("jobs", "1", "2", "3")
    assert [bodies(await one) for one in waiting] == [["1"], ["2"], ["3"]]


async def test_a_receiver_that_went_away_loses_no_message(world):
    await world.queues.create(HERE, "jobs")
    first = asyncio.ensure_future(world.received("jobs", wait_s=20))
    second = asyncio.ensure_future(world.received("jobs", wait_s=20))
    await turns()
    queue = world.queues.find(HERE, "jobs")
    sending = asyncio.ensure_future(world.queues.send(queue, Draft(body="x")))
    await asyncio.sleep(0)  # the first is woken, and has not run yet
    first.cancel()
    await sending
    assert bodies(await second) == ["x"]


async def test_messages_taken_for_a_receiver_that_goes_before_the_answer_are_given_back(world):
    await world.queues.create(HERE, "jobs")
    await world.sent("jobs", "x")
    world.journal.held = True
    world.journal.commit([("other/record", b"1")])
    lost = asyncio.ensure_future(world.received("jobs"))
    await turns()
    lost.cancel()
    await turns()
    world.journal.release()
    assert bodies(await world.received("jobs")) == ["x"]


async def test_a_send_is_answered_only_when_it_is_durable(world):
    queue = await world.queues.create(HERE, "jobs")
    world.journal.held = True
    sending = asyncio.ensure_future(world.queues.send(queue, Draft(body="x")))
    receiving = asyncio.ensure_future(world.received("jobs"))
    await turns()
    assert not sending.done()
    assert not receiving.done()
    world.journal.release()
    await sending
    assert bodies(await receiving) == ["x"]


async def test_everything_is_there_after_a_restart(world):
    dead = await world.queues.create(HERE, "dead")
    policy = {"RedrivePolicy": f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":2}}'}
    await world.queues.create(HERE, "jobs", policy, {"team": "a"})
    await world.sent("jobs", "flying")
    [delivery] = await world.received("jobs")
    await world.sent("jobs", "waiting")
    await world.sent("jobs", "delayed", delay_s=60)
    await world.restart()
    queue = world.queues.find(HERE, "jobs")
    assert queue.record.tags == {"team": "a"}
    assert (queue.waiting, queue.in_flight, queue.delayed) == (1, 1, 1)
    assert bodies(await world.received("jobs")) == ["waiting"]
    await world.queues.delete(queue, delivery.handle)
    world.clock.advance(60)
    assert sorted(bodies(await world.received("jobs"))) == ["delayed", "waiting"]


async def test_a_fifo_queue_keeps_order_locks_and_deduplication_over_a_restart(world):
    await world.queues.create(HERE, "q.fifo", {"FifoQueue": "true", "ContentBasedDeduplication": "true"})
    await world.sent("q.fifo", "1", "2", "3", group="g")
    [first] = await world.received("q.fifo", 1)
    await world.restart()
    assert await world.received("q.fifo") == []
    await world.queues.delete(world.queues.find(HERE, "q.fifo"), first.handle)
    await world.restart()
    await world.sent("q.fifo", "1", "3", group="g")
    assert bodies(await world.received("q.fifo")) == ["2", "3"]


async def test_what_a_failed_commit_took_back_is_gone_from_memory(world):
    from dayfly.store import JournalFailed

    queue = await world.queues.create(HERE, "jobs")
    world.journal.on_lost(world.queues.load)
    world.journal.failing = True
    with pytest.raises(JournalFailed):
        await world.queues.send(queue, Draft(body="x"))
    world.journal.failing = False
    await turns()
    assert len(world.queues.find(HERE, "jobs")) == 0


async def test_deleting_a_queue_wakes_its_receivers_with_an_error_and_leaves_no_record(world):
    queue = await world.queues.create(HERE, "jobs")
    await world.sent("jobs", "x", "y")
    await world.received("jobs")
    waiting = asyncio.ensure_future(world.received("jobs", wait_s=20))
    await turns()
    await world.queues.delete_queue(queue)
    with pytest.raises(errors.QueueDoesNotExist):
        await waiting
    assert world.journal.records == {}


async def test_no_record_is_left_when_all_messages_are_deleted(world):
    queue = await world.queues.create(HERE, "q.fifo", {"FifoQueue": "true", "ContentBasedDeduplication": "true"})
    await world.sent("q.fifo", "1", "2", group="g")
    for delivery in await world.received("q.fifo"):
        await world.queues.delete(queue, delivery.handle)
    world.clock.advance(300)
    await world.received("q.fifo")
    assert list(world.journal.records) == [queue.key]


async def test_a_batch_is_one_commit_and_each_entry_succeeds_or_fails_for_itself(world):
    queue = await world.queues.create(HERE, "jobs")
    results = await world.queues.send_all(queue, [Draft(body="x"), Draft(body="\x00"), Draft(body="y")])
    assert [type(result).__name__ for result in results] == ["Sent", "InvalidMessageContents", "Sent"]
    handles = [delivery.handle for delivery in await world.received("jobs")]
    assert [type(one).__name__ for one in await world.queues.delete_all(queue, [*handles, "x"])] == [
        "NoneType",
        "NoneType",
        "ReceiptHandleIsInvalid",
    ]


async def test_a_send_can_be_part_of_a_larger_commit(world):
    queue = await world.queues.create(HERE, "jobs")
    message_id, changes = world.queues.sending(queue.arn, "x")
    world.journal.commit([*changes, ("other/record", b"1")])
    [delivery] = await world.received("jobs")
    assert delivery.message.id == message_id


async def with_dead_letters(world, count):
    """A queue `dead` with so many dead letters of the queue `jobs`."""
    dead = await world.queues.create(HERE, "dead")
    policy = {"RedrivePolicy": f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":1}}', "VisibilityTimeout": "0"}
    source = await world.queues.create(HERE, "jobs", policy)
    await world.sent("jobs", *(str(number) for number in range(count)))
    while len(source):
        await world.received("jobs")
    return dead, source


async def test_dead_letters_are_moved_back_as_new_messages(world):
    dead, source = await with_dead_letters(world, 1)
    task = await world.queues.moves.start(dead.arn, None, None, is_dead_letter=True)
    await turns()
    assert (task.status, task.moved) == ("COMPLETED", 1)
    [delivery] = await world.received("jobs", 1)
    assert (delivery.receives, delivery.message.source_arn) == (1, None)
    assert len(source) == 1


async def test_a_move_goes_on_after_a_restart_and_counts_each_message_once(world):
    dead, _ = await with_dead_letters(world, 30)
    await world.queues.moves.start(dead.arn, None, 10, is_dead_letter=True)
    await turns()
    await world.queues.close()
    await world.restart()
    [task] = await world.queues.moves.of(dead.arn)
    assert (task.status, task.moved, task.to_move) == ("RUNNING", 10, 30)
    world.queues.start()
    for _ in range(4):
        await turns()
        world.clock.advance(1)
    await turns()
    [task] = await world.queues.moves.of(dead.arn)
    assert (task.status, task.moved) == ("COMPLETED", 30)
    assert world.queues.find(HERE, "jobs").waiting == 30
    await world.restart()
    [task] = await world.queues.moves.of(dead.arn)
    assert (task.status, task.moved) == ("COMPLETED", 30)


async def test_a_move_goes_on_once_the_journal_can_be_written_again(world):
    dead, _ = await with_dead_letters(world, 20)
    world.journal.on_lost(world.queues.load)
    await world.queues.moves.start(dead.arn, None, 10, is_dead_letter=True)
    await turns()
    world.journal.failing = True
    world.clock.advance(1)
    await turns()
    assert world.queues.find(HERE, "dead").waiting == 10
    world.journal.failing = False
    for _ in range(60):
        await asyncio.sleep(0.01)  # the journal tries again by the machine's clock
        world.clock.advance(1)
        await turns()
    [task] = await world.queues.moves.of(dead.arn)
    assert (task.status, task.moved) == ("COMPLETED", 20)
    assert world.queues.find(HERE, "jobs").waiting == 20


async def test_a_cancelled_move_leaves_the_rest_where_it_is(world):
    dead, _ = await with_dead_letters(world, 20)
    task = await world.queues.moves.start(dead.arn, None, 10, is_dead_letter=True)
    await turns()
    await world.queues.moves.cancel(task.handle)
    world.clock.advance(1)
    await turns()
    await world.restart()
    [task] = await world.queues.moves.of(dead.arn)
    assert (task.status, task.moved) == ("CANCELLED", 10)
    assert world.queues.find(HERE, "dead").waiting == 10


async def test_a_move_from_a_queue_that_is_deleted_fails(world):
    dead, _ = await with_dead_letters(world, 20)
    task = await world.queues.moves.start(dead.arn, None, 10, is_dead_letter=True)
    await turns()
    await world.queues.delete_queue(dead)
    world.clock.advance(1)
    await turns()
    assert task.status == "FAILED"
    assert task.failure


async def test_ten_moves_of_a_source_are_remembered(world):
    dead, _ = await with_dead_letters(world, 1)
    for _ in range(12):
        await world.queues.moves.start(dead.arn, None, None, is_dead_letter=True)
        await turns()
    await world.restart()
    assert len(await world.queues.moves.of(dead.arn)) == 10


async def test_a_dead_letter_queue_must_exist_and_be_of_the_same_type(world):
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}'
    with pytest.raises(errors.InvalidParameterValue, match="Dead letter target does not exist"):
        await world.queues.create(HERE, "jobs", {"RedrivePolicy": policy})
    await world.queues.create(HERE, "dead", {"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}'})
    with pytest.raises(errors.InvalidParameterValue, match="allow policy"):
        await world.queues.create(HERE, "jobs", {"RedrivePolicy": policy})


async def test_an_old_handle_does_not_fit_a_new_message_after_memory_was_loaded_again(world):
    await world.queues.create(HERE, "jobs")
    await world.sent("jobs", "old")
    (old,) = await world.received("jobs")
    await world.queues.delete(world.queues.find(HERE, "jobs"), old.handle)
    world.queues.load()  # as after a commit that failed, in the same millisecond
    await world.sent("jobs", "new")
    await world.queues.delete(world.queues.find(HERE, "jobs"), old.handle)
    assert bodies(await world.received("jobs")) == ["new"]


async def test_a_client_that_waits_is_let_go_at_the_end_and_a_poller_of_ours_is_not(world):
    arn = (await world.queues.create(HERE, "jobs")).arn
    client = asyncio.ensure_future(world.queues.receive(arn, wait_s=20, client=True))
    poller = asyncio.ensure_future(world.queues.receive(arn, wait_s=20))
    await turns()
    world.queues.let_go()
    await turns()
    assert client.done()
    assert client.result() == []
    assert not poller.done()
    await world.sent("jobs", "late")
    assert bodies(await poller) == ["late"]
    assert await world.queues.receive(arn, wait_s=20, client=True) == []
