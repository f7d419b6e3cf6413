"""Where events go: one door that hands a payload to whatever an ARN names.

Rules, schedules and the destinations of asynchronous invocations all send through `Targets.send`: a transition that
puts the delivery into the durable work queue and answers the changes, which the sender commits together with its own.
The worker then hands the payload to the *hand* of the service in the ARN; what the hand answers (a message in a queue,
an event for a function) is committed together with the delivery's completion. So an acknowledged event is never lost
between two domains, and a target that is unavailable for a while gets it later.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error, Unavailable, Unsupported
from dayfly.identity import Caller, Scope, parse_arn
from dayfly.identity.names import Arn
from dayfly.store import Changes
from dayfly.work import Item, Retry, Run

KIND = "delivery"
CONCURRENCY = 64
MAX_AGE_S = 24 * 3600
MAX_RETRIES = 185
_API_LIMIT_S = 30

_log = logging.getLogger(__name__)


class TargetRefused(Error):
    """A target answered that it does not take this."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One payload on its way, with what particular kinds of targets make of it."""

    arn: str
    payload: bytes
    source: str
    """What sends it, for the meter: `events`, `schedule`, `lambda` …"""
    source_arn: str = ""
    group_id: str = ""
    """MessageGroupId, for FIFO queues."""
    deduplication_id: str = ""
    attributes: dict[str, str] = {}
    """Message attributes of type String, for queues and topics."""
    partition_key: str = ""
    """For Kinesis streams."""
    path_values: tuple[str, ...] = ()
    """For the wildcards in an HTTP endpoint's path, as `headers` and `query` are for HTTP endpoints."""
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    detail_type: str = ""
    event_source: str = ""
    """The `source` of an event put on a bus."""
    resources: tuple[str, ...] = ()
    dead_letter: str = ""
    """ARN of the queue that gets what could not be delivered."""
    max_age_s: int = MAX_AGE_S
    max_retries: int = MAX_RETRIES


Hand = Callable[[Scope, Delivery], Awaitable[Changes]]
"""Takes a delivery and answers what makes it durable. It waits for nothing after its transition."""
Send = Callable[[Scope, Delivery], Changes]
Call = Callable[[Caller, str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


class WorkQueue(Protocol):
    """What is needed of `dayfly.work.Work`."""

    def handle(self, kind: str, run: Run, *, concurrency: int = ...) -> None: ...

    def put(self, kind: str, payload: bytes, *, due_ms: int | None = ...) -> tuple[str, Changes]: ...


class _Sent(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    region: str
    delivery: Delivery


def _execution(_: str, delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    return "stepfunctions", "StartExecution", {"stateMachineArn": delivery.arn, "input": delivery.payload.decode()}


def _stream_record(resource: str, delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    key = delivery.partition_key or hashlib.sha256(delivery.payload).hexdigest()
    params = {"StreamName": resource.removeprefix("stream/"), "Data": delivery.payload, "PartitionKey": key}
    return "kinesis", "PutRecord", params


def _firehose_record(resource: str, delivery: Delivery) -> tuple[str, str, dict[str, Any]]:
    name = resource.removeprefix("deliverystream/")
    return "firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": delivery.payload}}


_BY_CALL: Mapping[str, Callable[[str, Delivery], tuple[str, str, dict[str, Any]]]] = {
    "states": _execution,
    "kinesis": _stream_record,
    "firehose": _firehose_record,
}
"""Targets that one operation of theirs reaches: the resource in the ARN and the delivery → service, operation, params.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""


async def _asked_api(arn: Arn, delivery: Delivery) -> bytes:
    """The answer of a route of an API: `<api>/<stage>/<method>/<path>`, whose `*` are filled in.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-gateway-target.html
    """
    from dayfly.gateways.outgoing import BackendFailed, fetch  # gateways need functions, which need this module

    api, stage, method, path = (*arn.resource.split("/", 3), "", "", "")[:4]
    for value in delivery.path_values:
        path = path.replace("*", quote(value, safe=""), 1)
    query = f"?{urlencode(delivery.query)}" if delivery.query else ""
    url = f"https://{api}.execute-api.{arn.region}.amazonaws.com/{stage}/{path}{query}"
    headers = {"Content-Type": "application/json; charset=utf-8", **delivery.headers}
    try:
        async with asyncio.timeout(_API_LIMIT_S):
            reply = await fetch(method, url, list(headers.items()), delivery.payload)
    except (BackendFailed, TimeoutError) as error:
        raise Unavailable(f"{delivery.arn} did not answer: {error or 'too slow'}") from error
    if reply.status == 429 or reply.status >= 500:
        raise Unavailable(f"{delivery.arn} answered {reply.status}")
    if reply.status >= 400:
        raise TargetRefused(f"{delivery.arn} answered {reply.status}")
    return reply.body if isinstance(reply.body, bytes) else b""


class Targets:
    """`hands` are doors by the service in the ARN (`lambda`, `sqs`, `sns`, `events` …); `call` for universal ones."""

    def __init__(
        self, *, work: WorkQueue, clock: Clock, hands: Mapping[str, Hand] | None = None, call: Call | None = None
    ) -> None:
        self._work = work
        self._clock = clock
        self._hands = dict(hands or {})
        self._call = call
        work.handle(KIND, self._run, concurrency=CONCURRENCY)

    def add(self, service: str, hand: Hand) -> None:
        self._hands[service] = hand

    def send(self, scope: Scope, delivery: Delivery) -> Changes:
        """Put it on its way; commit the changes in the same step."""
        sent = _Sent(account=scope.account, region=scope.region, delivery=delivery)
        _, changes = self._work.put(KIND, msgspec.msgpack.encode(sent))
        return changes

    async def deliver(self, scope: Scope, delivery: Delivery) -> Changes:
        """Hand it over now. Raises Unsupported, InvalidArn, or what the target's own domain raises."""
        arn = parse_arn(delivery.arn)
        if arn.service == "scheduler" and arn.resource.startswith("aws-sdk:"):
            return await self._universal(scope, arn.resource, delivery)
        if arn.service == "execute-api":
            await self.ask_api(delivery)
            return ()
        hand = self._hands.get(arn.service)
        if hand is None and self._call is not None and arn.service in _BY_CALL:
            service, operation, params = _BY_CALL[arn.service](arn.resource, delivery)
            await self._call(Caller(scope=arn.scope), service, operation, params)
            return ()
        if hand is None:
            raise Unsupported(f"Targets of the service {arn.service} are not supported: {delivery.arn}")
        return await hand(arn.scope, delivery)

    async def ask_api(self, delivery: Delivery) -> bytes:
        """What a route of an API answers. Raises Unavailable (try again), TargetRefused."""
        return await _asked_api(parse_arn(delivery.arn), delivery)

    async def _run(self, item: Item) -> Changes | Retry:
        sent = msgspec.msgpack.decode(item.payload, type=_Sent)
        scope, delivery = Scope(sent.account, sent.region), sent.delivery
        try:
            return await self.deliver(scope, delivery)
        except Unavailable as error:
            age_s = (self._clock.now_ms() - item.created_ms) / 1000
            if item.attempts < delivery.max_retries and age_s < delivery.max_age_s:
                return Retry(min(300_000, 1000 * 2 ** min(item.attempts, 10)))
            return self._give_up(scope, delivery, error)
        except Error as error:
            # A missing target or one that refuses: AWS does not try again either.
            return self._give_up(scope, delivery, error)

    def _give_up(self, scope: Scope, delivery: Delivery, error: Error) -> Changes:
        _log.warning("An event from %s could not be delivered to %s: %s", delivery.source, delivery.arn, error)
        if not delivery.dead_letter:
            return ()
        attributes = {
            "ERROR_CODE": type(error).__name__,
            "ERROR_MESSAGE": error.message,
            "TARGET_ARN": delivery.arn,
            **({"RULE_ARN": delivery.source_arn} if delivery.source_arn else {}),
        }
        letter = Delivery(
            arn=delivery.dead_letter, payload=delivery.payload, source=delivery.source, attributes=attributes
        )
        return self.send(scope, letter)

    async def _universal(self, scope: Scope, resource: str, delivery: Delivery) -> Changes:
        """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""
        if self._call is None:
            raise Unsupported(f"Universal targets are not supported here: {delivery.arn}")
        _, service, operation = resource.split(":", 2)
        params = msgspec.json.decode(delivery.payload) if delivery.payload.strip() else {}
        await self._call(Caller(scope=scope), service, operation[:1].upper() + operation[1:], params)
        return ()
