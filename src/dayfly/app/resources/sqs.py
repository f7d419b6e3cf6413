"""AWS::SQS::*

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SQS.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site

_DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "RedrivePolicy": "",
    "RedriveAllowPolicy": "",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
    "KmsMasterKeyId": "",
    "KmsDataKeyReusePeriodSeconds": "300",
    "SqsManagedSseEnabled": "true",
}


def generated_name(site: Site, logical_id: str, longest: int, suffix: str = "") -> str:
    """`{stack}-{logicalId}-{RANDOM}` as CloudFormation names what has no name; the same for the same stack."""
    digest = hashlib.sha256(f"{site.stack_id}/{logical_id}".encode()).digest()
    tail = "-" + base64.b32encode(digest).decode()[:12] + suffix
    return f"{site.stack}-{logical_id}"[: longest - len(tail)] + tail


def text_of(value: Any) -> str:
    """A property as an attribute: JSON for documents, `true`/`false` for booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def tags_of(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: text_of(tag["Value"]) for tag in properties.get("Tags") or ()}


def is_true(value: Any) -> bool:
    return value in (True, "true", "True")


class Queue:
    ignored: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset({"QueueName", "FifoQueue", "Tags", *_DEFAULTS})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        fifo = is_true(properties.get("FifoQueue"))
        name = properties.get("QueueName") or generated_name(site, logical_id, 80, ".fifo" if fifo else "")
        attributes = {key: text_of(properties[key]) for key in _DEFAULTS if properties.get(key) is not None}
        if fifo:
            attributes["FifoQueue"] = "true"
        made = await site.do("sqs", "CreateQueue", QueueName=name, Attributes=attributes, tags=tags_of(properties))
        return _physical(site, made["QueueUrl"], name)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        renamed = before.get("QueueName") != after.get("QueueName")
        if renamed or is_true(before.get("FifoQueue")) is not is_true(after.get("FifoQueue")):
            raise Replace
        changed = {
            key: _DEFAULTS[key] if after.get(key) is None else text_of(after[key])
            for key in _DEFAULTS
            if before.get(key) != after.get(key)
        }
        if changed:
            await site.do("sqs", "SetQueueAttributes", QueueUrl=physical.id, Attributes=changed)
        gone = sorted(tags_of(before).keys() - tags_of(after).keys())
        if gone:
            await site.do("sqs", "UntagQueue", QueueUrl=physical.id, TagKeys=gone)
        if tags_of(after) != tags_of(before):
            await site.do("sqs", "TagQueue", QueueUrl=physical.id, Tags=tags_of(after))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        try:
            await site.do("sqs", "DeleteQueue", QueueUrl=physical.id)
        except Refused as refused:
            if not is_missing(refused):
                raise


def is_missing(refused: Refused) -> bool:
    """Whether a call was refused because what it is about is not there."""
    return any(word in refused.code for word in ("NotFound", "DoesNotExist", "NonExistent"))


def _physical(site: Site, url: str, name: str) -> Physical:
    return Physical(id=url, attributes={"Arn": site.scope.arn("sqs", name), "QueueName": name, "QueueUrl": url})


class QueuePolicy:
    ignored: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset({"Queues", "PolicyDocument"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await _set_policy(site, properties["Queues"], text_of(properties["PolicyDocument"]))
        name = generated_name(site, logical_id, 128)
        return Physical(id=name, attributes={"Id": name})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        await _set_policy(site, [url for url in before["Queues"] if url not in after["Queues"]], "")
        await _set_policy(site, after["Queues"], text_of(after["PolicyDocument"]))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await _set_policy(site, properties["Queues"], "")


async def _set_policy(site: Site, urls: list[str], policy: str) -> None:
    for url in urls:
        try:
            await site.do("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
        except Refused as refused:
            # A policy that is taken away after its queue has nothing left to do.
            if policy or not is_missing(refused):
                raise


class QueueInlinePolicy(QueuePolicy):
    known: frozenset[str] = frozenset({"Queue", "PolicyDocument"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        return await super().create(site, logical_id, _listed(properties))

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        return await super().update(site, physical, _listed(before), _listed(after), logical_id)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await super().delete(site, physical, _listed(properties))


def _listed(properties: Properties) -> Properties:
    return {**properties, "Queues": [properties["Queue"]]}


TYPES: dict[str, ResourceType] = {
    "AWS::SQS::Queue": Queue(),
    "AWS::SQS::QueuePolicy": QueuePolicy(),
    "AWS::SQS::QueueInlinePolicy": QueueInlinePolicy(),
}
