"""One queue as a state machine without I/O: every method changes memory and returns what to persist.

    draft ──send──▶ delayed ──▶ waiting ──receive──▶ flight ──delete──▶ gone
                                  ▲  └─ too many receives ─▶ dead-letter queue
                                  └──── visibility over ────┘ (flight)

`_heap` holds every hidden entry (delayed or in flight) under the moment it returns; items that no longer tell the truth
are skipped when they come up, and swept when they outnumber the others. Nothing here is linear in the backlog, save
purging and deleting the queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import base64
import binascii
import heapq
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from dayfly.identity.names import Scope
from dayfly.queues import attachments, attributes, checks
from dayfly.queues.attributes import Settings
from dayfly.queues.errors import (
    InvalidParameterValue,
    MessageNotInflight,
    OverLimit,
    PurgeQueueInProgress,
    ReceiptHandleIsInvalid,
)
from dayfly.queues.fifo import DEDUP_MS, FifoLine, Window
from dayfly.queues.line import Line, StandardLine
from dayfly.queues.model import Budget, Dedup, Delivery, Draft, Entry, Message, Progress, QueueRecord, Sent
from dayfly.store import Change

IN_FLIGHT_LIMIT = 120_000
LONGEST_MS = 43_200_000
_SEQUENCE_BASE = 10**19
_encode = msgspec.msgpack.Encoder().encode
_message_of = msgspec.msgpack.Decoder(Message).decode

Fetch = Callable[[str], bytes | None]
Find = Callable[[str], "Queue | None"]


class Queue:
    """A queue and all its messages. `fetch` reads a record back; `find` knows other queues by ARN."""

    def __init__(self, record: QueueRecord, *, budget: Budget, fetch: Fetch, find: Find) -> None:
        self.record = record
        self.scope = Scope(record.account, record.region)
        self.arn = self.scope.arn("sqs", record.name)
        self.key = f"sqs/{record.account}/{record.region}/{record.name}"
        self.settings: Settings = attributes.settings_of(record.attributes)
        self.in_flight = 0
        self.delayed = 0
        self.on_arrival: Callable[[], None] | None = None
        self._budget = budget
        self._fetch = fetch
        self._find = find
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._line: Line = FifoLine() if self.settings.fifo else StandardLine()
        self._window = Window()
        self._heap: list[tuple[int, int, Entry]] = []
        self._elders: list[tuple[int, int, Entry]] = []
        self._attempts: OrderedDict[str, tuple[int, list[tuple[Entry, int, int]]]] = OrderedDict()
        self._owed: list[Change] = []
        self._last_seq = 0
        self._next_expiry_ms = 0
        self._receipt = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return True  # an empty queue is a queue

    def __repr__(self) -> str:
        return f"<Queue {self.arn} waiting={self.waiting} in_flight={self.in_flight} delayed={self.delayed}>"

    @property
    def waiting(self) -> int:
        """Messages that could be received now."""
        return len(self._entries) - self.in_flight - self.delayed

    @property
    def counted(self) -> bool:
        """Whether receive counts and deadlines must survive a crash."""
        return self.settings.fifo or self.settings.redrive is not None

    # -- sending ---------------------------------------------------------------------------------------------------
    def send(self, draft: Draft, message_id: str, now_ms: int) -> tuple[Sent, list[Change]]:
        """Accept a message. Raises what `checks.check_draft` raises."""
        size, digest = checks.check_draft(draft, self.settings)
        changes = self._settled(now_ms)
        dedup = draft.dedup
        if self.settings.fifo:
            dedup = dedup or checks.content_id(draft.body)
            known = self._window.find(self._dedup_key(dedup, draft.group), now_ms)
            if known is not None:
                return self._sent(draft, known[0], digest, known[1]), changes
        delay_ms = self.settings.delay_ms if draft.delay_s is None else draft.delay_s * 1000
        message = Message(
            message_id,
            draft.body,
            digest,
            now_ms,
            now_ms + delay_ms,
            draft.sender,
            draft.group,
            dedup,
            draft.trace_header,
            None,
            draft.attributes,
        )
        seq = self._put(message, size, now_ms)
        changes.append((f"{self.key}/m/{seq:020}", _encode(message)))
        return self._sent(draft, message_id, digest, seq), changes

    def _sent(self, draft: Draft, message_id: str, digest: str, seq: int) -> Sent:
        return Sent(
            message_id=message_id,
            md5=digest,
            md5_attributes=attachments.md5(draft.attributes) if draft.attributes else None,
            md5_system=checks.trace_md5(draft.trace_header) if draft.trace_header else None,
            sequence=self.sequence_of(seq),
        )

    def sequence_of(self, seq: int) -> str | None:
        """The 20 digits that a FIFO queue shows for a message."""
        return str(_SEQUENCE_BASE + seq) if self.settings.fifo else None

    def _dedup_key(self, dedup: str, group: str | None) -> str:
        return f"{group}\n{dedup}" if self.settings.dedup_per_group else dedup

    def _put(self, message: Message, size: int, now_ms: int) -> int:
        seq = self._last_seq = max(self._last_seq + 1, now_ms << 20)
        self._place(seq, message, size, now_ms)
        if self.settings.fifo and message.dedup is not None:
            key = self._dedup_key(message.dedup, message.group)
            self._window.add(key, now_ms + DEDUP_MS, message.id, seq)
        self._notify()
        return seq

    def _notify(self) -> None:
        if self.on_arrival is not None:
            self.on_arrival()

    def _place(self, seq: int, message: Message, size: int, now_ms: int) -> Entry:
        entry = Entry(seq, message.sent_ms, message.visible_at_ms, message.group, size)
        self._budget.keep(entry, message)
        self._entries[seq] = entry
        if message.source_arn is not None:
            heapq.heappush(self._elders, (message.sent_ms, seq, entry))
        if message.visible_at_ms > now_ms:
            entry.delayed = True
            self.delayed += 1
            heapq.heappush(self._heap, (message.visible_at_ms, seq, entry))
        self._line.arrive(entry)
        return entry

    def adopt(self, message: Message, source_arn: str, now_ms: int) -> list[Change]:
        """Take a dead letter of another queue; it keeps its time of sending in a standard queue."""
        moved = Message(
            message.id,
            message.body,
            message.md5,
            now_ms if self.settings.fifo else message.sent_ms,
            now_ms,
            message.sender,
            message.group,
            message.dedup,
            message.trace_header,
            source_arn,
            message.attributes,
        )
        seq = self._put(moved, len(moved.body), now_ms)
        return [(f"{self.key}/m/{seq:020}", _encode(moved))]

    def withdraw(self, now_ms: int, most: int, to: Callable[[Message], Queue | None]) -> tuple[int, list[Change]]:
        """Move up to `most` waiting messages to other queues, as new messages; how many were moved.

        A message for which `to` knows no queue stays; the move ends there.
        """
        changes = self._settled(now_ms)
        moved = 0
        while moved < most:
            entry = self._line.next()
            if entry is None:
                break
            message = self._content(entry)
            target = to(message)
            if target is None:
                self._line.back(entry)
                break
            self._line.left(entry)
            changes += self._forget(entry, now_ms)
            changes += target.take_back(message, now_ms)
            moved += 1
        self._line.end()
        return moved, changes

    def take_back(self, message: Message, now_ms: int) -> list[Change]:
        """A dead letter returns: a new time of sending, no dead-letter source."""
        fresh = msgspec.structs.replace(message, sent_ms=now_ms, visible_at_ms=now_ms, source_arn=None)
        seq = self._put(fresh, len(fresh.body), now_ms)
        return [(f"{self.key}/m/{seq:020}", _encode(fresh))]

    # -- receiving -------------------------------------------------------------------------------------------------
    def receive(
        self, now_ms: int, most: int = 1, visibility_ms: int | None = None, attempt: str | None = None
    ) -> tuple[list[Delivery], list[Change]]:
        """Hand out up to `most` messages. Messages that were received too often go to the dead-letter queue."""
        changes = self._settled(now_ms)
        hidden_ms = self.settings.visibility_ms if visibility_ms is None else visibility_ms
        if attempt is not None and self.settings.fifo:
            again = self._again(attempt, hidden_ms, now_ms, changes)
            if again is not None:
                return again, changes
        delivered: list[Delivery] = []
        taken: list[tuple[Entry, int, int]] = []
        while len(delivered) < most:
            if self.in_flight >= IN_FLIGHT_LIMIT:
                if delivered or self.settings.fifo:
                    break
                raise OverLimit("Too many messages in flight: the limit is 120000 messages for a queue.")
            entry = self._line.next()
            if entry is None:
                break
            message = self._content(entry)
            if self._is_dead(entry):
                changes += self._bury(entry, message, now_ms)
                continue
            delivered.append(self._hand_out(entry, message, hidden_ms, now_ms, changes))
            taken.append((entry, entry.receipt, entry.visible_at_ms))
        self._line.end()
        if attempt is not None and self.settings.fifo and taken:
            self._attempts[attempt] = (now_ms + DEDUP_MS, taken)
        return delivered, changes

    def _hand_out(self, entry: Entry, message: Message, hidden_ms: int, now_ms: int, changes: list[Change]) -> Delivery:
        # Receipts carry their time: unique and ascending, over restarts too as long as the clock does not go back.
        entry.receipt = self._receipt = max(self._receipt + 1, now_ms << 20)
        entry.receives += 1
        entry.first_received_ms = entry.first_received_ms or now_ms
        entry.flight = True
        self.in_flight += 1
        self._hide(entry, now_ms + hidden_ms, changes)
        return self._delivery(entry, message)

    def _delivery(self, entry: Entry, message: Message) -> Delivery:
        return Delivery(
            message=message,
            handle=base64.b64encode(f"{self.record.uid}:{entry.seq}:{entry.receipt}".encode()).decode(),
            receives=entry.receives,
            first_received_ms=entry.first_received_ms,
            sequence=self.sequence_of(entry.seq),
        )

    def _hide(self, entry: Entry, until_ms: int, changes: list[Change]) -> None:
        entry.visible_at_ms = until_ms
        heapq.heappush(self._heap, (until_ms, entry.seq, entry))
        if self.counted:
            changes.append(self._progress(entry))

    def _progress(self, entry: Entry) -> Change:
        progress = Progress(entry.receives, entry.first_received_ms, entry.visible_at_ms, entry.receipt, entry.flight)
        return f"{self.key}/v/{entry.seq:020}", _encode(progress)

    def _again(self, attempt: str, hidden_ms: int, now_ms: int, changes: list[Change]) -> list[Delivery] | None:
        """The same messages for a repeated attempt, unless one of them was changed since."""
        known = self._attempts.get(attempt)
        if known is None or known[0] <= now_ms:
            return None
        for entry, receipt, visible_at_ms in known[1]:
            if entry.gone or not entry.flight or entry.receipt != receipt or entry.visible_at_ms != visible_at_ms:
                return None
        for entry, _, _ in known[1]:
            self._hide(entry, now_ms + hidden_ms, changes)
        self._attempts[attempt] = (known[0], [(e, r, now_ms + hidden_ms) for e, r, _ in known[1]])
        return [self._delivery(entry, self._content(entry)) for entry, _, _ in known[1]]

    def _content(self, entry: Entry) -> Message:
        if entry.message is not None:
            return entry.message
        raw = self._fetch(f"{self.key}/m/{entry.seq:020}")
        assert raw is not None, f"{self.arn}: the record of {entry!r} is missing from the journal"
        return _message_of(raw)

    def _is_dead(self, entry: Entry) -> bool:
        redrive = self.settings.redrive
        return redrive is not None and entry.receives >= redrive.most and self._find(redrive.target) is not None

    def _bury(self, entry: Entry, message: Message, now_ms: int) -> list[Change]:
        assert self.settings.redrive is not None
        target = self._find(self.settings.redrive.target)
        assert target is not None
        self._line.left(entry)
        return [*self._forget(entry, now_ms), *target.adopt(message, self.arn, now_ms)]

    # -- deleting and hiding ---------------------------------------------------------------------------------------
    def delete(self, handle: str, now_ms: int) -> list[Change]:
        """Delete what was received under this handle; deleting twice is fine. A FIFO queue refuses expired handles.

        A handle that a later receive made stale deletes nothing in a standard queue.
        """
        changes = self._settled(now_ms)
        entry, receipt = self._read_handle(handle)
        if entry is None:
            return changes
        current = receipt >= entry.receipt
        if self.settings.fifo and not (entry.flight and current):
            raise InvalidParameterValue.of(handle, "ReceiptHandle", "The receipt handle has expired.")
        if current:
            changes += self._remove(entry, now_ms)
        return changes

    def change_visibility(self, handle: str, timeout_ms: int, now_ms: int) -> list[Change]:
        """Hide a received message until `timeout_ms` from now; 0 gives it back. Raises MessageNotInflight."""
        changes = self._settled(now_ms)
        entry, receipt = self._read_handle(handle)
        if entry is None:
            raise InvalidParameterValue.of(
                handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
            )
        if not entry.flight or receipt < entry.receipt:
            raise MessageNotInflight(
                f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
                "available for visibility timeout change."
            )
        if now_ms + timeout_ms > (entry.receipt >> 20) + LONGEST_MS:
            raise InvalidParameterValue.of(
                timeout_ms // 1000,
                "VisibilityTimeout",
                f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_MS // 1000} seconds]",
            )
        self._hide(entry, now_ms + timeout_ms, changes)
        if timeout_ms == 0:
            changes += self._settled(now_ms)
        return changes

    def _read_handle(self, handle: str) -> tuple[Entry | None, int]:
        try:
            uid, seq, receipt = base64.b64decode(handle, validate=True).decode().split(":")
            if uid == self.record.uid:
                return self._entries.get(int(seq)), int(receipt)
        except (ValueError, binascii.Error):
            pass
        raise ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')

    def _remove(self, entry: Entry, now_ms: int) -> list[Change]:
        if entry.flight:
            entry.flight = False
            self.in_flight -= 1
            entry.gone = True
            self._line.left(entry)
            if self.settings.fifo:
                self._notify()  # its group may be free now
        elif entry.delayed:
            entry.delayed = False
            self.delayed -= 1
        return self._forget(entry, now_ms)

    def _forget(self, entry: Entry, now_ms: int) -> list[Change]:
        entry.gone = True
        del self._entries[entry.seq]
        self._budget.free(entry)
        changes: list[Change] = [(f"{self.key}/m/{entry.seq:020}", None)]
        if entry.receives:
            changes.append((f"{self.key}/v/{entry.seq:020}", None))
        if self.settings.fifo:
            dedup = self._window.outlives(entry.seq, now_ms)
            if dedup is not None:
                changes.append((f"{self.key}/d/{entry.seq:020}", _encode(dedup)))
        return changes

    def purge(self, now_ms: int) -> list[Change]:
        """Drop every message. Raises PurgeQueueInProgress within 60 seconds of the last purge."""
        if now_ms < self.record.purged_ms + 60_000:
            raise PurgeQueueInProgress(
                f"Only one PurgeQueue operation on {self.record.name} is allowed every 60 seconds."
            )
        self.record = msgspec.structs.replace(self.record, purged_ms=now_ms)
        changes = self._settled(now_ms)
        for entry in list(self._entries.values()):
            changes += self._remove(entry, now_ms)
        changes.append((self.key, _encode(self.record)))
        return changes

    def drop(self) -> list[Change]:
        """Delete the queue with all it has."""
        changes: list[Change] = [(self.key, None)]
        for seq, entry in self._entries.items():
            self._budget.free(entry)
            changes.append((f"{self.key}/m/{seq:020}", None))
            if entry.receives:
                changes.append((f"{self.key}/v/{seq:020}", None))
        changes += [(f"{self.key}/d/{seq:020}", None) for seq in self._window.expire(1 << 62)]
        return changes

    # -- time ------------------------------------------------------------------------------------------------------
    def settle(self, now_ms: int) -> None:
        """Let happen what is due: delays and visibility timeouts end, old messages expire."""
        self._owed = self._settled(now_ms)

    def next_due_ms(self) -> int | None:
        """When the next hidden message may become visible."""
        while self._heap and not self._tells_truth(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _tells_truth(self, item: tuple[int, int, Entry]) -> bool:
        entry = item[2]
        return not entry.gone and (entry.flight or entry.delayed) and entry.visible_at_ms == item[0]

    def _settled(self, now_ms: int) -> list[Change]:
        changes, self._owed = self._owed, []
        heap = self._heap
        while heap and heap[0][0] <= now_ms:
            item = heapq.heappop(heap)
            if self._tells_truth(item):
                self._return(item[2])
        if len(heap) > 2 * (self.in_flight + self.delayed) + 1024:
            self._heap = [item for item in heap if self._tells_truth(item)]
            heapq.heapify(self._heap)
        if now_ms >= self._next_expiry_ms or self._elders:
            self._expire(now_ms - self.settings.retention_ms, now_ms, changes)
        if self.settings.fifo:
            changes += [(f"{self.key}/d/{seq:020}", None) for seq in self._window.expire(now_ms)]
            while self._attempts and next(iter(self._attempts.values()))[0] <= now_ms:
                self._attempts.popitem(last=False)
        return changes

    def _return(self, entry: Entry) -> None:
        if entry.flight:
            entry.flight = False
            self.in_flight -= 1
            self._line.back(entry)
        else:
            entry.delayed = False
            self.delayed -= 1
            self._line.due(entry)
        self._notify()

    def _expire(self, before_ms: int, now_ms: int, changes: list[Change]) -> None:
        while self._entries:
            entry = next(iter(self._entries.values()))
            if entry.sent_ms > before_ms:
                break
            changes += self._remove(entry, now_ms)
            self._line.trim(entry)
        oldest_ms = next(iter(self._entries.values())).sent_ms if self._entries else now_ms
        self._next_expiry_ms = oldest_ms + self.settings.retention_ms
        while self._elders and (self._elders[0][2].gone or self._elders[0][0] <= before_ms):
            entry = heapq.heappop(self._elders)[2]
            if not entry.gone:
                changes += self._remove(entry, now_ms)

    # -- the queue itself ------------------------------------------------------------------------------------------
    def configure(self, attributes_set: dict[str, str], now_ms: int) -> list[Change]:
        """Set attributes ('' takes one away). Raises InvalidAttributeName/Value."""
        checked = attributes.changes(attributes_set, fifo=self.settings.fifo)
        merged = {name: value for name, value in (self.record.attributes | checked).items() if value}
        return self._keep(msgspec.structs.replace(self.record, attributes=merged, modified_s=now_ms // 1000))

    def tag(self, tags: dict[str, str]) -> list[Change]:
        return self._keep(msgspec.structs.replace(self.record, tags=tags))

    def _keep(self, record: QueueRecord) -> list[Change]:
        was_counted = self.counted
        self.record = record
        self.settings = attributes.settings_of(record.attributes)
        self._next_expiry_ms = 0
        changes: list[Change] = [(self.key, _encode(record))]
        if self.counted and not was_counted:
            changes += [self._progress(entry) for entry in self._entries.values() if entry.receives]
        return changes

    def shown_attributes(self, now_ms: int) -> dict[str, str]:
        """All attributes, the computed ones included."""
        self.settle(now_ms)
        return {
            "QueueArn": self.arn,
            "ApproximateNumberOfMessages": str(self.waiting),
            "ApproximateNumberOfMessagesNotVisible": str(self.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(self.delayed),
            "CreatedTimestamp": str(self.record.created_s),
            "LastModifiedTimestamp": str(self.record.modified_s),
            **self.record.attributes,
        }

    # -- loading ---------------------------------------------------------------------------------------------------
    def load_message(self, seq: int, raw: bytes, now_ms: int) -> None:
        """A message record, in the order of sequences."""
        message = _message_of(raw)
        self._last_seq = max(self._last_seq, seq)
        self._place(seq, message, len(raw), now_ms)
        if self.settings.fifo and message.dedup is not None and (seq >> 20) + DEDUP_MS > now_ms:
            key = self._dedup_key(message.dedup, message.group)
            self._window.add(key, (seq >> 20) + DEDUP_MS, message.id, seq)

    def load_progress(self, seq: int, progress: Progress) -> Entry | None:
        """A delivery record; comes after its message."""
        entry = self._entries.get(seq)
        if entry is not None:
            entry.receives = progress.receives
            entry.first_received_ms = progress.first_received_ms
            entry.receipt = progress.receipt
            self._receipt = max(self._receipt, progress.receipt)
            entry.flight = progress.flight
            entry.visible_at_ms = progress.visible_at_ms
        return entry

    def load_dedup(self, seq: int, dedup: Dedup) -> None:
        self._last_seq = max(self._last_seq, seq)
        self._window.add(dedup.key, dedup.until_ms, dedup.message_id, seq)

    def count_on_from(self, before: Queue) -> None:
        """Use no number again that the queue of this name had in memory: an old handle must not fit a new message."""
        self._last_seq = max(self._last_seq, before._last_seq)
        self._receipt = max(self._receipt, before._receipt)

    def loaded(self, now_ms: int) -> None:
        """All records are there: build the line anew, with what is still in flight."""
        self._line = FifoLine() if self.settings.fifo else StandardLine()
        for entry in self._entries.values():
            if entry.flight and entry.visible_at_ms > now_ms:
                if entry.delayed:
                    entry.delayed = False
                    self.delayed -= 1
                self.in_flight += 1
                heapq.heappush(self._heap, (entry.visible_at_ms, entry.seq, entry))
                self._line.resume(entry)
            else:
                entry.flight = False
                self._line.arrive(entry)
        self.settle(now_ms)
