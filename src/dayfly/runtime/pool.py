"""The pool: which environment serves which invocation. The shell around `roster.py`.

`invoke` asks the roster; where no environment is idle the ticket waits and a start begins, as many at a time as the
limit says. Whichever environment becomes idle first serves the oldest ticket of its group. Starts are tasks of the
pool's own: a caller that goes away leaves a ready environment behind, never a half-made one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dayfly.clock import Clock, Timer
from dayfly.errors import Error, Unavailable
from dayfly.ids import Ids
from dayfly.runtime import Family, Finished, Invoke, Line, OnChunk, OnLog, Spec, code, sdk
from dayfly.runtime.channel import Channel
from dayfly.runtime.endpoint import ApiChannel
from dayfly.runtime.environment import Environment, Ticket
from dayfly.runtime.evict import Idle, choose
from dayfly.runtime.launch import Isolation, Launcher, Seat
from dayfly.runtime.roster import Roster

_log = logging.getLogger(__name__)
_EVICT_EVERY_MS = 5_000
_WATCH_EVERY_MS = 250
_LAST_WORDS_S = 1.0
_SHARED_MB = 48
"""What a process counts as resident but shares with the zygote, roughly."""


def _no_log(_spec: Spec, _stream: str, _request_id: str, _lines: Sequence[Line], /) -> None:
    return None


class Pool:
    """Implements `Invoker`.

    `directory` is scratch space of this process, `cache` may be shared and kept. `visible` are paths that environments
    see, read-only, at their own place (certificates); `ca_bundle` is one that Node trusts besides its own.
    `before` is called once, in a thread, before the first process is started: it makes what is `visible`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        directory: Path,
        cache: Path,
        on_log: OnLog = _no_log,
        isolation: Isolation = "auto",
        idle_ms: int = 600_000,
        memory_budget_mb: int = 4096,
        max_environments: int = 1000,
        max_active: int = 1000,
        max_starting: int | None = None,
        seats: Mapping[Family, int] | None = None,
        visible: Sequence[Path] = (),
        ca_bundle: Path | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._cache = cache
        self._on_log = on_log
        self._idle_ms = idle_ms
        self._memory_budget_mb = memory_budget_mb
        starting = max_starting or 2 * (os.cpu_count() or 2)
        self._roster: Roster[Environment, Ticket] = Roster(
            max_starting=starting, max_environments=max_environments, max_active=max_active
        )
        self._launcher = Launcher(
            directory=directory,
            cache=cache,
            isolation=isolation,
            seats=dict(seats) if seats is not None else None,
            visible=visible,
            ca_bundle=ca_bundle,
            before=before,
        )
        self._specs: dict[str, Spec] = {}
        self._groups: dict[Environment, Sequence[str]] = {}
        self._prepared: dict[str, asyncio.Task[Path | None]] = {}
        self._starts: set[asyncio.Task[None]] = set()
        self._evict_timer: Timer | None = None
        self._watched: set[Environment] = set()
        self._watch_timer: Timer | None = None
        self._said_watching = False
        self._orphans: dict[str, Ticket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drained: asyncio.Event = asyncio.Event()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pool {self._roster!r}>"

    async def start(self) -> None:
        """Make the scratch directory; processes are started on first use."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._cache.mkdir(parents=True, exist_ok=True)

    async def warm(self, family: Family) -> None:
        """Have processes of this family waiting, so that the first cold start is a quick one."""
        await self._launcher.warm(family)

    async def invoke(self, spec: Spec, invoke: Invoke, on_chunk: OnChunk | None = None) -> Finished:
        """Run one event. Raises Throttled at a limit, Unavailable where no environment can be started."""
        if self._closed:
            raise Unavailable("the platform is stopping")
        # Kept, because asking for the running loop is a system call in this Python (it looks whether we forked).
        loop = self._loop = self._loop or asyncio.get_running_loop()
        ticket = Ticket(spec, invoke, on_chunk, loop.create_future())
        environment = self._roster.request(spec.key, spec.reserved, ticket)
        if environment is not None:
            environment.begin(ticket)
        else:
            self._specs[spec.key] = spec
            self._start_wanted()
        try:
            return await ticket.done
        except asyncio.CancelledError:
            if not self._roster.abandon(spec.key, ticket):
                self._orphans[invoke.request_id] = ticket
            raise

    def orphaned(self, request_id: str, told: Callable[[Finished], None]) -> None:
        ticket = self._orphans.pop(request_id, None)
        if ticket is not None:
            ticket.orphaned = told

    def retire(self, key: str) -> None:
        for environment in self._roster.retire(key):
            environment.kill()
        self._forget_key(key)

    async def close(self, deadline_s: float) -> None:
        """Take no more invocations, let those under way end, then end all processes."""
        self._closed = True
        for timer in (self._evict_timer, self._watch_timer):
            if timer is not None:
                timer.cancel()
        await self._until(lambda: not self._roster.active, deadline_s)
        for task in self._starts:
            task.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        for environment in self._roster.environments():
            environment.kill()
        # What was running says its last words, and is metered, before whoever keeps that stops, too.
        await self._until(lambda: not self._roster.environments(), _LAST_WORDS_S)
        await self._launcher.close()

    async def _until(self, done: Callable[[], bool], deadline_s: float) -> None:
        """Wait until something holds that an environment's end or idleness brings about."""
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        while not done() and loop.time() < until:
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), until - loop.time())
            except TimeoutError:
                break

    def stats(self) -> dict[str, Any]:
        groups = {
            group.key: {
                "idle": len(group.idle),
                "busy": len(group.busy),
                "starting": group.starting,
                "waiting": len(group.waiting),
            }
            for group in self._roster.groups.values()
        }
        return {
            "isolation": self._launcher.isolation,
            "cgroups": self._launcher.cgroups.version,
            "active": self._roster.active,
            "starting": self._roster.starting,
            "environments": len(self._roster.environments()),
            "seats": self._launcher.waiting,
            "groups": groups,
        }

    def environments(self) -> list[Environment]:
        """All there are, for looking at."""
        return self._roster.environments()

    # Starting

    def _start_wanted(self) -> None:
        if self._closed:
            return
        while (key := self._next_start()) is not None:
            task = asyncio.get_running_loop().create_task(self._start(self._specs[key]), name=f"start {key}")
            self._starts.add(task)
            task.add_done_callback(self._starts.discard)

    def _next_start(self) -> str | None:
        key = self._roster.next_start()
        if key is None and self._roster.full and self._roster.wanting and self._evict_one():
            key = self._roster.next_start()
        return key

    async def _start(self, spec: Spec) -> None:
        try:
            opt = await self._prepare(spec)
            seat = await self._launcher.take(spec, opt)
            environment = self._environment(spec, seat, opt)
        except BaseException as error:
            ticket = self._roster.start_failed(spec.key)
            if ticket is not None and not ticket.done.done():
                cause = error if isinstance(error, Error) else Unavailable(f"no environment could be started: {error}")
                ticket.done.set_exception(cause)
            if not isinstance(error, (Error, OSError)):
                raise
            _log.warning("No environment for %s: %s", spec.name, error)
            self._start_wanted()
            return
        self._groups[environment] = seat.groups
        ticket = self._roster.started(spec.key, environment)
        if ticket is not None:
            environment.begin(ticket)
        elif self._roster.leaves(environment):
            environment.kill()
        elif self._evict_timer is None:
            self._evict_later()
        if seat.late or self._launcher.cgroups.version == 0:
            self._watched.add(environment)
            if self._watch_timer is None:
                self._watch_later()
        self._start_wanted()

    async def _prepare(self, spec: Spec) -> Path | None:
        """Once for each spec: layers merged, SDK packages at hand. The directory for /opt, if any."""
        task = self._prepared.get(spec.key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.get_running_loop().create_task(self._prepare_once(spec), name=f"prepare {spec.key}")
            self._prepared[spec.key] = task
        return await asyncio.shield(task)

    async def _prepare_once(self, spec: Spec) -> Path | None:
        if spec.family == "node":
            await sdk.prepare_node_sdk(spec.code, cache=self._cache)
        if not spec.layers:
            return None
        if len(spec.layers) == 1:
            return spec.layers[0]
        return await asyncio.to_thread(code.merge_layers, spec.layers, self._directory / "layers", spec.key)

    def _environment(self, spec: Spec, seat: Seat, opt: Path | None) -> Environment:
        stream = f"{_day(self._clock.now_ms())}/[{spec.version}]{self._ids.uuid().replace('-', '')}"
        isolated = self._launcher.isolation == "namespace"
        task = "/var/task" if isolated else str(spec.code)
        opt_seen = "" if opt is None else "/opt" if isolated else str(opt)
        description = {
            "name": spec.name,
            "version": spec.version,
            "runtime": spec.runtime,
            "handler": spec.handler,
            "memory_mb": spec.memory_mb,
            "log_group": spec.log_group or f"/aws/lambda/{spec.name}",
            "log_stream": stream,
            "task": task,
            "opt": opt_seen,
            "node_modules": str(self._launcher.node_modules),
            "env": self._variables(spec, stream, task, opt_seen),
        }
        channel: Channel = seat.channel
        if spec.family == "provided":
            channel = ApiChannel(seat.channel)
        environment = Environment(
            spec,
            child=seat.child,
            channel=channel,
            log=seat.log,
            log_stream=stream,
            clock=self._clock,
            on_log=self._on_log,
            on_free=self._freed,
            on_dead=self._died,
        )
        environment.initialise(description)
        return environment

    def _variables(self, spec: Spec, stream: str, task: str, opt: str) -> dict[str, str]:
        defaults = {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": f"/usr/local/bin:/usr/bin:/bin:{opt or '/opt'}/bin",
            "LD_LIBRARY_PATH": f"{task}:{task}/lib:{opt or '/opt'}/lib",
            "_HANDLER": spec.handler,
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group or f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        }
        own = {"AWS_LAMBDA_LOG_STREAM_NAME": stream, "LAMBDA_TASK_ROOT": task}
        if spec.family == "node":
            paths = [f"{opt}/nodejs/node20/node_modules", f"{opt}/nodejs/node_modules"] if opt else []
            own["NODE_PATH"] = ":".join([*paths, str(self._launcher.node_modules)])
        return defaults | dict(spec.environment) | own

    # What environments tell

    def _freed(self, environment: Environment) -> None:
        ticket = self._roster.release(environment)
        if ticket is not None:
            environment.begin(ticket)
        elif self._roster.leaves(environment):
            environment.kill()
        elif self._evict_timer is None:
            self._evict_later()
        if self._roster.wanting:
            self._start_wanted()
        if self._closed:
            self._drained.set()

    def _died(self, environment: Environment) -> None:
        self._roster.gone(environment)
        self._watched.discard(environment)
        self._launcher.cgroups.discard(self._groups.pop(environment, ()))
        self._forget_key(environment.spec.key)
        self._start_wanted()
        if self._closed:
            self._drained.set()

    def _forget_key(self, key: str) -> None:
        if key not in self._roster.groups:
            self._specs.pop(key, None)
            self._prepared.pop(key, None)

    # Memory, where control groups do not hold the limit (yet)

    def _watch_later(self) -> None:
        if self._launcher.cgroups.version == 0 and not self._said_watching:
            self._said_watching = True
            _log.warning("Memory limits are watched, not enforced at once: no memory control group may be made here.")
        self._watch_timer = self._clock.at(self._clock.now_ms() + _WATCH_EVERY_MS, self._watch)

    def _watch(self) -> None:
        self._watch_timer = None
        for environment in list(self._watched):
            if environment.state == "busy" and environment.resident_mb() > environment.spec.memory_mb + _SHARED_MB:
                environment.kill()
        if self._watched and not self._closed:
            self._watch_later()

    # Eviction

    def _evict_later(self) -> None:
        if not self._closed:
            self._evict_timer = self._clock.at(self._clock.now_ms() + min(_EVICT_EVERY_MS, self._idle_ms), self._evict)

    def _evict(self) -> None:
        self._evict_timer = None
        idle = self._idle()
        used_mb = sum(environment.memory_mb for environment in self._roster.environments())
        going = choose(
            idle, now_ms=self._clock.now_ms(), idle_ms=self._idle_ms, used_mb=used_mb, budget_mb=self._memory_budget_mb
        )
        for environment in going:
            environment.kill()
        if len(idle) > len(going):
            self._evict_later()

    def _evict_one(self) -> bool:
        """Make room for another group: the longest idle environment goes."""
        idle = self._idle()
        if not idle:
            return False
        min(idle, key=lambda entry: entry.since_ms).environment.kill()
        return True

    def _idle(self) -> list[Idle[Environment]]:
        return [
            Idle(environment=environment, since_ms=environment.idle_since_ms, memory_mb=environment.memory_mb)
            for group in self._roster.groups.values()
            for environment in group.idle
            if environment.state != "initialising"
        ]


def _day(now_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y/%m/%d")
