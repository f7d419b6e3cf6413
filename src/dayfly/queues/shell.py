"""All queues of all accounts: finding them, committing what they return, waiting for what they do not have yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.identity.names import Scope
from dayfly.ids import Ids
from dayfly.queues import attributes as known
from dayfly.queues.errors import InvalidParameterValue, OverLimit, QueueDoesNotExist, QueueNameExists
from dayfly.queues.model import Attachments, Budget, Dedup, Delivery, Draft, Progress, QueueRecord, Sent
from dayfly.queues.queue import Queue
from dayfly.queues.redrive import Moves
from dayfly.queues.wait import Waiters
from dayfly.store import Change, Changes, Journal

_BODY_BUDGET = 64 * 1024 * 1024


class Queues:
    """The queues of a platform. `load()` builds them from the journal.

    Look-ups are synchronous and raise QueueDoesNotExist. Coroutines return once what they did is durable.
    """

    def __init__(
        self, *, journal: Journal, clock: Clock, ids: Ids, endpoint: str, body_budget: int = _BODY_BUDGET
    ) -> None:
        self.endpoint = endpoint
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._body_budget = body_budget
        self._budget = Budget(body_budget)
        self._by_place: dict[tuple[str, str, str], Queue] = {}
        self._by_arn: dict[str, Queue] = {}
        self._waiters: dict[str, Waiters] = {}
        self._letting_go = False
        self._moves = Moves(journal=journal, clock=clock, ids=ids, find=self.find_arn)

    def load(self) -> None:
        """Read everything from the journal; what was in memory is forgotten, who waits looks again."""
        self._budget = Budget(self._body_budget)
        before = self._by_arn
        self._by_place, self._by_arn = {}, {}
        now_ms = self._clock.now_ms()
        for key, raw in self._journal.load("sqs/"):
            parts = key.split("/")
            if len(parts) == 4:
                self._add(msgspec.msgpack.decode(raw, type=QueueRecord))
                continue
            queue = self._by_place.get((parts[1], parts[2], parts[3]))
            if queue is not None:
                _load_record(queue, parts[4], int(parts[5]), raw, now_ms)
        for queue in self._by_arn.values():
            queue.loaded(now_ms)
            if queue.arn in before:
                queue.count_on_from(before[queue.arn])
        self._moves.load()
        for waiters in self._waiters.values():
            waiters.wake_all()

    def start(self) -> None:
        """Go on with the message move tasks that were running at the last stop."""
        self._moves.resume()

    def let_go(self) -> None:
        """Clients that wait for messages get none, now and from now on: nobody wants to wait for them at the end."""
        self._letting_go = True
        for waiters in self._waiters.values():
            waiters.wake_all()

    async def close(self) -> None:
        """Stop message move tasks until the next `start()`."""
        await self._moves.close()

    def _add(self, record: QueueRecord) -> Queue:
        queue = Queue(record, budget=self._budget, fetch=self._journal.get, find=self.find_arn)
        self._by_place[record.account, record.region, record.name] = queue
        self._by_arn[queue.arn] = queue
        waiters = self._waiters.get(queue.arn)
        if waiters is not None:
            queue.on_arrival = waiters.wake
        return queue

    # -- finding ---------------------------------------------------------------------------------------------------
    def find(self, scope: Scope, name: str) -> Queue:
        """A queue by its name."""
        queue = self._by_place.get((scope.account, scope.region, name))
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def by_arn(self, arn: str) -> Queue:
        """A queue by its ARN."""
        queue = self._by_arn.get(arn)
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def find_arn(self, arn: str) -> Queue | None:
        return self._by_arn.get(arn)

    def by_url(self, scope: Scope, url: str) -> Queue:
        """A queue by any URL that ends in /account/name, whatever its host; or by its bare name."""
        head, _, name = url.rpartition("/")
        account = head.rpartition("/")[2]
        if account.isdigit():
            queue = self._by_place.get((account, scope.region, name)) or self._elsewhere(url, account, name)
        else:
            queue = self._by_place.get((scope.account, scope.region, name))
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def _elsewhere(self, url: str, account: str, name: str) -> Queue | None:
        """The queue of a URL whose host names another region than the request's."""
        labels = (urlsplit(url).hostname or "").split(".")
        if labels[0] == "sqs" and len(labels) > 1:
            return self._by_place.get((account, labels[1], name))
        return self._by_place.get((account, labels[0], name))

    def url_of(self, queue: Queue) -> str:
        return f"{self.endpoint}/{queue.scope.account}/{queue.record.name}"

    def listed(self, scope: Scope, prefix: str = "") -> Sequence[Queue]:
        """The queues of a scope whose names start with `prefix`, by name."""
        places = sorted(
            place
            for place in self._by_place
            if place[:2] == (scope.account, scope.region) and place[2].startswith(prefix)
        )
        return [self._by_place[place] for place in places]

    def sources_of(self, target: Queue) -> Sequence[Queue]:
        """The queues whose dead letters go to `target`."""
        return [
            queue
            for queue in self.listed(target.scope)
            if queue.settings.redrive is not None and queue.settings.redrive.target == target.arn
        ]

    @property
    def moves(self) -> Moves:
        """Tasks that move dead letters back."""
        return self._moves

    # -- the queues themselves -------------------------------------------------------------------------------------
    async def create(
        self,
        scope: Scope,
        name: str,
        attributes: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Queue:
        """Make a queue, or answer the one that exists if no given attribute differs. Raises QueueNameExists."""
        given = dict(attributes or {})
        known.check_name(name, fifo="FifoQueue" in given)
        complete = known.complete(given)
        existing = self._by_place.get((scope.account, scope.region, name))
        if existing is not None:
            different = known.same(existing.record.attributes, given)
            if different is not None:
                raise QueueNameExists(
                    f"A queue already exists with the same name and a different value for attribute {different}"
                )
            await self._journal.commit(())
            return existing
        self._check_redrive(scope.arn("sqs", name), given)
        now_s = self._clock.now_ms() // 1000
        record = QueueRecord(
            account=scope.account,
            region=scope.region,
            name=name,
            uid=self._ids.token(8),
            attributes=complete,
            tags=dict(tags or {}),
            created_s=now_s,
            modified_s=now_s,
        )
        queue = self._add(record)
        await self._journal.commit([(queue.key, msgspec.msgpack.encode(record))])
        return queue

    def _check_redrive(self, source_arn: str, given: Mapping[str, str]) -> None:
        policy = given.get("RedrivePolicy")
        if not policy:
            return
        redrive = known.redrive_of(policy)
        target = self._by_arn.get(redrive.target)
        if target is None:
            raise InvalidParameterValue.of(policy, "RedrivePolicy", "Dead letter target does not exist.")
        if target.settings.fifo is not source_arn.endswith(".fifo"):
            raise InvalidParameterValue.of(
                policy, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source."
            )
        if not known.may_redrive(target.record.attributes.get("RedriveAllowPolicy"), source_arn):
            raise InvalidParameterValue.of(
                policy,
                "RedrivePolicy",
                "The dead-letter queue's redrive allow policy does not allow this source queue.",
            )

    async def configure(self, queue: Queue, attributes: Mapping[str, str]) -> None:
        """Set attributes; '' takes one away."""
        given = {name: value for name, value in attributes.items() if not _is_unchanged_type(queue, name, value)}
        known.changes(given, fifo=queue.settings.fifo)
        self._check_redrive(queue.arn, given)
        await self._commit(queue.configure(given, self._clock.now_ms()))

    async def attributes(self, queue: Queue) -> dict[str, str]:
        shown = queue.shown_attributes(self._clock.now_ms())
        await self._journal.commit(())
        return shown

    async def tag(self, queue: Queue, tags: Mapping[str, str], removed: Iterable[str] = ()) -> None:
        """Add tags and remove others. Raises InvalidParameterValue above 50 tags."""
        merged = {name: value for name, value in queue.record.tags.items() if name not in set(removed)} | dict(tags)
        if len(merged) > 50:
            raise InvalidParameterValue("Too many tags added for queue: the limit is 50.")
        await self._commit(queue.tag(merged))

    async def delete_queue(self, queue: Queue) -> None:
        del self._by_place[queue.scope.account, queue.scope.region, queue.record.name]
        del self._by_arn[queue.arn]
        changes = queue.drop()
        waiters = self._waiters.pop(queue.arn, None)
        if waiters is not None:
            waiters.wake_all()
        await self._commit(changes)

    async def purge(self, queue: Queue) -> None:
        await self._commit(queue.purge(self._clock.now_ms()))

    # -- messages --------------------------------------------------------------------------------------------------
    async def send(self, queue: Queue, draft: Draft) -> Sent:
        """Keep a message."""
        sent, changes = queue.send(draft, self._ids.uuid(), self._clock.now_ms())
        await self._journal.commit(changes)
        return sent

    async def send_all(self, queue: Queue, drafts: Iterable[Draft]) -> Sequence[Sent | Error]:
        """Keep several messages in one commit; each succeeds or fails for itself."""
        now_ms = self._clock.now_ms()
        results: list[Sent | Error] = []
        changes: list[Change] = []
        for draft in drafts:
            try:
                sent, made = queue.send(draft, self._ids.uuid(), now_ms)
            except Error as error:
                results.append(error)
            else:
                results.append(sent)
                changes += made
        await self._journal.commit(changes)
        return results

    def sending(
        self,
        arn: str,
        body: str,
        attributes: Attachments | None = None,
        *,
        group: str | None = None,
        dedup: str | None = None,
        sender: str = "",
        trace_header: str | None = None,
    ) -> tuple[str, Changes]:
        """A send as part of a larger commit: the message id and the changes, to be committed in this very step."""
        queue = self.by_arn(arn)
        draft = Draft(
            body=body,
            attributes=attributes or {},
            group=group,
            dedup=dedup if queue.settings.fifo else None,
            sender=sender,
            trace_header=trace_header,
        )
        sent, changes = queue.send(draft, self._ids.uuid(), self._clock.now_ms())
        return sent.message_id, changes

    async def receive(
        self,
        arn: str,
        *,
        most: int = 1,
        wait_s: float | None = None,
        visibility_s: int | None = None,
        attempt: str | None = None,
        client: bool = False,
    ) -> Sequence[Delivery]:
        """Up to `most` messages, waiting up to `wait_s` (None: the queue's own wait) for the first.

        `client`: who asks is let go when the platform stops.
        """
        queue = self.by_arn(arn)
        wait_ms = round((queue.settings.wait_s if wait_s is None else wait_s) * 1000)
        until_ms = self._clock.now_ms() + wait_ms
        visibility_ms = None if visibility_s is None else visibility_s * 1000
        waiters, ticket = None, 0
        while True:
            now_ms = self._clock.now_ms()
            try:
                delivered, changes = queue.receive(now_ms, most, visibility_ms, attempt)
            except OverLimit:
                if not wait_ms:
                    raise
                delivered, changes = [], []
            if delivered or now_ms >= until_ms or (client and self._letting_go):
                await self._hand_over(queue, delivered, changes)
                return delivered
            if changes:
                # The next answer waits for these; nobody is told of them here.
                self._journal.commit(changes).add_done_callback(_retrieve)
            if waiters is None:
                waiters = self._waiters_at(queue)
                ticket = waiters.ticket()
            await waiters.wait(queue, ticket, until_ms)
            queue = self.by_arn(arn)

    async def _hand_over(self, queue: Queue, delivered: Sequence[Delivery], changes: Changes) -> None:
        committed = self._journal.commit(changes)
        try:
            await asyncio.shield(committed)
        except asyncio.CancelledError:
            # Whoever asked is gone before the answer: nobody has these messages, so give them back.
            for delivery in delivered:
                given_back = queue.change_visibility(delivery.handle, 0, self._clock.now_ms())
                self._journal.commit(given_back).add_done_callback(_retrieve)
            committed.add_done_callback(_retrieve)
            raise

    def _waiters_at(self, queue: Queue) -> Waiters:
        waiters = self._waiters.get(queue.arn)
        if waiters is None:
            waiters = self._waiters[queue.arn] = Waiters(self._clock)
            queue.on_arrival = waiters.wake
        return waiters

    async def delete(self, queue: Queue, handle: str) -> None:
        """Delete a received message."""
        await self._journal.commit(queue.delete(handle, self._clock.now_ms()))

    async def delete_all(self, queue: Queue, handles: Iterable[str]) -> Sequence[Error | None]:
        """Delete several in one commit; for each None or why not."""
        now_ms = self._clock.now_ms()
        return await self._each((queue, handle, None, now_ms) for handle in handles)

    async def change_visibility(self, queue: Queue, handle: str, timeout_s: int) -> None:
        """Hide a received message for so long from now; 0 gives it back."""
        _check_timeout(timeout_s)
        await self._commit(queue.change_visibility(handle, timeout_s * 1000, self._clock.now_ms()))

    async def change_visibility_all(self, queue: Queue, timeouts: Iterable[tuple[str, int]]) -> Sequence[Error | None]:
        """Several in one commit: pairs of handle and seconds; for each None or why not."""
        now_ms = self._clock.now_ms()
        return await self._each((queue, handle, timeout_s, now_ms) for handle, timeout_s in timeouts)

    async def _each(self, wanted: Iterable[tuple[Queue, str, int | None, int]]) -> Sequence[Error | None]:
        results: list[Error | None] = []
        changes: list[Change] = []
        for queue, handle, timeout_s, now_ms in wanted:
            try:
                if timeout_s is None:
                    changes += queue.delete(handle, now_ms)
                else:
                    _check_timeout(timeout_s)
                    changes += queue.change_visibility(handle, timeout_s * 1000, now_ms)
                results.append(None)
            except Error as error:
                results.append(error)
        await self._journal.commit(changes)
        return results

    async def _commit(self, changes: Changes) -> None:
        await self._journal.commit(changes)


def _is_unchanged_type(queue: Queue, name: str, value: str) -> bool:
    return name == "FifoQueue" and queue.settings.fifo and value == "true"


def _check_timeout(timeout_s: int) -> None:
    if not 0 <= timeout_s <= 43_200:
        raise InvalidParameterValue.of(timeout_s, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")


def _load_record(queue: Queue, kind: str, seq: int, raw: bytes, now_ms: int) -> None:
    if kind == "m":
        queue.load_message(seq, raw, now_ms)
    elif kind == "v":
        queue.load_progress(seq, msgspec.msgpack.decode(raw, type=Progress))
    elif kind == "d":
        queue.load_dedup(seq, msgspec.msgpack.decode(raw, type=Dedup))


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
