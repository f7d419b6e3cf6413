"""AWS::Lambda::EventSourceMapping

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-eventsourcemapping.html
"""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import is_missing
from dayfly.app.resources.properties import truth

_SETTINGS: dict[str, Any] = {
    "BatchSize": 10,
    "MaximumBatchingWindowInSeconds": 0,
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionResponseTypes": [],
    "ScalingConfig": {},
    "ParallelizationFactor": 1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "DestinationConfig": {"OnFailure": {}},
}
_START = ("StartingPosition", "StartingPositionTimestamp")
_NUMBERS = frozenset(
    {
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "ParallelizationFactor",
        "MaximumRetryAttempts",
        "MaximumRecordAgeInSeconds",
    }
)
_OTHERS = (
    *_START,
    "TumblingWindowInSeconds",
    "SelfManagedEventSource",
    "SourceAccessConfigurations",
    "Topics",
    "Queues",
)


class EventSourceMapping:
    ignored: frozenset[str] = frozenset({"MetricsConfig", "LoggingConfig", "ProvisionedPollerConfig"})
    known: frozenset[str] = frozenset({"EventSourceArn", "FunctionName", "Tags", *_SETTINGS, *_START})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        # What belongs to other kinds of sources is passed on, so that the refusal names it.
        others = {name: properties[name] for name in _OTHERS if properties.get(name) is not None}
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
        if any(before.get(name) != after.get(name) for name in ("EventSourceArn", *_START)):
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
    if name in ("Enabled", "BisectBatchOnFunctionError"):
        return truth(value)
    if name in _NUMBERS:
        return int(value)
    if name == "ScalingConfig" and "MaximumConcurrency" in value:
        return {"MaximumConcurrency": int(value["MaximumConcurrency"])}
    return value


TYPES: dict[str, ResourceType] = {"AWS::Lambda::EventSourceMapping": EventSourceMapping()}
