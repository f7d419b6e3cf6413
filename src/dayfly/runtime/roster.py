"""Who serves whom: the pool's state, without I/O.

Every busy environment belongs to exactly one ticket (one invocation), every waiting ticket is in exactly one queue.
`E` is an environment, `T` a ticket; the roster only compares them.

    request → idle environment → busy            started/release → oldest waiting ticket of the group, else idle
            ↘ waiting → next_start → starting     retire → idle ones leave, busy ones leave when they are done
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from dayfly.runtime import Throttled

E = TypeVar("E", bound=Hashable)
T = TypeVar("T", bound=Hashable)


class Group(Generic[E, T]):
    """All environments and waiting tickets of one spec key."""

    __slots__ = ("busy", "idle", "key", "retired", "starting", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.idle: list[E] = []
        """The most recently used last: taking from the end lets the surplus age."""
        self.busy: dict[E, T] = {}
        self.starting = 0
        self.waiting: deque[T] = deque()
        self.retired = False

    @property
    def active(self) -> int:
        return len(self.busy) + len(self.waiting)

    def __repr__(self) -> str:
        return (
            f"<Group {self.key} idle={len(self.idle)} busy={self.busy!r} starting={self.starting} "
            f"waiting={len(self.waiting)}{' retired' if self.retired else ''}>"
        )


class Roster(Generic[E, T]):
    def __init__(self, *, max_starting: int, max_environments: int, max_active: int) -> None:
        self._max_starting = max_starting
        self._max_environments = max_environments
        self._max_active = max_active
        self.groups: dict[str, Group[E, T]] = {}
        self._of: dict[E, Group[E, T]] = {}
        self._wanting: OrderedDict[str, None] = OrderedDict()
        self.starting = 0
        self.active = 0

    def __repr__(self) -> str:
        return f"<Roster starting={self.starting} active={self.active} {list(self.groups.values())!r}>"

    @property
    def full(self) -> bool:
        return len(self._of) + self.starting >= self._max_environments

    def request(self, key: str, reserved: int | None, ticket: T) -> E | None:
        """An idle environment, now busy with this ticket; None: the ticket waits. Raises Throttled."""
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(key)
        if (reserved is not None and group.active >= reserved) or self.active >= self._max_active:
            self._tidy(group)
            raise Throttled
        group.retired = False
        self.active += 1
        if group.idle:
            environment = group.idle.pop()
            group.busy[environment] = ticket
            return environment
        group.waiting.append(ticket)
        self._wanting[key] = None
        return None

    def next_start(self) -> str | None:
        """The key of a group in which an environment should be started now; it counts as starting from here."""
        if self.starting >= self._max_starting or self.full:
            return None
        for key in list(self._wanting):
            group = self.groups.get(key)
            if group is None or len(group.waiting) <= group.starting:
                del self._wanting[key]
                continue
            # To the back: groups take turns.
            self._wanting.move_to_end(key)
            group.starting += 1
            self.starting += 1
            return key
        return None

    @property
    def wanting(self) -> bool:
        """Whether a start is owed that only a limit holds back."""
        return bool(self._wanting) and any(
            len(self.groups[key].waiting) > self.groups[key].starting for key in self._wanting if key in self.groups
        )

    def started(self, key: str, environment: E) -> T | None:
        """A start succeeded: the ticket it serves now, or None (it is idle)."""
        group = self.groups[key]
        group.starting -= 1
        self.starting -= 1
        assert environment not in self._of, f"{environment!r} is known already"
        self._of[environment] = group
        return self._serve_next(group, environment)

    def start_failed(self, key: str) -> T | None:
        """A start failed: the ticket that has to be told, if one counted on it."""
        group = self.groups[key]
        group.starting -= 1
        self.starting -= 1
        ticket = None
        if len(group.waiting) > group.starting:
            ticket = group.waiting.popleft()
            self.active -= 1
        self._tidy(group)
        return ticket

    def release(self, environment: E) -> T | None:
        """The invocation is over: the next ticket for this environment, or None (see `leaves`)."""
        group = self._of[environment]
        assert environment in group.busy, f"{environment!r} was not busy"
        del group.busy[environment]
        self.active -= 1
        return self._serve_next(group, environment)

    def _serve_next(self, group: Group[E, T], environment: E) -> T | None:
        if group.waiting and not group.retired:
            ticket = group.waiting.popleft()
            group.busy[environment] = ticket
            return ticket
        group.idle.append(environment)
        return None

    def leaves(self, environment: E) -> bool:
        """Whether an idle environment has to go because its group is retired."""
        group = self._of.get(environment)
        return group is not None and group.retired and environment not in group.busy

    def gone(self, environment: E) -> None:
        """The environment is dead or about to be killed."""
        group = self._of.pop(environment, None)
        if group is None:
            return
        if environment in group.busy:
            del group.busy[environment]
            self.active -= 1
        else:
            group.idle.remove(environment)
        if group.waiting:
            self._wanting[group.key] = None
        self._tidy(group)

    def abandon(self, key: str, ticket: T) -> bool:
        """The caller of a waiting ticket went away. False: it does not wait (any more)."""
        group = self.groups.get(key)
        if group is None or ticket not in group.waiting:
            return False
        group.waiting.remove(ticket)
        self.active -= 1
        self._tidy(group)
        return True

    def retire(self, key: str) -> list[E]:
        """Let the group end; the environments to close now. A later request for the key revives it."""
        group = self.groups.get(key)
        if group is None:
            return []
        # Whoever waits already came before the change and is still served by this revision.
        group.retired = not group.waiting
        return list(group.idle)

    def environments(self) -> list[E]:
        return list(self._of)

    def _tidy(self, group: Group[E, T]) -> None:
        if not (group.idle or group.busy or group.starting or group.waiting):
            self.groups.pop(group.key, None)
            self._wanting.pop(group.key, None)
