"""Who is next in a FIFO queue: groups take turns; inside a group the order of sending holds, and a group whose
messages are in flight is locked until all of them are deleted or visible again. Also the five minutes of
deduplication.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque

from dayfly.queues.model import Dedup, Entry

DEDUP_MS = 300_000


class _Group:
    __slots__ = ("flying", "name", "queued", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: list[tuple[int, Entry]] = []
        self.flying = 0
        self.queued = False

    def head(self) -> Entry | None:
        while self.waiting:
            entry = self.waiting[0][1]
            if not entry.gone:
                return entry
            heapq.heappop(self.waiting)
        return None


class FifoLine:
    """Groups that can be received from, in turn."""

    __slots__ = ("_current", "_groups", "_ready")

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._ready: deque[_Group] = deque()
        self._current: list[_Group] = []

    def arrive(self, entry: Entry) -> None:
        group = self._group(entry)
        heapq.heappush(group.waiting, (entry.seq, entry))
        self._offer(group)

    def due(self, entry: Entry) -> None:
        self._offer(self._group(entry))

    def back(self, entry: Entry) -> None:
        group = self._group(entry)
        group.flying -= 1
        heapq.heappush(group.waiting, (entry.seq, entry))
        self._offer(group)

    def left(self, entry: Entry) -> None:
        group = self._group(entry)
        group.flying -= 1
        self._offer(group)

    def resume(self, entry: Entry) -> None:
        self._group(entry).flying += 1

    def next(self) -> Entry | None:
        while True:
            if self._current:
                group = self._current[-1]
                entry = group.head()
                if entry is not None and not entry.delayed:
                    heapq.heappop(group.waiting)
                    group.flying += 1
                    return entry
            group_or_none = self._next_group()
            if group_or_none is None:
                return None
            self._current.append(group_or_none)

    def end(self) -> None:
        current, self._current = self._current, []
        for group in current:
            self._offer(group)

    def trim(self, entry: Entry) -> None:
        self._group(entry).head()

    def _next_group(self) -> _Group | None:
        while self._ready:
            group = self._ready.popleft()
            group.queued = False
            if group.flying == 0 and group.head() is not None:
                return group
            self._offer(group)
        return None

    def _group(self, entry: Entry) -> _Group:
        name = entry.group or ""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(name)
        return group

    def _offer(self, group: _Group) -> None:
        """Let a group stand in line if one of its messages may be received; forget it if it is empty."""
        if group.queued or group.flying or group in self._current:
            return
        head = group.head()
        if head is None:
            self._groups.pop(group.name, None)
        elif not head.delayed:
            group.queued = True
            self._ready.append(group)


class Window:
    """The deduplication ids of the last five minutes, and which message each belongs to."""

    __slots__ = ("_known", "_of")

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, str, int]] = OrderedDict()
        self._of: dict[int, str] = {}

    def find(self, key: str, now_ms: int) -> tuple[str, int] | None:
        """Message id and sequence of the message that was sent under this key."""
        found = self._known.get(key)
        return (found[1], found[2]) if found is not None and found[0] > now_ms else None

    def add(self, key: str, until_ms: int, message_id: str, seq: int) -> None:
        self._known.pop(key, None)
        self._known[key] = (until_ms, message_id, seq)
        self._of[seq] = key

    def outlives(self, seq: int, now_ms: int) -> Dedup | None:
        """What must be kept of a message that goes while its key is still in force."""
        key = self._of.get(seq)
        if key is None:
            return None
        until_ms, message_id, known_seq = self._known[key]
        if until_ms <= now_ms or known_seq != seq:
            return None
        return Dedup(key=key, message_id=message_id, until_ms=until_ms)

    def expire(self, now_ms: int) -> list[int]:
        """Forget what is over; the sequences concerned."""
        over = []
        while self._known:
            key = next(iter(self._known))
            until_ms, _, seq = self._known[key]
            if until_ms > now_ms:
                break
            del self._known[key]
            self._of.pop(seq, None)
            over.append(seq)
        return over
