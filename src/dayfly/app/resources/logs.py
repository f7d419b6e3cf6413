"""CloudWatch Logs resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Logs.html
"""

from __future__ import annotations

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.naming import lasting_name
from dayfly.app.resources.properties import changed


class LogGroup:
    known = frozenset({"LogGroupName", "RetentionInDays", "Tags", "LogGroupClass"})
    ignored = frozenset({"KmsKeyId", "DataProtectionPolicy", "FieldIndexPolicies", "ResourcePolicyDocument"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("LogGroupName") or f"{site.stack}-{logical_id}-{site.stack_id.rpartition('/')[2][:12]}"
        await site.do(
            "logs",
            "CreateLogGroup",
            logGroupName=name,
            tags=_tags(properties) or None,
            logGroupClass=properties.get("LogGroupClass"),
        )
        await _retain(site, name, properties)
        return _physical(site, name)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(name) != after.get(name) for name in ("LogGroupName", "LogGroupClass")):
            raise Replace
        await _retain(site, physical.id, after)
        old, new = _tags(before), _tags(after)
        arn = site.scope.arn("logs", f"log-group:{physical.id}")
        if gone := [key for key in old if key not in new]:
            await site.do("logs", "UntagResource", resourceArn=arn, tagKeys=gone)
        if new and new != old:
            await site.do("logs", "TagResource", resourceArn=arn, tags=new)
        return _physical(site, physical.id)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await _unless_gone(site, "DeleteLogGroup", logGroupName=physical.id)


class LogStream:
    known = frozenset({"LogGroupName", "LogStreamName"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("LogStreamName") or f"{site.stack}-{logical_id}-{site.stack_id.rpartition('/')[2][:12]}"
        await site.do("logs", "CreateLogStream", logGroupName=properties["LogGroupName"], logStreamName=name)
        return Physical(id=name)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before != after:
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        group = properties["LogGroupName"]
        await _unless_gone(site, "DeleteLogStream", logGroupName=group, logStreamName=physical.id)


class SubscriptionFilter:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-logs-subscriptionfilter.html"""

    _changeable = ("FilterPattern", "DestinationArn", "RoleArn", "Distribution")
    known = frozenset({*_changeable, "LogGroupName", "FilterName"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("FilterName") or lasting_name(site, logical_id, 512)
        try:
            await self._put(site, name, properties)
        except Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise
            # On AWS whoever logs there has made the group long ago; here it may be the first day of both.
            await site.do("logs", "CreateLogGroup", logGroupName=properties["LogGroupName"])
            await self._put(site, name, properties)
        return Physical(id=name)

    async def _put(self, site: Site, name: str, properties: Properties) -> None:
        given = {key[:1].lower() + key[1:]: properties.get(key) for key in self._changeable}
        group = properties["LogGroupName"]
        await site.do("logs", "PutSubscriptionFilter", logGroupName=group, filterName=name, **given)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "LogGroupName", "FilterName"):
            raise Replace
        await self._put(site, physical.id, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        group = properties["LogGroupName"]
        await _unless_gone(site, "DeleteSubscriptionFilter", logGroupName=group, filterName=physical.id)


def _physical(site: Site, name: str) -> Physical:
    return Physical(id=name, attributes={"Arn": site.scope.arn("logs", f"log-group:{name}:*")})


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or ()}


async def _retain(site: Site, name: str, properties: Properties) -> None:
    days = properties.get("RetentionInDays")
    if days is None:
        await site.do("logs", "DeleteRetentionPolicy", logGroupName=name)
    else:
        await site.do("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=int(days))


async def _unless_gone(site: Site, operation: str, **params: str) -> None:
    try:
        await site.do("logs", operation, **params)
    except Refused as error:
        if error.code != "ResourceNotFoundException":
            raise


TYPES: dict[str, ResourceType] = {
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::Logs::LogStream": LogStream(),
    "AWS::Logs::SubscriptionFilter": SubscriptionFilter(),
}
