"""The meter: buffers on the hot path, folds into sums, writes them behind."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dayfly.clock import Clock, Timer
from dayfly.identity import Scope
from dayfly.meter.records import DAY_MS, HOUR_MS, Bucket, Count, FunctionUsage, Invocation, Usage
from dayfly.store import Change, Changes, Journal, JournalFailed

if TYPE_CHECKING:
    from asyncio import Task

log = logging.getLogger(__name__)

PREFIX = "meter/"
DELAY_MS = 100
"""What is metered is durable after this, at the latest."""
HISTORY = 10_000
"""The invocations kept of each scope; the sums stay."""
CHUNK = 100
"""Most invocations in one record; the last record of a scope is rewritten until it is full."""
KEEP_HOURS_MS = 3 * DAY_MS
"""Hours older than this are summed into days."""

Subscriber = Callable[[Scope, Invocation], None]


class _Chunk:
    """One record of the history; the last of a scope grows until it is full."""

    __slots__ = ("entries", "number")

    def __init__(self, number: int, entries: list[Invocation]) -> None:
        self.number = number
        self.entries = entries


class _Account:
    """What is kept of one scope: sums by (width, start), and the history in chunks, oldest first."""

    __slots__ = ("buckets", "chunks", "length")

    def __init__(self) -> None:
        self.buckets: dict[tuple[str, int], Bucket] = {}
        self.chunks: deque[_Chunk] = deque()
        self.length = 0


class Meter:
    """See the package's page. Whoever owns the journal loads it again when that has lost a commit."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._accounts: dict[Scope, _Account] = {}
        self._buffer: list[tuple[Scope, Invocation]] = []
        self._counted: dict[tuple[Scope, str, str, str], float] = {}
        self._timer: Timer | None = None
        self._flushing: Task[None] | None = None
        self._subscribers: list[Subscriber] = []
        self._touched_buckets: set[tuple[Scope, str, int]] = set()
        self._touched_chunks: set[tuple[Scope, int]] = set()
        self._pruned: list[Change] = []
        self._rolled_hour = -1

    # The hot path.

    def invoked(self, scope: Scope, invocation: Invocation) -> None:
        """Record one invocation. Call in the loop."""
        self._buffer.append((scope, invocation))
        if self._timer is None:
            self._flush_later()
        for subscriber in self._subscribers:
            subscriber(scope, invocation)

    def counted(self, scope: Scope, kind: str, name: str, metric: str, amount: float = 1) -> None:
        """Count `amount` of a metric of one resource. Call in the loop."""
        key = (scope, kind, name, metric)
        self._counted[key] = self._counted.get(key, 0) + amount
        if self._timer is None:
            self._flush_later()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back with (scope, invocation) for each one as it ends. Answers what ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # Questions; what is buffered counts.

    def invocations(self, scope: Scope, function: str | None = None, since_ms: int | None = None) -> list[Invocation]:
        """The last invocations (up to HISTORY) of a scope in the order they ended, by function name and start time."""
        self._fold()
        account = self._accounts.get(scope)
        return [
            one
            for chunk in (account.chunks if account else ())
            for one in chunk.entries
            if (function is None or one.function == function) and (since_ms is None or one.at >= since_ms)
        ]

    def usage(self, scope: Scope, since_ms: int | None = None, until_ms: int | None = None) -> Usage:
        """The sums of every hour that overlaps the period (of every day, where hours are no longer kept)."""
        self._fold()
        since = 0 if since_ms is None else since_ms
        until = self._clock.now_ms() + 1 if until_ms is None else until_ms
        total = Bucket()
        first = until
        account = self._accounts.get(scope)
        for (width, start), bucket in account.buckets.items() if account else ():
            if start < until and start + _WIDTHS[width] > since:
                total.merge(bucket)
                first = min(first, start)
        counts = [
            Count(kind=kind, name=name, metric=metric, amount=amount)
            for (kind, name, metric), amount in sorted(total.counts.items())
        ]
        functions = dict(sorted(total.functions.items()))
        return Usage(since_ms=first, until_ms=until, functions=functions, counts=counts)

    def scopes(self) -> list[Scope]:
        """Where anything was metered."""
        self._fold()
        return sorted(self._accounts)

    # Keeping.

    def load(self) -> None:
        """Build memory from the journal. What is still buffered stays buffered."""
        self._accounts.clear()
        self._touched_buckets.clear()
        self._touched_chunks.clear()
        self._pruned.clear()
        for key, record in self._journal.load(PREFIX):
            _, account_id, region, sort, place = key.split("/", 4)
            account = self._account(Scope(account_id, region))
            if sort == "i":
                chunk = _Chunk(int(place), _chunks.decode(record))
                account.chunks.append(chunk)
                account.length += len(chunk.entries)
            else:
                account.buckets[(sort, int(place))] = _buckets.decode(record)

    async def flush(self) -> None:
        """Resolves once all that was metered so far is durable. Raises JournalFailed."""
        await self._journal.commit(self._take())

    def forget(self, account: str | None = None) -> Changes:
        """Drop all figures of an account (None: of all). A transition."""
        self._fold()
        changes: list[Change] = []
        for scope in [scope for scope in self._accounts if account in (None, scope.account)]:
            kept = self._accounts.pop(scope)
            changes += [(_bucket_key(scope, width, start), None) for width, start in kept.buckets]
            changes += [(_chunk_key(scope, chunk.number), None) for chunk in kept.chunks]
        return changes

    def _flush_later(self) -> None:
        self._timer = self._clock.at(self._clock.now_ms() + DELAY_MS, self._flush_now)

    def _flush_now(self) -> None:
        self._timer = None
        if not (self._buffer or self._counted or self._touched_buckets or self._touched_chunks or self._pruned):
            return  # all is kept already
        self._flushing = asyncio.get_running_loop().create_task(self._flush_quietly(), name="meter flush")

    async def _flush_quietly(self) -> None:
        try:
            await self.flush()
        except JournalFailed as error:
            log.warning("some figures of usage were lost: %s", error)

    def _take(self) -> Changes:
        """A transition: fold what is buffered, answer the records that changed since the last time."""
        self._fold()
        changes: list[Change] = []
        for scope, width, start in self._touched_buckets:
            if (account := self._accounts.get(scope)) and (bucket := account.buckets.get((width, start))):
                changes.append((_bucket_key(scope, width, start), _encoder.encode(bucket)))
        for scope, number in self._touched_chunks:
            chunks = self._accounts[scope].chunks if scope in self._accounts else ()
            found = [_encoder.encode(chunk.entries) for chunk in chunks if chunk.number == number]
            changes += [(_chunk_key(scope, number), record) for record in found]
        changes += self._pruned
        self._touched_buckets.clear()
        self._touched_chunks.clear()
        self._pruned = []
        return changes

    def _fold(self) -> None:
        buffer, self._buffer = self._buffer, []
        for scope, invocation in buffer:
            functions = self._bucket(scope, invocation.at).functions
            usage = functions.get(invocation.function)
            if usage is None:
                usage = functions[invocation.function] = FunctionUsage()
            usage.add(invocation)
            self._remember(scope, invocation)
        if self._counted:
            counted, self._counted = self._counted, {}
            now_ms = self._clock.now_ms()
            for (scope, kind, name, metric), amount in counted.items():
                counts = self._bucket(scope, now_ms).counts
                counts[(kind, name, metric)] = counts.get((kind, name, metric), 0) + amount
        self._roll_up()

    def _bucket(self, scope: Scope, at_ms: int) -> Bucket:
        start = at_ms - at_ms % HOUR_MS
        self._touched_buckets.add((scope, "h", start))
        buckets = self._account(scope).buckets
        found = buckets.get(("h", start))
        if found is None:
            found = buckets["h", start] = Bucket()
        return found

    def _remember(self, scope: Scope, invocation: Invocation) -> None:
        account = self._account(scope)
        if not account.chunks or len(account.chunks[-1].entries) >= CHUNK:
            account.chunks.append(_Chunk(account.chunks[-1].number + 1 if account.chunks else 0, []))
        chunk = account.chunks[-1]
        chunk.entries.append(invocation)
        account.length += 1
        self._touched_chunks.add((scope, chunk.number))
        if account.length - len(account.chunks[0].entries) >= HISTORY:
            oldest = account.chunks.popleft()
            account.length -= len(oldest.entries)
            self._touched_chunks.discard((scope, oldest.number))
            self._pruned.append((_chunk_key(scope, oldest.number), None))

    def _roll_up(self) -> None:
        """Once an hour: sum hours that are old into their day."""
        hour = self._clock.now_ms() // HOUR_MS
        if hour == self._rolled_hour:
            return
        self._rolled_hour = hour
        oldest_ms = self._clock.now_ms() - KEEP_HOURS_MS
        for scope, account in self._accounts.items():
            for width, start in list(account.buckets):
                if width == "h" and start + HOUR_MS <= oldest_ms:
                    day = start - start % DAY_MS
                    account.buckets.setdefault(("d", day), Bucket()).merge(account.buckets.pop(("h", start)))
                    self._touched_buckets.add((scope, "d", day))
                    self._pruned.append((_bucket_key(scope, "h", start), None))

    def _account(self, scope: Scope) -> _Account:
        found = self._accounts.get(scope)
        if found is None:
            found = self._accounts[scope] = _Account()
        return found

    def __repr__(self) -> str:
        return f"<Meter {len(self._accounts)} scopes, {len(self._buffer)} invocations buffered>"


_WIDTHS = {"h": HOUR_MS, "d": DAY_MS}
_encoder = msgspec.msgpack.Encoder()
_buckets = msgspec.msgpack.Decoder(Bucket)
_chunks = msgspec.msgpack.Decoder(list[Invocation])


def _bucket_key(scope: Scope, width: str, start: int) -> str:
    return f"{PREFIX}{scope.account}/{scope.region}/{width}/{start:014}"


def _chunk_key(scope: Scope, number: int) -> str:
    return f"{PREFIX}{scope.account}/{scope.region}/i/{number:012}"
