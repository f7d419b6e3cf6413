"""Reading events: chunk by chunk, forwards and backwards, merged over streams. Memory stays at a chunk a stream."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from dayfly.logs.pattern import Pattern
from dayfly.logs.records import Event, Found, Held, Position, chunk_key
from dayfly.store import Journal

_decoder = msgspec.msgpack.Decoder(list[Event])
NEVER_MS = 1 << 62


class Page(NamedTuple):
    """Events in order, and the places before the first and behind the last of them."""

    found: list[Found]
    start: Position
    end: Position


class Window(NamedTuple):
    """Times from `since_ms` up to, but not including, `until_ms`."""

    since_ms: int = 0
    until_ms: int = NEVER_MS

    def overlaps(self, span: tuple[int, int] | None) -> bool:
        return span is None or (span[0] < self.until_ms and span[1] >= self.since_ms)


class Reader:
    """Reads the events of streams from the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def chunk(self, held: Held, number: int) -> list[Event]:
        record = held.record
        if held.growing is not None and number == record.next_chunk - 1:
            return held.growing
        body = self._journal.get(chunk_key(held.scope, record.group, record.name, number))
        events = _decoder.decode(body) if body is not None else []
        if events:
            times = [event.at_ms for event in events]
            held.spans[number] = (min(times), max(times))
        return events

    def forwards(self, held: Held, window: Window, start: Position | None = None) -> Iterator[Found]:
        record = held.record
        first = start.chunk if start is not None else 0
        for number in range(max(first, record.first_chunk), record.next_chunk):
            if window.overlaps(held.spans.get(number)):
                skip = start.offset if start is not None and number == start.chunk else 0
                for index, event in enumerate(self.chunk(held, number)[skip:], skip):
                    if window.since_ms <= event.at_ms < window.until_ms:
                        yield Found(event, record.name, Position(number, index))

    def backwards(self, held: Held, window: Window, end: Position | None = None) -> Iterator[Found]:
        record = held.record
        last = min(end.chunk, record.next_chunk - 1) if end is not None else record.next_chunk - 1
        for number in range(last, record.first_chunk - 1, -1):
            if window.overlaps(held.spans.get(number)):
                events = self.chunk(held, number)
                length = min(end.offset, len(events)) if end is not None and number == end.chunk else len(events)
                for index in range(length - 1, -1, -1):
                    if window.since_ms <= events[index].at_ms < window.until_ms:
                        yield Found(events[index], record.name, Position(number, index))

    def page_forwards(self, held: Held, window: Window, start: Position | None, limit: int) -> Page:
        found = list(itertools.islice(self.forwards(held, window, start), limit))
        begin = start if start is not None else Position(0, 0)
        return Page(found, found[0].position if found else begin, _behind(found[-1]) if found else begin)

    def page_backwards(self, held: Held, window: Window, end: Position | None, limit: int) -> Page:
        found = list(itertools.islice(self.backwards(held, window, end), limit))[::-1]
        finish = end if end is not None else self.end_of(held)
        return Page(found, found[0].position if found else finish, _behind(found[-1]) if found else finish)

    def end_of(self, held: Held) -> Position:
        if held.record.next_chunk == held.record.first_chunk:
            return Position(held.record.next_chunk, 0)
        number = held.record.next_chunk - 1
        return Position(number, len(self.chunk(held, number)))

    def merged(self, streams: Iterable[Held], window: Window, pattern: Pattern) -> Iterator[Found]:
        """Events of several streams that match, by time."""
        live = [held for held in streams if _may_have(held, window)]
        merged = heapq.merge(*(self.forwards(held, window) for held in live), key=lambda found: found.event.at_ms)
        return (found for found in merged if pattern.matches(found.event.text))


def _may_have(held: Held, window: Window) -> bool:
    first_ms, last_ms = held.record.first_ms, held.record.last_ms
    return first_ms is not None and last_ms is not None and window.overlaps((first_ms, last_ms))


def _behind(found: Found) -> Position:
    return Position(found.position.chunk, found.position.offset + 1)
