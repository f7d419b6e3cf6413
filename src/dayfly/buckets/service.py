"""Buckets: their rules, kept in the journal, and what becomes of each change that a companion made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from dayfly.api import Refused
from dayfly.buckets.acts import Act, acts_of, place_of
from dayfly.buckets.rules import Notifications, Thing, bus_event_of, event_of, read_configuration
from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.front.messages import Request, Response
from dayfly.identity import Caller, Scope
from dayfly.ids import Ids
from dayfly.store import Change, Changes, Journal
from dayfly.targets import Call, Delivery, Send

_PREFIX = "buckets/"


class Buckets:
    """`send` puts a delivery on its way; `call` asks the companion about an object (size and ETag)."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, send: Send, call: Call) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._send = send
        self._call = call
        self._told: dict[tuple[str, str], Notifications] = {}
        self._count = 0

    def load(self) -> None:
        """Read all configurations from the journal."""
        self._told = {}
        for key, raw in self._journal.load(_PREFIX):
            _, account, bucket = key.split("/", 2)
            self._told[account, bucket] = msgspec.msgpack.decode(raw, type=Notifications)

    async def observe(self, request: Request, response: Response, scope: Scope) -> Changes:
        """What a change that the companion made to a bucket leads to: commit it in the same step."""
        bucket, key = place_of(request)
        if not key and any(name == "notification" for name, _ in request.query):
            return self._configure(scope, bucket, request.body) if request.method == "PUT" else ()
        if not key and request.method == "DELETE" and not request.query:
            return self._forget(scope, bucket)
        told = self._told.get((scope.account, bucket))
        if told is None:
            return ()
        acts = [act for act in acts_of(request, response) if told.bus or any(rule.wants(act) for rule in told.rules)]
        things = [await self._thing(Scope(scope.account, told.region), bucket, act) for act in acts]
        changes: list[Change] = []
        for act, thing in zip(acts, things, strict=True):
            changes += self._sent(scope, bucket, told, act, thing)
        return changes

    def _configure(self, scope: Scope, bucket: str, body: bytes) -> Changes:
        told = read_configuration(body, scope.region)
        if not (told.rules or told.bus):
            return self._forget(scope, bucket)
        self._told[scope.account, bucket] = told
        changes: list[Change] = [(_key(scope, bucket), msgspec.msgpack.encode(told))]
        for rule in told.rules:
            if rule.service != "lambda":
                changes += self._deliver(scope, rule.arn, self._test_event(bucket))
        return changes

    def _forget(self, scope: Scope, bucket: str) -> Changes:
        if self._told.pop((scope.account, bucket), None) is None:
            return ()
        return [(_key(scope, bucket), None)]

    async def _thing(self, scope: Scope, bucket: str, act: Act) -> Thing:
        if act.event.startswith("ObjectRemoved"):
            return Thing()
        params = {"Bucket": bucket, "Key": act.key} | ({"VersionId": act.version} if act.version else {})
        try:
            head = await self._call(Caller(scope=scope), "s3", "HeadObject", params)
        except (Refused, Error):
            return Thing()  # removed again by somebody just now
        return Thing(size=int(head.get("ContentLength", 0)), etag=str(head.get("ETag", "")).strip('"'))

    def _sent(self, scope: Scope, bucket: str, told: Notifications, act: Act, thing: Thing) -> Sequence[Change]:
        self._count += 1
        named = {
            "bucket": bucket,
            "account": scope.account,
            # Larger for the later of two acts on one key, which is all that is promised of a sequencer.
            "sequencer": f"{self._clock.now_ms():012X}{self._count % 0x10000:04X}",
            "request": self._ids.uuid().replace("-", "").upper()[:16],
        }
        changes: list[Change] = []
        for rule in told.rules:
            if rule.wants(act):
                event = event_of(act, thing, rule, region=told.region, at=self._now(), **named)
                changes += self._deliver(scope, rule.arn, event)
        if told.bus:
            kind, detail = bus_event_of(act, thing, **named)
            delivery = Delivery(
                arn=Scope(scope.account, told.region).arn("events", "event-bus/default"),
                payload=msgspec.json.encode(detail),
                source="s3",
                event_source="aws.s3",
                detail_type=kind,
                resources=(f"arn:aws:s3:::{bucket}",),
            )
            changes += self._send(scope, delivery)
        return changes

    def _deliver(self, scope: Scope, arn: str, event: dict[str, Any]) -> Changes:
        return self._send(scope, Delivery(arn=arn, payload=msgspec.json.encode(event), source="s3"))

    def _test_event(self, bucket: str) -> dict[str, Any]:
        request = self._ids.uuid()
        return {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": self._now(),
            "Bucket": bucket,
            "RequestId": request,
            "HostId": request,
        }

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(scope: Scope, bucket: str) -> str:
    return f"{_PREFIX}{scope.account}/{bucket}"
