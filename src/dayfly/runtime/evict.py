"""Which idle environments have to go: policy only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

E = TypeVar("E")


class Idle(msgspec.Struct, Generic[E], frozen=True, kw_only=True):
    environment: E
    since_ms: int
    memory_mb: float


def choose(idle: Iterable[Idle[E]], *, now_ms: int, idle_ms: int, used_mb: float, budget_mb: float) -> list[E]:
    """Those idle longer than `idle_ms`, then the longest idle ones until all environments fit into `budget_mb`."""
    going = []
    for one in sorted(idle, key=lambda entry: entry.since_ms):
        if now_ms - one.since_ms >= idle_ms or used_mb > budget_mb:
            going.append(one.environment)
            used_mb -= one.memory_mb
    return going
