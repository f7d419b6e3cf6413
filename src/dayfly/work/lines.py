"""The index of follow-up work: what is waiting for its time, its group or a slot. Plain state, no I/O, no clock."""

from __future__ import annotations

import heapq
from collections import deque
from enum import Enum

from dayfly.work.items import Item, RetryPolicy, Run


class State(Enum):
    FRESH = "fresh"
    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    GONE = "gone"


class Entry:
    """One item's place. `item` is None while its body is on disk only."""

    __slots__ = ("due_ms", "group", "id", "item", "kind", "sequence", "size", "state")

    def __init__(self, item: Item) -> None:
        self.item: Item | None = item
        self.id = item.id
        self.kind = item.kind
        self.group = None if item.group is None else (item.kind, item.group)
        self.due_ms = item.due_ms
        self.sequence = item.sequence
        self.size = len(item.payload)
        self.state = State.FRESH


class Kind:
    """What runs items of one kind, and those that could run now. `run` is None until a handler is there."""

    __slots__ = ("concurrency", "name", "ready", "retry", "run", "running")

    def __init__(self, name: str) -> None:
        self.name = name
        self.run: Run | None = None
        self.retry = RetryPolicy()
        self.concurrency = 1
        self.ready: deque[Entry] = deque()
        self.running = 0

    def next(self) -> Entry | None:
        """The next entry to run, if one may run now."""
        while self.run is not None and self.running < self.concurrency and self.ready:
            entry = self.ready.popleft()
            if entry.state is State.READY:
                return entry
        return None


class Lines:
    """Every entry by id, the heap of those due later, and the line of each group."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._later: list[tuple[int, int, Entry]] = []
        self._groups: dict[tuple[str, str], deque[Entry]] = {}

    def add(self, entry: Entry) -> None:
        self.entries[entry.id] = entry

    def line_up(self, entry: Entry) -> bool:
        """Put a durable entry behind its group; whether it is at the head (or has no group)."""
        entry.state = State.WAITING
        if entry.group is None:
            return True
        line = self._groups.setdefault(entry.group, deque())
        line.append(entry)
        return line[0] is entry

    def wait(self, entry: Entry) -> None:
        """Let it be found by `take_due` at its time."""
        entry.state = State.WAITING
        heapq.heappush(self._later, (entry.due_ms, entry.sequence, entry))

    def next_due_ms(self) -> int | None:
        while self._later and self._stale(*self._later[0]):
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def take_due(self, now_ms: int) -> list[Entry]:
        due = []
        while self._later and self._later[0][0] <= now_ms:
            place = heapq.heappop(self._later)
            if not self._stale(*place):
                due.append(place[2])
        return due

    def _stale(self, due_ms: int, _sequence: int, entry: Entry) -> bool:
        return entry.state is not State.WAITING or entry.due_ms != due_ms

    def forget(self, entry: Entry) -> None:
        """It no longer counts as waiting, though it may be running still and hold its group until `leave`."""
        if self.entries.get(entry.id) is entry:
            del self.entries[entry.id]

    def leave(self, entry: Entry) -> Entry | None:
        """Take it out of its group's line; answers the entry that thereby came to the head."""
        entry.state = State.GONE
        line = self._groups.get(entry.group) if entry.group is not None else None
        if line is None or entry not in line:
            return None
        was_head = line[0] is entry
        line.remove(entry)  # nearly always the head
        if not line and entry.group is not None:
            del self._groups[entry.group]
        return line[0] if was_head and line else None
