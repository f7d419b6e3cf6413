"""EventBridge: buses, rules, targets, events; API destinations are in `event_destinations.py`.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from dayfly.api import Fault, Params
from dayfly.api.event_destinations import EventDestinations
from dayfly.buses.errors import AlreadyExists, Invalid, NotFound
from dayfly.buses.inputs import Transformer
from dayfly.buses.model import DEFAULT_BUS, Bus, Rule, Target, bus_arn, rule_arn
from dayfly.buses.patterns import InvalidPattern, check, matches
from dayfly.buses.service import Buses, bus_name, read_pattern
from dayfly.clock import Clock
from dayfly.errors import NOT_JSON, Error
from dayfly.identity import Caller, Scope
from dayfly.ids import Ids
from dayfly.schedules.expressions import InvalidExpression
from dayfly.store import Change, Changes, Journal

ENTRY_LIMIT = 1024 * 1024
"""Bytes of one entry of PutEvents: docs, eb-putevents-size."""
_KEPT_TARGET = (
    "RoleArn", "KinesisParameters", "RunCommandParameters", "EcsParameters", "BatchParameters", "HttpParameters",
    "RedshiftDataParameters", "SageMakerPipelineParameters", "AppSyncParameters",
)  # fmt: skip
T = TypeVar("T")


class Events(EventDestinations):
    service: ClassVar[str] = "events"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        NotFound: Fault("ResourceNotFoundException"),
        AlreadyExists: Fault("ResourceAlreadyExistsException"),
        Invalid: Fault("ValidationException", 400),
        InvalidExpression: Fault("ValidationException", 400),
        InvalidPattern: Fault("InvalidEventPatternException"),
    }

    def __init__(self, *, buses: Buses, journal: Journal, clock: Clock, ids: Ids) -> None:
        self._buses = buses
        self._destinations = buses.destinations
        self._journal = journal
        self._clock = clock
        self._ids = ids

    # Rules

    async def put_rule(self, caller: Caller, params: Params) -> Params:
        rule = Rule(
            name=params["Name"],
            bus=bus_name(params.get("EventBusName")),
            pattern=params.get("EventPattern") or None,
            schedule=params.get("ScheduleExpression") or None,
            state=params.get("State") or "ENABLED",
            description=params.get("Description") or "",
            role=params.get("RoleArn") or "",
            created_by=caller.scope.account,
            tags=_read_tags(params.get("Tags")),
        )
        kept, changes = self._buses.put_rule(caller.scope, rule)
        await self._commit(changes)
        return {"RuleArn": rule_arn(caller.scope, kept.bus, kept.name)}

    async def describe_rule(self, caller: Caller, params: Params) -> Params:
        rule = self._rule(caller, params)
        await self._commit(())
        return {**_rule(caller.scope, rule), "CreatedBy": rule.created_by}

    async def list_rules(self, caller: Caller, params: Params) -> Params:
        rules = self._buses.rules(caller.scope, bus_name(params.get("EventBusName")))
        await self._commit(())
        prefix = params.get("NamePrefix") or ""
        shown, token = _page([rule for rule in rules if rule.name.startswith(prefix)], params)
        return {"Rules": [_rule(caller.scope, rule) for rule in shown], **token}

    async def delete_rule(self, caller: Caller, params: Params) -> Params:
        await self._commit(self._buses.delete_rule(caller.scope, bus_name(params.get("EventBusName")), params["Name"]))
        return {}

    async def enable_rule(self, caller: Caller, params: Params) -> Params:
        return await self._switched(caller, params, "ENABLED")

    async def disable_rule(self, caller: Caller, params: Params) -> Params:
        return await self._switched(caller, params, "DISABLED")

    async def _switched(self, caller: Caller, params: Params, state: str) -> Params:
        bus = bus_name(params.get("EventBusName"))
        await self._commit(self._buses.set_state(caller.scope, bus, params["Name"], state))
        return {}

    # Targets

    async def put_targets(self, caller: Caller, params: Params) -> Params:
        bus = bus_name(params.get("EventBusName"))
        targets = [_read_target(target) for target in params["Targets"]]
        await self._commit(self._buses.put_targets(caller.scope, bus, params["Rule"], targets))
        return {"FailedEntryCount": 0, "FailedEntries": []}

    async def remove_targets(self, caller: Caller, params: Params) -> Params:
        bus = bus_name(params.get("EventBusName"))
        await self._commit(self._buses.remove_targets(caller.scope, bus, params["Rule"], list(params["Ids"])))
        return {"FailedEntryCount": 0, "FailedEntries": []}

    async def list_targets_by_rule(self, caller: Caller, params: Params) -> Params:
        rule = self._buses.rule(caller.scope, bus_name(params.get("EventBusName")), params["Rule"])
        await self._commit(())
        shown, token = _page(list(rule.targets.values()), params)
        return {"Targets": [_target(target) for target in shown], **token}

    async def list_rule_names_by_target(self, caller: Caller, params: Params) -> Params:
        rules = self._buses.rules(caller.scope, bus_name(params.get("EventBusName")))
        await self._commit(())
        wanted = params["TargetArn"]
        names = [rule.name for rule in rules if any(target.arn == wanted for target in rule.targets.values())]
        shown, token = _page(names, params)
        return {"RuleNames": shown, **token}

    # Events

    async def put_events(self, caller: Caller, params: Params) -> Params:
        entries: list[Params] = []
        changes: list[Change] = []
        for entry in params["Entries"]:
            answer, more = self._put(caller.scope, entry)
            entries.append(answer)
            changes.extend(more)
        await self._commit(changes)
        return {"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries}

    def _put(self, scope: Scope, entry: Mapping[str, Any]) -> tuple[Params, Changes]:
        for member in ("Source", "DetailType", "Detail"):
            if not entry.get(member):
                message = f"Parameter {member} is not valid. Reason: {member} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}, ()
        try:
            detail = msgspec.json.decode(entry["Detail"])
        except NOT_JSON:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}, ()
        time = entry.get("Time")
        event = self._buses.event(
            scope,
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=detail,
            resources=list(entry.get("Resources") or []),
            time_ms=None if time is None else round(time * 1000),
        )
        try:
            changes = self._buses.put_events(scope, bus_name(entry.get("EventBusName")), [event])
        except NotFound:
            changes = ()  # as AWS has it: an event for a bus that is not there is taken and dropped
        return {"EventId": event["id"]}, changes

    async def test_event_pattern(self, caller: Caller, params: Params) -> Params:
        pattern = read_pattern(params["EventPattern"])
        check(pattern)
        return {"Result": matches(pattern, read_pattern(params["Event"]))}

    # Buses

    async def create_event_bus(self, caller: Caller, params: Params) -> Params:
        kept = {member: params[member] for member in ("KmsKeyIdentifier", "DeadLetterConfig") if params.get(member)}
        bus = Bus(
            name=params["Name"],
            description=params.get("Description") or "",
            tags=_read_tags(params.get("Tags")),
            kept=kept,
        )
        _, changes = self._buses.create_bus(caller.scope, bus)
        await self._commit(changes)
        return {"EventBusArn": bus_arn(caller.scope, bus.name), "Description": bus.description, **kept}

    async def update_event_bus(self, caller: Caller, params: Params) -> Params:
        before = self._buses.bus(caller.scope, bus_name(params.get("Name")))
        bus = msgspec.structs.replace(
            before,
            description=params.get("Description", before.description),
            modified_ms=self._clock.now_ms(),
        )
        await self._commit(self._buses.put_bus(caller.scope, bus)[1])
        return {"Arn": bus_arn(caller.scope, bus.name), "Name": bus.name, "Description": bus.description}

    async def describe_event_bus(self, caller: Caller, params: Params) -> Params:
        bus = self._buses.bus(caller.scope, bus_name(params.get("Name")))
        await self._commit(())
        return {**_bus(caller.scope, bus), **bus.kept}

    async def list_event_buses(self, caller: Caller, params: Params) -> Params:
        await self._commit(())
        prefix = params.get("NamePrefix") or ""
        found = [bus for bus in self._buses.buses(caller.scope) if bus.name.startswith(prefix)]
        shown, token = _page(found, params)
        return {"EventBuses": [_bus(caller.scope, bus) for bus in shown], **token}

    async def delete_event_bus(self, caller: Caller, params: Params) -> Params:
        await self._commit(self._buses.delete_bus(caller.scope, params["Name"]))
        return {}

    # Tags

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        arn: str = params["ResourceARN"]
        await self._commit(
            self._retagged(caller.scope, arn, {**self._tags(caller.scope, arn), **_read_tags(params["Tags"])})
        )
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        arn: str = params["ResourceARN"]
        rest = {key: value for key, value in self._tags(caller.scope, arn).items() if key not in params["TagKeys"]}
        await self._commit(self._retagged(caller.scope, arn, rest))
        return {}

    async def list_tags_for_resource(self, caller: Caller, params: Params) -> Params:
        found = self._tags(caller.scope, params["ResourceARN"])
        await self._commit(())
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(found.items())]}

    def _tags(self, scope: Scope, arn: str) -> dict[str, str]:
        return self._buses.bus(scope, arn).tags if "event-bus/" in arn else self._named(scope, arn).tags

    def _retagged(self, scope: Scope, arn: str, tags: dict[str, str]) -> Changes:
        if "event-bus/" in arn:
            bus = self._buses.bus(scope, arn)
            return self._buses.put_bus(scope, msgspec.structs.replace(bus, tags=tags))[1]
        rule = self._named(scope, arn)
        return self._buses.set_tags(scope, rule.bus, rule.name, tags)

    def _named(self, scope: Scope, arn: str) -> Rule:
        bus, _, name = arn.partition(":rule/")[2].rpartition("/")
        return self._buses.rule(scope, bus or DEFAULT_BUS, name)

    def _rule(self, caller: Caller, params: Params) -> Rule:
        return self._buses.rule(caller.scope, bus_name(params.get("EventBusName")), params["Name"])

    async def _commit(self, changes: Changes) -> None:
        await self._journal.commit(changes)


def _read_tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def _read_target(target: Mapping[str, Any]) -> Target:
    given = [member for member in ("Input", "InputPath", "InputTransformer") if target.get(member) is not None]
    if len(given) > 1:
        raise Invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}.")
    transformer = target.get("InputTransformer")
    retry = target.get("RetryPolicy") or {}
    return Target(
        id=target["Id"],
        arn=target["Arn"],
        input=target.get("Input"),
        input_path=target.get("InputPath"),
        transformer=None
        if transformer is None
        else Transformer(paths=dict(transformer.get("InputPathsMap") or {}), template=transformer["InputTemplate"]),
        group_id=(target.get("SqsParameters") or {}).get("MessageGroupId") or "",
        dead_letter=(target.get("DeadLetterConfig") or {}).get("Arn") or "",
        max_age_s=retry.get("MaximumEventAgeInSeconds"),
        max_retries=retry.get("MaximumRetryAttempts"),
        kept={member: target[member] for member in _KEPT_TARGET if member in target},
    )


def _target(target: Target) -> Params:
    shown: Params = {"Id": target.id, "Arn": target.arn, **target.kept}
    if target.input is not None:
        shown["Input"] = target.input
    if target.input_path is not None:
        shown["InputPath"] = target.input_path
    if target.transformer is not None:
        shown["InputTransformer"] = {
            "InputPathsMap": target.transformer.paths,
            "InputTemplate": target.transformer.template,
        }
    if target.group_id:
        shown["SqsParameters"] = {"MessageGroupId": target.group_id}
    if target.dead_letter:
        shown["DeadLetterConfig"] = {"Arn": target.dead_letter}
    retry = {"MaximumEventAgeInSeconds": target.max_age_s, "MaximumRetryAttempts": target.max_retries}
    if any(value is not None for value in retry.values()):
        shown["RetryPolicy"] = {key: value for key, value in retry.items() if value is not None}
    return shown


def _rule(scope: Scope, rule: Rule) -> Params:
    shown: Params = {
        "Name": rule.name,
        "Arn": rule_arn(scope, rule.bus, rule.name),
        "State": rule.state,
        "EventBusName": rule.bus,
    }
    optional = {
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "Description": rule.description,
        "RoleArn": rule.role,
    }
    return {**shown, **{member: value for member, value in optional.items() if value}}


def _bus(scope: Scope, bus: Bus) -> Params:
    shown: Params = {"Name": bus.name, "Arn": bus_arn(scope, bus.name)}
    if bus.description:
        shown["Description"] = bus.description
    if bus.created_ms:
        shown |= {"CreationTime": bus.created_ms / 1000, "LastModifiedTime": bus.modified_ms / 1000}
    return shown


def _page(found: Sequence[T], params: Params) -> tuple[list[T], Params]:
    start = int(params.get("NextToken") or 0)
    end = start + (params.get("Limit") or 100)
    return list(found[start:end]), {"NextToken": str(end)} if end < len(found) else {}
