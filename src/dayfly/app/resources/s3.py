"""AWS::S3::*: buckets and whom they tell, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_S3.html
"""

from __future__ import annotations

import json
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, numbers, picked, truth


class Bucket:
    """AWS::S3::Bucket."""

    known = frozenset(
        {
            "BucketName",
            "AccessControl",
            "VersioningConfiguration",
            "CorsConfiguration",
            "WebsiteConfiguration",
            "PublicAccessBlockConfiguration",
            "NotificationConfiguration",
            "Tags",
        }
    )
    ignored = frozenset(
        {
            "AccelerateConfiguration",
            "AnalyticsConfigurations",
            "BucketEncryption",
            "IntelligentTieringConfigurations",
            "InventoryConfigurations",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "MetricsConfigurations",
            "ObjectLockEnabled",
            "OwnershipControls",
            "ReplicationConfiguration",
        }
    )

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("BucketName") or generated_name(site, logical_id, properties, longest=63).lower()
        region = site.scope.region
        params: dict[str, Any] = {"Bucket": name}
        if region != "us-east-1":
            params["CreateBucketConfiguration"] = {"LocationConstraint": region}
        if "AccessControl" in properties:
            params["ACL"] = _dashed(properties["AccessControl"])
        await site.do("s3", "CreateBucket", **params)
        await self._configure(site, name, {}, properties)
        return Physical(
            id=name,
            attributes={
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
                "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
            },
        )

    async def _configure(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "VersioningConfiguration") and "VersioningConfiguration" in after:
            wanted = after["VersioningConfiguration"]
            await site.do("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration=wanted)
        if changed(before, after, "CorsConfiguration"):
            await self._set_cors(site, name, after.get("CorsConfiguration"))
        if changed(before, after, "WebsiteConfiguration") and "WebsiteConfiguration" in after:
            given = after["WebsiteConfiguration"]
            wanted = {}
            if "IndexDocument" in given:
                wanted["IndexDocument"] = {"Suffix": given["IndexDocument"]}
            if "ErrorDocument" in given:
                wanted["ErrorDocument"] = {"Key": given["ErrorDocument"]}
            await site.do("s3", "PutBucketWebsite", Bucket=name, WebsiteConfiguration=wanted)
        if changed(before, after, "PublicAccessBlockConfiguration") and "PublicAccessBlockConfiguration" in after:
            wanted = {key: truth(value) for key, value in after["PublicAccessBlockConfiguration"].items()}
            await site.do("s3", "PutPublicAccessBlock", Bucket=name, PublicAccessBlockConfiguration=wanted)
        if changed(before, after, "NotificationConfiguration"):
            wanted = _notifications(after.get("NotificationConfiguration") or {})
            await site.do("s3", "PutBucketNotificationConfiguration", Bucket=name, NotificationConfiguration=wanted)
        if changed(before, after, "Tags") and after.get("Tags"):
            await site.do("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": after["Tags"]})

    async def _set_cors(self, site: Site, name: str, given: Properties | None) -> None:
        if not given:
            await site.do("s3", "DeleteBucketCors", Bucket=name)
            return
        rules = []
        for rule in given["CorsRules"]:
            made = picked(rule, "AllowedHeaders", "AllowedMethods", "AllowedOrigins")
            for theirs, ours in (("ExposedHeaders", "ExposeHeaders"), ("Id", "ID"), ("MaxAge", "MaxAgeSeconds")):
                if theirs in rule:
                    made[ours] = numbers(rule[theirs])
            rules.append(made)
        await site.do("s3", "PutBucketCors", Bucket=name, CORSConfiguration={"CORSRules": rules})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "BucketName"):
            raise Replace
        await self._configure(site, physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "s3", "DeleteBucket", "NoSuchBucket", Bucket=physical.id)


def _notifications(given: Properties) -> Properties:
    """CloudFormation's form (one event a configuration) in that of the API."""
    made: Properties = {}
    for theirs, ours, target, arn in (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    ):
        for one in given.get(theirs) or ():
            configuration = {arn: one[target], "Events": [one["Event"]]}
            rules = ((one.get("Filter") or {}).get("S3Key") or {}).get("Rules") or ()
            if rules:
                named = [{"Name": str(rule["Name"]).lower(), "Value": str(rule["Value"])} for rule in rules]
                configuration["Filter"] = {"Key": {"FilterRules": named}}
            made.setdefault(ours, []).append(configuration)
    bus = given.get("EventBridgeConfiguration")
    if bus is not None and truth(bus.get("EventBridgeEnabled", True)):
        made["EventBridgeConfiguration"] = {}
    return made


def _dashed(camel: str) -> str:
    """`PublicRead` → `public-read`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in camel).lstrip("-")


class BucketNotification:
    """Custom::S3, by which the Serverless Framework tells a bucket that is made elsewhere of a function.

    https://www.serverless.com/framework/docs/providers/aws/events/s3#using-existing-buckets
    """

    known = frozenset({"ServiceToken", "FunctionName", "BucketName", "BucketConfigs"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        bucket = properties["BucketName"]
        try:
            await site.do("s3", "HeadBucket", Bucket=bucket)
        except Refused:
            # On AWS it would have to be there; in development nobody else makes it.
            await Bucket().create(site, logical_id, {"BucketName": bucket})
        told = [{**one, "Function": properties["FunctionName"]} for one in properties["BucketConfigs"]]
        mine = _notifications({"LambdaConfigurations": told})["LambdaFunctionConfigurations"]
        for number, one in enumerate(mine):
            one["Id"] = f"{site.stack}-{logical_id}-{number}"
        await self._put(site, bucket, logical_id, mine)
        return Physical(id=f"{site.stack}-{logical_id}")

    async def _put(self, site: Site, bucket: str, logical_id: str, mine: list[Properties]) -> None:
        whole = await site.do("s3", "GetBucketNotificationConfiguration", Bucket=bucket)
        others = [
            one
            for one in whole.get("LambdaFunctionConfigurations") or ()
            if not str(one.get("Id", "")).startswith(f"{site.stack}-{logical_id}-")
        ]
        wanted = {**whole, "LambdaFunctionConfigurations": [*others, *mine]}
        await site.do("s3", "PutBucketNotificationConfiguration", Bucket=bucket, NotificationConfiguration=wanted)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "BucketName"):
            raise Replace
        return await self.create(site, logical_id, after)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        try:
            await self._put(site, properties["BucketName"], physical.id.removeprefix(f"{site.stack}-"), [])
        except Refused as refused:
            if refused.code != "NoSuchBucket":
                raise


class BucketPolicy:
    """AWS::S3::BucketPolicy."""

    known = frozenset({"Bucket", "PolicyDocument"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        policy = json.dumps(properties["PolicyDocument"])
        await site.do("s3", "PutBucketPolicy", Bucket=properties["Bucket"], Policy=policy)
        return Physical(id=properties["Bucket"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Bucket"):
            raise Replace
        return await self.create(site, logical_id, after)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "s3", "DeleteBucketPolicy", "NoSuchBucket", "NoSuchBucketPolicy", Bucket=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": BucketPolicy(),
    "Custom::S3": BucketNotification(),
}
