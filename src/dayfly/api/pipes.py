"""EventBridge Pipes.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from dayfly.api import Fault, Params
from dayfly.errors import Error
from dayfly.functions import errors
from dayfly.functions.sources import SourceMapping
from dayfly.identity import Caller, Scope
from dayfly.identity.names import InvalidArn
from dayfly.pipes.model import Pipe, pipe_arn
from dayfly.pipes.service import PipeExists, PipeNotFound, Pipes, pipe_of


class PipesApi:
    service: ClassVar[str] = "pipes"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        PipeNotFound: Fault("NotFoundException"),
        PipeExists: Fault("ConflictException"),
        errors.InvalidParameter: Fault("ValidationException"),
        errors.Conflict: Fault("ConflictException"),
        InvalidArn: Fault("ValidationException"),
    }

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    async def create_pipe(self, caller: Caller, params: Params) -> Params:
        pipe = Pipe(name=params["Name"], tags=dict(params.get("Tags") or {}), **_fields(params))
        running = (params.get("DesiredState") or "RUNNING") == "RUNNING"
        made = await self._pipes.create(caller.scope, params["Source"], pipe, running=running)
        return _brief(caller.scope, made) | {"CurrentState": "CREATING"}

    async def update_pipe(self, caller: Caller, params: Params) -> Params:
        before = self._pipes.get(caller.scope, params["Name"])
        given = {**_members(pipe_of(before)), **params}
        sources = {**pipe_of(before).source_parameters, **(params.get("SourceParameters") or {})}
        pipe = msgspec.structs.replace(pipe_of(before), **_fields(given | {"SourceParameters": sources}))
        running = params.get("DesiredState", _state(before)) == "RUNNING"
        kept = await self._pipes.update(caller.scope, pipe, running=running)
        return _brief(caller.scope, kept) | {"CurrentState": "UPDATING"}

    async def describe_pipe(self, caller: Caller, params: Params) -> Params:
        await self._pipes.settled()
        found = self._pipes.get(caller.scope, params["Name"])
        members = {key: value for key, value in _members(pipe_of(found)).items() if value}
        return {**_brief(caller.scope, found), "Source": found.source_arn, "Tags": pipe_of(found).tags, **members}

    async def list_pipes(self, caller: Caller, params: Params) -> Params:
        await self._pipes.settled()
        prefix = params.get("NamePrefix") or ""
        wanted = [one for one in self._pipes.listed(caller.scope) if pipe_of(one).name.startswith(prefix)]
        source, target = params.get("SourcePrefix") or "", params.get("TargetPrefix") or ""
        shown = [
            {
                **_brief(caller.scope, one),
                "Source": one.source_arn,
                "Target": pipe_of(one).target,
                **({"Enrichment": pipe_of(one).enrichment} if pipe_of(one).enrichment else {}),
            }
            for one in wanted
            if one.source_arn.startswith(source) and pipe_of(one).target.startswith(target)
        ]
        return {"Pipes": shown}

    async def delete_pipe(self, caller: Caller, params: Params) -> Params:
        gone = await self._pipes.delete(caller.scope, params["Name"])
        return _brief(caller.scope, gone) | {"DesiredState": "DELETED", "CurrentState": "DELETING"}

    async def start_pipe(self, caller: Caller, params: Params) -> Params:
        return await self._switched(caller, params, running=True) | {"CurrentState": "STARTING"}

    async def stop_pipe(self, caller: Caller, params: Params) -> Params:
        return await self._switched(caller, params, running=False) | {"CurrentState": "STOPPING"}

    async def _switched(self, caller: Caller, params: Params, *, running: bool) -> Params:
        pipe = pipe_of(self._pipes.get(caller.scope, params["Name"]))
        return _brief(caller.scope, await self._pipes.update(caller.scope, pipe, running=running))

    # Tags

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        found = self._named(caller, params["resourceArn"])
        return await self._retagged(caller, found, {**pipe_of(found).tags, **params["tags"]})

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        found = self._named(caller, params["resourceArn"])
        rest = {key: value for key, value in pipe_of(found).tags.items() if key not in params["tagKeys"]}
        return await self._retagged(caller, found, rest)

    async def list_tags_for_resource(self, caller: Caller, params: Params) -> Params:
        await self._pipes.settled()
        return {"tags": pipe_of(self._named(caller, params["resourceArn"])).tags}

    def _named(self, caller: Caller, arn: str) -> SourceMapping:
        return self._pipes.get(caller.scope, arn.rpartition("pipe/")[2])

    async def _retagged(self, caller: Caller, found: SourceMapping, tags: dict[str, str]) -> Params:
        pipe = msgspec.structs.replace(pipe_of(found), tags=tags)
        await self._pipes.update(caller.scope, pipe, running=found.enabled)
        return {}


def _fields(params: Params) -> dict[str, Any]:
    return {
        "target": params["Target"],
        "target_parameters": params.get("TargetParameters") or {},
        "enrichment": params.get("Enrichment") or "",
        "enrichment_parameters": params.get("EnrichmentParameters") or {},
        "source_parameters": params.get("SourceParameters") or {},
        "description": params.get("Description") or "",
        "role": params.get("RoleArn") or "",
    }


def _members(pipe: Pipe) -> Params:
    return {
        "Description": pipe.description,
        "SourceParameters": pipe.source_parameters,
        "Enrichment": pipe.enrichment,
        "EnrichmentParameters": pipe.enrichment_parameters,
        "Target": pipe.target,
        "TargetParameters": pipe.target_parameters,
        "RoleArn": pipe.role,
    }


def _state(mapping: SourceMapping) -> str:
    return "RUNNING" if mapping.enabled else "STOPPED"


def _brief(scope: Scope, mapping: SourceMapping) -> Params:
    pipe = pipe_of(mapping)
    return {
        "Arn": pipe_arn(scope, pipe.name),
        "Name": pipe.name,
        "DesiredState": _state(mapping),
        "CurrentState": _state(mapping),
        "CreationTime": pipe.created_ms / 1000,
        "LastModifiedTime": mapping.modified_ms / 1000,
    }
