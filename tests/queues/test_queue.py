"""Queues as state machines: transitions alone, no loop."""

from __future__ import annotations

import pytest

from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.queues import Draft, Queue, attributes, errors
from dayfly.queues.model import Budget, QueueRecord

HERE = Scope("000000000000", "us-east-1")
NOW = 1_700_000_000_000
IDS = SeededIds()


def make(name="jobs", find=lambda _: None, journal=None, **given):
    if name.endswith(".fifo"):
        given = {"FifoQueue": "true"} | given
    record = QueueRecord(
        account=HERE.account,
        region=HERE.region,
        name=name,
        uid=f"uid-{name}",
        attributes=attributes.complete(given),
        created_s=0,
        modified_s=0,
    )
    return Queue(record, budget=Budget(1 << 20), fetch=({} if journal is None else journal).get, find=find)


def send(queue, body="hello", now=NOW, **more):
    return queue.send(Draft(body=body, **more), IDS.uuid(), now)


def bodies(deliveries):
    return [delivery.message.body for delivery in deliveries]


def test_a_received_message_is_hidden_until_its_visibility_timeout_is_over():
    queue = make()
    send(queue)
    first, _ = queue.receive(NOW)
    assert bodies(first) == ["hello"]
    assert queue.receive(NOW + 29_999)[0] == []
    second, _ = queue.receive(NOW + 30_000)
    assert second[0].receives == 2
    assert second[0].handle != first[0].handle
    assert second[0].first_received_ms == NOW


def test_a_deleted_message_never_returns_and_deleting_twice_is_fine():
    queue = make()
    send(queue)
    [delivery] = queue.receive(NOW)[0]
    changes = queue.delete(delivery.handle, NOW)
    assert [value for _, value in changes] == [None, None]
    assert queue.delete(delivery.handle, NOW) == []
    assert queue.receive(NOW + 1_000_000)[0] == []
    assert len(queue) == 0


def test_a_stale_handle_deletes_nothing_in_a_standard_queue():
    queue = make()
    send(queue)
    [first] = queue.receive(NOW)[0]
    [second] = queue.receive(NOW + 30_000)[0]
    queue.delete(first.handle, NOW + 30_001)
    assert len(queue) == 1
    queue.delete(second.handle, NOW + 30_001)
    assert len(queue) == 0


def test_a_handle_whose_timeout_is_over_still_deletes_in_a_standard_queue():
    queue = make()
    send(queue)
    [delivery] = queue.receive(NOW)[0]
    queue.settle(NOW + 40_000)
    queue.delete(delivery.handle, NOW + 40_000)
    assert queue.receive(NOW + 40_000)[0] == []


def test_an_expired_handle_is_refused_by_a_fifo_queue():
    # https://repost.aws/knowledge-center/sqs-receipt-handle-error
    queue = make("jobs.fifo")
    send(queue, group="g", dedup="1")
    [delivery] = queue.receive(NOW)[0]
    with pytest.raises(errors.InvalidParameterValue, match="The receipt handle has expired"):
        queue.delete(delivery.handle, NOW + 30_001)


@pytest.mark.parametrize("handle", ["x", "", "AAAA", "dWlkLW90aGVyOjE6MQ=="])
def test_a_handle_of_no_queue_or_another_queue_is_invalid(handle):
    with pytest.raises(errors.ReceiptHandleIsInvalid):
        make().delete(handle, NOW)


def test_a_delayed_message_appears_when_its_delay_is_over():
    queue = make(DelaySeconds="5")
    send(queue, "queue's own")
    send(queue, "its own", delay_s=2)
    assert queue.delayed == 2
    assert queue.receive(NOW)[0] == []
    assert bodies(queue.receive(NOW + 2_000)[0]) == ["its own"]
    assert bodies(queue.receive(NOW + 5_000)[0]) == ["queue's own"]


def test_visibility_can_be_changed_up_to_twelve_hours_in_all():
    queue = make()
    send(queue)
    [delivery] = queue.receive(NOW)[0]
    queue.change_visibility(delivery.handle, 100_000, NOW)
    assert queue.receive(NOW + 99_999)[0] == []
    with pytest.raises(errors.InvalidParameterValue, match="beyond the limit"):
        queue.change_visibility(delivery.handle, 43_200_000, NOW + 10_000)
    queue.change_visibility(delivery.handle, 0, NOW + 10_000)
    assert len(queue.receive(NOW + 10_000)[0]) == 1


def test_changing_the_visibility_of_a_message_that_is_not_in_flight_is_refused():
    queue = make()
    send(queue)
    [delivery] = queue.receive(NOW)[0]
    with pytest.raises(errors.MessageNotInflight):
        queue.change_visibility(delivery.handle, 10_000, NOW + 30_000)
    queue.delete(delivery.handle, NOW + 30_000)
    with pytest.raises(errors.InvalidParameterValue, match="Message does not exist"):
        queue.change_visibility(delivery.handle, 10_000, NOW + 30_000)


def test_a_message_received_too_often_goes_to_the_dead_letters_in_the_same_changes():
    known = {}
    dead = make("dead")
    known[dead.arn] = dead
    queue = make(find=known.get, RedrivePolicy=f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":"2"}}')
    send(queue)
    for attempt in range(2):
        assert len(queue.receive(NOW + attempt * 30_000)[0]) == 1
    delivered, changes = queue.receive(NOW + 60_000)
    assert delivered == []
    assert {key.split("/")[3] for key, _ in changes} == {"jobs", "dead"}
    [letter] = dead.receive(NOW + 60_000)[0]
    assert (letter.message.source_arn, letter.message.sent_ms) == (queue.arn, NOW)


def test_receive_counts_of_a_queue_with_dead_letters_are_kept():
    queue = make(RedrivePolicy='{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:x","maxReceiveCount":2}')
    send(queue)
    assert [key.split("/")[4] for key, _ in queue.receive(NOW)[1]] == ["v"]
    plain = make()
    send(plain)
    assert plain.receive(NOW)[1] == []


def test_messages_expire_when_their_retention_is_over():
    queue = make(MessageRetentionPeriod="60")
    send(queue, "old")
    send(queue, "new", now=NOW + 30_000)
    delivered, changes = queue.receive(NOW + 60_000, 10)
    assert bodies(delivered) == ["new"]
    assert changes[0][1] is None


def test_dead_letters_expire_by_their_time_of_sending():
    dead = make("dead", MessageRetentionPeriod="60")
    source = make()
    send(source)
    message = source.receive(NOW)[0][0].message
    send(dead, "young", now=NOW + 50_000)
    dead.adopt(message, source.arn, NOW + 50_000)
    assert bodies(dead.receive(NOW + 61_000, 10)[0]) == ["young"]


def test_a_queue_is_purged_once_a_minute():
    queue = make()
    send(queue)
    send(queue, delay_s=10)
    queue.receive(NOW)
    queue.purge(NOW)
    assert (len(queue), queue.waiting, queue.in_flight, queue.delayed) == (0, 0, 0, 0)
    with pytest.raises(errors.PurgeQueueInProgress):
        queue.purge(NOW + 59_999)
    queue.purge(NOW + 60_000)


def test_too_many_messages_in_flight_are_refused(monkeypatch):
    monkeypatch.setattr("dayfly.queues.queue.IN_FLIGHT_LIMIT", 2)
    queue = make()
    for _ in range(3):
        send(queue)
    assert len(queue.receive(NOW, 10)[0]) == 2
    with pytest.raises(errors.OverLimit):
        queue.receive(NOW)


def test_bodies_beyond_the_budget_are_read_back():
    records = {}
    queue = make(journal=records)
    queue._budget.left = 10
    for body in ("a" * 8, "b" * 8):
        records.update(send(queue, body)[1])
    assert [entry.message is None for entry in queue._entries.values()] == [False, True]
    assert bodies(queue.receive(NOW, 10)[0]) == ["a" * 8, "b" * 8]


class TestFifo:
    def fill(self, queue, *names, now=NOW):
        for name in names:
            send(queue, name, now=now, group=name[0], dedup=name)

    def test_a_message_hidden_by_its_group_is_not_received(self):
        queue = make("q.fifo")
        self.fill(queue, "a1", "a2", "b1")
        assert bodies(queue.receive(NOW)[0]) == ["a1"]
        assert bodies(queue.receive(NOW)[0]) == ["b1"]
        assert queue.receive(NOW)[0] == []

    def test_a_group_is_free_again_when_its_messages_are_deleted(self):
        queue = make("q.fifo")
        self.fill(queue, "a1", "a2", "a3")
        first, second = queue.receive(NOW, 2)[0]
        queue.delete(first.handle, NOW)
        assert queue.receive(NOW)[0] == []
        queue.delete(second.handle, NOW)
        assert bodies(queue.receive(NOW)[0]) == ["a3"]

    def test_a_message_that_returns_comes_before_the_later_ones_of_its_group(self):
        queue = make("q.fifo")
        self.fill(queue, "a1", "a2")
        queue.receive(NOW)
        assert bodies(queue.receive(NOW + 30_000, 10)[0]) == ["a1", "a2"]

    def test_the_same_id_within_five_minutes_is_the_same_message_even_after_it_was_deleted(self):
        queue = make("q.fifo")
        first, _ = send(queue, "x", group="a", dedup="1")
        [delivery] = queue.receive(NOW)[0]
        changes = queue.delete(delivery.handle, NOW)
        assert any("/d/" in key and value is not None for key, value in changes)
        again, _ = send(queue, "x", now=NOW + 299_999, group="a", dedup="1")
        assert (again.message_id, again.sequence) == (first.message_id, first.sequence)
        assert len(queue) == 0
        later, changes = send(queue, "x", now=NOW + 300_000, group="a", dedup="1")
        assert later.message_id != first.message_id
        assert any("/d/" in key and value is None for key, value in changes)

    def test_ids_are_per_group_where_the_scope_says_so(self):
        queue = make("q.fifo", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
        send(queue, "x", group="a", dedup="1")
        send(queue, "x", group="b", dedup="1")
        send(queue, "x", group="a", dedup="1")
        assert len(queue) == 2

    def test_equal_bodies_are_one_message_under_content_based_deduplication(self):
        queue = make("q.fifo", ContentBasedDeduplication="true")
        send(queue, "x", group="a")
        send(queue, "x", group="a")
        assert len(queue) == 1

    def test_sequence_numbers_have_twenty_digits_and_ascend(self):
        queue = make("q.fifo")
        numbers = [send(queue, "x", group="a", dedup=str(n))[0].sequence for n in range(3)]
        assert [len(number) for number in numbers] == [20, 20, 20]
        assert numbers == sorted(set(numbers))

    def test_the_same_attempt_gets_the_same_messages_until_one_is_touched(self):
        queue = make("q.fifo")
        self.fill(queue, "a1", "b1")
        first = queue.receive(NOW, 10, attempt="t")[0]
        again = queue.receive(NOW + 20_000, 10, attempt="t")[0]
        assert [d.handle for d in again] == [d.handle for d in first]
        assert queue.receive(NOW + 49_000)[0] == []  # the timeout started anew
        queue.delete(first[0].handle, NOW + 49_000)
        assert queue.receive(NOW + 49_000, 10, attempt="t")[0] == []

    def test_a_delayed_head_holds_its_group(self):
        queue = make("q.fifo", DelaySeconds="5")
        self.fill(queue, "a1")
        queue.configure({"DelaySeconds": "0"}, NOW)
        self.fill(queue, "a2", "b1")
        assert bodies(queue.receive(NOW, 10)[0]) == ["b1"]
        assert bodies(queue.receive(NOW + 5_000, 10)[0]) == ["a1", "a2"]

    @pytest.mark.parametrize(
        ("more", "error"),
        [
            ({}, errors.MissingParameter),
            ({"group": "a"}, errors.InvalidParameterValue),
            ({"group": "a b", "dedup": "1"}, errors.InvalidParameterValue),
            ({"group": "a", "dedup": "1", "delay_s": 3}, errors.InvalidParameterValue),
        ],
    )
    def test_a_send_without_what_fifo_needs_is_refused(self, more, error):
        with pytest.raises(error):
            send(make("q.fifo"), **more)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", errors.MissingParameter),
        ("a\x00", errors.InvalidMessageContents),
        ("a\ufffe", errors.InvalidMessageContents),
        ("x" * 1_048_577, errors.InvalidParameterValue),
    ],
)
def test_bodies_that_sqs_refuses_are_refused(body, error):
    with pytest.raises(error):
        send(make(), body)


def test_bodies_of_all_allowed_characters_are_accepted():
    send(make(), "tab\t line\n é € 😀 \ud7ff \ue000 \ufffd")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"DelaySeconds": "901"}, errors.InvalidAttributeValue),
        ({"VisibilityTimeout": "-1"}, errors.InvalidAttributeValue),
        ({"MaximumMessageSize": "1023"}, errors.InvalidAttributeValue),
        ({"Nonsense": "1"}, errors.InvalidAttributeName),
        ({"QueueArn": "x"}, errors.InvalidAttributeName),
        ({"ContentBasedDeduplication": "true"}, errors.InvalidAttributeName),
        ({"FifoQueue": "false"}, errors.InvalidAttributeValue),
        ({"RedrivePolicy": "{}"}, errors.InvalidParameterValue),
        ({"RedrivePolicy": "x"}, errors.InvalidAttributeValue),
        ({"Policy": "x"}, errors.InvalidAttributeValue),
    ],
)
def test_attributes_that_sqs_refuses_are_refused(given, error):
    with pytest.raises(error):
        attributes.complete(given)


def test_a_shorter_retention_holds_for_the_messages_that_are_there():
    queue = make()
    send(queue)
    queue.settle(NOW + 100_000)
    queue.configure({"MessageRetentionPeriod": "60"}, NOW + 100_000)
    assert queue.receive(NOW + 100_000)[0] == []


def test_a_message_behind_one_that_was_deleted_expires_in_time():
    queue = make(MessageRetentionPeriod="60")
    send(queue, "first")
    send(queue, "second", now=NOW + 30_000)
    [delivery] = queue.receive(NOW + 30_000)[0]
    queue.delete(delivery.handle, NOW + 30_000)
    assert bodies(queue.receive(NOW + 89_999, visibility_ms=0)[0]) == ["second"]
    assert queue.receive(NOW + 90_000)[0] == []
    assert len(queue) == 0
