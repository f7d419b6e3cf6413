"""`Schedules`: the schedules and groups of EventBridge Scheduler, as transitions that answer the changes to commit.

Records in the journal: `scheduler/group/<account>/<region>/<group>`,
`scheduler/schedule/<account>/<region>/<group>/<name>`, and the timetable under `scheduler/due/`.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.schedules.due import Plan, Timetable
from dayfly.schedules.expressions import At, Rate, parse, zone_of
from dayfly.store import Change, Changes, Journal
from dayfly.targets import MAX_AGE_S, MAX_RETRIES, Delivery, Send

GROUP, SCHEDULE, DUE = "scheduler/group/", "scheduler/schedule/", "scheduler/due/"
DEFAULT_GROUP = "default"
_replace = msgspec.structs.replace


class NotFound(Error):
    """The schedule or group does not exist."""


class Conflict(Error):
    """The schedule or group already exists."""


class Invalid(Error):
    """A parameter is not valid."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    created_ms: int = 0
    modified_ms: int = 0
    tags: dict[str, str] = {}


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    group: str
    expression: str
    target_arn: str
    target: dict[str, Any] = {}
    """The whole target as given: role, parameters of its kind, retry policy."""
    zone: str = "UTC"
    enabled: bool = True
    description: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    window: dict[str, Any] = {}
    delete_after: bool = False
    """Delete the schedule once it has no further occurrence."""
    kms_key: str = ""
    created_ms: int = 0
    modified_ms: int = 0


class Schedules:
    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, send: Send) -> None:
        """`send` is `Targets.send`."""
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._send = send
        self._groups: dict[tuple[Scope, str], Group] = {}
        self._schedules: dict[tuple[Scope, str, str], Schedule] = {}
        self._timetable = Timetable(prefix=DUE, journal=journal, clock=clock, fire=self._due)

    def load(self) -> None:
        self._groups.clear()
        self._schedules.clear()
        for key, value in self._journal.load(GROUP):
            scope, rest = _placed(key, GROUP)
            self._groups[scope, rest] = msgspec.msgpack.decode(value, type=Group)
        plans: dict[str, Plan] = {}
        for key, value in self._journal.load(SCHEDULE):
            scope, _ = _placed(key, SCHEDULE)
            schedule = msgspec.msgpack.decode(value, type=Schedule)
            self._schedules[scope, schedule.group, schedule.name] = schedule
            if schedule.enabled:
                plans[_due_key(scope, schedule)] = _plan(schedule)
        self._timetable.load(plans)

    def start(self) -> None:
        """Fire from now on; call in the loop, after `load`."""
        self._timetable.start()

    def stop(self) -> None:
        self._timetable.stop()

    # Groups

    def group(self, scope: Scope, name: str) -> Group:
        """Every scope has `default`. Raises NotFound."""
        found = self._groups.get((scope, name))
        if found is None and name == DEFAULT_GROUP:
            return Group(name=name)
        if found is None:
            raise NotFound(f"Schedule group {name} does not exist.")
        return found

    def groups(self, scope: Scope) -> list[Group]:
        own = {name: group for (where, name), group in self._groups.items() if where == scope}
        own.setdefault(DEFAULT_GROUP, Group(name=DEFAULT_GROUP))
        return [own[name] for name in sorted(own)]

    def create_group(self, scope: Scope, name: str, tags: dict[str, str]) -> Changes:
        if name == DEFAULT_GROUP or (scope, name) in self._groups:
            raise Conflict(f"Schedule group {name} already exists.")
        now_ms = self._clock.now_ms()
        return self.put_group(scope, Group(name=name, created_ms=now_ms, modified_ms=now_ms, tags=tags))

    def put_group(self, scope: Scope, group: Group) -> Changes:
        self._groups[scope, group.name] = group
        return [(_key(GROUP, scope, group.name), msgspec.msgpack.encode(group))]

    def delete_group(self, scope: Scope, name: str) -> Changes:
        """The group and all its schedules."""
        if name == DEFAULT_GROUP:
            raise Invalid("Deletion of default schedule group is not allowed.")
        self.group(scope, name)
        del self._groups[scope, name]
        changes: list[Change] = [(_key(GROUP, scope, name), None)]
        for schedule in self.schedules(scope, name):
            changes.extend(self.delete(scope, name, schedule.name))
        return changes

    # Schedules

    def schedule(self, scope: Scope, group: str, name: str) -> Schedule:
        """Raises NotFound."""
        found = self._schedules.get((scope, group, name))
        if found is None:
            raise NotFound(f"Schedule {name} does not exist.")
        return found

    def schedules(self, scope: Scope, group: str | None = None) -> list[Schedule]:
        """A scope's schedules by group and name."""
        found = [
            held for (where, _, _), held in self._schedules.items() if where == scope and group in (None, held.group)
        ]
        return sorted(found, key=lambda held: (held.group, held.name))

    def create(self, scope: Scope, schedule: Schedule) -> Changes:
        """Raises Conflict, NotFound (group), InvalidExpression, Invalid."""
        self.group(scope, schedule.group)
        if (scope, schedule.group, schedule.name) in self._schedules:
            raise Conflict(f"Schedule {schedule.name} already exists.")
        now_ms = self._clock.now_ms()
        return self._keep(scope, _replace(schedule, created_ms=now_ms, modified_ms=now_ms))

    def update(self, scope: Scope, schedule: Schedule) -> Changes:
        before = self.schedule(scope, schedule.group, schedule.name)
        return self._keep(scope, _replace(schedule, created_ms=before.created_ms, modified_ms=self._clock.now_ms()))

    def delete(self, scope: Scope, group: str, name: str) -> Changes:
        schedule = self.schedule(scope, group, name)
        del self._schedules[scope, group, name]
        return [(_schedule_key(scope, schedule), None), *self._timetable.remove(_due_key(scope, schedule))]

    def tick(self, scope: Scope, name: str) -> tuple[list[str], Changes]:
        """Fire the schedule of this name or ARN, or those whose target is the function of this name or ARN, now."""
        fired: list[str] = []
        changes: list[Change] = []
        for schedule in self.schedules(scope):
            function = f"{schedule.target_arn}:".partition(":function:")[2].split(":")[0]
            if name in (schedule.name, schedule_arn(scope, schedule), schedule.target_arn, function or None):
                fired.append(schedule.name)
                changes.extend(self._fire(scope, schedule, self._clock.now_ms()))
        return fired, changes

    def delete_account(self, account: str | None) -> Changes:
        """Forget one account's schedules and groups, or all."""
        changes: list[Change] = []
        for scope, group, name in list(self._schedules):
            if account in (None, scope.account):
                changes.extend(self.delete(scope, group, name))
        for scope, name in list(self._groups):
            if account in (None, scope.account):
                del self._groups[scope, name]
                changes.append((_key(GROUP, scope, name), None))
        return changes

    def _keep(self, scope: Scope, schedule: Schedule) -> Changes:
        plan = _plan(schedule)
        self._schedules[scope, schedule.group, schedule.name] = schedule
        kept: list[Change] = [(_schedule_key(scope, schedule), msgspec.msgpack.encode(schedule))]
        key = _due_key(scope, schedule)
        if not schedule.enabled:
            return [*kept, *self._timetable.remove(key)]
        # A rate's first occurrence is its start: docs, "Rate-based schedules".
        at_once = isinstance(plan.expression, Rate)
        return [*kept, *self._timetable.put(key, plan, start_ms=schedule.start_ms, at_once=at_once)]

    def _due(self, key: str, due_ms: int) -> Changes:
        account, region, group, name = key.split("/", 3)
        scope = Scope(account, region)
        schedule = self._schedules[scope, group, name]
        changes = list(self._fire(scope, schedule, due_ms))
        if schedule.delete_after and self._timetable.next_ms(key) is None:
            changes.extend(self.delete(scope, group, name))
        return changes

    def _fire(self, scope: Scope, schedule: Schedule, due_ms: int) -> Changes:
        retry = schedule.target.get("RetryPolicy") or {}
        bus = schedule.target.get("EventBridgeParameters") or {}
        delivery = Delivery(
            arn=schedule.target_arn,
            payload=self._input(scope, schedule, due_ms),
            source="schedule",
            source_arn=schedule_arn(scope, schedule),
            group_id=(schedule.target.get("SqsParameters") or {}).get("MessageGroupId") or "",
            partition_key=(schedule.target.get("KinesisParameters") or {}).get("PartitionKey") or "",
            detail_type=bus.get("DetailType") or "",
            event_source=bus.get("Source") or "",
            resources=(schedule_arn(scope, schedule),),
            dead_letter=(schedule.target.get("DeadLetterConfig") or {}).get("Arn") or "",
            max_age_s=retry.get("MaximumEventAgeInSeconds", MAX_AGE_S),
            max_retries=retry.get("MaximumRetryAttempts", MAX_RETRIES),
        )
        return self._send(scope, delivery)

    def _input(self, scope: Scope, schedule: Schedule, due_ms: int) -> bytes:
        """The given input with its context attributes filled in, or the event that stands for none.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
        """
        moment = f"{datetime.fromtimestamp(due_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
        given = schedule.target.get("Input")
        if given is None:
            return msgspec.json.encode(
                {
                    "version": "0",
                    "id": self._ids.uuid(),
                    "detail-type": "Scheduled Event",
                    "source": "aws.scheduler",
                    "account": scope.account,
                    "time": moment,
                    "region": scope.region,
                    "resources": [schedule_arn(scope, schedule)],
                    "detail": "{}",
                }
            )
        context = {
            "<aws.scheduler.schedule-arn>": schedule_arn(scope, schedule),
            "<aws.scheduler.scheduled-time>": moment,
            "<aws.scheduler.execution-id>": self._ids.uuid(),
            "<aws.scheduler.attempt-number>": "1",
        }
        for name, value in context.items():
            given = given.replace(name, value)
        return str(given).encode()


def schedule_arn(scope: Scope, schedule: Schedule) -> str:
    return scope.arn("scheduler", f"schedule/{schedule.group}/{schedule.name}")


def group_arn(scope: Scope, name: str) -> str:
    return scope.arn("scheduler", f"schedule-group/{name}")


def _plan(schedule: Schedule) -> Plan:
    expression = parse(schedule.expression, any_number=True)
    if isinstance(expression, At) and schedule.start_ms is not None:
        raise Invalid("One-time schedules do not have a start date.")
    return Plan(expression=expression, zone=zone_of(schedule.zone), end_ms=schedule.end_ms)


def _due_key(scope: Scope, schedule: Schedule) -> str:
    return f"{scope.account}/{scope.region}/{schedule.group}/{schedule.name}"


def _schedule_key(scope: Scope, schedule: Schedule) -> str:
    return SCHEDULE + _due_key(scope, schedule)


def _key(prefix: str, scope: Scope, rest: str) -> str:
    return f"{prefix}{scope.account}/{scope.region}/{rest}"


def _placed(key: str, prefix: str) -> tuple[Scope, str]:
    account, region, rest = key[len(prefix) :].split("/", 2)
    return Scope(account, region), rest
