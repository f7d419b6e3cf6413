"""The records of a queue, and the small mutable index of a message. Times are milliseconds since the epoch.

What exists once a message is hidden from the garbage collector (`gc=False`): it cannot be part of a cycle, and a
million of them would make every collection long.
"""

from __future__ import annotations

import msgspec


class Attachment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message attribute: `type` is `String`, `Number`, `Binary`, or one of these with a label (`Number.int`).

    `Binary` has `data`, the others have `text`.
    """

    type: str
    text: str = ""
    data: bytes = b""


Attachments = dict[str, Attachment]


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message as its sender gives it. `delay_s` None: the queue's own delay."""

    body: str
    attributes: Attachments = {}
    delay_s: int | None = None
    group: str | None = None
    dedup: str | None = None
    trace_header: str | None = None
    sender: str = ""


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of a message; it never changes."""

    id: str
    body: str
    md5: str
    sent_ms: int
    visible_at_ms: int
    sender: str
    group: str | None = None
    dedup: str | None = None
    trace_header: str | None = None
    source_arn: str | None = None
    """The queue it came from, where this is its dead-letter queue."""
    attributes: Attachments = {}


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far the delivery of a message has come; kept where receive counts matter."""

    receives: int
    first_received_ms: int
    visible_at_ms: int
    receipt: int
    flight: bool


class Dedup(msgspec.Struct, frozen=True, array_like=True):
    """A deduplication id that outlives its message."""

    key: str
    message_id: str
    until_ms: int


class QueueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A queue without its messages. `attributes` as SQS names and spells them, defaults included."""

    account: str
    region: str
    name: str
    uid: str
    attributes: dict[str, str]
    tags: dict[str, str] = {}
    created_s: int
    modified_s: int
    purged_ms: int = 0


class Sent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer to a send. `sequence` is given by FIFO queues."""

    message_id: str
    md5: str
    md5_attributes: str | None = None
    md5_system: str | None = None
    sequence: str | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message handed to one receiver. `handle` is good for this receipt only."""

    message: Message
    handle: str
    receives: int
    first_received_ms: int
    sequence: str | None = None


class Entry(msgspec.Struct, eq=False, gc=False):
    """The index of one message: everything but its content, which `message` holds while memory allows.

    waiting (neither flag) → flight (a receiver has it) → waiting again or gone; delayed → waiting.
    `visible_at_ms` is the moment a delayed or flying entry returns.
    """

    seq: int
    sent_ms: int
    visible_at_ms: int
    group: str | None
    size: int
    message: Message | None = None
    receives: int = 0
    first_received_ms: int = 0
    receipt: int = 0
    flight: bool = False
    delayed: bool = False
    gone: bool = False

    def __repr__(self) -> str:
        state = "gone" if self.gone else "flight" if self.flight else "delayed" if self.delayed else "waiting"
        return f"<Entry {self.seq} {state} receives={self.receives} visible_at_ms={self.visible_at_ms}>"


class Budget:
    """How many bytes of message bodies may stay in memory, over all queues; the rest is read back when needed."""

    __slots__ = ("left",)

    def __init__(self, limit_bytes: int) -> None:
        self.left = limit_bytes

    def keep(self, entry: Entry, message: Message) -> None:
        if entry.size <= self.left:
            self.left -= entry.size
            entry.message = message

    def free(self, entry: Entry) -> None:
        if entry.message is not None:
            self.left += entry.size
            entry.message = None
