"""Which acts go where, and the event that is sent.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus
from xml.etree import ElementTree

import msgspec

from dayfly.buckets.acts import Act, local

_TARGETS = {"CloudFunction": "lambda", "Queue": "sqs", "Topic": "sns"}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Acts named by `events` (`s3:ObjectCreated:*`) on keys with this prefix and suffix go to the ARN."""

    id: str
    arn: str
    service: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def wants(self, act: Act) -> bool:
        if not (act.key.startswith(self.prefix) and act.key.endswith(self.suffix)):
            return False
        return any(_covers(wanted.removeprefix("s3:"), act.event) for wanted in self.events)


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket's configuration. `bus`: everything also goes to EventBridge."""

    region: str
    rules: tuple[Rule, ...] = ()
    bus: bool = False


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """The object as it is after the act."""

    size: int = 0
    etag: str = ""


def _covers(wanted: str, event: str) -> bool:
    return wanted == event or (wanted.endswith(":*") and event.startswith(wanted[:-1]))


def read_configuration(body: bytes, region: str) -> Notifications:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html"""
    rules: list[Rule] = []
    bus = False
    for number, node in enumerate(ElementTree.fromstring(body)):
        name = local(node.tag)
        if name == "EventBridgeConfiguration":
            bus = True
            continue
        told: dict[str, list[str]] = {}
        for one in node:
            told.setdefault(local(one.tag), []).append((one.text or "").strip())
        target = next((tag for tag in _TARGETS if tag in told), None)
        if target is not None:
            rules.append(
                Rule(
                    id=(told.get("Id") or [f"notification-{number}"])[0],
                    arn=told[target][0],
                    service=_TARGETS[target],
                    events=tuple(told.get("Event", ())),
                    **_affixes(node),
                )
            )
    return Notifications(region=region, rules=tuple(rules), bus=bus)


def _affixes(node: ElementTree.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for rule in node.iter():
        if local(rule.tag) == "FilterRule":
            told = {local(one.tag): one.text or "" for one in rule}
            name = told.get("Name", "").lower()
            if name in ("prefix", "suffix"):
                found[name] = told.get("Value", "")
    return found


def event_of(
    act: Act, thing: Thing, rule: Rule, *, bucket: str, region: str, account: str, at: str, sequencer: str, request: str
) -> dict[str, Any]:
    """The event for one act: `{"Records": [...]}`. `at` is ISO 8601 in UTC, `request` the request's id."""
    entity: dict[str, Any] = {"key": quote_plus(act.key, safe="/")}
    if not act.event.startswith("ObjectRemoved"):
        entity |= {"size": thing.size, "eTag": thing.etag}
    if act.version:
        entity["versionId"] = act.version
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": at,
        "eventName": act.event,
        "userIdentity": {"principalId": f"AWS:{account}"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": request, "x-amz-id-2": request},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule.id,
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": account}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {**entity, "sequencer": sequencer},
        },
    }
    return {"Records": [record]}


_BUS_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "ObjectAcl": "Object ACL Updated",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


def bus_event_of(
    act: Act, thing: Thing, *, bucket: str, account: str, sequencer: str, request: str
) -> tuple[str, dict[str, Any]]:
    """Detail type and detail. https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    entity: dict[str, Any] = {"key": act.key, "sequencer": sequencer}
    if act.event.startswith("ObjectCreated"):
        entity |= {"size": thing.size}
    if not act.event.startswith("ObjectRemoved"):
        entity |= {"etag": thing.etag}
    if act.version:
        entity["version-id"] = act.version
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": entity,
        "request-id": request,
        "requester": account,
        "source-ip-address": "127.0.0.1",
    }
    if act.event in _REASONS:
        detail["reason"] = _REASONS[act.event]
    if act.event.startswith("ObjectRemoved"):
        marker = act.event.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if marker else "Permanently Deleted"
    return _BUS_TYPES.get(act.event) or _BUS_TYPES[act.event.partition(":")[0]], detail
