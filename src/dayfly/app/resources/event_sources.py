"""AWS::Lambda::EventSourceMapping

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-eventsourcemapping.html
"""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.sqs import is_missing, is_true

_SETTINGS: dict[str, Any] = {
    "BatchSize": 10,
    "MaximumBatchingWindowInSeconds": 0,
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionResponseTypes": [],
    "ScalingConfig": {},
}
_OTHERS = (
    "StartingPosition",
    "ParallelizationFactor",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "TumblingWindowInSeconds",
    "DestinationConfig",
    "SelfManagedEventSource",
    "SourceAccessConfigurations",
    "Topics",
    "Queues",
)


class EventSourceMapping:
    ignored: frozenset[str] = frozenset({"MetricsConfig", "LoggingConfig", "ProvisionedPollerConfig"})
    known: frozenset[str] = frozenset({"EventSourceArn", "FunctionName", "Tags", *_SETTINGS})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        # What belongs to other kinds of sources is passed on, so that the refusal names it.
        others = {name: properties[name] for name in _OTHERS if name in properties}
        tags = {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or ()}
        made = await site.do(
            "lambda",
            "CreateEventSourceMapping",
            EventSourceArn=properties.get("EventSourceArn"),
            FunctionName=properties["FunctionName"],
            Tags=tags or None,
            **{name: _value(name, properties[name]) for name in _SETTINGS if properties.get(name) is not None},
            **others,
        )
        attributes = {"Id": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"]}
        return Physical(id=made["UUID"], attributes=attributes)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("EventSourceArn") != after.get("EventSourceArn"):
            raise Replace
        changed = {
            name: default if after.get(name) is None else _value(name, after[name])
            for name, default in _SETTINGS.items()
            if before.get(name) != after.get(name)
        }
        if before["FunctionName"] != after["FunctionName"]:
            changed["FunctionName"] = after["FunctionName"]
        await site.do("lambda", "UpdateEventSourceMapping", UUID=physical.id, **changed)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        try:
            await site.do("lambda", "DeleteEventSourceMapping", UUID=physical.id)
        except Refused as refused:
            if not is_missing(refused):
                raise


def _value(name: str, value: Any) -> Any:
    if name == "Enabled":
        return is_true(value)
    if name in ("BatchSize", "MaximumBatchingWindowInSeconds"):
        return int(value)
    if name == "ScalingConfig" and "MaximumConcurrency" in value:
        return {"MaximumConcurrency": int(value["MaximumConcurrency"])}
    return value


TYPES: dict[str, ResourceType] = {"AWS::Lambda::EventSourceMapping": EventSourceMapping()}
