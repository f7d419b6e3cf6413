"""Subscription filters: what is sent on of what a group takes in.

Deliveries go into the durable work queue in the very commit that makes the lines durable: a line that somebody could
read has been sent, or will be. A delivery holds events of one stream, in order, as one gzipped JSON document.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Sequence

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Unsupported
from dayfly.identity import Scope, parse_arn
from dayfly.identity.names import InvalidArn
from dayfly.logs.pattern import Pattern
from dayfly.logs.records import (
    FilterNotFound,
    Found,
    InvalidParameter,
    SubscriptionFilter,
    TooManyFilters,
    event_id,
    filter_key,
)
from dayfly.store import Change, Changes
from dayfly.targets import Delivery

Send = Callable[[Scope, Delivery], Changes]
DESTINATIONS = frozenset({"lambda", "kinesis", "firehose"})
MOST_FILTERS = 2
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""
MOST_EVENTS = 10_000
MOST_BYTES = 512 * 1024
"""Of the text in one delivery: even where it hardly shrinks, the event stays below what a function takes."""


class _Kept:
    """A filter and its pattern, read once."""

    __slots__ = ("pattern", "record")

    def __init__(self, record: SubscriptionFilter) -> None:
        self.record = record
        self.pattern = Pattern(record.pattern)


class Subscriptions:
    """The filters of all groups; owned by `Logs`, which tells what was taken in. `send` puts a delivery on its way."""

    def __init__(self, *, clock: Clock, send: Send) -> None:
        self._clock = clock
        self._send = send
        self._kept: dict[tuple[Scope, str], dict[str, _Kept]] = {}

    # Transitions. Whoever calls them knows that the group exists.

    def put(
        self, scope: Scope, group: str, name: str, *, pattern: str, destination: str, role: str, distribution: str
    ) -> Changes:
        """Make a filter, or change the one of this name. Raises InvalidParameter, TooManyFilters, Unsupported."""
        try:
            service = parse_arn(destination).service
        except InvalidArn as error:
            raise InvalidParameter(error.message) from error
        if service not in DESTINATIONS:
            raise Unsupported(
                f"Subscription filters that deliver to {destination} are not supported: only those that deliver to "
                "functions, Kinesis streams and Firehose streams are."
            )
        filters = self._kept.get((scope, group), {})
        before = filters.get(name)
        if before is None and len(filters) >= MOST_FILTERS:
            raise TooManyFilters
        record = SubscriptionFilter(
            group=group,
            name=name,
            pattern=pattern,
            destination=destination,
            role=role,
            distribution=distribution,
            created_ms=self._clock.now_ms() if before is None else before.record.created_ms,
        )
        self.restore(scope, record)
        return [(filter_key(scope, group, name), _encoder.encode(record))]

    def delete(self, scope: Scope, group: str, name: str) -> Changes:
        """Raises FilterNotFound."""
        filters = self._kept.get((scope, group), {})
        if name not in filters:
            raise FilterNotFound
        del filters[name]
        if not filters:
            del self._kept[scope, group]
        return [(filter_key(scope, group, name), None)]

    def forget(self, scope: Scope, group: str) -> Changes:
        """Drop the filters of a group that is deleted."""
        return [(filter_key(scope, group, name), None) for name in self._kept.pop((scope, group), ())]

    # Looking and keeping.

    def filters(self, scope: Scope, group: str) -> list[SubscriptionFilter]:
        """By name."""
        return [kept.record for _, kept in sorted(self._kept.get((scope, group), {}).items())]

    def clear(self) -> None:
        self._kept.clear()

    def restore(self, scope: Scope, record: SubscriptionFilter) -> None:
        self._kept.setdefault((scope, record.group), {})[record.name] = _Kept(record)

    # Sending.

    def wants(self, scope: Scope, group: str) -> bool:
        return (scope, group) in self._kept

    def deliveries(self, scope: Scope, group: str, found: Sequence[Found]) -> Changes:
        """What events of one stream lead to, in the order they were taken in; commit it together with them."""
        changes: list[Change] = []
        for kept in self._kept.get((scope, group), {}).values():
            matching = [one for one in found if kept.pattern.matches(one.event.text)]
            for batch in _batches(matching):
                changes += self._send(scope, _delivery(scope, kept.record, batch))
        return changes


def _batches(found: Sequence[Found]) -> Iterator[Sequence[Found]]:
    begin = size = 0
    for index, one in enumerate(found):
        length = len(one.event.text.encode()) + 26
        if index > begin and (size + length > MOST_BYTES or index - begin >= MOST_EVENTS):
            yield found[begin:index]
            begin, size = index, 0
        size += length
    if found:
        yield found[begin:]


def _delivery(scope: Scope, record: SubscriptionFilter, batch: Sequence[Found]) -> Delivery:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html"""
    stream = batch[0].stream
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": scope.account,
        "logGroup": record.group,
        "logStream": stream,
        "subscriptionFilters": [record.name],
        "logEvents": [
            {"id": event_id(stream, one.position), "timestamp": one.event.at_ms, "message": one.event.text}
            for one in batch
        ],
    }
    packed = gzip.compress(msgspec.json.encode(document), compresslevel=1, mtime=0)
    if parse_arn(record.destination).service == "lambda":
        payload = msgspec.json.encode({"awslogs": {"data": base64.b64encode(packed).decode()}})
        return Delivery(arn=record.destination, payload=payload, source="logs")
    # A stream's records are taken apart by partition key: without one, each goes where its content leads.
    key = stream[:256] if record.distribution == "ByLogStream" else ""
    return Delivery(arn=record.destination, payload=packed, source="logs", partition_key=key)


_encoder = msgspec.msgpack.Encoder()
