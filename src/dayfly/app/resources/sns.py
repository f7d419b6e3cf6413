"""AWS::SNS::*

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SNS.html
"""

from __future__ import annotations

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.sqs import generated_name, is_missing, is_true, tags_of, text_of

_ATTRIBUTES = (
    "DisplayName",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
    "FifoThroughputScope",
    "ArchivePolicy",
)
_SUBSCRIPTION = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy")


class Topic:
    ignored: frozenset[str] = frozenset({"DeliveryStatusLogging", "DataProtectionPolicy"})
    known: frozenset[str] = frozenset({"TopicName", "FifoTopic", "Subscription", "Tags", *_ATTRIBUTES})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        fifo = is_true(properties.get("FifoTopic"))
        name = properties.get("TopicName") or generated_name(site, logical_id, 256, ".fifo" if fifo else "")
        attributes = {key: text_of(properties[key]) for key in _ATTRIBUTES if properties.get(key) is not None}
        if fifo:
            attributes["FifoTopic"] = "true"
        tags = [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
        made = await site.do("sns", "CreateTopic", Name=name, Attributes=attributes, Tags=tags)
        arn = made["TopicArn"]
        for protocol, endpoint in _inline(properties):
            await site.do("sns", "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        return Physical(id=arn, attributes={"TopicArn": arn, "TopicName": name})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        renamed = before.get("TopicName") != after.get("TopicName")
        if renamed or is_true(before.get("FifoTopic")) is not is_true(after.get("FifoTopic")):
            raise Replace
        arn = physical.id
        for key in _ATTRIBUTES:
            if before.get(key) != after.get(key):
                default = "false" if key == "ContentBasedDeduplication" else ""
                value = default if after.get(key) is None else text_of(after[key])
                await site.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName=key, AttributeValue=value)
        await self._update_tags(site, arn, before, after)
        for protocol, endpoint in [one for one in _inline(after) if one not in _inline(before)]:
            await site.do("sns", "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        await self._end_subscriptions(site, arn, [one for one in _inline(before) if one not in _inline(after)])
        return physical

    async def _update_tags(self, site: Site, arn: str, before: Properties, after: Properties) -> None:
        gone = sorted(tags_of(before).keys() - tags_of(after).keys())
        if gone:
            await site.do("sns", "UntagResource", ResourceArn=arn, TagKeys=gone)
        if tags_of(after) != tags_of(before):
            tags = [{"Key": key, "Value": value} for key, value in tags_of(after).items()]
            await site.do("sns", "TagResource", ResourceArn=arn, Tags=tags)

    async def _end_subscriptions(self, site: Site, arn: str, gone: list[tuple[str, str]]) -> None:
        if not gone:
            return
        listed = await site.do("sns", "ListSubscriptionsByTopic", TopicArn=arn)
        for one in listed["Subscriptions"]:
            if (one["Protocol"], one["Endpoint"]) in gone:
                await site.do("sns", "Unsubscribe", SubscriptionArn=one["SubscriptionArn"])

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await site.do("sns", "DeleteTopic", TopicArn=physical.id)


def _inline(properties: Properties) -> list[tuple[str, str]]:
    return [(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription") or ()]


class Subscription:
    ignored: frozenset[str] = frozenset({"Region"})
    known: frozenset[str] = frozenset({"TopicArn", "Protocol", "Endpoint", *_SUBSCRIPTION})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        attributes = {key: text_of(properties[key]) for key in _SUBSCRIPTION if properties.get(key) is not None}
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
        if any(before.get(key) != after.get(key) for key in ("TopicArn", "Protocol", "Endpoint")):
            raise Replace
        for key in _SUBSCRIPTION:
            if before.get(key) != after.get(key):
                default = "false" if key == "RawMessageDelivery" else ""
                await site.do(
                    "sns",
                    "SetSubscriptionAttributes",
                    SubscriptionArn=physical.id,
                    AttributeName=key,
                    AttributeValue=default if after.get(key) is None else text_of(after[key]),
                )
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await site.do("sns", "Unsubscribe", SubscriptionArn=physical.id)


class TopicPolicy:
    ignored: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset({"Topics", "PolicyDocument"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await _set_policy(site, properties["Topics"], text_of(properties["PolicyDocument"]))
        name = generated_name(site, logical_id, 128)
        return Physical(id=name, attributes={"Id": name})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        await _set_policy(site, [arn for arn in before["Topics"] if arn not in after["Topics"]], "")
        await _set_policy(site, after["Topics"], text_of(after["PolicyDocument"]))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await _set_policy(site, properties["Topics"], "")


async def _set_policy(site: Site, topics: list[str], policy: str) -> None:
    for arn in topics:
        try:
            await site.do("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        except Refused as refused:
            # A policy that is taken away after its topic has nothing left to do.
            if policy or not is_missing(refused):
                raise


TYPES: dict[str, ResourceType] = {
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::Subscription": Subscription(),
    "AWS::SNS::TopicPolicy": TopicPolicy(),
}
