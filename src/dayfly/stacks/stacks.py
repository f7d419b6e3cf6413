"""Stacks in memory, and the changes that keep them.

Keys: `stacks/<account>/<region>/<name>/` and then `stack`, `resource/<logical id>` or `event/<number>`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.identity.names import Scope
from dayfly.ids import Ids
from dayfly.stacks.records import Event, Export, Output, Resource, Stack, StackNotFound
from dayfly.store import Changes, Journal

_EVENTS_KEPT = 500


class Stacks:
    """All stacks of all scopes."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids) -> None:
        self.journal = journal
        self._clock = clock
        self._ids = ids
        self._stacks: dict[tuple[Scope, str], Stack] = {}
        self._resources: dict[tuple[Scope, str], dict[str, Resource]] = {}
        self._events: dict[tuple[Scope, str], dict[int, Event]] = {}

    def load(self) -> None:
        """Build memory from the journal."""
        self._stacks.clear()
        self._resources.clear()
        self._events.clear()
        for path, value in self.journal.load("stacks/"):
            _, account, region, name, kind, *rest = path.split("/", 5)
            key = (Scope(account, region), name)
            if kind == "stack":
                self._stacks[key] = msgspec.msgpack.decode(value, type=Stack)
            elif kind == "resource":
                resource = msgspec.msgpack.decode(value, type=Resource)
                self._resources.setdefault(key, {})[resource.logical_id] = resource
            else:
                self._events.setdefault(key, {})[int(rest[0])] = msgspec.msgpack.decode(value, type=Event)

    def find(self, scope: Scope, name: str) -> Stack | None:
        """A stack by name or id."""
        found = self._stacks.get((scope, name))
        if found is None and name.startswith("arn:"):
            found = next((stack for stack in self.all(scope) if stack.id == name), None)
        return found

    def get(self, scope: Scope, name: str) -> Stack:
        """Raises StackNotFound."""
        found = self.find(scope, name)
        if found is None:
            raise StackNotFound(f"Stack with id {name} does not exist")
        return found

    def all(self, scope: Scope) -> list[Stack]:
        return [stack for (where, _), stack in sorted(self._stacks.items()) if where == scope]

    def resources(self, stack: Stack) -> dict[str, Resource]:
        """The resources that exist, by logical id, in the order of their creation."""
        found = self._resources.get(_key(stack), {})
        return dict(sorted(found.items(), key=lambda pair: pair[1].order))

    def events(self, stack: Stack) -> list[Event]:
        """Newest first."""
        found = self._events.get(_key(stack), {})
        return [found[number] for number in sorted(found, reverse=True)]

    def exports(self, scope: Scope) -> dict[str, Export]:
        return {
            output.export: Export(name=output.export, value=output.value, stack_id=stack.id)
            for stack in self.all(scope)
            for output in stack.outputs.values()
            if output.export
        }

    def create(self, scope: Scope, name: str, **fields: Any) -> tuple[Stack, Changes]:
        """A new stack without resources, being created."""
        now = self._clock.now_ms()
        stack_id = scope.arn("cloudformation", f"stack/{name}/{self._ids.uuid()}")
        stack = Stack(
            name=name, id=stack_id, account=scope.account, region=scope.region, status="CREATE_IN_PROGRESS",
            created_ms=now, updated_ms=now, **fields,
        )  # fmt: skip
        self._stacks[_key(stack)] = stack
        return stack, [_stack_change(stack), *self._told(stack, None)]

    def change(self, stack: Stack, **fields: Any) -> tuple[Stack, Changes]:
        """The stack with other fields; a new `status` becomes an event."""
        before = self._stacks.get(_key(stack), stack)
        changed = msgspec.structs.replace(before, updated_ms=self._clock.now_ms(), **fields)
        self._stacks[_key(stack)] = changed
        told = self._told(changed, None) if "status" in fields else []
        return changed, [_stack_change(changed), *told]

    def outputs(self, stack: Stack, outputs: dict[str, Output]) -> tuple[Stack, Changes]:
        return self.change(stack, outputs=outputs)

    def put(self, stack: Stack, resource: Resource) -> Changes:
        """Record a resource as it is now."""
        known = self._resources.setdefault(_key(stack), {})
        order = resource.order
        if not order:
            before = known.get(resource.logical_id)
            order = before.order if before else 1 + max((one.order for one in known.values()), default=0)
        resource = msgspec.structs.replace(resource, order=order, at_ms=self._clock.now_ms())
        known[resource.logical_id] = resource
        return [_resource_change(stack, resource), *self._told(stack, resource)]

    def drop(self, stack: Stack, logical_id: str) -> Changes:
        """Forget a resource that is gone."""
        gone = self._resources.get(_key(stack), {}).pop(logical_id, None)
        if gone is None:
            return []
        gone = msgspec.structs.replace(gone, status="DELETE_COMPLETE")
        return [(f"{_path(stack)}/resource/{logical_id}", None), *self._told(stack, gone)]

    def forget(self, stack: Stack) -> Changes:
        """Forget a whole stack; its resources are gone already."""
        key = _key(stack)
        changes: list[tuple[str, bytes | None]] = [(f"{_path(stack)}/stack", None)]
        changes += [(f"{_path(stack)}/resource/{one}", None) for one in self._resources.pop(key, {})]
        changes += [(f"{_path(stack)}/event/{number:012}", None) for number in self._events.pop(key, {})]
        self._stacks.pop(key, None)
        return changes

    def _told(self, stack: Stack, resource: Resource | None) -> list[tuple[str, bytes | None]]:
        """An event of the stack (or of one resource); the oldest beyond a limit are dropped."""
        events = self._events.setdefault(_key(stack), {})
        number = 1 + max(events, default=0)
        event = Event(
            id=self._ids.uuid(),
            stack_id=stack.id,
            logical_id=resource.logical_id if resource else stack.name,
            physical_id=resource.physical_id if resource else stack.id,
            type=resource.type if resource else "AWS::CloudFormation::Stack",
            status=resource.status if resource else stack.status,
            reason=resource.reason if resource else stack.reason,
            at_ms=self._clock.now_ms(),
        )
        events[number] = event
        changes: list[tuple[str, bytes | None]] = [
            (f"{_path(stack)}/event/{number:012}", msgspec.msgpack.encode(event))
        ]
        if len(events) > _EVENTS_KEPT:
            oldest = min(events)
            del events[oldest]
            changes.append((f"{_path(stack)}/event/{oldest:012}", None))
        return changes


def _key(stack: Stack) -> tuple[Scope, str]:
    return stack.scope, stack.name


def _path(stack: Stack) -> str:
    return f"stacks/{stack.account}/{stack.region}/{stack.name}"


def _stack_change(stack: Stack) -> tuple[str, bytes]:
    return f"{_path(stack)}/stack", msgspec.msgpack.encode(stack)


def _resource_change(stack: Stack, resource: Resource) -> tuple[str, bytes]:
    return f"{_path(stack)}/resource/{resource.logical_id}", msgspec.msgpack.encode(resource)
