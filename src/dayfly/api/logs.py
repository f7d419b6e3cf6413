"""The CloudWatch Logs API: groups, streams, events, retention, tags.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from dayfly.api import Fault, Params, Refused
from dayfly.api.logs_pages import limit_of, opaque, page_of, skip_of, with_token
from dayfly.api.logs_subscriptions import LogGroupOf, SubscriptionFilters
from dayfly.clock import Clock
from dayfly.errors import Error, Unsupported
from dayfly.identity import Caller, Scope
from dayfly.logs import (
    Event,
    FilterNotFound,
    Group,
    GroupExists,
    GroupNotFound,
    InvalidParameter,
    Logs,
    Pattern,
    Stream,
    StreamExists,
    StreamNotFound,
    TooManyFilters,
)
from dayfly.logs.records import DAY_MS, Position, event_id
from dayfly.store import Journal

MOST_EVENTS = 10_000
MOST_BATCH_BYTES = 1_048_576
MOST_EVENT_BYTES = 1_048_576
OLDEST_MS = 14 * DAY_MS
NEWEST_MS = 2 * 3_600_000
_MADE_UP_TOKEN = "4" + "9" * 55  # sequence tokens are accepted and ignored, as AWS does since 2023


class CloudWatchLogs(SubscriptionFilters):
    """The `logs` service."""

    service: ClassVar[str] = "logs"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        GroupNotFound: Fault("ResourceNotFoundException", 400),
        StreamNotFound: Fault("ResourceNotFoundException", 400),
        FilterNotFound: Fault("ResourceNotFoundException", 400),
        TooManyFilters: Fault("LimitExceededException", 400),
        GroupExists: Fault("ResourceAlreadyExistsException", 400),
        StreamExists: Fault("ResourceAlreadyExistsException", 400),
        InvalidParameter: Fault("InvalidParameterException", 400),
    }

    def __init__(self, *, logs: Logs, journal: Journal, clock: Clock, log_group_of: LogGroupOf | None = None) -> None:
        super().__init__(logs, journal, log_group_of)
        self._clock = clock

    # Groups.

    async def create_log_group(self, caller: Caller, params: Params) -> Params:
        name, log_class = params["logGroupName"], params.get("logGroupClass", "STANDARD")
        if params.get("kmsKeyId"):
            raise Unsupported("Log groups encrypted with a customer key (kmsKeyId) are not supported yet.")
        await self._journal.commit(self._logs.create_group(caller.scope, name, params.get("tags"), log_class))
        return {}

    async def delete_log_group(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        await self._journal.commit(self._logs.delete_group(caller.scope, params["logGroupName"]))
        return {}

    async def describe_log_groups(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        prefix, part = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
        if prefix and part:
            raise InvalidParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        wanted = {self._name_of(identifier) for identifier in params.get("logGroupIdentifiers") or ()}
        chosen = [
            group
            for group in self._logs.groups(caller.scope)
            if group.name.startswith(prefix or "")
            and (part or "").lower() in group.name.lower()
            and (not wanted or group.name in wanted)
            and params.get("logGroupClass") in (None, group.log_class)
        ]
        page, token = page_of(chosen, params, lambda group: group.name)
        return with_token({"logGroups": [self._group(caller.scope, group) for group in page]}, token)

    async def put_retention_policy(self, caller: Caller, params: Params) -> Params:
        days = params["retentionInDays"]
        await self._journal.commit(self._logs.set_retention(caller.scope, params["logGroupName"], days))
        return {}

    async def delete_retention_policy(self, caller: Caller, params: Params) -> Params:
        await self._journal.commit(self._logs.set_retention(caller.scope, params["logGroupName"], None))
        return {}

    # Tags, by ARN and by the older operations by name.

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        return await self._tag(caller, self._name_of(params["resourceArn"]), params["tags"], ())

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        return await self._tag(caller, self._name_of(params["resourceArn"]), {}, params["tagKeys"])

    async def list_tags_for_resource(self, caller: Caller, params: Params) -> Params:
        return await self._tags(caller, self._name_of(params["resourceArn"]))

    async def tag_log_group(self, caller: Caller, params: Params) -> Params:
        return await self._tag(caller, params["logGroupName"], params["tags"], ())

    async def untag_log_group(self, caller: Caller, params: Params) -> Params:
        return await self._tag(caller, params["logGroupName"], {}, params["tags"])

    async def list_tags_log_group(self, caller: Caller, params: Params) -> Params:
        return await self._tags(caller, params["logGroupName"])

    async def _tag(self, caller: Caller, group: str, added: dict[str, str], removed: Iterable[str]) -> Params:
        tags = self._logs.group(caller.scope, group).tags | added
        for key in removed:
            tags.pop(key, None)
        if len(tags) > 50:
            raise Refused("TooManyTagsException", "A resource can have no more than 50 tags.", 400)
        await self._journal.commit(self._logs.set_tags(caller.scope, group, tags))
        return {}

    async def _tags(self, caller: Caller, group: str) -> Params:
        tags = dict(self._logs.group(caller.scope, group).tags)
        await self._journal.commit(())
        return {"tags": tags}

    # Streams.

    async def create_log_stream(self, caller: Caller, params: Params) -> Params:
        names = params["logGroupName"], params["logStreamName"]
        await self._journal.commit(self._logs.create_stream(caller.scope, *names))
        return {}

    async def delete_log_stream(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        names = params["logGroupName"], params["logStreamName"]
        await self._journal.commit(self._logs.delete_stream(caller.scope, *names))
        return {}

    async def describe_log_streams(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        group, prefix = self._group_name(params), params.get("logStreamNamePrefix")
        by_time = params.get("orderBy") == "LastEventTime"
        if by_time and prefix:
            raise InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        chosen = [stream for stream in self._logs.streams(caller.scope, group) if stream.name.startswith(prefix or "")]
        if by_time:
            chosen.sort(key=lambda stream: (stream.last_ms or 0, stream.name))
        if params.get("descending"):
            chosen.reverse()
        page, token = page_of(chosen, params, lambda stream: stream.name)
        return with_token({"logStreams": [_stream(caller.scope, stream) for stream in page]}, token)

    # Events.

    async def put_log_events(self, caller: Caller, params: Params) -> Params:
        lines = [(event["timestamp"], event["message"]) for event in params["logEvents"]]
        _check_batch(lines)
        now_ms = self._clock.now_ms()
        kept_ms = self._logs.group(caller.scope, params["logGroupName"]).oldest_ms(now_ms)
        expired = sum(at_ms < kept_ms for at_ms, _ in lines)
        too_old = sum(at_ms < now_ms - OLDEST_MS for at_ms, _ in lines)
        too_new = sum(at_ms > now_ms + NEWEST_MS for at_ms, _ in lines)
        good = lines[max(expired, too_old) : len(lines) - too_new]
        await self._logs.put(caller.scope, params["logGroupName"], params["logStreamName"], good)
        rejected = {
            "expiredLogEventEndIndex": expired or None,
            "tooOldLogEventEndIndex": too_old or None,
            "tooNewLogEventStartIndex": len(lines) - too_new if too_new else None,
        }
        info = {name: index for name, index in rejected.items() if index is not None}
        return {"nextSequenceToken": _MADE_UP_TOKEN} | ({"rejectedLogEventsInfo": info} if info else {})

    async def get_log_events(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        token = params.get("nextToken") or ""
        place = _place(token) if token else None
        page = self._logs.read(
            caller.scope,
            self._group_name(params),
            params["logStreamName"],
            since_ms=params.get("startTime") or 0,
            until_ms=_or(params.get("endTime"), 1 << 62),
            start=place if token.startswith("f/") else None,
            end=place if token.startswith("b/") else None,
            from_head=bool(params.get("startFromHead")),
            limit=limit_of(params, MOST_EVENTS),
        )
        return {
            "events": [_event(found.event) for found in page.found],
            "nextForwardToken": _token("f", page.end),
            "nextBackwardToken": _token("b", page.start),
        }

    async def filter_log_events(self, caller: Caller, params: Params) -> Params:
        await self._logs.flush()
        names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
        if names and prefix:
            raise InvalidParameter("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
        if params.get("startFromHead") is False:
            raise Unsupported("FilterLogEvents with startFromHead=false (newest first) is not supported yet.")
        group, limit, skip = self._group_name(params), limit_of(params, MOST_EVENTS), skip_of(params)
        known = {stream.name for stream in self._logs.streams(caller.scope, group)}
        if names and not known.issuperset(names):
            raise StreamNotFound
        chosen = set(names) if names else {name for name in known if name.startswith(prefix or "")}
        found = self._logs.search(
            caller.scope,
            group,
            Pattern(params.get("filterPattern") or ""),
            streams=chosen.__contains__,
            since_ms=params.get("startTime") or 0,
            # The end is included here, unlike in GetLogEvents.
            until_ms=_or(params.get("endTime"), 1 << 61) + 1,
            skip=skip,
            limit=limit + 1,
        )
        events = [
            {"logStreamName": one.stream, "eventId": event_id(one.stream, one.position)} | _event(one.event)
            for one in found[:limit]
        ]
        token = opaque(str(skip + limit)) if len(found) > limit else None
        return with_token({"events": events, "searchedLogStreams": []}, token)

    # Spelling.

    def _name_of(self, identifier: str) -> str:
        """A group's name, from the name or an ARN with or without `:*`."""
        if not identifier.startswith("arn:"):
            return identifier
        resource = identifier.split(":", 5)[-1]
        if not resource.startswith("log-group:"):
            raise InvalidParameter(f"{identifier} is not the ARN of a log group")
        return resource.removeprefix("log-group:").removesuffix(":*")

    def _group_name(self, params: Params) -> str:
        name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
        if bool(name) == bool(identifier):
            raise InvalidParameter("Exactly one of logGroupName and logGroupIdentifier must be given.")
        return self._name_of(name or identifier or "")

    def _group(self, scope: Scope, group: Group) -> Params:
        arn = scope.arn("logs", f"log-group:{group.name}")
        described: Params = {
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "logGroupClass": group.log_class,
            "storedBytes": self._logs.stored_bytes(scope, group.name),
        }
        if group.retention_days is not None:
            described["retentionInDays"] = group.retention_days
        return described


def _stream(scope: Scope, stream: Stream) -> Params:
    described = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.first_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.ingested_ms,
        "uploadSequenceToken": _MADE_UP_TOKEN,
        "arn": scope.arn("logs", f"log-group:{stream.group}:log-stream:{stream.name}"),
        "storedBytes": 0,  # AWS stopped counting it by stream in 2019
    }
    return {name: value for name, value in described.items() if value is not None}


def _event(event: Event) -> Params:
    return {"timestamp": event.at_ms, "message": event.text, "ingestionTime": event.ingested_ms}


def _check_batch(lines: Sequence[tuple[int, str]]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""
    if len(lines) > MOST_EVENTS:
        raise InvalidParameter(f"A batch may have at most {MOST_EVENTS} log events.")
    if any(earlier[0] > later[0] for earlier, later in itertools.pairwise(lines)):
        raise InvalidParameter("Log events in a single PutLogEvents request must be in chronological order.")
    sizes = [len(text.encode(errors="replace")) + 26 for _, text in lines]
    if sizes and max(sizes) > MOST_EVENT_BYTES:
        raise InvalidParameter(f"Log event too large: {max(sizes)} bytes exceeds limit of {MOST_EVENT_BYTES}")
    if sum(sizes) > MOST_BATCH_BYTES:
        raise InvalidParameter(f"Upload too large: {sum(sizes)} bytes exceeds limit of {MOST_BATCH_BYTES}")


def _token(direction: str, place: Position) -> str:
    return f"{direction}/{place.chunk * 1_000_000 + place.offset:056}"


def _place(token: str) -> Position:
    if token[:2] not in ("f/", "b/") or not token[2:].isdecimal():
        raise InvalidParameter("The specified nextToken is invalid.")
    return Position(*divmod(int(token[2:]), 1_000_000))


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
