"""The hands of `targets.py`: how a delivery becomes an event for a function, a message in a queue or of a topic.

targets.add("lambda", to_functions(functions))
targets.add("sqs", to_queues(queues))
targets.add("sns", to_topics(topics))
targets.add("events", buses.take)
targets.add("logs", to_logs(logs, clock, ids))
"""

from __future__ import annotations

from typing import Protocol

from dayfly.clock import Clock
from dayfly.functions import Functions
from dayfly.identity import Scope, parse_arn
from dayfly.ids import Ids
from dayfly.queues import Attachment, Queues
from dayfly.store import Changes
from dayfly.targets import Delivery, Hand
from dayfly.topics import Draft, Topics


class LogWriter(Protocol):
    def write(self, scope: Scope, group: str, stream: str, events: list[tuple[int, str]]) -> object: ...


def to_functions(functions: Functions) -> Hand:
    async def hand(scope: Scope, delivery: Delivery) -> Changes:
        _, changes = functions.enqueue(scope, delivery.arn, delivery.payload, source=delivery.source)
        return changes

    return hand


def to_queues(queues: Queues) -> Hand:
    async def hand(_scope: Scope, delivery: Delivery) -> Changes:
        _, changes = queues.sending(
            delivery.arn,
            delivery.payload.decode(),
            _attached(delivery),
            group=delivery.group_id or None,
            dedup=delivery.deduplication_id or None,
        )
        return changes

    return hand


def to_topics(topics: Topics) -> Hand:
    async def hand(_scope: Scope, delivery: Delivery) -> Changes:
        draft = Draft(
            message=delivery.payload.decode(),
            attributes=_attached(delivery),
            group=delivery.group_id or None,
            dedup=delivery.deduplication_id or None,
        )
        _, changes = topics.publishing(delivery.arn, draft)
        return changes

    return hand


def to_logs(logs: LogWriter, clock: Clock, ids: Ids) -> Hand:
    """A log group as a target: each event is a line in a stream of its own."""

    async def hand(scope: Scope, delivery: Delivery) -> Changes:
        group = parse_arn(delivery.arn).resource.removeprefix("log-group:").removesuffix(":*")
        logs.write(scope, group, ids.uuid(), [(clock.now_ms(), delivery.payload.decode())])
        return ()

    return hand


def _attached(delivery: Delivery) -> dict[str, Attachment]:
    return {name: Attachment(type="String", text=value) for name, value in delivery.attributes.items()}
