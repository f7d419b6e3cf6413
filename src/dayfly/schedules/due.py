"""The timetable: entries that fall due again and again, kept over restarts.

Each entry's next time is a record in the journal. When it comes, one transition moves the entry on and lets the owner
say what follows (`fire`): both are committed at once. A clock that jumps, or a platform that was stopped, makes an
entry fire once for all that was missed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import tzinfo

import msgspec

from dayfly.clock import Clock, Timer
from dayfly.schedules.expressions import At, Expression, next_after
from dayfly.store import Change, Changes, Journal

LONGEST_WAIT_MS = 3_600_000
"""Look at the clock at least this often: it may have been set."""

Fire = Callable[[str, int], Changes]
"""(key, the moment it was due) → what follows, to be committed with the move to the next time."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """When an entry is due next (None: never again), and since when its expression holds."""

    next_ms: int | None
    start_ms: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """When an entry falls due: from the owner's own record."""

    expression: Expression
    zone: tzinfo
    end_ms: int | None = None

    def next_after(self, after_ms: int, start_ms: int) -> int | None:
        found = next_after(self.expression, max(after_ms, start_ms - 1), start_ms=start_ms, zone=self.zone)
        return None if found is None or (self.end_ms is not None and found > self.end_ms) else found


class Timetable:
    """Entries under `prefix` in the journal, by the owner's keys."""

    def __init__(self, *, prefix: str, journal: Journal, clock: Clock, fire: Fire) -> None:
        self._prefix = prefix
        self._journal = journal
        self._clock = clock
        self._fire = fire
        self._plans: dict[str, Plan] = {}
        self._slots: dict[str, Slot] = {}
        self._heap: list[tuple[int, str]] = []
        self._timer: Timer | None = None
        self._started = False

    def load(self, plans: dict[str, Plan]) -> None:
        """Build memory from the journal; `plans` are the entries that are switched on."""
        slots = {key[len(self._prefix) :]: value for key, value in self._journal.load(self._prefix)}
        self._plans = dict(plans)
        self._slots = {}
        self._heap = []
        for key in plans:
            if key in slots:
                self._place(key, msgspec.msgpack.decode(slots[key], type=Slot))
        self._wait()

    def put(self, key: str, plan: Plan, *, start_ms: int | None = None, at_once: bool = False) -> Changes:
        """Enter or change an entry, counted from now or from `start_ms`. `at_once`: a rate is due when it starts."""
        now_ms = self._clock.now_ms()
        start = now_ms if start_ms is None else max(start_ms, now_ms)
        first = start if at_once else plan.next_after(now_ms, start)
        if isinstance(plan.expression, At):
            first = plan.next_after(now_ms - 1, 0)
        self._plans[key] = plan
        slot = Slot(next_ms=first, start_ms=start)
        self._place(key, slot)
        self._wait()
        return [self._record(key, slot)]

    def remove(self, key: str) -> Changes:
        self._plans.pop(key, None)
        if self._slots.pop(key, None) is None:
            return ()
        return [(self._prefix + key, None)]

    def next_ms(self, key: str) -> int | None:
        slot = self._slots.get(key)
        return slot.next_ms if slot else None

    def start(self) -> None:
        """Fire from now on; call in the loop, after `load`. What was missed while stopped fires once, now."""
        self._started = True
        self._wait()

    def stop(self) -> None:
        self._started = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _place(self, key: str, slot: Slot) -> None:
        self._slots[key] = slot
        if slot.next_ms is not None:
            heapq.heappush(self._heap, (slot.next_ms, key))

    def _wait(self) -> None:
        if not self._started:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop_stale()
        if self._heap:
            soonest = min(self._heap[0][0], self._clock.now_ms() + LONGEST_WAIT_MS)
            self._timer = self._clock.at(soonest, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now_ms = self._clock.now_ms()
        self._drop_stale()
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, key = heapq.heappop(self._heap)
            # Nobody waits for this commit: if it fails, the journal has every domain load again, and the entry is due.
            self._journal.commit(self._move(key, due_ms, now_ms)).add_done_callback(lambda done: done.exception())
            self._drop_stale()
        self._wait()

    def _move(self, key: str, due_ms: int, now_ms: int) -> Changes:
        slot, plan = self._slots[key], self._plans[key]
        moved = Slot(next_ms=plan.next_after(now_ms, slot.start_ms), start_ms=slot.start_ms)
        self._place(key, moved)
        return [self._record(key, moved), *self._fire(key, due_ms)]

    def _drop_stale(self) -> None:
        while self._heap:
            due_ms, key = self._heap[0]
            slot = self._slots.get(key)
            if slot is not None and slot.next_ms == due_ms:
                return
            heapq.heappop(self._heap)

    def _record(self, key: str, slot: Slot) -> Change:
        return self._prefix + key, msgspec.msgpack.encode(slot)
