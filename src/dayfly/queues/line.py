"""Who is next in a standard queue: roughly the order of arrival; what returns goes to the end."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from dayfly.queues.model import Entry


class Line(Protocol):
    """The waiting entries of a queue. Entries that are `gone` are skipped when their turn comes."""

    def arrive(self, entry: Entry) -> None:
        """A new entry (delayed ones as well; `due` follows when the delay is over)."""
        ...

    def due(self, entry: Entry) -> None:
        """The delay of an entry is over."""
        ...

    def back(self, entry: Entry) -> None:
        """An entry left flight and waits again."""
        ...

    def left(self, entry: Entry) -> None:
        """An entry in flight is gone."""
        ...

    def resume(self, entry: Entry) -> None:
        """An entry is in flight already (after a restart)."""
        ...

    def next(self) -> Entry | None:
        """Take the next entry out of the line; it is in flight from now on."""
        ...

    def end(self) -> None:
        """One receive is over."""
        ...

    def trim(self, entry: Entry) -> None:
        """A waiting entry is gone: let go of it if that is cheap."""
        ...


class StandardLine:
    """Entries in the order of their arrival."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()

    def arrive(self, entry: Entry) -> None:
        if not entry.delayed:
            self._waiting.append(entry)

    def due(self, entry: Entry) -> None:
        self._waiting.append(entry)

    def back(self, entry: Entry) -> None:
        self._waiting.append(entry)

    def left(self, entry: Entry) -> None:
        pass

    def resume(self, entry: Entry) -> None:
        pass

    def next(self) -> Entry | None:
        waiting = self._waiting
        while waiting:
            entry = waiting.popleft()
            if not entry.gone:
                return entry
        return None

    def end(self) -> None:
        pass

    def trim(self, entry: Entry) -> None:
        waiting = self._waiting
        while waiting and waiting[0].gone:
            waiting.popleft()
