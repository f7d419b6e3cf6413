"""`Pipes`: the pipes of a platform, each kept in the mapping of its source.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error, Unsupported
from dayfly.functions.sources import SourceMapping, Sources, check_source
from dayfly.functions.streams import is_stream
from dayfly.identity import Scope, parse_arn
from dayfly.pipes.model import Pipe, pipe_arn

TARGETS = frozenset({"lambda", "states", "sqs", "sns", "events", "kinesis", "firehose", "logs", "execute-api"})
ENRICHMENTS = frozenset({"lambda", "states", "events", "execute-api"})
_SOURCES = ("SqsQueueParameters", "KinesisStreamParameters", "DynamoDBStreamParameters")
_replace = msgspec.structs.replace


class PipeNotFound(Error):
    """The pipe does not exist."""


class PipeExists(Error):
    """There is a pipe of this name already."""


class Pipes:
    def __init__(self, *, sources: Sources, clock: Clock) -> None:
        self._sources = sources
        self._clock = clock

    def get(self, scope: Scope, name: str) -> SourceMapping:
        """Raises PipeNotFound."""
        found = self._sources.receiving(pipe_arn(scope, name))
        if found is None:
            raise PipeNotFound(f"Pipe {name} does not exist.")
        return found

    def listed(self, scope: Scope) -> list[SourceMapping]:
        """The pipes of a scope, by name."""
        found = [one for one in self._sources.piped() if one.scope == scope]
        return sorted(found, key=lambda one: pipe_of(one).name)

    async def settled(self) -> None:
        await self._sources.settled()

    async def create(self, scope: Scope, source: str, pipe: Pipe, *, running: bool) -> SourceMapping:
        """Raises PipeExists, Unsupported, and what a source refuses with."""
        _check(source, pipe)
        if self._sources.receiving(pipe_arn(scope, pipe.name)) is not None:
            raise PipeExists(f"Pipe {pipe.name} already exists.")
        kept = _replace(pipe, created_ms=self._clock.now_ms())
        settings = _settings(source, pipe.source_parameters)
        return await self._sources.create(
            scope, source, pipe_arn(scope, pipe.name), pipe=kept, enabled=running, partial=True, **settings
        )

    async def update(self, scope: Scope, pipe: Pipe, *, running: bool) -> SourceMapping:
        """Raises PipeNotFound, Unsupported."""
        before = self.get(scope, pipe.name)
        _check(before.source_arn, pipe)
        settings = _settings(before.source_arn, pipe.source_parameters)
        return await self._sources.update(scope, before.id, pipe=pipe, enabled=running, **settings)

    async def delete(self, scope: Scope, name: str) -> SourceMapping:
        """Raises PipeNotFound."""
        return await self._sources.delete(scope, self.get(scope, name).id)


def pipe_of(mapping: SourceMapping) -> Pipe:
    assert mapping.pipe is not None
    return mapping.pipe


def _check(source: str, pipe: Pipe) -> None:
    check_source(source)
    for role, arn, known in (("targets", pipe.target, TARGETS), ("enrichments", pipe.enrichment, ENRICHMENTS)):
        if arn and parse_arn(arn).service not in known:
            raise Unsupported(f"dayfly's pipes do not have {role} of the service {parse_arn(arn).service}: {arn}")


def _settings(source: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a mapping that a pipe's source parameters set."""
    given: Mapping[str, Any] = next((parameters[name] for name in _SOURCES if parameters.get(name)), {})
    stream = is_stream(source)
    settings: dict[str, Any] = {
        "filters": tuple(one["Pattern"] for one in (parameters.get("FilterCriteria") or {}).get("Filters") or ()),
        "batch_size": given.get("BatchSize") or (100 if stream else 10),
        "window_s": given.get("MaximumBatchingWindowInSeconds") or 0,
    }
    if stream:
        moment = given.get("StartingPositionTimestamp") or 0
        settings |= {
            "position": given.get("StartingPosition") or "",
            "timestamp_s": moment.timestamp() if hasattr(moment, "timestamp") else float(moment),
            "max_retries": given.get("MaximumRetryAttempts", -1),
            "max_age_s": given.get("MaximumRecordAgeInSeconds", -1),
            "bisect": given.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
            "failure_arn": (given.get("DeadLetterConfig") or {}).get("Arn") or "",
        }
    return settings
