"""`Buses`: event buses and their rules, as transitions that answer the changes to commit.

Records in the journal: `events/bus/<account>/<region>/<bus>`, `events/rule/<account>/<region>/<bus>/<rule>`, and the
timetable of scheduled rules under `events/due/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from dayfly.buses.destinations import Destinations
from dayfly.buses.errors import AlreadyExists, Invalid, NotFound
from dayfly.buses.inputs import select, transform
from dayfly.buses.model import DEFAULT_BUS, Bus, Rule, Target, rule_arn
from dayfly.buses.patterns import check, matches
from dayfly.clock import Clock
from dayfly.errors import NOT_JSON
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.schedules.due import Plan, Timetable
from dayfly.schedules.expressions import At, parse
from dayfly.store import Change, Changes, Journal
from dayfly.targets import MAX_AGE_S, MAX_RETRIES, Delivery, Send

BUS, RULE, DUE = "events/bus/", "events/rule/", "events/due/"

Event = dict[str, Any]
_replace = msgspec.structs.replace


class Buses:
    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, send: Send) -> None:
        """`send` is `Targets.send`."""
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._send = send
        self._buses: dict[tuple[Scope, str], Bus] = {}
        self._rules: dict[tuple[Scope, str], dict[str, Rule]] = {}
        self._patterns: dict[str, Any] = {}
        self._timetable = Timetable(prefix=DUE, journal=journal, clock=clock, fire=self._fire)
        self.destinations = Destinations(journal=journal, clock=clock, ids=ids)

    def load(self) -> None:
        self.destinations.load()
        self._buses.clear()
        self._rules.clear()
        self._patterns.clear()
        for key, value in self._journal.load(BUS):
            scope, rest = _placed(key, BUS)
            self._buses[scope, rest] = msgspec.msgpack.decode(value, type=Bus)
        plans: dict[str, Plan] = {}
        for key, value in self._journal.load(RULE):
            scope, _ = _placed(key, RULE)
            rule = msgspec.msgpack.decode(value, type=Rule)
            self._rules.setdefault((scope, rule.bus), {})[rule.name] = rule
            if rule.schedule and rule.enabled:
                plans[_due_key(scope, rule)] = _plan(rule.schedule)
        self._timetable.load(plans)

    def start(self) -> None:
        """Let scheduled rules fire; call in the loop, after `load`."""
        self._timetable.start()

    def stop(self) -> None:
        self._timetable.stop()

    # Buses

    def bus(self, scope: Scope, name: str) -> Bus:
        """A bus by name or ARN; every scope has `default`. Raises NotFound."""
        plain = bus_name(name)
        found = self._buses.get((scope, plain))
        if found is not None:
            return found
        if plain == DEFAULT_BUS:
            return Bus(name=DEFAULT_BUS)
        raise NotFound(f"Event bus {plain} does not exist.")

    def buses(self, scope: Scope) -> list[Bus]:
        own = {name: bus for (where, name), bus in self._buses.items() if where == scope}
        own.setdefault(DEFAULT_BUS, Bus(name=DEFAULT_BUS))
        return [own[name] for name in sorted(own)]

    def create_bus(self, scope: Scope, bus: Bus) -> tuple[Bus, Changes]:
        if bus.name == DEFAULT_BUS or (scope, bus.name) in self._buses:
            raise AlreadyExists(f"Event bus {bus.name} already exists.")
        now_ms = self._clock.now_ms()
        return self.put_bus(scope, _replace(bus, created_ms=now_ms, modified_ms=now_ms))

    def put_bus(self, scope: Scope, bus: Bus) -> tuple[Bus, Changes]:
        self._buses[scope, bus.name] = bus
        return bus, [(_key(BUS, scope, bus.name), msgspec.msgpack.encode(bus))]

    def delete_bus(self, scope: Scope, name: str) -> Changes:
        plain = bus_name(name)
        if plain == DEFAULT_BUS:
            raise Invalid("Cannot delete event bus default.")
        if self._rules.get((scope, plain)):
            raise Invalid("Event bus can't be deleted since it has rules.")
        if self._buses.pop((scope, plain), None) is None:
            return ()
        return [(_key(BUS, scope, plain), None)]

    # Rules

    def rule(self, scope: Scope, bus: str, name: str) -> Rule:
        """Raises NotFound."""
        plain = self.bus(scope, bus).name
        found = self._rules.get((scope, plain), {}).get(name)
        if found is None:
            raise NotFound(f"Rule {name} does not exist on EventBus {plain}.")
        return found

    def rules(self, scope: Scope, bus: str) -> list[Rule]:
        """A bus's rules by name. Raises NotFound."""
        held = self._rules.get((scope, self.bus(scope, bus).name), {})
        return [held[name] for name in sorted(held)]

    def put_rule(self, scope: Scope, rule: Rule) -> tuple[Rule, Changes]:
        """Create or change a rule; its targets and tags stay. Raises Invalid, InvalidPattern, InvalidExpression."""
        bus = self.bus(scope, rule.bus).name
        if not rule.pattern and not rule.schedule:
            raise Invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        if rule.schedule:
            if bus != DEFAULT_BUS:
                raise Invalid("ScheduleExpression is supported only on the default event bus.")
            _plan(rule.schedule)
        if rule.pattern:
            check(read_pattern(rule.pattern))
        before = self._rules.get((scope, bus), {}).get(rule.name)
        fresh = _replace(
            rule,
            bus=bus,
            targets=before.targets if before else {},
            tags=rule.tags or (before.tags if before else {}),
        )
        return fresh, self._keep(scope, fresh, before)

    def set_state(self, scope: Scope, bus: str, name: str, state: str) -> Changes:
        before = self.rule(scope, bus, name)
        return self._keep(scope, _replace(before, state=state), before)

    def set_tags(self, scope: Scope, bus: str, name: str, tags: Mapping[str, str]) -> Changes:
        before = self.rule(scope, bus, name)
        return self._keep(scope, _replace(before, tags=dict(tags)), before)

    def delete_rule(self, scope: Scope, bus: str, name: str) -> Changes:
        plain = self.bus(scope, bus).name
        rule = self._rules.get((scope, plain), {}).get(name)
        if rule is None:
            return ()
        if rule.targets:
            raise Invalid("Rule can't be deleted since it has targets.")
        del self._rules[scope, plain][name]
        return [(_rule_key(scope, rule), None), *self._timetable.remove(_due_key(scope, rule))]

    def put_targets(self, scope: Scope, bus: str, name: str, targets: list[Target]) -> Changes:
        before = self.rule(scope, bus, name)
        merged = {**before.targets, **{target.id: target for target in targets}}
        return self._keep(scope, _replace(before, targets=merged), before)

    def remove_targets(self, scope: Scope, bus: str, name: str, ids: list[str]) -> Changes:
        before = self.rule(scope, bus, name)
        rest = {key: target for key, target in before.targets.items() if key not in ids}
        return self._keep(scope, _replace(before, targets=rest), before)

    # Events

    def put_events(self, scope: Scope, bus: str, events: list[Event]) -> Changes:
        """Send each event to the targets of every rule it matches. Raises NotFound for an unknown bus."""
        rules = [rule for rule in self.rules(scope, bus) if rule.pattern and rule.enabled]
        changes: list[Change] = []
        for event in events:
            for rule in rules:
                if matches(self._pattern(rule.pattern or "{}"), event):
                    changes.extend(self._sent(scope, rule, event))
        return changes

    def event(
        self,
        scope: Scope,
        *,
        source: str,
        detail_type: str,
        detail: Any,
        resources: list[str],
        time_ms: int | None = None,
    ) -> Event:
        """An event in EventBridge's envelope, with a new id.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
        """
        moment = datetime.fromtimestamp((self._clock.now_ms() if time_ms is None else time_ms) / 1000, UTC)
        return {
            "version": "0",
            "id": self._ids.uuid(),
            "detail-type": detail_type,
            "source": source,
            "account": scope.account,
            "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "region": scope.region,
            "resources": resources,
            "detail": detail,
        }

    async def take(self, scope: Scope, delivery: Delivery) -> Changes:
        """The hand for `Targets`: put a delivery on the bus, or post it to the API destination, that its ARN names."""
        if ":api-destination/" in delivery.arn:
            await self.destinations.post(scope, delivery)
            return ()
        bus = delivery.arn.rpartition("event-bus/")[2]
        payload = msgspec.json.decode(delivery.payload)
        event = (
            payload
            if isinstance(payload, dict) and not delivery.detail_type and "detail-type" in payload
            else self.event(
                scope,
                source=delivery.event_source or delivery.source,
                detail_type=delivery.detail_type or "Event",
                detail=payload,
                resources=list(delivery.resources),
            )
        )
        return self.put_events(scope, bus, [event])

    # Schedules

    def tick(self, scope: Scope, name: str) -> tuple[list[str], Changes]:
        """Fire the scheduled rule of this name or ARN, or those that have the function so named as a target."""
        fired: list[str] = []
        changes: list[Change] = []
        for where, rule in list(self._every()):
            arn = rule_arn(where, rule.bus, rule.name)
            if where == scope and rule.schedule and (name in (rule.name, arn) or _has_target(rule, name)):
                fired.append(rule.name)
                changes.extend(self._fire(_due_key(scope, rule), self._clock.now_ms()))
        return fired, changes

    def delete_account(self, account: str | None) -> Changes:
        """Forget one account's buses and rules, or all."""
        changes: list[Change] = []
        for scope, rule in list(self._every()):
            if account in (None, scope.account):
                del self._rules[scope, rule.bus][rule.name]
                changes += [(_rule_key(scope, rule), None), *self._timetable.remove(_due_key(scope, rule))]
        for scope, name in list(self._buses):
            if account in (None, scope.account):
                del self._buses[scope, name]
                changes.append((_key(BUS, scope, name), None))
        return changes

    def _fire(self, key: str, due_ms: int) -> Changes:
        account, region, bus, name = key.split("/", 3)
        scope = Scope(account, region)
        rule = self._rules[scope, bus][name]
        arn = rule_arn(scope, bus, name)
        event = self.event(
            scope, source="aws.events", detail_type="Scheduled Event", detail={}, resources=[arn], time_ms=due_ms
        )
        return self._sent(scope, rule, event, source="schedule")

    def _sent(self, scope: Scope, rule: Rule, event: Event, source: str = "events") -> Changes:
        changes: list[Change] = []
        arn = rule_arn(scope, rule.bus, rule.name)
        for target in rule.targets.values():
            delivery = Delivery(
                arn=target.arn,
                payload=_input(target, event, arn, rule.name),
                source=source,
                source_arn=arn,
                group_id=target.group_id,
                partition_key=_partition_key(target, event),
                **_http(target),
                dead_letter=target.dead_letter,
                max_age_s=MAX_AGE_S if target.max_age_s is None else target.max_age_s,
                max_retries=MAX_RETRIES if target.max_retries is None else target.max_retries,
            )
            changes.extend(self._send(scope, delivery))
        return changes

    def _keep(self, scope: Scope, rule: Rule, before: Rule | None) -> Changes:
        self._rules.setdefault((scope, rule.bus), {})[rule.name] = rule
        kept: list[Change] = [(_rule_key(scope, rule), msgspec.msgpack.encode(rule))]
        key = _due_key(scope, rule)
        if not rule.schedule or not rule.enabled:
            return [*kept, *self._timetable.remove(key)]
        if before is None or not before.enabled or before.schedule != rule.schedule:
            kept.extend(self._timetable.put(key, _plan(rule.schedule)))
        return kept

    def _pattern(self, text: str) -> Any:
        found = self._patterns.get(text)
        if found is None:
            found = self._patterns[text] = read_pattern(text)
        return found

    def _every(self) -> Iterator[tuple[Scope, Rule]]:
        for (scope, _), rules in self._rules.items():
            for rule in rules.values():
                yield scope, rule


def bus_name(text: str | None) -> str:
    """A bus's name from its name or ARN; `default` where there is none."""
    return (text or DEFAULT_BUS).rpartition("event-bus/")[2]


def read_pattern(text: str) -> Any:
    """Raises Invalid for what is not JSON."""
    try:
        return msgspec.json.decode(text)
    except NOT_JSON as error:
        raise Invalid(f"Event pattern is not valid. Reason: {error}") from None


def _plan(schedule: str) -> Plan:
    expression = parse(schedule)
    if isinstance(expression, At):
        raise Invalid("Parameter ScheduleExpression is not valid.")
    return Plan(expression=expression, zone=UTC)


def _input(target: Target, event: Event, arn: str, name: str) -> bytes:
    if target.input is not None:
        return target.input.encode()
    if target.input_path:
        return msgspec.json.encode(select(target.input_path, event))
    if target.transformer is not None:
        return transform(target.transformer, event, arn, name)
    return msgspec.json.encode(event)


def _partition_key(target: Target, event: Event) -> str:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html"""
    path = (target.kept.get("KinesisParameters") or {}).get("PartitionKeyPath")
    found = select(path, event) if path else None
    return str(event.get("id") or "") if found is None else str(found)


def _http(target: Target) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_HttpParameters.html"""
    given = target.kept.get("HttpParameters") or {}
    return {
        "path_values": tuple(given.get("PathParameterValues") or ()),
        "headers": dict(given.get("HeaderParameters") or {}),
        "query": dict(given.get("QueryStringParameters") or {}),
    }


def _has_target(rule: Rule, function: str) -> bool:
    arns = [target.arn for target in rule.targets.values()]
    return function in arns or any(f"{arn}:".partition(":function:")[2].split(":")[0] == function for arn in arns)


def _due_key(scope: Scope, rule: Rule) -> str:
    return f"{scope.account}/{scope.region}/{rule.bus}/{rule.name}"


def _rule_key(scope: Scope, rule: Rule) -> str:
    return _key(RULE, scope, f"{rule.bus}/{rule.name}")


def _key(prefix: str, scope: Scope, rest: str) -> str:
    return f"{prefix}{scope.account}/{scope.region}/{rest}"


def _placed(key: str, prefix: str) -> tuple[Scope, str]:
    account, region, rest = key[len(prefix) :].split("/", 2)
    return Scope(account, region), rest
