"""The records of follow-up work and what a handler may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from dayfly.store import Changes

PREFIX = "work/"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work. Handed to the kind's handler, and the journal's record."""

    id: str
    kind: str
    payload: bytes
    created_ms: int
    due_ms: int
    sequence: int
    """The order of `put`; items of a group run in it."""
    attempts: int = 0
    """Runs that ended before this one without completing."""
    group: str | None = None


class Retry(msgspec.Struct, frozen=True):
    """A handler's answer: run this item again after so many milliseconds; meanwhile its group waits.

    `changes` are committed together with the rescheduling. The kind's RetryPolicy has no say in it.
    """

    after_ms: int
    changes: Changes = ()


Run = Callable[[Item], Awaitable["Changes | Retry | None"]]
Exhausted = Callable[[Item, BaseException], Changes]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What happens when a handler raises.

    After the n-th failed run the item waits `delays_ms[n-1]`, the last of them repeating. After `attempts` runs (None:
    never) it is given up: what `exhausted(item, error)` returns, e.g. a dead letter, is committed with its deletion.
    """

    delays_ms: tuple[int, ...] = (1_000, 5_000, 30_000, 120_000, 600_000)
    attempts: int | None = None
    exhausted: Exhausted | None = None

    def delay_ms(self, failed: int) -> int:
        """How long to wait after so many failed runs (1 or more)."""
        return self.delays_ms[min(failed, len(self.delays_ms)) - 1] if self.delays_ms else 0


def key_of(item_id: str) -> str:
    return PREFIX + item_id


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Item)


def encode(item: Item) -> bytes:
    return _encoder.encode(item)


def decode(record: bytes) -> Item:
    return _decoder.decode(record)
