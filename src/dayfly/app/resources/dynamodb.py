"""AWS::DynamoDB::*: tables, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_DynamoDB.html
"""

from __future__ import annotations

from typing import Any

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, numbers, picked, truth


class Table:
    """AWS::DynamoDB::Table."""

    _plain = ("KeySchema", "AttributeDefinitions", "BillingMode", "LocalSecondaryIndexes", "Tags", "TableClass")
    known = frozenset(
        {
            *_plain,
            "TableName",
            "ProvisionedThroughput",
            "GlobalSecondaryIndexes",
            "StreamSpecification",
            "TimeToLiveSpecification",
            "PointInTimeRecoverySpecification",
            "DeletionProtectionEnabled",
            "SSESpecification",
        }
    )
    ignored = frozenset(
        {
            "ContributorInsightsSpecification",
            "OnDemandThroughput",
            "ResourcePolicy",
            "WarmThroughput",
        }
    )

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("TableName") or generated_name(site, logical_id, properties)
        params = picked(properties, *self._plain)
        for given in ("ProvisionedThroughput", "GlobalSecondaryIndexes"):
            if given in properties:
                params[given] = numbers(properties[given])
        if "StreamSpecification" in properties:
            view = properties["StreamSpecification"]["StreamViewType"]
            params["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
        if "SSESpecification" in properties:
            given = properties["SSESpecification"]
            params["SSESpecification"] = {
                "Enabled": truth(given.get("SSEEnabled")),
                **picked(given, "SSEType", "KMSMasterKeyId"),
            }
        if "DeletionProtectionEnabled" in properties:
            params["DeletionProtectionEnabled"] = truth(properties["DeletionProtectionEnabled"])
        if "ProvisionedThroughput" not in params:
            # CloudFormation's own default is PROVISIONED, which wants throughput; without one only on demand works.
            params.setdefault("BillingMode", "PAY_PER_REQUEST")
        made = await site.do("dynamodb", "CreateTable", TableName=name, **params)
        await self._extras(site, name, {}, properties)
        return self._physical(made["TableDescription"])

    async def _extras(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "TimeToLiveSpecification") and after.get("TimeToLiveSpecification"):
            given = after["TimeToLiveSpecification"]
            wanted = {"Enabled": truth(given["Enabled"]), "AttributeName": given.get("AttributeName", "")}
            await site.do("dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=wanted)
        if changed(before, after, "PointInTimeRecoverySpecification"):
            given = after.get("PointInTimeRecoverySpecification") or {}
            wanted = {"PointInTimeRecoveryEnabled": truth(given.get("PointInTimeRecoveryEnabled"))}
            await site.do(
                "dynamodb", "UpdateContinuousBackups", TableName=name, PointInTimeRecoverySpecification=wanted
            )

    def _physical(self, described: dict[str, Any]) -> Physical:
        attributes = {"Arn": described["TableArn"]}
        if described.get("LatestStreamArn"):
            attributes["StreamArn"] = described["LatestStreamArn"]
        return Physical(id=described["TableName"], attributes=attributes)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "TableName", "KeySchema", "LocalSecondaryIndexes"):
            raise Replace
        params = {name: numbers(after[name]) for name in ("BillingMode", "ProvisionedThroughput") if name in after}
        if changed(before, after, "BillingMode", "ProvisionedThroughput") and params:
            await site.do("dynamodb", "UpdateTable", TableName=physical.id, **params)
        if changed(before, after, "StreamSpecification"):
            await self._change_stream(site, physical.id, before, after)
        for step in _index_steps(before, after):
            definitions = after.get("AttributeDefinitions")
            await site.do(
                "dynamodb",
                "UpdateTable",
                TableName=physical.id,
                AttributeDefinitions=definitions,
                GlobalSecondaryIndexUpdates=[step],
            )
        await self._extras(site, physical.id, before, after)
        described = await site.do("dynamodb", "DescribeTable", TableName=physical.id)
        return self._physical(described["Table"])

    async def _change_stream(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        if before.get("StreamSpecification"):
            await site.do("dynamodb", "UpdateTable", TableName=name, StreamSpecification={"StreamEnabled": False})
        if after.get("StreamSpecification"):
            view = after["StreamSpecification"]["StreamViewType"]
            wanted = {"StreamEnabled": True, "StreamViewType": view}
            await site.do("dynamodb", "UpdateTable", TableName=name, StreamSpecification=wanted)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "dynamodb", "DeleteTable", "ResourceNotFoundException", TableName=physical.id)


def _index_steps(before: Properties, after: Properties) -> list[dict[str, Any]]:
    """One step an update: DynamoDB takes a single index change at a time."""
    old = {index["IndexName"]: index for index in before.get("GlobalSecondaryIndexes") or ()}
    new = {index["IndexName"]: index for index in after.get("GlobalSecondaryIndexes") or ()}
    steps: list[dict[str, Any]] = [{"Delete": {"IndexName": name}} for name in old if old[name] != new.get(name)]
    return steps + [{"Create": numbers(new[name])} for name in new if new[name] != old.get(name)]


TYPES: dict[str, ResourceType] = {
    "AWS::DynamoDB::Table": Table(),
}
