"""Log groups and streams: writing, keeping, retention; the face of the package."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from dayfly.clock import Clock, Timer
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.logs.pattern import Pattern
from dayfly.logs.queries import Page, Reader, Window
from dayfly.logs.records import (
    Event,
    Found,
    Group,
    GroupExists,
    GroupNotFound,
    Held,
    InvalidParameter,
    Position,
    Shelf,
    Stream,
    StreamExists,
    StreamNotFound,
    SubscriptionFilter,
    chunk_key,
    group_key,
    stream_key,
)
from dayfly.logs.subscriptions import Send, Subscriptions
from dayfly.store import Change, Changes, Journal, JournalFailed

if TYPE_CHECKING:
    from asyncio import Task

log = logging.getLogger(__name__)

DELAY_MS = 100
"""What is written is durable, and with subscribers, after this."""
CHUNK_BYTES = 16 * 1024
"""A chunk of these many bytes is full. Until then it is written again with each addition."""
MOST_GROWING_BYTES = 16 * 1024 * 1024
"""Growing chunks are kept in memory; beyond these many bytes all are taken as full."""
SWEEP_MS = 3_600_000
"""How often expired events are deleted. They are not shown any more from the moment they expire."""
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

_new = tuple.__new__
Line = tuple[int, str]
"""A time in milliseconds and a line of text."""
Subscriber = Callable[[Scope, str, str, list[Event]], None]
"""Called with (scope, group, stream, new events), once they are durable."""


class Logs:
    """See the package's page. Whoever owns the journal loads it again when that has lost a commit.

    `send` puts what subscription filters match on its way.
    """

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, send: Send = lambda _scope, _delivery: ()) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._reader = Reader(journal)
        self._subscriptions = Subscriptions(clock=clock, send=send)
        self._shelves: dict[tuple[Scope, str], Shelf] = {}
        self._buffer: list[tuple[Scope, str, str, Sequence[Line]]] = []
        self._timer: Timer | None = None
        self._flushing: Task[None] | None = None
        self._growing: set[Held] = set()
        self._growing_bytes = 0
        self._swept_ms = 0
        self._subscribers: list[tuple[Subscriber, Scope | None, str | None]] = []

    # Writing.

    def write(self, scope: Scope, group: str, stream: str, lines: Sequence[Line]) -> None:
        """Take in lines; group and stream are made where they are missing. Call in the loop."""
        self._buffer.append((scope, group, stream, lines))
        if self._timer is None:
            self._timer = self._clock.at(self._clock.now_ms() + DELAY_MS, self._flush_now)

    async def flush(self) -> None:
        """Resolves once all that was written so far is durable. Raises JournalFailed, and those lines are lost."""
        changes, news = self._take()
        await self._journal.commit(changes)
        self._tell(news)

    async def put(self, scope: Scope, group: str, stream: str, lines: Sequence[Line]) -> None:
        """Add lines to a stream that exists; returns when they are durable. Raises GroupNotFound, StreamNotFound."""
        held = self._held(scope, group, stream)
        changes, news = self._take()
        events = self._events(lines)
        await self._journal.commit([*changes, *self._append(held, events)])
        self._tell([*news, (scope, group, stream, events)])

    def subscribe(
        self, callback: Subscriber, scope: Scope | None = None, group: str | None = None
    ) -> Callable[[], None]:
        """Follow new events of a group (None: of all). Answers what ends the subscription."""
        entry = (callback, scope, group)
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry)

    # Groups and streams; transitions.

    def create_group(
        self, scope: Scope, name: str, tags: dict[str, str] | None = None, log_class: str = "STANDARD"
    ) -> Changes:
        if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name):
            raise InvalidParameter(
                "1 validation error detected: Value at 'logGroupName' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"
            )
        if (scope, name) in self._shelves:
            raise GroupExists
        group = Group(name=name, created_ms=self._clock.now_ms(), tags=dict(tags or {}), log_class=log_class)
        self._shelves[scope, name] = Shelf(scope, group)
        return [(group_key(scope, name), _encoder.encode(group))]

    def delete_group(self, scope: Scope, name: str) -> Changes:
        shelf = self._shelf(scope, name)
        changes = [change for held in list(shelf.streams.values()) for change in self._remove(shelf, held)]
        del self._shelves[scope, name]
        return [*changes, *self._subscriptions.forget(scope, name), (group_key(scope, name), None)]

    def create_stream(self, scope: Scope, group: str, name: str) -> Changes:
        if not re.fullmatch(r"[^:*]{1,512}", name):
            raise InvalidParameter(
                "1 validation error detected: Value at 'logStreamName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [^:*]*"
            )
        shelf = self._shelf(scope, group)
        if name in shelf.streams:
            raise StreamExists
        return self._add_stream(shelf, name)

    def delete_stream(self, scope: Scope, group: str, name: str) -> Changes:
        return self._remove(self._shelf(scope, group), self._held(scope, group, name))

    def set_retention(self, scope: Scope, group: str, days: int | None) -> Changes:
        """Keep events for so many days (one of RETENTION_DAYS), or for ever (None)."""
        shelf = self._shelf(scope, group)
        if days is not None and days not in RETENTION_DAYS:
            raise InvalidParameter(f"Invalid retention value. Valid values are: {list(RETENTION_DAYS)}")
        shelf.group.retention_days = days
        return [(group_key(scope, group), _encoder.encode(shelf.group)), *self._sweep_group(shelf)]

    def set_tags(self, scope: Scope, group: str, tags: dict[str, str]) -> Changes:
        """Replace all tags."""
        shelf = self._shelf(scope, group)
        shelf.group.tags = dict(tags)
        return [(group_key(scope, group), _encoder.encode(shelf.group))]

    def put_filter(
        self,
        scope: Scope,
        group: str,
        name: str,
        *,
        pattern: str,
        destination: str,
        role: str = "",
        distribution: str = "ByLogStream",
    ) -> Changes:
        """Send on what the group takes in from now on and the pattern matches; a filter of this name is changed.

        Raises GroupNotFound, InvalidParameter, TooManyFilters, Unsupported.
        """
        self._shelf(scope, group)
        given = {"pattern": pattern, "destination": destination, "role": role, "distribution": distribution}
        return self._subscriptions.put(scope, group, name, **given)

    def delete_filter(self, scope: Scope, group: str, name: str) -> Changes:
        """Raises GroupNotFound, FilterNotFound."""
        self._shelf(scope, group)
        return self._subscriptions.delete(scope, group, name)

    def forget(self, account: str | None = None) -> Changes:
        """Drop all groups of an account (None: of all), and what is buffered for them. A transition."""
        self._buffer = [entry for entry in self._buffer if account not in (None, entry[0].account)]
        found = [place for place in self._shelves if account in (None, place[0].account)]
        return [change for scope, name in found for change in self.delete_group(scope, name)]

    # Questions. Whoever answers somebody with them awaits `flush()` first, which also brings in what is buffered.

    def group(self, scope: Scope, name: str) -> Group:
        """Raises GroupNotFound."""
        return self._shelf(scope, name).group

    def groups(self, scope: Scope) -> list[Group]:
        """By name."""
        return [shelf.group for (where, _), shelf in sorted(self._shelves.items()) if where == scope]

    def streams(self, scope: Scope, group: str) -> list[Stream]:
        """By name. Raises GroupNotFound."""
        return [held.record for _, held in sorted(self._shelf(scope, group).streams.items())]

    def filters(self, scope: Scope, group: str) -> list[SubscriptionFilter]:
        """By name. Raises GroupNotFound."""
        self._shelf(scope, group)
        return self._subscriptions.filters(scope, group)

    def stored_bytes(self, scope: Scope, group: str) -> int:
        return sum(held.record.stored_bytes for held in self._shelf(scope, group).streams.values())

    def read(
        self,
        scope: Scope,
        group: str,
        stream: str,
        *,
        since_ms: int = 0,
        until_ms: int = 1 << 62,
        start: Position | None = None,
        end: Position | None = None,
        from_head: bool = False,
        limit: int = 10_000,
    ) -> Page:
        """A page of one stream's events, oldest first: those from `start` on, or the last ones before `end`.

        With neither: the first of all (`from_head`), or the last. Raises GroupNotFound, StreamNotFound.
        """
        held = self._held(scope, group, stream)
        window = self._window(self._shelf(scope, group), since_ms, until_ms)
        if start is not None or (from_head and end is None):
            return self._reader.page_forwards(held, window, start, limit)
        return self._reader.page_backwards(held, window, end, limit)

    def search(
        self,
        scope: Scope,
        group: str,
        pattern: Pattern,
        *,
        streams: Callable[[str], bool] = lambda _name: True,
        since_ms: int = 0,
        until_ms: int = 1 << 62,
        skip: int = 0,
        limit: int = 10_000,
    ) -> list[Found]:
        """Events of a group that match, by time, without the first `skip` of them. Raises GroupNotFound."""
        shelf = self._shelf(scope, group)
        chosen = [held for name, held in sorted(shelf.streams.items()) if streams(name)]
        found = self._reader.merged(chosen, self._window(shelf, since_ms, until_ms), pattern)
        return list(itertools.islice(found, skip, skip + limit))

    # Keeping.

    def load(self) -> None:
        """Build memory from the journal. What is still buffered stays buffered."""
        self._shelves.clear()
        self._growing.clear()
        self._growing_bytes = 0
        self._subscriptions.clear()
        for key, record in self._journal.load("logs/"):
            _, account, region, sort, _ = key.split("/", 4)
            scope = Scope(account, region)
            if sort == "group":
                group = _groups.decode(record)
                self._shelves[scope, group.name] = Shelf(scope, group)
            elif sort == "filter":
                self._subscriptions.restore(scope, _filters.decode(record))
            else:
                stream = _streams.decode(record)
                self._shelves[scope, stream.group].streams[stream.name] = Held(scope, stream)

    def _flush_now(self) -> None:
        self._timer = None
        if not self._buffer:
            return  # all is kept already
        self._flushing = asyncio.get_running_loop().create_task(self._flush_quietly(), name="logs flush")

    async def _flush_quietly(self) -> None:
        try:
            await self.flush()
        except JournalFailed as error:
            log.warning("log lines were lost: %s", error)

    def _take(self) -> tuple[Changes, list[tuple[Scope, str, str, list[Event]]]]:
        """A transition: what is buffered becomes part of its streams."""
        buffer, self._buffer = self._buffer, []
        changes: list[Change] = []
        by_stream: dict[tuple[Scope, str, str], list[Event]] = {}
        now_ms = self._clock.now_ms()
        for scope, group, stream, lines in buffer:
            place = scope, group, stream
            if (taken := by_stream.get(place)) is None:
                taken = by_stream[place] = []
            # Three of them for each invocation: `Event(…)` itself takes twice as long.
            taken += [
                _new(Event, (at_ms, now_ms, text if text.isascii() else _storable(text))) for at_ms, text in lines
            ]
        for (scope, group, stream), events in by_stream.items():
            try:
                held = self._made(scope, group, stream, changes)
            except InvalidParameter as error:
                log.warning("%d lines for log group %r were dropped: %s", len(events), group, error)
            else:
                changes += self._append(held, events)
        changes += self._sweep()
        return changes, [(*place, events) for place, events in by_stream.items()]

    def _events(self, lines: Sequence[Line]) -> list[Event]:
        now_ms = self._clock.now_ms()
        return [Event(at_ms, now_ms, text if text.isascii() else _storable(text)) for at_ms, text in lines]

    def _tell(self, news: list[tuple[Scope, str, str, list[Event]]]) -> None:
        for callback, scope, group in list(self._subscribers):
            for place in news:
                if scope in (None, place[0]) and group in (None, place[1]):
                    callback(*place)

    def _made(self, scope: Scope, group: str, stream: str, changes: list[Change]) -> Held:
        """The stream, made together with its group where missing; adds what that changes."""
        shelf = self._shelves.get((scope, group))
        if shelf is None:
            changes += self.create_group(scope, group)
            shelf = self._shelves[scope, group]
        if stream not in shelf.streams:
            changes += self._add_stream(shelf, stream)
        return shelf.streams[stream]

    def _add_stream(self, shelf: Shelf, name: str) -> Changes:
        record = Stream(group=shelf.group.name, name=name, created_ms=self._clock.now_ms())
        shelf.streams[name] = Held(shelf.scope, record)
        return [(stream_key(shelf.scope, shelf.group.name, name), _encoder.encode(record))]

    def _append(self, held: Held, events: list[Event]) -> Changes:
        if not events:
            return []
        record = held.record
        touched: dict[str, bytes | None] = {}
        sent = self._subscriptions.wants(held.scope, record.group)
        taken: list[Found] = []
        at = 0
        while at < len(events):
            begin, offset = at, 0 if held.growing is None else len(held.growing)
            at = self._fill(held, events, at)
            number = record.next_chunk - 1
            if sent:
                places = enumerate(events[begin:at], offset)
                taken += [Found(event, record.name, Position(number, place)) for place, event in places]
            touched[chunk_key(held.scope, record.group, record.name, number)] = _encoder.encode(held.growing)
            if held.growing_bytes >= CHUNK_BYTES:
                self._close(held)
        times = [event[0] for event in events]
        first_ms, last_ms = min(times), max(times)
        record.first_ms = first_ms if record.first_ms is None else min(record.first_ms, first_ms)
        record.last_ms = last_ms if record.last_ms is None else max(record.last_ms, last_ms)
        record.ingested_ms = events[-1].ingested_ms
        touched[stream_key(held.scope, record.group, record.name)] = _encoder.encode(record)
        if self._growing_bytes > MOST_GROWING_BYTES:
            for grown in list(self._growing):
                self._close(grown)
        if taken:
            return [*touched.items(), *self._subscriptions.deliveries(held.scope, record.group, taken)]
        return list(touched.items())

    def _fill(self, held: Held, events: list[Event], at: int) -> int:
        """Move events into the growing chunk until it is full; the index of the first one that is left."""
        if held.growing is None:
            held.growing = []
            held.record.next_chunk += 1
            self._growing.add(held)
        size, until = held.growing_bytes, at
        for _, _, text in itertools.islice(events, at, None):
            if size >= CHUNK_BYTES:
                break
            size += 26 + (len(text) if text.isascii() else len(text.encode(errors="replace")))  # as AWS counts
            until += 1
        held.growing += events[at:until]
        added, held.growing_bytes = size - held.growing_bytes, size
        held.record.stored_bytes += added
        self._growing_bytes += added
        return until

    def _close(self, held: Held) -> None:
        self._growing_bytes -= held.growing_bytes
        held.growing, held.growing_bytes = None, 0
        self._growing.discard(held)

    def _remove(self, shelf: Shelf, held: Held) -> Changes:
        record = held.record
        self._close(held)
        del shelf.streams[record.name]
        chunks = range(record.first_chunk, record.next_chunk)
        changes: list[Change] = [(chunk_key(held.scope, record.group, record.name, number), None) for number in chunks]
        return [*changes, (stream_key(held.scope, record.group, record.name), None)]

    # Retention.

    def _window(self, shelf: Shelf, since_ms: int, until_ms: int) -> Window:
        return Window(max(since_ms, shelf.group.oldest_ms(self._clock.now_ms())), until_ms)

    def _sweep(self) -> Changes:
        now_ms = self._clock.now_ms()
        if now_ms < self._swept_ms + SWEEP_MS:
            return []
        self._swept_ms = now_ms
        return [change for shelf in self._shelves.values() for change in self._sweep_group(shelf)]

    def _sweep_group(self, shelf: Shelf) -> Changes:
        """Delete streams whose last event has expired, and the expired chunks at the start of the others."""
        oldest_ms = shelf.group.oldest_ms(self._clock.now_ms())
        changes: list[Change] = []
        for held in list(shelf.streams.values()) if oldest_ms else ():
            record = held.record
            if record.last_ms is not None and record.last_ms < oldest_ms:
                changes += self._remove(shelf, held)
            elif record.first_ms is not None and record.first_ms < oldest_ms:
                changes += self._trim(held, oldest_ms)
        return changes

    def _trim(self, held: Held, oldest_ms: int) -> Changes:
        record = held.record
        changes: list[Change] = []
        while record.first_chunk < record.next_chunk - 1:
            events = self._reader.chunk(held, record.first_chunk)
            if events and max(event.at_ms for event in events) >= oldest_ms:
                record.first_ms = max(oldest_ms, min(event.at_ms for event in events))
                break
            record.stored_bytes -= sum(len(event.text.encode(errors="replace")) + 26 for event in events)
            held.spans.pop(record.first_chunk, None)
            changes.append((chunk_key(held.scope, record.group, record.name, record.first_chunk), None))
            record.first_chunk += 1
        if changes:
            changes.append((stream_key(held.scope, record.group, record.name), _encoder.encode(record)))
        return changes

    def _shelf(self, scope: Scope, group: str) -> Shelf:
        found = self._shelves.get((scope, group))
        if found is None:
            raise GroupNotFound
        return found

    def _held(self, scope: Scope, group: str, stream: str) -> Held:
        found = self._shelf(scope, group).streams.get(stream)
        if found is None:
            raise StreamNotFound
        return found

    def __repr__(self) -> str:
        streams = sum(len(shelf.streams) for shelf in self._shelves.values())
        return f"<Logs {len(self._shelves)} groups, {streams} streams, {len(self._buffer)} writes buffered>"


def _storable(text: str) -> str:
    """Without lone surrogates, which have no bytes."""
    return text.encode(errors="replace").decode()


_encoder = msgspec.msgpack.Encoder()
_groups = msgspec.msgpack.Decoder(Group)
_streams = msgspec.msgpack.Decoder(Stream)
_filters = msgspec.msgpack.Decoder(SubscriptionFilter)
