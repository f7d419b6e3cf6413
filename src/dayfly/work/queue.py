"""The durable queue of follow-up work: the shell that runs what `lines.py` says is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dayfly.clock import Clock, Timer
from dayfly.ids import Ids
from dayfly.store import Changes, Journal, JournalFailed
from dayfly.work.items import PREFIX, Item, Retry, RetryPolicy, Run, decode, encode, key_of
from dayfly.work.lines import Entry, Kind, Lines, State

if TYPE_CHECKING:
    from asyncio import Future, Task

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 64 * 1024 * 1024
"""Payloads beyond these many bytes stay on disk until they run."""
JOURNAL_PAUSE_MS = 1_000
"""An item whose completion could not be written runs again after this; nothing of that run was kept."""


class Work:
    """See the package's page. Whoever owns the journal loads it again when that has lost a commit."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._lines = Lines()
        self._kinds: dict[str, Kind] = {}
        self._sequence = 0
        self._fresh: list[Entry] = []
        self._confirming = False
        self._in_the_air = 0
        self._running: dict[Entry, Task[None]] = {}
        self._body_bytes = 0
        self._timer: tuple[int, Timer] | None = None
        self._started = False
        self._idle: list[Future[None]] = []

    # What domains use.

    def handle(self, kind: str, run: Run, *, retry: RetryPolicy | None = None, concurrency: int = 64) -> None:
        """Let `run` do all items of this kind, at most `concurrency` at once.

        It runs an item at least once. A CancelledError means that the platform stops: the item runs again after the
        next start.
        """
        found = self._kind(kind)
        found.run = run
        found.retry = retry or RetryPolicy()
        found.concurrency = concurrency
        self._dispatch(found)

    def put(
        self,
        kind: str,
        payload: bytes,
        *,
        due_ms: int | None = None,
        id: str | None = None,  # noqa: A002 - what it is called everywhere else
        group: str | None = None,
    ) -> tuple[str, Changes]:
        """Add an item, due now unless said. A transition: commit the changes in the same synchronous step.

        An id that is already waiting is replaced (an earlier run of it that is under way ends undisturbed). Items of
        one group and kind run one after the other in the order they were put; one that waits holds those behind it.
        """
        now_ms = self._clock.now_ms()
        self._sequence += 1
        item = Item(
            id=id if id is not None else self._ids.uuid(),
            kind=kind,
            payload=payload,
            created_ms=now_ms,
            due_ms=now_ms if due_ms is None else due_ms,
            sequence=self._sequence,
            group=group,
        )
        replaced = self._lines.entries.get(item.id)
        if replaced is not None:
            self._drop(replaced)
        entry = Entry(item)
        self._lines.add(entry)
        self._body_bytes += entry.size
        self._fresh.append(entry)
        self._confirm_soon()
        return item.id, [(key_of(item.id), encode(item))]

    def cancel(self, item_id: str) -> Changes:
        """Take back an item that is not running yet. A transition; no changes where there is none."""
        entry = self._lines.entries.get(item_id)
        if entry is None or entry.state is State.RUNNING:
            return []
        self._drop(entry)
        return [(key_of(item_id), None)]

    def forget(self, matches: Callable[[Item], bool]) -> Changes:
        """Take back every item that matches and is not running. A transition."""
        found = [item for item in map(self._item_of, list(self._lines.entries.values())) if item and matches(item)]
        return [change for item in found for change in self.cancel(item.id)]

    def find(self, item_id: str) -> Item | None:
        entry = self._lines.entries.get(item_id)
        return self._item_of(entry) if entry is not None else None

    def pending(self, kind: str | None = None) -> int:
        """How many items have not completed."""
        if kind is None:
            return len(self._lines.entries)
        return sum(entry.kind == kind for entry in self._lines.entries.values())

    async def idle(self) -> None:
        """Resolves once nothing runs and nothing could: what is left waits for a later time or has no handler."""
        if self._busy():
            done: Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(done)
            await done

    def __repr__(self) -> str:
        ready = sum(len(kind.ready) for kind in self._kinds.values())
        state = "started" if self._started else "stopped"
        kinds = ", ".join(f"{kind.name} {kind.running}/{kind.concurrency}" for kind in self._kinds.values())
        return f"<Work {state}: {len(self._lines.entries)} items, {ready} ready, {len(self._running)} running; {kinds}>"

    # Starting and stopping.

    def load(self) -> None:
        """Build memory from the journal. What is running goes on; what was not durable is forgotten."""
        running = {entry.sequence: entry for entry in self._running}
        fresh = [entry for entry in self._lines.entries.values() if entry.state is State.FRESH]
        self._lines = Lines()
        self._fresh.clear()
        self._body_bytes = 0
        for kind in self._kinds.values():
            kind.ready.clear()
        items = sorted((decode(record) for _, record in self._journal.load(PREFIX)), key=lambda item: item.sequence)
        heads = [entry for item in items if (entry := self._restore(item, running.get(item.sequence)))]
        for entry in fresh:
            self._keep_fresh(entry)
        self._sequence = max(self._sequence, items[-1].sequence if items else 0)
        for entry in heads:
            if entry.state is not State.RUNNING:
                self._schedule(entry)
        self._set_timer()
        self._dispatch_all()

    def start(self) -> None:
        """Run what is due from now on; call in the loop, after `load` and the handlers."""
        self._started = True
        for kind in self._kinds.values():
            if kind.run is None and kind.ready:
                log.warning("%d items of follow-up work are kept that nothing handles: %s", len(kind.ready), kind.name)
        self._confirm_soon()
        self._set_timer()
        self._dispatch_all()

    async def stop(self, deadline_s: float) -> None:
        """Start nothing more, wait for what runs, and cancel at the deadline what still does (it runs again later)."""
        self._started = False
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None
        tasks = list(self._running.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=deadline_s)
        for task in late:
            task.cancel()
        if late:
            log.warning("%d items of follow-up work were interrupted and run again after the next start", len(late))
            await asyncio.wait(late, timeout=1.0)

    # From put to ready.

    def _confirm_soon(self) -> None:
        if self._started and self._fresh and not self._confirming:
            self._confirming = True
            asyncio.get_running_loop().call_soon(self._confirm)

    def _confirm(self) -> None:
        """Whoever put something has called commit by now: once an empty commit is durable, so is theirs."""
        self._confirming = False
        self._in_the_air += 1
        fresh, self._fresh = self._fresh, []
        durable = self._journal.commit(())
        if durable.done():
            self._admit(fresh, durable)
        else:
            durable.add_done_callback(lambda done: self._admit(fresh, done))

    def _admit(self, fresh: list[Entry], durable: Future[None]) -> None:
        self._in_the_air -= 1
        if durable.cancelled() or durable.exception() is not None:
            return self._notice_idle()  # the journal has had us load again, without these
        for entry in fresh:
            if entry.state is State.FRESH and self._lines.entries.get(entry.id) is entry:
                self._keep_in_bounds(entry)
                if self._lines.line_up(entry):
                    self._schedule(entry)
        self._set_timer()
        self._dispatch_all()
        return self._notice_idle()

    def _restore(self, item: Item, running: Entry | None) -> Entry | None:
        """The entry of a loaded item if it is at the head of its line. `running`: the one that runs it right now."""
        if running is not None:
            latest = self._journal.get(key_of(item.id))  # its completion or retry may be in the air
            if latest is None:
                return None
            item = decode(latest)
        entry = running or Entry(item)
        entry.item = item
        entry.due_ms = item.due_ms
        self._lines.add(entry)
        self._body_bytes += entry.size
        self._keep_in_bounds(entry)
        is_head = self._lines.line_up(entry)
        if running is not None:
            entry.state = State.RUNNING
        return entry if is_head else None

    def _keep_fresh(self, entry: Entry) -> None:
        """One that is committed and not durable yet was not loaded; one whose commit failed has no record any more."""
        if entry.id not in self._lines.entries and self._journal.get(key_of(entry.id)) is not None:
            self._lines.add(entry)
            self._body_bytes += entry.size
            self._fresh.append(entry)
            self._confirm_soon()

    def _schedule(self, entry: Entry) -> None:
        if entry.due_ms <= self._clock.now_ms():
            entry.state = State.READY
            self._kind(entry.kind).ready.append(entry)
        else:
            self._lines.wait(entry)

    def _set_timer(self) -> None:
        due_ms = self._lines.next_due_ms() if self._started else None
        if self._timer is not None:
            if self._timer[0] == due_ms:
                return
            self._timer[1].cancel()
            self._timer = None
        if due_ms is not None:
            self._timer = (due_ms, self._clock.at(due_ms, self._tick))

    def _tick(self) -> None:
        self._timer = None
        for entry in self._lines.take_due(self._clock.now_ms()):
            self._schedule(entry)
        self._set_timer()
        self._dispatch_all()

    # From ready to gone.

    def _dispatch_all(self) -> None:
        for kind in list(self._kinds.values()):
            self._dispatch(kind)

    def _dispatch(self, kind: Kind) -> None:
        while self._started and (entry := kind.next()) is not None:
            entry.state = State.RUNNING
            kind.running += 1
            task = asyncio.get_running_loop().create_task(self._run(kind, entry), name=f"work {kind.name} {entry.id}")
            self._running[entry] = task

    async def _run(self, kind: Kind, entry: Entry) -> None:
        try:
            item = self._item_of(entry)
            if item is not None and kind.run is not None:
                answer = await self._attempt(kind, item, kind.run)
                await self._journal.commit(self._conclude(entry, item, answer))
            self._ended(entry)
        except JournalFailed:
            self._again_in_memory(entry)
        except Exception as error:  # noqa: BLE001 - what the handler returned is no changes; its item must not hang
            _complain(error, "%s %s completed with what cannot be committed", kind.name, entry.id)
            self._lines.entries.setdefault(entry.id, entry)
            self._again_in_memory(entry)
        finally:
            del self._running[entry]
            kind.running -= 1
            self._dispatch(kind)
            self._notice_idle()

    async def _attempt(self, kind: Kind, item: Item, run: Run) -> Changes | Retry:
        try:
            return await run(item) or ()
        except asyncio.CancelledError as error:
            if not self._started:
                raise
            return self._failed(kind, item, error)
        except JournalFailed:
            raise
        except Exception as error:  # noqa: BLE001 - the queue must survive what a handler raises; it is logged and retried
            return self._failed(kind, item, error)

    def _failed(self, kind: Kind, item: Item, error: BaseException) -> Changes | Retry:
        failed = item.attempts + 1
        policy = kind.retry
        if policy.attempts is None or failed < policy.attempts:
            after_ms = policy.delay_ms(failed)
            log.warning("%s %s failed (run %d), again in %d ms", kind.name, item.id, failed, after_ms, exc_info=error)
            return Retry(after_ms)
        log.error("%s %s failed %d times and is given up", kind.name, item.id, failed, exc_info=error)
        try:
            return policy.exhausted(item, error) if policy.exhausted is not None else ()
        except Exception as worse:  # noqa: BLE001 - the last resort failed: the item is kept and comes back
            _complain(worse, "%s %s could not be given up", kind.name, item.id)
            return Retry(policy.delay_ms(failed))

    def _conclude(self, entry: Entry, item: Item, answer: Changes | Retry) -> Changes:
        """A transition: the item is gone, or due again. What the handler returned comes along."""
        is_current = self._lines.entries.get(item.id) is entry
        if not isinstance(answer, Retry):
            self._release(entry)
            # One that was put again meanwhile, perhaps by the handler itself, keeps its record.
            return [*([(key_of(item.id), None)] if is_current else ()), *answer]
        if not is_current:
            return answer.changes
        due_ms = self._clock.now_ms() + answer.after_ms
        entry.due_ms = due_ms
        later = msgspec.structs.replace(item, attempts=item.attempts + 1, due_ms=due_ms)
        if entry.item is not None:
            entry.item = later
        return [(key_of(item.id), encode(later)), *answer.changes]

    def _ended(self, entry: Entry) -> None:
        """What was concluded is durable: the next of the group may run, or this one at its new time."""
        if self._lines.entries.get(entry.id) is entry:
            self._schedule(entry)
        else:
            self._step_up(self._lines.leave(entry))
        self._set_timer()

    def _again_in_memory(self, entry: Entry) -> None:
        if self._lines.entries.get(entry.id) is entry:
            entry.due_ms = self._clock.now_ms() + JOURNAL_PAUSE_MS
            self._lines.wait(entry)
            self._set_timer()

    def _step_up(self, head: Entry | None) -> None:
        if head is not None and head.state is State.WAITING:
            self._schedule(head)
            self._dispatch(self._kind(head.kind))

    def _drop(self, entry: Entry) -> None:
        self._release(entry)
        if entry.state is not State.RUNNING:
            self._step_up(self._lines.leave(entry))

    # Bodies, kinds, idleness.

    def _release(self, entry: Entry) -> None:
        self._lines.forget(entry)
        if entry.item is not None:
            self._body_bytes -= entry.size
            entry.item = None

    def _keep_in_bounds(self, entry: Entry) -> None:
        if self._body_bytes > MOST_BODY_BYTES and entry.item is not None:
            self._body_bytes -= entry.size
            entry.item = None

    def _item_of(self, entry: Entry) -> Item | None:
        if entry.item is not None:
            return entry.item
        record = self._journal.get(key_of(entry.id))
        return decode(record) if record is not None else None

    def _kind(self, name: str) -> Kind:
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = Kind(name)
        return kind

    def _busy(self) -> bool:
        ready = any(kind.run is not None and kind.ready for kind in self._kinds.values())
        return bool(self._started and (self._fresh or self._in_the_air or ready or self._running))

    def _notice_idle(self) -> None:
        if self._idle and not self._busy():
            waiters, self._idle = self._idle, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)


def _complain(error: BaseException, sentence: str, *facts: object) -> None:
    log.error(sentence, *facts, exc_info=error)
