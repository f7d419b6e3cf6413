"""AWS::KMS::*: keys and their aliases, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_KMS.html
"""

from __future__ import annotations

import json

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.properties import changed, picked, truth


class Key:
    """AWS::KMS::Key."""

    _plain = ("Description", "KeySpec", "KeyUsage", "Tags", "MultiRegion", "Origin")
    known = frozenset({*_plain, "KeyPolicy", "Enabled", "EnableKeyRotation"})
    ignored = frozenset({"PendingWindowInDays", "RotationPeriodInDays", "BypassPolicyLockoutSafetyCheck"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        params = picked(properties, *self._plain)
        if "Tags" in params:
            params["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in params["Tags"]]
        if "KeyPolicy" in properties:
            params["Policy"] = json.dumps(properties["KeyPolicy"])
        made = (await site.do("kms", "CreateKey", **params))["KeyMetadata"]
        await self._switch(site, made["KeyId"], {}, properties)
        return Physical(id=made["KeyId"], attributes={"Arn": made["Arn"], "KeyId": made["KeyId"]})

    async def _switch(self, site: Site, key_id: str, before: Properties, after: Properties) -> None:
        if truth(after.get("Enabled", True)) != truth(before.get("Enabled", True)):
            await site.do("kms", "EnableKey" if truth(after.get("Enabled", True)) else "DisableKey", KeyId=key_id)
        if truth(after.get("EnableKeyRotation")) != truth(before.get("EnableKeyRotation")):
            wanted = "EnableKeyRotation" if truth(after.get("EnableKeyRotation")) else "DisableKeyRotation"
            await site.do("kms", wanted, KeyId=key_id)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "KeySpec", "KeyUsage", "MultiRegion", "Origin"):
            raise Replace
        if changed(before, after, "KeyPolicy") and "KeyPolicy" in after:
            policy = json.dumps(after["KeyPolicy"])
            await site.do("kms", "PutKeyPolicy", KeyId=physical.id, PolicyName="default", Policy=policy)
        await self._switch(site, physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(
            site, "kms", "ScheduleKeyDeletion", "NotFoundException", "KMSInvalidStateException", KeyId=physical.id
        )


class Alias:
    """AWS::KMS::Alias."""

    known = frozenset({"AliasName", "TargetKeyId"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        target = properties["TargetKeyId"]
        await site.do("kms", "CreateAlias", AliasName=properties["AliasName"], TargetKeyId=target)
        return Physical(id=properties["AliasName"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "AliasName"):
            raise Replace
        await site.do("kms", "UpdateAlias", AliasName=physical.id, TargetKeyId=after["TargetKeyId"])
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "kms", "DeleteAlias", "NotFoundException", AliasName=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::KMS::Alias": Alias(),
    "AWS::KMS::Key": Key(),
}
