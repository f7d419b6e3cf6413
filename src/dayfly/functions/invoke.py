"""An event's way to a function and back: resolve the name, run it in the pool, record what came of it.

The warm path is one dictionary look-up, the pool, and two buffered notes (meter and logs).
"""

from __future__ import annotations

import base64
from asyncio import CancelledError
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from dayfly.clock import Clock
from dayfly.functions.catalogue import Catalogue
from dayfly.functions.concurrency import InFlight
from dayfly.functions.environment import Specs
from dayfly.functions.errors import FunctionNotFound, RequestTooLarge, TooManyRequests
from dayfly.functions.model import MIB, Alias
from dayfly.functions.names import LATEST, FunctionName, read_function
from dayfly.identity import Scope, parse_arn
from dayfly.ids import Ids
from dayfly.meter import Invocation
from dayfly.runtime import Finished, Invoke, Invoker, OnChunk, Spec, Throttled

SYNC_LIMIT = 6 * MIB
ASYNC_LIMIT = 1 * MIB
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
LOG_TAIL = 4096


class Recorder(Protocol):
    """What is needed of the meter."""

    def invoked(self, scope: Scope, invocation: Invocation) -> None: ...


class LogWriter(Protocol):
    """What is needed of the logs."""

    def write(self, scope: Scope, group: str, stream: str, lines: Sequence[tuple[int, str]]) -> None: ...


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller learns. With `error`, the payload is AWS's error document."""

    payload: bytes
    error: Literal["Handled", "Unhandled"] | None
    request_id: str
    executed_version: str
    content_type: str
    cold: bool
    duration_ms: float
    billed_ms: int
    log: Sequence[str]

    def log_result(self) -> str:
        """The last 4 KB of the log, in base64, as `LogResult` has it."""
        text = "".join(f"{line}\n" for line in self.log).encode()
        return base64.b64encode(text[-LOG_TAIL:]).decode()


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved name: what to start, and what the function is told it was called as."""

    scope: Scope
    spec: Spec
    invoked_arn: str
    reserved: int | None
    meter_name: str


class Invocations:
    def __init__(
        self,
        *,
        catalogue: Catalogue,
        specs: Specs,
        clock: Clock,
        ids: Ids,
        invoker: Invoker,
        logs: LogWriter,
        meter: Recorder,
    ) -> None:
        self._catalogue = catalogue
        self._specs = specs
        self._clock = clock
        self._ids = ids
        self._invoker = invoker
        self._logs = logs
        self._meter = meter
        self._in_flight = InFlight()
        self._targets: dict[tuple[Scope, str, str | None], tuple[Target, ...]] = {}
        self._weights: dict[tuple[Scope, str, str | None], float] = {}
        self._specs_by_version: dict[tuple[str, str], Spec] = {}
        self._edits = -1

    async def invoke(
        self,
        scope: Scope,
        name: str,
        payload: bytes,
        *,
        source: str,
        qualifier: str | None = None,
        client_context: bytes = b"",
        trace_id: str = "",
        on_chunk: OnChunk | None = None,
        request_id: str | None = None,
    ) -> Outcome:
        """Run one event now. Raises FunctionNotFound, TooManyRequests, RequestTooLarge."""
        if len(payload) > SYNC_LIMIT:
            raise RequestTooLarge(
                f"{len(payload)} byte payload is too large for the RequestResponse invocation type "
                f"(limit {SYNC_LIMIT} bytes)"
            )
        target = self.resolve(scope, name, qualifier)
        event_id = request_id or self._ids.uuid()
        at_ms = self._clock.now_ms()
        event = Invoke(
            request_id=event_id,
            payload=payload,
            invoked_arn=target.invoked_arn,
            client_context=client_context,
            trace_id=trace_id or _trace_of(event_id, at_ms),
            streaming=on_chunk is not None,
        )
        try:
            if target.reserved is None:
                finished = await self._invoker.invoke(target.spec, event, on_chunk)
            else:
                finished = await self._reserved(target, target.reserved, event, on_chunk)
        except Throttled as throttled:
            raise TooManyRequests from throttled
        except CancelledError:
            # Whoever asked is gone; the function runs on, and is metered all the same.
            self._invoker.orphaned(
                event_id,
                lambda late: self._meter.invoked(target.scope, _metered(target, event_id, at_ms, source, late)),
            )
            raise
        self._meter.invoked(target.scope, _metered(target, event_id, at_ms, source, finished))
        return Outcome(
            payload=finished.payload,
            error=finished.error,
            request_id=event_id,
            executed_version=target.spec.version,
            content_type=finished.content_type,
            cold=finished.cold,
            duration_ms=finished.duration_ms,
            billed_ms=finished.billed_ms,
            log=finished.log,
        )

    async def _reserved(self, target: Target, most: int, event: Invoke, on_chunk: OnChunk | None) -> Finished:
        self._in_flight.enter(target.spec.arn, most)
        try:
            return await self._invoker.invoke(target.spec, event, on_chunk)
        finally:
            self._in_flight.leave(target.spec.arn)

    def resolve(self, scope: Scope, name: str, qualifier: str | None = None) -> Target:
        """What this name stands for now; of an alias with two versions, one by its weight. Raises FunctionNotFound."""
        if self._edits != self._catalogue.edits:
            self._targets.clear()
            self._edits = self._catalogue.edits
        key = (scope, name, qualifier)
        targets = self._targets.get(key)
        if targets is None:
            targets = self._targets[key] = self._resolved(key)
        if len(targets) == 1:
            return targets[0]
        return targets[1] if self._ids.fraction() < self._weights[key] else targets[0]

    def forget(self, arn: str) -> None:
        """Let environments of this function's known versions finish, and build its specs anew."""
        self._edits = -1
        for known in [key for key in self._specs_by_version if key[0] == arn]:
            self._invoker.retire(self._specs_by_version.pop(known).key)

    def refresh(self) -> list[str]:
        """Retire what is no longer as it was started; answers the names of the functions."""
        self._edits = -1
        stale = []
        for (arn, version), spec in list(self._specs_by_version.items()):
            held = self._catalogue.find(parse_arn(arn).scope, spec.name)
            configuration = held.versions.get(version) if held else None
            if held is None or configuration is None or self._specs.key(held, configuration) != spec.key:
                del self._specs_by_version[arn, version]
                self._invoker.retire(spec.key)
                stale.append(spec.name)
        return sorted(set(stale))

    def _resolved(self, key: tuple[Scope, str, str | None]) -> tuple[Target, ...]:
        scope, text, qualifier = key
        name = read_function(scope, text, qualifier)
        held = self._catalogue.get(name)
        alias = held.function.aliases.get(name.qualifier or LATEST)
        if alias is None:
            return (self._target(name, name.qualifier or LATEST),)
        targets = (self._target(name, alias.version), *(self._target(name, version) for version in alias.weights))
        self._weights[key] = _share(alias)
        return targets

    def _target(self, name: FunctionName, version: str) -> Target:
        held = self._catalogue.get(name)
        configuration = held.versions.get(version)
        if configuration is None:
            raise FunctionNotFound(name.arn)
        key = (held.arn, version)
        spec = self._specs_by_version.get(key)
        if spec is None or spec.key != self._specs.key(held, configuration) or spec.reserved != held.function.reserved:
            spec = self._specs_by_version[key] = self._specs.build(held, configuration)
            self._say_missing(held.scope, spec, self._specs.missing_layers(configuration))
        return Target(
            scope=held.scope,
            spec=spec,
            invoked_arn=name.arn,
            reserved=held.function.reserved,
            meter_name=held.name,
        )

    def _say_missing(self, scope: Scope, spec: Spec, layers: list[str]) -> None:
        for arn in layers:
            line = f"dayfly: layer {arn} belongs to another account and was not published here; running without it"
            self._logs.write(scope, spec.log_group, "dayfly", [(self._clock.now_ms(), line)])


def _share(alias: Alias) -> float:
    return next(iter(alias.weights.values()), 0.0)


def _trace_of(request_id: str, at_ms: int) -> str:
    digits = request_id.replace("-", "")
    return f"Root=1-{at_ms // 1000:08x}-{digits[:24]};Parent={digits[16:32]};Sampled=0"


def _metered(target: Target, request_id: str, at_ms: int, source: str, finished: Finished) -> Invocation:
    return Invocation(
        request_id=request_id,
        function=target.meter_name,
        at=at_ms,
        source=source,
        cold=finished.cold,
        init_ms=finished.init_ms,
        duration_ms=finished.duration_ms,
        billed_ms=finished.billed_ms,
        memory_mb=target.spec.memory_mb,
        max_memory_mb=finished.max_memory_mb,
        error=finished.error,
    )
