"""AWS::Kinesis::*: streams, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Kinesis.html
"""

from __future__ import annotations

from typing import Any

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, picked


class Stream:
    """AWS::Kinesis::Stream."""

    known = frozenset({"Name", "ShardCount", "StreamModeDetails", "RetentionPeriodHours", "Tags"})
    ignored = frozenset({"StreamEncryption", "DesiredShardLevelMetrics", "MaxRecordSizeInKiB"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated_name(site, logical_id, properties, longest=128)
        params: dict[str, Any] = picked(properties, "StreamModeDetails")
        if "ShardCount" in properties:
            params["ShardCount"] = int(properties["ShardCount"])
        await site.do("kinesis", "CreateStream", StreamName=name, **params)
        if properties.get("Tags"):
            tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
            await site.do("kinesis", "AddTagsToStream", StreamName=name, Tags=tags)
        await self._retain(site, name, {}, properties)
        described = await site.do("kinesis", "DescribeStreamSummary", StreamName=name)
        return Physical(id=name, attributes={"Arn": described["StreamDescriptionSummary"]["StreamARN"]})

    async def _retain(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        hours, was = int(after.get("RetentionPeriodHours", 24)), int(before.get("RetentionPeriodHours", 24))
        if hours != was:
            operation = "IncreaseStreamRetentionPeriod" if hours > was else "DecreaseStreamRetentionPeriod"
            await site.do("kinesis", operation, StreamName=name, RetentionPeriodHours=hours)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Name"):
            raise Replace
        if changed(before, after, "ShardCount") and "ShardCount" in after:
            count = int(after["ShardCount"])
            kind = "UNIFORM_SCALING"
            await site.do(
                "kinesis", "UpdateShardCount", StreamName=physical.id, TargetShardCount=count, ScalingType=kind
            )
        await self._retain(site, physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "kinesis", "DeleteStream", "ResourceNotFoundException", StreamName=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::Kinesis::Stream": Stream(),
}
