"""AWS Lambda: event source mappings.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from dayfly.api import Fault, Params
from dayfly.errors import Error, Unsupported
from dayfly.functions import errors
from dayfly.functions.names import read_function
from dayfly.functions.sources import SourceMapping, Sources, check_source
from dayfly.functions.streams import is_stream
from dayfly.identity.names import Caller, InvalidArn

_UNSUPPORTED = (
    "KMSKeyArn",
    "SelfManagedEventSource",
    "SourceAccessConfigurations",
    "Topics",
    "Queues",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "TumblingWindowInSeconds",
)
_STREAMS_ONLY = (
    "StartingPosition",
    "StartingPositionTimestamp",
    "ParallelizationFactor",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "DestinationConfig",
)
_STREAM_BATCH = 100


class EventSources:
    service: ClassVar[str] = "lambda"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        errors.NotFound: Fault("ResourceNotFoundException"),
        errors.Conflict: Fault("ResourceConflictException"),
        errors.InvalidParameter: Fault("InvalidParameterValueException"),
        errors.ValidationFailed: Fault("ValidationException", 400),
        InvalidArn: Fault("InvalidParameterValueException"),
    }

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def create_event_source_mapping(self, caller: Caller, params: Params) -> Params:
        check_source(params.get("EventSourceArn"))
        stream = is_stream(params["EventSourceArn"])
        settings = _settings(params, stream) | {"tags": dict(params.get("Tags") or {})}
        if stream:
            settings.setdefault("batch_size", _STREAM_BATCH)
        function_arn = self._sources.function_arn(caller.scope, params["FunctionName"])
        mapping = await self._sources.create(caller.scope, params["EventSourceArn"], function_arn, **settings)
        return _shown(mapping, "Creating")

    async def update_event_source_mapping(self, caller: Caller, params: Params) -> Params:
        stream = is_stream(self._sources.get(caller.scope, params["UUID"]).source_arn)
        settings = _settings(params, stream)
        if params.get("FunctionName"):
            settings["function_arn"] = self._sources.function_arn(caller.scope, params["FunctionName"])
        return _shown(await self._sources.update(caller.scope, params["UUID"], **settings), "Updating")

    async def get_event_source_mapping(self, caller: Caller, params: Params) -> Params:
        await self._sources.settled()
        return _shown(self._sources.get(caller.scope, params["UUID"]))

    async def list_event_source_mappings(self, caller: Caller, params: Params) -> Params:
        await self._sources.settled()
        function = params.get("FunctionName")
        function_arn = read_function(caller.scope, function).arn if function else None
        listed = self._sources.listed(caller.scope, params.get("EventSourceArn"), function_arn)
        marker = params.get("Marker")
        after = base64.b64decode(marker).decode() if marker else ""
        rest = [mapping for mapping in listed if mapping.id > after]
        page = rest[: params.get("MaxItems") or 100]
        answer: Params = {"EventSourceMappings": [_shown(mapping) for mapping in page]}
        if len(rest) > len(page):
            answer["NextMarker"] = base64.b64encode(page[-1].id.encode()).decode()
        return answer

    async def delete_event_source_mapping(self, caller: Caller, params: Params) -> Params:
        return _shown(await self._sources.delete(caller.scope, params["UUID"]), "Deleting")


def _settings(params: Params, stream: bool) -> dict[str, Any]:
    """The fields of a mapping that these parameters set. Raises Unsupported, InvalidParameter."""
    for name in _UNSUPPORTED:
        if params.get(name):
            raise Unsupported(f"dayfly's event source mappings do not have {name}.")
    for name in () if stream else _STREAMS_ONLY:
        if params.get(name):
            raise errors.InvalidParameter(f"Unsupported {name} parameter for given event source mapping type.")
    settings: dict[str, Any] = {}
    for name, field in (
        ("BatchSize", "batch_size"),
        ("MaximumBatchingWindowInSeconds", "window_s"),
        ("Enabled", "enabled"),
        ("StartingPosition", "position"),
        ("ParallelizationFactor", "shard_batches"),
        ("MaximumRecordAgeInSeconds", "max_age_s"),
        ("BisectBatchOnFunctionError", "bisect"),
        ("MaximumRetryAttempts", "max_retries"),
    ):
        if params.get(name) is not None:
            settings[field] = params[name]
    if params.get("FilterCriteria") is not None:
        settings["filters"] = tuple(one["Pattern"] for one in params["FilterCriteria"].get("Filters") or ())
    if params.get("FunctionResponseTypes") is not None:
        settings["partial"] = "ReportBatchItemFailures" in params["FunctionResponseTypes"]
    if params.get("StartingPositionTimestamp") is not None:
        moment = params["StartingPositionTimestamp"]
        settings["timestamp_s"] = moment.timestamp() if hasattr(moment, "timestamp") else float(moment)
    if params.get("DestinationConfig") is not None:
        failure = params["DestinationConfig"].get("OnFailure") or {}
        settings["failure_arn"] = failure.get("Destination") or ""
    if params.get("ScalingConfig") is not None:
        settings["at_once"] = params["ScalingConfig"].get("MaximumConcurrency")
    return settings


def _shown(mapping: SourceMapping, state: str | None = None) -> Params:
    shown: Params = {
        "UUID": mapping.id,
        "EventSourceMappingArn": mapping.arn,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "EventSourceArn": mapping.source_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.modified_ms / 1000,
        "State": state or ("Enabled" if mapping.enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.partial else [],
    }
    if mapping.filters:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": text} for text in mapping.filters]}
    if mapping.position:
        shown |= {
            "StartingPosition": mapping.position,
            "ParallelizationFactor": mapping.shard_batches,
            "MaximumRecordAgeInSeconds": mapping.max_age_s,
            "BisectBatchOnFunctionError": mapping.bisect,
            "MaximumRetryAttempts": mapping.max_retries,
            "DestinationConfig": {"OnFailure": {"Destination": mapping.failure_arn} if mapping.failure_arn else {}},
        }
    if mapping.at_once is not None:
        shown["ScalingConfig"] = {"MaximumConcurrency": mapping.at_once}
    return shown
