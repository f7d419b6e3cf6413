"""Queues against a plain model of what SQS promises, over random histories with days between steps."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dayfly.clock import ManualClock
from dayfly.errors import Error
from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.queues import Draft, Queue, Queues, attributes
from dayfly.queues.model import QueueRecord
from dayfly.store.memory import MemoryJournal

HERE = Scope("000000000000", "us-east-1")
MOST = 3


class Held:
    """What the model knows of one delivered message."""

    def __init__(self, seen):
        self.seen = seen
        self.hidden_until_ms = 0
        self.handle = None


class History(RuleBasedStateMachine):
    """One queue with a dead-letter queue; every change is durable at once; `restart` loads it anew."""

    fifo = False

    def __init__(self):
        super().__init__()
        self.clock, self.ids, self.journal = ManualClock(), SeededIds(), MemoryJournal()
        suffix, given = (".fifo", {"FifoQueue": "true"}) if self.fifo else ("", {})
        self.dead_arn, self.arn = (HERE.arn("sqs", name + suffix) for name in ("dead", "jobs"))
        policy = f'{{"deadLetterTargetArn":"{self.dead_arn}","maxReceiveCount":{MOST}}}'
        for name, more in (("dead", {}), ("jobs", {"RedrivePolicy": policy})):
            self.keep_queue(name + suffix, attributes.complete(given | more))
        self.load()
        self.sent = {}  # message id -> (group, order)
        self.visible_from = {}
        self.receives = {}
        self.deleted = set()
        self.handles = {}  # message id -> the latest handle
        self.in_flight = {}  # message id -> hidden until
        self.count = 0

    def keep_queue(self, name, complete):
        import msgspec

        record = QueueRecord(
            account=HERE.account,
            region=HERE.region,
            name=name,
            uid=name,
            attributes=complete,
            created_s=0,
            modified_s=0,
        )
        self.journal.apply([(f"sqs/{HERE.account}/{HERE.region}/{name}", msgspec.msgpack.encode(record))])

    def load(self):
        self.queues = Queues(
            journal=self.journal, clock=self.clock, ids=self.ids, endpoint="http://here", body_budget=300
        )
        self.queues.load()
        self.queue: Queue = self.queues.by_arn(self.arn)
        self.dead: Queue = self.queues.by_arn(self.dead_arn)

    @property
    def now(self):
        return self.clock.now_ms()

    @initialize()
    def begin(self):
        for group in "aab":
            self.send(group, 0)

    @rule(most=st.sampled_from([1, 10]))
    def fail_and_return(self, most):
        """A receiver that gives everything back at once: messages come near to being dead letters."""
        self.receive(most, 30)
        self.clock.advance(31)

    @rule(group=st.sampled_from("abc"), delay_s=st.sampled_from([None, 0, 7]))
    def send(self, group, delay_s):
        self.count += 1
        more = {"group": group, "dedup": str(self.count)} if self.fifo else {"delay_s": delay_s}
        sent, changes = self.queue.send(Draft(body=f"{group}{self.count}", **more), self.ids.uuid(), self.now)
        self.journal.apply(changes)
        self.sent[sent.message_id] = (group, self.count)
        self.visible_from[sent.message_id] = self.now + (0 if self.fifo else (delay_s or 0) * 1000)

    @rule(most=st.integers(1, 10), visibility_s=st.sampled_from([0, 5, 30]))
    def receive(self, most, visibility_s):
        delivered, changes = self.queue.receive(self.now, most, visibility_s * 1000)
        self.journal.apply(changes)
        flying_before = {one for one, until in self.in_flight.items() if until > self.now}
        groups_before = {self.sent[one][0] for one in flying_before}
        order = {}
        for delivery in delivered:
            one = delivery.message.id
            assert one not in self.deleted, "a deleted message came back"
            assert one not in flying_before, "delivered twice within its visibility timeout"
            assert self.visible_from[one] <= self.now, "delivered before its delay was over"
            self.receives[one] = self.receives.get(one, 0) + 1
            assert delivery.receives == self.receives[one] <= MOST
            assert self.handles.get(one) != delivery.handle
            self.handles[one] = delivery.handle
            self.in_flight[one] = self.now + visibility_s * 1000
            if self.fifo:
                group, place = self.sent[one]
                assert group not in groups_before, "a group was not locked"
                assert place > order.get(group, 0), "out of order"
                order[group] = place
        if self.fifo:
            self.check_first_of_group(delivered)

    def check_first_of_group(self, delivered):
        dead = self.dead_ids()
        for delivery in delivered:
            group, place = self.sent[delivery.message.id]
            earlier = [
                one
                for one, (its_group, its_place) in self.sent.items()
                if its_group == group and its_place < place and one not in self.deleted and one not in dead
            ]
            together = {one.message.id for one in delivered}
            assert set(earlier) <= together, "an earlier message of the group was passed over"

    @rule(data=st.data())
    def delete(self, data):
        if self.handles:
            one = data.draw(st.sampled_from(sorted(self.handles)))
            try:
                changes = self.queue.delete(self.handles[one], self.now)
            except Error:
                assert self.fifo
                assert self.in_flight.get(one, 0) <= self.now or one in self.dead_ids()
            else:
                self.journal.apply(changes)
                if one not in self.dead_ids():
                    self.deleted.add(one)
                    self.in_flight.pop(one, None)

    @rule(data=st.data(), timeout_s=st.sampled_from([0, 3, 60]))
    def change_visibility(self, data, timeout_s):
        flying = sorted(one for one, until in self.in_flight.items() if until > self.now and one not in self.deleted)
        if flying:
            one = data.draw(st.sampled_from(flying))
            changes = self.queue.change_visibility(self.handles[one], timeout_s * 1000, self.now)
            self.journal.apply(changes)
            self.in_flight[one] = self.now + timeout_s * 1000

    @rule(seconds=st.sampled_from([0.001, 1, 5, 31, 400]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def restart(self):
        self.clock.advance(0.001)  # no start is as quick as that
        self.load()

    def dead_ids(self):
        return {self.dead._content(entry).id for entry in self.dead._entries.values()}

    @invariant()
    def no_acknowledged_message_is_lost(self):
        here = {self.queue._content(entry).id for entry in self.queue._entries.values()}
        dead = self.dead_ids()
        assert not here & dead
        assert here | dead == set(self.sent) - self.deleted
        assert all(self.receives[one] == MOST for one in dead)

    @invariant()
    def counts_add_up(self):
        shown = self.queue.shown_attributes(self.now)
        flying = sum(until > self.now for one, until in self.in_flight.items() if one not in self.deleted)
        assert shown["ApproximateNumberOfMessagesNotVisible"] == str(flying)
        total = sum(int(shown[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed"))
        assert total == len(self.queue)


class FifoHistory(History):
    fifo = True


CHECKS = settings(max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestStandard = History.TestCase
TestStandard.settings = CHECKS
TestFifo = FifoHistory.TestCase
TestFifo.settings = CHECKS
