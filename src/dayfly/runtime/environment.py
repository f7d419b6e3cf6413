"""One environment: states, guarantees, and the conversation with the process inside.

| state        | what holds                                           | leaves by                                   |
| ------------ | ---------------------------------------------------- | ------------------------------------------- |
| initialising | the process has its description; it loads the code   | done → idle or busy; failure, 10 s → dead   |
| idle         | ready; nothing of an earlier event is pending        | event → busy; 100 ms → frozen               |
| busy         | belongs to exactly one invocation, `current`         | answer → idle; timeout, exit → dead         |
| frozen       | the process tree is stopped, it uses no CPU time     | event → busy (continued before the event)   |
| dead         | killed or ended; its invocation has been answered    |                                             |

Guarantees. An environment serves one invocation at a time. Every invocation given to `begin` is answered exactly once,
whatever happens to the process. All lines that it printed before it answered come before its END line. A caller that
goes away does not disturb the environment. A dead environment never comes back.

An event may be given while the code is still being loaded: it is sent at once and waits inside, so a cold start
costs no extra round trip.

Lines are handed on as they are printed; a START line goes with what follows it, or by itself where nothing follows
soon: most invocations print nothing and end within a moment, and are handed on once instead of twice.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from dayfly.clock import Clock
from dayfly.runtime import Finished, Invoke, Line, OnChunk, OnLog, Spec, report
from dayfly.runtime.channel import Channel, Listener
from dayfly.runtime.lines import Lines
from dayfly.runtime.zygote import Child

INIT_LIMIT_MS = 10_000
FREEZE_AFTER_S = 0.1
TELL_AFTER_S = 0.1
"""A START line waits this long for another line to go with."""
INIT_MARK = "\x1edayfly-initialised"
"""A line that a bootstrap prints when the code is loaded: it parts the lines of the initialisation from the event's."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DRAIN_BYTES = 1 << 20
_KEPT_LOG_BYTES = 64 << 10
State = Literal["initialising", "idle", "busy", "frozen", "dead"]


class Ticket:
    """One invocation on its way through the pool: its answer is `done`."""

    __slots__ = (
        "bytes",
        "cold",
        "done",
        "fresh",
        "init_ms",
        "invoke",
        "lines",
        "on_chunk",
        "orphaned",
        "parts",
        "spec",
        "started_ns",
    )

    def __init__(self, spec: Spec, invoke: Invoke, on_chunk: OnChunk | None, done: asyncio.Future[Finished]) -> None:
        self.spec = spec
        self.invoke = invoke
        self.on_chunk = on_chunk
        self.done = done
        self.orphaned: Callable[[Finished], None] | None = None
        """Told instead, where whoever waited was cancelled."""
        self.parts: list[bytes] = []
        self.started_ns = 0
        self.cold = False
        self.init_ms: float | None = None
        self.lines: list[str] = []
        """For the answer; of a flood only the end."""
        self.bytes = 0
        self.fresh: list[Line] = []
        """What has not been handed on yet."""

    def keep(self, at_ms: int, line: str) -> None:
        """A line of this invocation."""
        self.fresh.append((at_ms, line))
        self.lines.append(line)
        self.bytes += len(line)
        if self.bytes > 2 * _KEPT_LOG_BYTES:
            self.shorten()

    def shorten(self) -> None:
        """Forget the first lines of a flood."""
        first = 0
        while self.bytes > _KEPT_LOG_BYTES and first < len(self.lines) - 1:
            self.bytes -= len(self.lines[first])
            first += 1
        del self.lines[:first]

    def __repr__(self) -> str:
        return f"<Ticket {self.invoke.request_id}>"


class Environment(Listener):
    def __init__(
        self,
        spec: Spec,
        *,
        child: Child,
        channel: Channel,
        log: int,
        log_stream: str,
        clock: Clock,
        on_log: OnLog,
        on_free: Callable[[Environment], None],
        on_dead: Callable[[Environment], None],
    ) -> None:
        self.spec = spec
        self.log_stream = log_stream
        self.state: State = "initialising"
        self.current: Ticket | None = None
        self.idle_since_ms = clock.now_ms()
        self.memory_mb = 0
        """The most it used so far, sampled at most once a second."""
        self._child = child
        self._channel = channel
        self._log = log
        self._clock = clock
        self._on_log = on_log
        self._on_free = on_free
        self._on_dead = on_dead
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._init_ms: float | None = None
        self._served = False
        self._failed = False
        self._marked = False
        self._ending = False
        self._sampled_s = 0.0
        self._deadline_s = self._loop.time() + INIT_LIMIT_MS / 1000
        self._idle_since_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = 0.0
        self._wake_at(self._deadline_s)
        os.set_blocking(log, False)
        self._loop.add_reader(log, self._read_log)
        channel.listener = self
        child.on_exit = self._exited

    def __repr__(self) -> str:
        serving = f" serving {self.current.invoke.request_id}" if self.current is not None else ""
        return f"<Environment {self.spec.name} {self._child.pid} {self.state}{serving}>"

    @property
    def pid(self) -> int:
        return self._child.pid

    def resident_mb(self) -> float:
        """What the process has in memory now, shared pages included; 0 where that cannot be read."""
        try:
            return int(Path(f"/proc/{self._child.pid}/statm").read_bytes().split()[1]) * _PAGE / (1 << 20)
        except OSError:
            return 0.0

    # What the pool asks

    def initialise(self, description: dict[str, object]) -> None:
        self._write([f"INIT_START Runtime Version: {self.spec.runtime}"])
        self._channel.describe(description)

    def begin(self, ticket: Ticket) -> None:
        """Serve this invocation; the answer goes to `ticket.done`."""
        assert self.current is None, f"{self!r} is busy"
        assert self.state != "dead", f"{self!r} is dead"
        if self.state == "frozen":
            self._child.resume()
        self.current = ticket
        ticket.cold, self._served = not self._served, True
        # Sent first: the process works on it while we do our bookkeeping.
        self._channel.event(ticket.invoke, self.spec.timeout_ms)
        if self.state != "initialising" or self._marked:
            ticket.init_ms, self._init_ms = self._init_ms, None
            self._start(ticket)

    def kill(self) -> None:
        """End the process tree now. An invocation under way is answered as for a process that was killed."""
        if self.state == "dead":
            return
        if self.state == "frozen":
            self._child.resume()
        self._child.kill()
        if self.current is None:
            self._die()

    # What the channel tells

    def initialised(self, ok: bool, init_us: int) -> None:
        self._read_log()
        self._init_ms = init_us / 1000
        self._failed = not ok
        ticket = self.current
        if ticket is None:
            self._become_idle()
            return
        ticket.init_ms, self._init_ms = self._init_ms, None
        if self.state == "initialising":
            self._start(ticket)

    def chunk(self, body: bytes) -> None:
        ticket = self.current
        if ticket is None:
            return
        if ticket.on_chunk is None:
            ticket.parts.append(body)  # the caller takes the answer in one piece
        elif not ticket.done.done():
            ticket.on_chunk(body)

    def fatal(self, payload: bytes) -> None:
        self._failed = True
        self.answered(payload, "Unhandled", "application/json")

    def answered(
        self, payload: bytes, error: Literal["Unhandled"] | None, content_type: str, *, quiet: bool = False
    ) -> None:
        if not quiet:
            self._read_log()
        if rest := self._lines.end():
            self._printed(rest)
        ticket = self.current
        if ticket is None:
            return  # a late answer of a runtime that answers twice
        if ticket.parts:
            payload = payload if error else b"".join(ticket.parts)
        status = "error" if self._failed else None
        self._finish(ticket, payload, error, status, content_type)
        if self._failed or self._ending:
            self._child.kill()
            self._die()
            return
        self.current = None
        self._become_idle()
        self._on_free(self)

    def closed(self) -> None:
        """The process closed its end: it is ending, or as good as dead."""
        if self.state != "dead":
            self._child.kill()

    # Inside

    def _start(self, ticket: Ticket) -> None:
        self.state = "busy"
        ticket.started_ns = time.perf_counter_ns()
        now_s = self._loop.time()
        self._deadline_s = now_s + self.spec.timeout_ms / 1000
        self._wake_at(min(self._deadline_s, now_s + TELL_AFTER_S))
        ticket.keep(self._clock.now_ms(), f"START RequestId: {ticket.invoke.request_id} Version: {self.spec.version}")

    def _become_idle(self) -> None:
        self.state = "idle"
        self.idle_since_ms = self._clock.now_ms()
        self._idle_since_s = self._loop.time()
        self._wake_at(self._idle_since_s + FREEZE_AFTER_S)

    def _finish(
        self, ticket: Ticket, payload: bytes, error: Literal["Unhandled"] | None, status: str | None, content_type: str
    ) -> None:
        now_ns = time.perf_counter_ns()
        duration_ms = (now_ns - ticket.started_ns) / 1e6 if ticket.started_ns else 0.0
        if status == "timeout":
            duration_ms = max(duration_ms, float(self.spec.timeout_ms)) if ticket.started_ns else 0.0
        if now_ns / 1e9 - self._sampled_s > 1:
            self._sampled_s = now_ns / 1e9
            self._sample_memory()
        request_id = ticket.invoke.request_id
        billed_ms = report.billed_ms(duration_ms, ticket.init_ms)
        memory = self.spec.memory_mb, self.memory_mb
        at_ms = self._clock.now_ms()
        ticket.keep(at_ms, f"END RequestId: {request_id}")
        ticket.keep(at_ms, report.report_line(request_id, duration_ms, billed_ms, *memory, ticket.init_ms, status))
        ticket.shorten()
        self._hand_on(ticket)
        finished = Finished(
            payload=payload,
            error=error,
            content_type=content_type,
            cold=ticket.cold,
            init_ms=ticket.init_ms,
            duration_ms=duration_ms,
            billed_ms=billed_ms,
            max_memory_mb=self.memory_mb,
            status=status,
            log_stream=self.log_stream,
            log=ticket.lines,
        )
        if not ticket.done.done():
            ticket.done.set_result(finished)
        elif ticket.orphaned is not None:
            ticket.orphaned(finished)  # the caller went away

    def _wake_at(self, due_s: float) -> None:
        """Have `_tick` called by then. One timer serves all purposes and is seldom moved: a hot loop pays nothing."""
        if self._timer is not None:
            if self._timer_due_s <= due_s:
                return
            self._timer.cancel()
        # The due time is kept here: what uvloop gives for a moment that is already past cannot tell it.
        self._timer = self._loop.call_at(due_s, self._tick)
        self._timer_due_s = due_s

    def _tick(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        if self.state in ("busy", "initialising"):
            if now_s >= self._deadline_s:
                self._time_out()
            else:
                if self.current is not None:
                    self._hand_on(self.current)
                self._wake_at(self._deadline_s)
        elif self.state == "idle":
            if now_s >= self._idle_since_s + FREEZE_AFTER_S:
                self.state = "frozen"
                self._child.stop()
            else:
                self._wake_at(self._idle_since_s + FREEZE_AFTER_S)

    def _time_out(self) -> None:
        ticket = self.current
        self._read_log()
        self._child.kill()
        if ticket is not None:
            limit_ms = self.spec.timeout_ms if self.state == "busy" else INIT_LIMIT_MS
            payload, line = report.timed_out(ticket.invoke.request_id, limit_ms, self._clock.now_ms())
            self._write([line])
            self._finish(ticket, payload, "Unhandled", "timeout", "application/json")
        self._die()

    def _exited(self, status: int) -> None:
        if self.state == "dead":
            return
        self._ending = True
        self._channel.drain()
        if self._dead():
            return  # the answer found there ended it
        ticket = self.current
        self._read_log()
        self._write(self._lines.end())
        if ticket is not None:
            payload, text = report.exited(ticket.invoke.request_id, status)
            self._write(text.split("\n"))
            self._finish(ticket, payload, "Unhandled", "error", "application/json")
        self._die()

    def _dead(self) -> bool:
        return self.state == "dead"

    def _die(self) -> None:
        self.state = "dead"
        self.current = None
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._log)
        os.close(self._log)
        self._channel.close()
        self._on_dead(self)

    def _read_log(self) -> None:
        """Take what was printed, at most what the pipe can hold at once: a flood is slowed by the full pipe."""
        taken = 0
        while taken < _DRAIN_BYTES:
            try:
                data = os.read(self._log, 65536)
            except (BlockingIOError, InterruptedError):
                return
            if not data:
                self._loop.remove_reader(self._log)
                return
            taken += len(data)
            self._printed(self._lines.feed(data))
            if len(data) < 4096:
                return

    def _printed(self, lines: list[str]) -> None:
        ticket = self.current
        if not self._marked and INIT_MARK in lines:
            # The event may be under way inside already: what follows was printed for it, and comes after START.
            mark = lines.index(INIT_MARK)
            self._write(lines[:mark])
            self._marked = True
            if ticket is not None and self.state == "initialising":
                self._start(ticket)
            lines = lines[mark + 1 :]
        self._write(lines)

    def _write(self, lines: Sequence[str]) -> None:
        """Lines that are handed on now."""
        if not lines:
            return
        at_ms = self._clock.now_ms()
        ticket = self.current
        if ticket is None:
            self._on_log(self.spec, self.log_stream, "", [(at_ms, line) for line in lines])
            return
        for line in lines:
            ticket.keep(at_ms, line)
        self._hand_on(ticket)

    def _hand_on(self, ticket: Ticket) -> None:
        if ticket.fresh:
            lines, ticket.fresh = ticket.fresh, []
            self._on_log(self.spec, self.log_stream, ticket.invoke.request_id if ticket.started_ns else "", lines)

    def _sample_memory(self) -> None:
        try:
            status = Path(f"/proc/{self._child.pid}/status").read_bytes()
        except OSError:
            return
        _, found, rest = status.partition(b"VmHWM:")
        if found:
            self.memory_mb = max(self.memory_mb, -(-int(rest.split(None, 1)[0]) // 1024))
