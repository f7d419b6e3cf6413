"""Groups, streams, events, and what can be wrong about them."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dayfly.errors import Error
from dayfly.identity import Scope

DAY_MS = 86_400_000


class GroupNotFound(Error):
    """The specified log group does not exist."""


class StreamNotFound(Error):
    """The specified log stream does not exist."""


class GroupExists(Error):
    """The specified log group already exists"""


class StreamExists(Error):
    """The specified log stream already exists"""


class FilterNotFound(Error):
    """The specified subscription filter does not exist."""


class TooManyFilters(Error):
    """Resource limit exceeded."""


class InvalidParameter(Error):
    """A parameter is specified incorrectly."""


class Event(NamedTuple):
    """One line: when it happened, when it was taken in (both milliseconds), and its text."""

    at_ms: int
    ingested_ms: int
    text: str


class Position(NamedTuple):
    """A place between events of a stream: before the event that comes after `offset` others of a chunk."""

    chunk: int
    offset: int


class Found(NamedTuple):
    """An event, its stream, and the place before it."""

    event: Event
    stream: str
    position: Position


class Group(msgspec.Struct, kw_only=True):
    """A log group. `stored_bytes` of its streams is summed when asked."""

    name: str
    created_ms: int
    retention_days: int | None = None
    tags: dict[str, str] = {}
    log_class: str = "STANDARD"

    def oldest_ms(self, now_ms: int) -> int:
        """Events before this have expired."""
        return 0 if self.retention_days is None else now_ms - self.retention_days * DAY_MS


class Stream(msgspec.Struct, kw_only=True):
    """A log stream. Its chunks are numbered `first_chunk` … `next_chunk - 1`."""

    group: str
    name: str
    created_ms: int
    first_ms: int | None = None
    """Times of the earliest and the latest event, and when one was last taken in; None while there are none."""
    last_ms: int | None = None
    ingested_ms: int | None = None
    first_chunk: int = 0
    next_chunk: int = 0
    stored_bytes: int = 0


class SubscriptionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What of a group is sent to a destination."""

    group: str
    name: str
    pattern: str
    destination: str
    """An ARN."""
    role: str = ""
    distribution: str = "ByLogStream"
    created_ms: int


class Held:
    """A stream in memory: its record, the chunk that grows (None: the next event opens one), the times of chunks."""

    __slots__ = ("growing", "growing_bytes", "record", "scope", "spans")

    def __init__(self, scope: Scope, record: Stream) -> None:
        self.scope = scope
        self.record = record
        self.growing: list[Event] | None = None
        self.growing_bytes = 0
        self.spans: dict[int, tuple[int, int]] = {}
        """Least and greatest time of the events of a full chunk, once it has been read."""


class Shelf:
    """A group in memory with its streams."""

    __slots__ = ("group", "scope", "streams")

    def __init__(self, scope: Scope, group: Group) -> None:
        self.scope = scope
        self.group = group
        self.streams: dict[str, Held] = {}


def group_key(scope: Scope, group: str) -> str:
    return f"logs/{scope.account}/{scope.region}/group/{group}"


def stream_key(scope: Scope, group: str, stream: str) -> str:
    # Neither name may contain a colon.
    return f"logs/{scope.account}/{scope.region}/stream/{group}:{stream}"


def filter_key(scope: Scope, group: str, name: str) -> str:
    return f"logs/{scope.account}/{scope.region}/filter/{group}:{name}"


def chunk_key(scope: Scope, group: str, stream: str, number: int) -> str:
    # Under a prefix of their own, so that starting reads no lines.
    return f"loglines/{scope.account}/{scope.region}/{group}:{stream}:{number:010}"


def event_id(stream: str, place: Position) -> str:
    """The same digits for the same event; decimal, as on AWS."""
    return f"{int.from_bytes(stream.encode()[-12:]):029}{place.chunk:010}{place.offset:06}"
