"""Running code: environments, the pool that owns them, and what runs inside.

Nouns: a `Spec` says all that is needed to start code; an *environment* is one sandboxed process (tree) started from
one spec, serving one invocation at a time; the *pool* decides which environment serves which invocation. Data flows
from `functions/` through `Pool.invoke` to an environment and back. Start with this page, then `environment.py` (states
and guarantees), `pool.py`, `evict.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

Family = Literal["python", "node", "provided"]


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to start an environment. Equal `key`s may share environments; a changed key retires them."""

    key: str
    """Identity of the pool's group: qualified function ARN plus a revision that changes with code or configuration."""
    arn: str
    """Function ARN without qualifier."""
    name: str
    version: str
    family: Family
    runtime: str
    """As declared, e.g. `python3.12`."""
    handler: str
    code: Path
    """A directory; appears read-only at /var/task."""
    layers: tuple[Path, ...] = ()
    """Directories; merged in order at /opt, later ones over earlier ones."""
    environment: Mapping[str, str]
    """The whole environment of the process as AWS defines it, AWS_* variables included."""
    memory_mb: int = 128
    timeout_ms: int = 3000
    ephemeral_mb: int = 512
    log_group: str = ""
    reserved: int | None = None
    """Most environments at once; None for no limit of its own."""


class Invoke(msgspec.Struct, frozen=True, kw_only=True):
    """One event for a function."""

    request_id: str
    payload: bytes
    invoked_arn: str
    client_context: bytes = b""
    trace_id: str = ""
    streaming: bool = False
    """The caller can take the answer in chunks (`on_chunk` is given)."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one event. `error` is None, or `Handled`/`Unhandled` with AWS's error document as the payload."""

    payload: bytes
    error: Literal["Handled", "Unhandled"] | None = None
    content_type: str = "application/json"
    cold: bool = False
    init_ms: float | None = None
    """Given for the invocation that waited for the environment's initialisation."""
    duration_ms: float = 0.0
    billed_ms: int = 0
    max_memory_mb: int = 0
    status: str | None = None
    """`timeout` or `error` as in AWS's REPORT line, None where all went well."""
    log_stream: str = ""
    log: Sequence[str] = ()
    """The lines of this invocation, START, END and REPORT included."""


class Throttled(Exception):
    """No environment may be started for this invocation: a limit on concurrency is reached."""


OnChunk = Callable[[bytes], None]
Line = tuple[int, str]
"""When it was printed (milliseconds), and a line without its newline."""


class OnLog(Protocol):
    def __call__(self, spec: Spec, stream: str, request_id: str, lines: Sequence[Line], /) -> None:
        """Called with (spec, log stream, request id or '', lines) as lines appear."""
        ...


class Invoker(Protocol):
    """What `functions/` needs of the pool."""

    async def invoke(self, spec: Spec, invoke: Invoke, on_chunk: OnChunk | None = None) -> Finished:
        """Run one event. Raises Throttled. Errors of the function's own are in the answer, not raised.

        `on_chunk` gets the parts of a streamed answer, the first one being the prelude as the runtime sent it.
        """
        ...

    def orphaned(self, request_id: str, told: Callable[[Finished], None]) -> None:
        """After `invoke` was cancelled: the event runs on in its environment; say when it ends what came of it.

        Nothing is told of an event that had not begun; it does not run.
        """
        ...

    def retire(self, key: str) -> None:
        """Let environments of this spec finish what they do and start no more."""
        ...

    async def close(self, deadline_s: float) -> None: ...
