"""AWS::SNS::*

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SNS.html
"""

from __future__ import annotations

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.naming import lasting_name
from dayfly.app.resources.policies import ResourcePolicy
from dayfly.app.resources.properties import attribute_changes, attributes_of, changed, tag_changes, tags_of, truth

_ATTRIBUTES = {
    "DisplayName": "",
    "ContentBasedDeduplication": "false",
    "KmsMasterKeyId": "",
    "SignatureVersion": "",
    "TracingConfig": "",
    "FifoThroughputScope": "",
    "ArchivePolicy": "",
}
"""What an attribute is set to when a template gives it no more."""
_SUBSCRIPTION = {
    "FilterPolicy": "",
    "FilterPolicyScope": "",
    "RawMessageDelivery": "false",
    "RedrivePolicy": "",
    "DeliveryPolicy": "",
}


class Topic:
    ignored: frozenset[str] = frozenset({"DeliveryStatusLogging", "DataProtectionPolicy"})
    known: frozenset[str] = frozenset({"TopicName", "FifoTopic", "Subscription", "Tags", *_ATTRIBUTES})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        fifo = truth(properties.get("FifoTopic"))
        name = properties.get("TopicName") or lasting_name(site, logical_id, 256, ".fifo" if fifo else "")
        attributes = attributes_of(properties, _ATTRIBUTES)
        if fifo:
            attributes["FifoTopic"] = "true"
        tags = _listed(tags_of(properties))
        made = await site.do("sns", "CreateTopic", Name=name, Attributes=attributes, Tags=tags)
        arn = made["TopicArn"]
        for protocol, endpoint in _inline(properties):
            await site.do("sns", "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        return Physical(id=arn, attributes={"TopicArn": arn, "TopicName": name})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        renamed = before.get("TopicName") != after.get("TopicName")
        if renamed or truth(before.get("FifoTopic")) is not truth(after.get("FifoTopic")):
            raise Replace
        arn = physical.id
        for name, value in attribute_changes(before, after, _ATTRIBUTES).items():
            await site.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName=name, AttributeValue=value)
        await self._update_tags(site, arn, before, after)
        for protocol, endpoint in [one for one in _inline(after) if one not in _inline(before)]:
            await site.do("sns", "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        await self._end_subscriptions(site, arn, [one for one in _inline(before) if one not in _inline(after)])
        return physical

    async def _update_tags(self, site: Site, arn: str, before: Properties, after: Properties) -> None:
        removed, put = tag_changes(before, after)
        if removed:
            await site.do("sns", "UntagResource", ResourceArn=arn, TagKeys=removed)
        if put:
            await site.do("sns", "TagResource", ResourceArn=arn, Tags=_listed(put))

    async def _end_subscriptions(self, site: Site, arn: str, gone: list[tuple[str, str]]) -> None:
        if not gone:
            return
        listed = await site.do("sns", "ListSubscriptionsByTopic", TopicArn=arn)
        for one in listed["Subscriptions"]:
            if (one["Protocol"], one["Endpoint"]) in gone:
                await site.do("sns", "Unsubscribe", SubscriptionArn=one["SubscriptionArn"])

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await site.do("sns", "DeleteTopic", TopicArn=physical.id)


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _inline(properties: Properties) -> list[tuple[str, str]]:
    return [(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription") or ()]


class Subscription:
    ignored: frozenset[str] = frozenset({"Region"})
    known: frozenset[str] = frozenset({"TopicArn", "Protocol", "Endpoint", *_SUBSCRIPTION})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        attributes = attributes_of(properties, _SUBSCRIPTION)
        made = await site.do(
            "sns",
            "Subscribe",
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties.get("Endpoint"),
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        arn = made["SubscriptionArn"]
        return Physical(id=arn, attributes={"Arn": arn})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "TopicArn", "Protocol", "Endpoint"):
            raise Replace
        arn = physical.id
        for name, value in attribute_changes(before, after, _SUBSCRIPTION).items():
            await site.do(
                "sns", "SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value
            )
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await site.do("sns", "Unsubscribe", SubscriptionArn=physical.id)


async def _put_policy(site: Site, arn: str, policy: str) -> None:
    await site.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


TYPES: dict[str, ResourceType] = {
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::Subscription": Subscription(),
    "AWS::SNS::TopicPolicy": ResourcePolicy("Topics", _put_policy),
}
