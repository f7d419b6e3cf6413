"""SES resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SES.html
"""

from __future__ import annotations

from typing import Any

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone


def _named(site: Site, logical_id: str) -> str:
    """A name of CloudFormation's form; it is the same for the same stack, so that a retry finds what it made."""
    return f"{site.stack}-{logical_id}-{site.stack_id.rpartition('/')[2][:8]}"


class EmailIdentity:
    known = frozenset({"EmailIdentity", "ConfigurationSetAttributes", "Tags"})
    ignored = frozenset(
        {"DkimAttributes", "DkimSigningAttributes", "FeedbackAttributes", "MailFromAttributes"},
    )

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties["EmailIdentity"]
        attributes = properties.get("ConfigurationSetAttributes") or {}
        made = await site.do(
            "sesv2",
            "CreateEmailIdentity",
            EmailIdentity=name,
            ConfigurationSetName=attributes.get("ConfigurationSetName"),
            Tags=properties.get("Tags"),
        )
        tokens = made.get("DkimAttributes", {}).get("Tokens", [])
        published: dict[str, Any] = {}
        for number, token in enumerate(tokens, 1):
            published[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{name}"
            published[f"DkimDNSTokenValue{number}"] = f"{token}.dkim.amazonses.com"
        return Physical(id=name, attributes=published)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("EmailIdentity") != after.get("EmailIdentity"):
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "sesv2", "DeleteEmailIdentity", EmailIdentity=physical.id)


class Template:
    known = frozenset({"Template"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = dict(properties["Template"])
        given.setdefault("TemplateName", _named(site, logical_id))
        await site.do("ses", "CreateTemplate", Template=given)
        return Physical(id=given["TemplateName"], attributes={"Id": given["TemplateName"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before["Template"].get("TemplateName") != after["Template"].get("TemplateName"):
            raise Replace
        await site.do("ses", "UpdateTemplate", Template={**after["Template"], "TemplateName": physical.id})
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await site.do("ses", "DeleteTemplate", TemplateName=physical.id)


class ConfigurationSet:
    known = frozenset({"Name"})
    ignored = frozenset(
        {
            "ArchivingOptions",
            "DeliveryOptions",
            "ReputationOptions",
            "SendingOptions",
            "SuppressionOptions",
            "Tags",
            "TrackingOptions",
            "VdmOptions",
        }
    )

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or _named(site, logical_id)
        options = {option: properties[option] for option in self.ignored if option in properties}
        await site.do("sesv2", "CreateConfigurationSet", ConfigurationSetName=name, **options)
        return Physical(id=name)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("Name") != after.get("Name"):
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "sesv2", "DeleteConfigurationSet", ConfigurationSetName=physical.id)


class EventDestination:
    """Stored with its set; no events are published yet, which the compatibility report says."""

    known = frozenset({"ConfigurationSetName"})
    ignored = frozenset({"EventDestination"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = properties["EventDestination"]
        name = given.get("Name") or logical_id
        await site.do(
            "sesv2",
            "CreateConfigurationSetEventDestination",
            ConfigurationSetName=properties["ConfigurationSetName"],
            EventDestinationName=name,
            EventDestination=_destination(given),
        )
        return Physical(id=f"{properties['ConfigurationSetName']}|{name}", attributes={"Id": name})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before != after:
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        owner, _, name = physical.id.partition("|")
        await gone(
            site,
            "sesv2",
            "DeleteConfigurationSetEventDestination",
            ConfigurationSetName=owner,
            EventDestinationName=name,
        )


def _destination(given: Properties) -> Properties:
    """CloudFormation's spelling of an event destination in the API's."""
    events = [event.upper().replace("RENDERINGFAILURE", "RENDERING_FAILURE") for event in given["MatchingEventTypes"]]
    events = [event.replace("DELIVERYDELAY", "DELIVERY_DELAY") for event in events]
    made: Properties = {"Enabled": given.get("Enabled", True), "MatchingEventTypes": events}
    if "SnsDestination" in given:
        made["SnsDestination"] = {"TopicArn": given["SnsDestination"]["TopicARN"]}
    if "EventBridgeDestination" in given:
        made["EventBridgeDestination"] = given["EventBridgeDestination"]
    if "CloudWatchDestination" in given:
        made["CloudWatchDestination"] = given["CloudWatchDestination"]
    if "KinesisFirehoseDestination" in given:
        firehose = given["KinesisFirehoseDestination"]
        made["KinesisFirehoseDestination"] = {
            "IamRoleArn": firehose["IAMRoleARN"],
            "DeliveryStreamArn": firehose["DeliveryStreamARN"],
        }
    return made


TYPES: dict[str, ResourceType] = {
    "AWS::SES::EmailIdentity": EmailIdentity(),
    "AWS::SES::Template": Template(),
    "AWS::SES::ConfigurationSet": ConfigurationSet(),
    "AWS::SES::ConfigurationSetEventDestination": EventDestination(),
}
