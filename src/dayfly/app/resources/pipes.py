"""AWS::Pipes::Pipe

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-pipes-pipe.html
"""

from __future__ import annotations

from typing import Any

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.lambda_ import generated, quietly

_MEMBERS = (
    "Description", "DesiredState", "SourceParameters", "Enrichment", "EnrichmentParameters", "Target",
    "TargetParameters", "RoleArn",
)  # fmt: skip
_NUMBERS = frozenset({
    "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts",
    "ParallelizationFactor",
})  # fmt: skip


class Pipe:
    known = frozenset({"Name", "Source", "Tags", *_MEMBERS})
    ignored = frozenset({"LogConfiguration", "KmsKeyIdentifier"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated(site, logical_id, 64)
        tags = {key: str(value) for key, value in (properties.get("Tags") or {}).items()}
        members = _given(properties)
        made = await site.do(
            "pipes", "CreatePipe", Name=name, Source=properties["Source"], Tags=tags or None, **members
        )
        state = properties.get("DesiredState") or "RUNNING"
        return Physical(id=name, attributes={"Arn": made["Arn"], "CurrentState": state, "StateReason": ""})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("Name", "Source")):
            raise Replace
        cleared = {"EnrichmentParameters": {}, "TargetParameters": {}, "SourceParameters": {}, "Enrichment": ""}
        await site.do("pipes", "UpdatePipe", Name=physical.id, **(cleared | _given(after)))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "pipes", "DeletePipe", Name=physical.id)


def _given(properties: Properties) -> dict[str, Any]:
    return {name: _numbers(properties[name]) for name in _MEMBERS if properties.get(name) is not None}


def _numbers(value: Any) -> Any:
    """Templates may have numbers as text."""
    if isinstance(value, dict):
        return {key: int(one) if key in _NUMBERS else _numbers(one) for key, one in value.items()}
    return [_numbers(one) for one in value] if isinstance(value, list) else value


TYPES: dict[str, ResourceType] = {"AWS::Pipes::Pipe": Pipe()}
