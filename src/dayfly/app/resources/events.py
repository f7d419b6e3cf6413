"""EventBridge and EventBridge Scheduler resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Events.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Scheduler.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.lambda_ import generated, quietly


class Rule:
    known = frozenset({
        "Name", "Description", "EventBusName", "EventPattern", "ScheduleExpression", "State", "Targets", "Tags",
    })  # fmt: skip
    ignored = frozenset({"RoleArn"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated(site, logical_id, 64)
        arn = await self._put(site, name, properties)
        bus = _bus(properties)
        return Physical(id=name if bus == "default" else f"{bus}|{name}", attributes={"Arn": arn})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("Name", "EventBusName")):
            raise Replace
        name = physical.id.rpartition("|")[2]
        await self._put(site, name, after)
        kept = {target["Id"] for target in after.get("Targets") or []}
        gone = [target["Id"] for target in before.get("Targets") or [] if target["Id"] not in kept]
        if gone:
            await site.do("events", "RemoveTargets", Rule=name, EventBusName=after.get("EventBusName"), Ids=gone)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        name, bus = physical.id.rpartition("|")[2], properties.get("EventBusName")
        ids = [target["Id"] for target in properties.get("Targets") or []]
        if ids:
            await quietly(site, "events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=ids)
        await quietly(site, "events", "DeleteRule", Name=name, EventBusName=bus)

    async def _put(self, site: Site, name: str, properties: Properties) -> str:
        pattern = properties.get("EventPattern")
        made = await site.do(
            "events",
            "PutRule",
            Name=name,
            Description=properties.get("Description"),
            EventBusName=properties.get("EventBusName"),
            EventPattern=_json(pattern) if pattern else None,
            ScheduleExpression=properties.get("ScheduleExpression"),
            State=properties.get("State"),
            RoleArn=properties.get("RoleArn"),
            Tags=properties.get("Tags"),
        )
        targets = [_target(target) for target in properties.get("Targets") or []]
        if targets:
            await site.do(
                "events", "PutTargets", Rule=name, EventBusName=properties.get("EventBusName"), Targets=targets
            )
        return str(made["RuleArn"])


class EventBus:
    known = frozenset({"Name", "Description", "Tags"})
    ignored = frozenset({"EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "Policy", "LogConfig"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties["Name"]
        made = await site.do(
            "events",
            "CreateEventBus",
            Name=name,
            Description=properties.get("Description"),
            Tags=properties.get("Tags"),
        )
        return Physical(id=name, attributes={"Arn": made["EventBusArn"], "Name": name, "Policy": ""})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before["Name"] != after["Name"]:
            raise Replace
        await site.do("events", "UpdateEventBus", Name=physical.id, Description=after.get("Description"))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "events", "DeleteEventBus", Name=physical.id)


class Schedule:
    known = frozenset({
        "Name", "GroupName", "Description", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate",
        "EndDate", "State", "Target",
    })  # fmt: skip
    ignored = frozenset({"FlexibleTimeWindow", "KmsKeyArn"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated(site, logical_id, 64)
        made = await site.do("scheduler", "CreateSchedule", Name=name, **_schedule(properties))
        return Physical(id=name, attributes={"Arn": made["ScheduleArn"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("Name", "GroupName")):
            raise Replace
        await site.do("scheduler", "UpdateSchedule", Name=physical.id, **_schedule(after))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        group = properties.get("GroupName")
        await quietly(site, "scheduler", "DeleteSchedule", Name=physical.id, GroupName=group)


class ScheduleGroup:
    known = frozenset({"Name", "Tags"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated(site, logical_id, 64)
        made = await site.do("scheduler", "CreateScheduleGroup", Name=name, Tags=properties.get("Tags"))
        return Physical(id=name, attributes={"Arn": made["ScheduleGroupArn"], "State": "ACTIVE"})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("Name") != after.get("Name"):
            raise Replace
        if after.get("Tags"):
            arn = physical.attributes["Arn"]
            await site.do("scheduler", "TagResource", ResourceArn=arn, Tags=after["Tags"])
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "scheduler", "DeleteScheduleGroup", Name=physical.id)


class Connection:
    known = frozenset({"Name", "Description", "AuthorizationType", "AuthParameters"})
    ignored = frozenset({"KmsKeyIdentifier", "InvocationConnectivityParameters"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated(site, logical_id, 64)
        made = await site.do("events", "CreateConnection", Name=name, **_picked(properties, *_CONNECTION))
        arn = made["ConnectionArn"]
        secret = site.scope.arn("secretsmanager", f"secret:events!{arn.partition(':connection/')[2]}")
        return Physical(id=name, attributes={"Arn": arn, "SecretArn": secret})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("Name") != after.get("Name"):
            raise Replace
        await site.do("events", "UpdateConnection", Name=physical.id, **_picked(after, *_CONNECTION))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "events", "DeleteConnection", Name=physical.id)


class ApiDestination:
    known = frozenset({"Name", "Description", "ConnectionArn", "HttpMethod", "InvocationEndpoint"})
    ignored = frozenset({"InvocationRateLimitPerSecond"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated(site, logical_id, 64)
        made = await site.do("events", "CreateApiDestination", Name=name, **_picked(properties, *_DESTINATION))
        arn = made["ApiDestinationArn"]
        return Physical(id=name, attributes={"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("Name") != after.get("Name"):
            raise Replace
        await site.do("events", "UpdateApiDestination", Name=physical.id, **_picked(after, *_DESTINATION))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "events", "DeleteApiDestination", Name=physical.id)


_CONNECTION = ("Description", "AuthorizationType", "AuthParameters")
_DESTINATION = ("Description", "ConnectionArn", "HttpMethod", "InvocationEndpoint")


def _picked(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: properties.get(name) for name in names}


def _json(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _bus(properties: Properties) -> str:
    return str(properties.get("EventBusName") or "default").rpartition("event-bus/")[2]


def _target(target: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in target.items() if value is not None}
    if "Input" in given:
        given["Input"] = _json(given["Input"])
    if "RetryPolicy" in given:
        given["RetryPolicy"] = {key: int(value) for key, value in given["RetryPolicy"].items()}
    return given


def _schedule(properties: Properties) -> dict[str, Any]:
    target = _target(properties["Target"])
    members = (
        "GroupName", "Description", "ScheduleExpression", "ScheduleExpressionTimezone", "State", "KmsKeyArn",
        "StartDate", "EndDate",
    )  # fmt: skip
    given = {member: properties.get(member) for member in members}
    return {**given, "Target": target, "FlexibleTimeWindow": properties.get("FlexibleTimeWindow") or {"Mode": "OFF"}}


TYPES: dict[str, ResourceType] = {
    "AWS::Events::Rule": Rule(),
    "AWS::Events::EventBus": EventBus(),
    "AWS::Events::Connection": Connection(),
    "AWS::Events::ApiDestination": ApiDestination(),
    "AWS::Scheduler::Schedule": Schedule(),
    "AWS::Scheduler::ScheduleGroup": ScheduleGroup(),
}
