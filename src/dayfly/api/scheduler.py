"""EventBridge Scheduler.

https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

import msgspec

from dayfly.api import Fault, Params
from dayfly.errors import Error
from dayfly.identity import Caller, Scope
from dayfly.schedules.expressions import InvalidExpression
from dayfly.schedules.service import (
    DEFAULT_GROUP,
    Conflict,
    Group,
    Invalid,
    NotFound,
    Schedule,
    Schedules,
    group_arn,
    schedule_arn,
)
from dayfly.store import Changes, Journal

T = TypeVar("T")


class Scheduler:
    service: ClassVar[str] = "scheduler"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        NotFound: Fault("ResourceNotFoundException"),
        Conflict: Fault("ConflictException"),
        Invalid: Fault("ValidationException"),
        InvalidExpression: Fault("ValidationException"),
    }

    def __init__(self, *, schedules: Schedules, journal: Journal) -> None:
        self._schedules = schedules
        self._journal = journal

    async def create_schedule(self, caller: Caller, params: Params) -> Params:
        schedule = _read(params)
        await self._commit(self._schedules.create(caller.scope, schedule))
        return {"ScheduleArn": schedule_arn(caller.scope, schedule)}

    async def update_schedule(self, caller: Caller, params: Params) -> Params:
        schedule = _read(params)
        await self._commit(self._schedules.update(caller.scope, schedule))
        return {"ScheduleArn": schedule_arn(caller.scope, schedule)}

    async def get_schedule(self, caller: Caller, params: Params) -> Params:
        schedule = self._schedules.schedule(caller.scope, params.get("GroupName") or DEFAULT_GROUP, params["Name"])
        await self._commit(())
        return _shown(caller.scope, schedule)

    async def delete_schedule(self, caller: Caller, params: Params) -> Params:
        group = params.get("GroupName") or DEFAULT_GROUP
        await self._commit(self._schedules.delete(caller.scope, group, params["Name"]))
        return {}

    async def list_schedules(self, caller: Caller, params: Params) -> Params:
        await self._commit(())
        prefix, state = params.get("NamePrefix") or "", params.get("State")
        found = [
            schedule
            for schedule in self._schedules.schedules(caller.scope, params.get("GroupName"))
            if schedule.name.startswith(prefix) and state in (None, _state(schedule))
        ]
        shown, token = _page(found, params)
        return {"Schedules": [_summary(caller.scope, schedule) for schedule in shown], **token}

    async def create_schedule_group(self, caller: Caller, params: Params) -> Params:
        tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or []}
        await self._commit(self._schedules.create_group(caller.scope, params["Name"], tags))
        return {"ScheduleGroupArn": group_arn(caller.scope, params["Name"])}

    async def get_schedule_group(self, caller: Caller, params: Params) -> Params:
        group = self._schedules.group(caller.scope, params["Name"])
        await self._commit(())
        return _group(caller.scope, group)

    async def delete_schedule_group(self, caller: Caller, params: Params) -> Params:
        await self._commit(self._schedules.delete_group(caller.scope, params["Name"]))
        return {}

    async def list_schedule_groups(self, caller: Caller, params: Params) -> Params:
        await self._commit(())
        prefix = params.get("NamePrefix") or ""
        found = [group for group in self._schedules.groups(caller.scope) if group.name.startswith(prefix)]
        shown, token = _page(found, params)
        return {"ScheduleGroups": [_group(caller.scope, group) for group in shown], **token}

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        group = self._tagged(caller, params)
        tags = {**group.tags, **{tag["Key"]: tag["Value"] for tag in params["Tags"]}}
        await self._commit(self._schedules.put_group(caller.scope, msgspec.structs.replace(group, tags=tags)))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        group = self._tagged(caller, params)
        tags = {key: value for key, value in group.tags.items() if key not in params["TagKeys"]}
        await self._commit(self._schedules.put_group(caller.scope, msgspec.structs.replace(group, tags=tags)))
        return {}

    async def list_tags_for_resource(self, caller: Caller, params: Params) -> Params:
        group = self._tagged(caller, params)
        await self._commit(())
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(group.tags.items())]}

    def _tagged(self, caller: Caller, params: Params) -> Group:
        return self._schedules.group(caller.scope, params["ResourceArn"].rpartition("/")[2])

    async def _commit(self, changes: Changes) -> None:
        await self._journal.commit(changes)


def _read(params: Params) -> Schedule:
    target = dict(params["Target"])
    return Schedule(
        name=params["Name"],
        group=params.get("GroupName") or DEFAULT_GROUP,
        expression=params["ScheduleExpression"],
        target_arn=target["Arn"],
        target=target,
        zone=params.get("ScheduleExpressionTimezone") or "UTC",
        enabled=params.get("State") != "DISABLED",
        description=params.get("Description") or "",
        start_ms=_ms(params.get("StartDate")),
        end_ms=_ms(params.get("EndDate")),
        window=dict(params.get("FlexibleTimeWindow") or {"Mode": "OFF"}),
        delete_after=params.get("ActionAfterCompletion") == "DELETE",
        kms_key=params.get("KmsKeyArn") or "",
    )


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _state(schedule: Schedule) -> str:
    return "ENABLED" if schedule.enabled else "DISABLED"


def _shown(scope: Scope, schedule: Schedule) -> Params:
    shown: Params = {
        "Arn": schedule_arn(scope, schedule),
        "Name": schedule.name,
        "GroupName": schedule.group,
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.zone,
        "State": _state(schedule),
        "FlexibleTimeWindow": schedule.window,
        "Target": schedule.target,
        "ActionAfterCompletion": "DELETE" if schedule.delete_after else "NONE",
        "CreationDate": schedule.created_ms / 1000,
        "LastModificationDate": schedule.modified_ms / 1000,
    }
    if schedule.description:
        shown["Description"] = schedule.description
    if schedule.kms_key:
        shown["KmsKeyArn"] = schedule.kms_key
    if schedule.start_ms is not None:
        shown["StartDate"] = schedule.start_ms / 1000
    if schedule.end_ms is not None:
        shown["EndDate"] = schedule.end_ms / 1000
    return shown


def _summary(scope: Scope, schedule: Schedule) -> Params:
    whole = _shown(scope, schedule)
    members = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
    return {**{member: whole[member] for member in members}, "Target": {"Arn": schedule.target_arn}}


def _group(scope: Scope, group: Group) -> Params:
    return {
        "Arn": group_arn(scope, group.name),
        "Name": group.name,
        "State": "ACTIVE",
        "CreationDate": group.created_ms / 1000,
        "LastModificationDate": group.modified_ms / 1000,
    }


def _page(found: list[T], params: Params) -> tuple[list[T], Params]:
    start = int(params.get("NextToken") or 0)
    end = start + (params.get("MaxResults") or 100)
    return found[start:end], {"NextToken": str(end)} if end < len(found) else {}
