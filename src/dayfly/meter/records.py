"""What is metered: invocations, and sums of them by hour and day."""

from __future__ import annotations

import msgspec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a function; a retry is one of its own. Times in milliseconds."""

    request_id: str
    function: str
    """The function's name."""
    at: int
    """When it started, milliseconds since the epoch."""
    source: str = "invoke"
    """What made it run: `invoke`, `sqs`, `sns`, `schedule`, `http` …"""
    cold: bool = False
    init_ms: float | None = None
    duration_ms: float = 0.0
    billed_ms: int = 0
    memory_mb: int = 128
    max_memory_mb: int = 0
    error: str | None = None


class FunctionUsage(msgspec.Struct, kw_only=True):
    """The sums over one function's invocations in a period."""

    invocations: int = 0
    errors: int = 0
    cold_starts: int = 0
    init_ms: float = 0.0
    """Of all cold starts together."""
    duration_ms: float = 0.0
    """Of all invocations together."""
    max_duration_ms: float = 0.0
    billed_ms: int = 0
    gb_s: float = 0.0
    """Billed seconds times configured memory in GB (of 1024 MB)."""

    @property
    def average_ms(self) -> float:
        return self.duration_ms / self.invocations if self.invocations else 0.0

    def add(self, one: Invocation) -> None:
        self.invocations += 1
        self.errors += one.error is not None
        self.duration_ms += one.duration_ms
        self.max_duration_ms = max(self.max_duration_ms, one.duration_ms)
        self.billed_ms += one.billed_ms
        self.gb_s += one.billed_ms * one.memory_mb / 1_024_000
        if one.cold:
            self.cold_starts += 1
            self.init_ms += one.init_ms or 0.0

    def merge(self, other: FunctionUsage) -> None:
        self.invocations += other.invocations
        self.errors += other.errors
        self.cold_starts += other.cold_starts
        self.init_ms += other.init_ms
        self.duration_ms += other.duration_ms
        self.max_duration_ms = max(self.max_duration_ms, other.max_duration_ms)
        self.billed_ms += other.billed_ms
        self.gb_s += other.gb_s


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """So many of a metric of one resource, e.g. kind `sqs`, name `jobs`, metric `SendMessage`."""

    kind: str
    name: str
    metric: str
    amount: float


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used in a period, by function and by resource."""

    since_ms: int
    """The start of the first hour (or day, where only days are kept) that is counted in."""
    until_ms: int
    functions: dict[str, FunctionUsage]
    counts: list[Count]


class Bucket(msgspec.Struct, kw_only=True):
    """The sums of one scope in one hour or day."""

    functions: dict[str, FunctionUsage] = {}
    counts: dict[tuple[str, str, str], float] = {}

    def merge(self, other: Bucket) -> None:
        for name, usage in other.functions.items():
            self.functions.setdefault(name, FunctionUsage()).merge(usage)
        for key, amount in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + amount
