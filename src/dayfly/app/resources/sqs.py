"""AWS::SQS::*

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SQS.html
"""

from __future__ import annotations

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import lasting_name
from dayfly.app.resources.policies import ResourcePolicy
from dayfly.app.resources.properties import attribute_changes, attributes_of, tag_changes, tags_of, truth

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


class Queue:
    ignored: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset({"QueueName", "FifoQueue", "Tags", *_DEFAULTS})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        fifo = truth(properties.get("FifoQueue"))
        name = properties.get("QueueName") or lasting_name(site, logical_id, 80, ".fifo" if fifo else "")
        attributes = attributes_of(properties, _DEFAULTS)
        if fifo:
            attributes["FifoQueue"] = "true"
        made = await site.do("sqs", "CreateQueue", QueueName=name, Attributes=attributes, tags=tags_of(properties))
        return _physical(site, made["QueueUrl"], name)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        renamed = before.get("QueueName") != after.get("QueueName")
        if renamed or truth(before.get("FifoQueue")) is not truth(after.get("FifoQueue")):
            raise Replace
        attributes = attribute_changes(before, after, _DEFAULTS)
        if attributes:
            await site.do("sqs", "SetQueueAttributes", QueueUrl=physical.id, Attributes=attributes)
        removed, put = tag_changes(before, after)
        if removed:
            await site.do("sqs", "UntagQueue", QueueUrl=physical.id, TagKeys=removed)
        if put:
            await site.do("sqs", "TagQueue", QueueUrl=physical.id, Tags=put)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "sqs", "DeleteQueue", QueueUrl=physical.id)


def _physical(site: Site, url: str, name: str) -> Physical:
    return Physical(id=url, attributes={"Arn": site.scope.arn("sqs", name), "QueueName": name, "QueueUrl": url})


async def _put_policy(site: Site, url: str, policy: str) -> None:
    await site.do("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})


TYPES: dict[str, ResourceType] = {
    "AWS::SQS::Queue": Queue(),
    "AWS::SQS::QueuePolicy": ResourcePolicy("Queues", _put_policy),
    "AWS::SQS::QueueInlinePolicy": ResourcePolicy("Queue", _put_policy),
}
