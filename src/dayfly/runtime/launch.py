"""Where environments come from: zygotes, and the seats that wait in front of them.

A *seat* is a forked process, sandboxed already, that has not been told which function it is. A few are kept ready for
each kind of runtime; taking one costs the attaching of code and layers, not a fork. `isolation` says which driver:
`namespace`, `process`, or `auto` (namespaces where they are permitted; else plain processes, said once).
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal

from dayfly.errors import Unavailable, Unsupported
from dayfly.runtime import Family, Spec, names
from dayfly.runtime.cgroup import Cgroups
from dayfly.runtime.channel import FrameChannel
from dayfly.runtime.zygote import SHIM, Child, Zygote, interpreter

_log = logging.getLogger(__name__)
Isolation = Literal["namespace", "process", "auto"]
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_SETUP = ("setuptools", "pkg_resources", "_distutils_hack") if sys.version_info < (3, 12) else ()
"""The managed runtimes up to Python 3.11 have them, and packages of that time import `pkg_resources`."""
_PRELOAD = (
    "json", "urllib.request", "http.client", "logging", "decimal", "datetime", "uuid", "base64", "hashlib", "hmac",
    "email.utils", "concurrent.futures", "asyncio", "boto3", "boto3.session", "boto3.resources.factory",
    "boto3.dynamodb.conditions", "boto3.dynamodb.types", "botocore.session", "botocore.client", "botocore.endpoint",
    "botocore.auth", "botocore.handlers", "botocore.httpsession", "botocore.parsers", "botocore.validate",
    "botocore.retries.standard", "s3transfer.manager", "urllib3",
)  # fmt: skip
_SEATS: dict[Family, int] = {"python": 4, "node": 2, "provided": 1}
_REFILL_AFTER_S = 0.02
_JOIN_AFTER_S = 0.05
_RUNTIME = "/var/runtime"


class Seat:
    """A process waiting for its function."""

    __slots__ = ("channel", "child", "groups", "late", "log")

    def __init__(self, child: Child, channel: FrameChannel, log: int, groups: Sequence[str]) -> None:
        self.child = child
        self.channel = channel
        self.log = log
        self.groups = groups
        self.late = False
        """It joins its control group after its start: until then, and for what it took by then, no limit holds."""

    async def ready(self) -> None:
        await self.child.spawned
        await self.channel.hello

    def discard(self) -> None:
        self.child.kill()
        self.channel.close()
        os.close(self.log)


class Launcher:
    def __init__(
        self,
        *,
        directory: Path,
        cache: Path,
        isolation: Isolation = "auto",
        seats: dict[Family, int] | None = None,
        visible: Sequence[Path] = (),
        ca_bundle: Path | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._cache = cache.absolute()
        self.isolation: Literal["namespace", "process"] = "process" if isolation == "process" else "namespace"
        self._may_fall_back = isolation == "auto"
        self._wanted = {"python": 0, "node": 0, "provided": 0} | (_SEATS if seats is None else seats)
        self._visible = [str(path.absolute()) for path in visible]
        self._ca_bundle = ca_bundle
        self._before = before
        self._zygotes: dict[str, asyncio.Task[Zygote]] = {}
        self._seats: dict[Family, deque[Seat]] = {"python": deque(), "node": deque(), "provided": deque()}
        self._used: set[Family] = set()
        self._refilling: dict[Family, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._taking = 0
        self._to_join: deque[tuple[Seat, int]] = deque()
        self._joining = False
        self._closed = False
        self.cgroups = Cgroups.find(str(os.getpid()))

    async def warm(self, family: Family) -> None:
        """Start the family's zygote and fill its seats."""
        self._used.add(family)
        while len(self._seats[family]) < self._wanted[family]:
            await self._add_seat(family)

    async def take(self, spec: Spec, opt: Path | None) -> Seat:
        """A process with this function's code and layers in place, waiting for its description. Raises Unavailable."""
        self._used.add(spec.family)
        self._taking += 1
        seat: Seat | None = None
        try:
            seat = self._pop(spec.family)
            if seat is None:
                zygote = await self._zygote(spec.family)
                seat = self._spawn(zygote, spec.family, waits=False)
                await seat.ready()
                seat.late = True
                self._to_join.append((seat, spec.memory_mb))
            else:
                zygote = await self._zygote(spec.family)
                self.cgroups.limit(seat.groups, memory_mb=spec.memory_mb)
            if self.isolation == "namespace":
                place = str(opt) if opt is not None else None
                await zygote.fit(seat.child, task=str(spec.code), opt=place, tmp_mb=spec.ephemeral_mb)
            return seat
        except BaseException:
            if seat is not None:
                seat.discard()
            raise
        finally:
            self._taking -= 1
            self._refill_later(spec.family)
            if self._to_join and not self._joining:
                self._joining = True
                self._in_background(self._join(), "join control groups")

    def _pop(self, family: Family) -> Seat | None:
        seats = self._seats[family]
        while seats:
            seat = seats.popleft()
            if seat.child.status is None:
                return seat
            seat.discard()
        return None

    def _refill_later(self, family: Family) -> None:
        if not self._closed and family not in self._refilling and len(self._seats[family]) < self._wanted[family]:
            loop = asyncio.get_running_loop()
            self._refilling[family] = loop.call_later(_REFILL_AFTER_S, self._refill, family)

    def _refill(self, family: Family) -> None:
        del self._refilling[family]
        if self._closed:
            return
        if self._taking:  # whoever waits for a process goes first
            self._refill_later(family)
            return
        self._in_background(self._add_seat_quietly(family), f"refill {family}")

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self) -> None:
        """Put processes started on demand into their groups, once no other start would have to wait for that."""
        while self._to_join:
            await asyncio.sleep(_JOIN_AFTER_S)
            if self._taking:
                continue
            seat, memory_mb = self._to_join.popleft()
            if seat.groups and seat.child.status is None:
                await asyncio.to_thread(self.cgroups.join, seat.groups, seat.child.pid, memory_mb=memory_mb)
            if seat.child.status is not None:
                self.cgroups.discard(seat.groups)
        self._joining = False

    async def _add_seat_quietly(self, family: Family) -> None:
        try:
            await self._add_seat(family)
        except Unavailable as error:
            _log.warning("No environment could be prepared for %s: %s.", family, error)
            return
        self._refill_later(family)

    async def _add_seat(self, family: Family) -> None:
        seat = self._spawn(await self._zygote(family), family, waits=True)
        try:
            await seat.ready()
        except BaseException:
            seat.discard()
            raise
        if self._closed:
            seat.discard()
        else:
            self._seats[family].append(seat)

    def _spawn(self, zygote: Zygote, family: Family, *, waits: bool) -> Seat:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        log_read, log_write = os.pipe()
        os.set_blocking(log_read, False)
        groups = self.cgroups.new(next(self._numbers))
        more: dict[str, Any] = {"tmp_mb": 512, "cgroups": groups if waits else [], "rehearse": waits}
        mode = {"python": "python", "node": "exec", "provided": "custom"}[family]
        if family == "node":
            more |= self._node_command()
        child = zygote.spawn(mode=mode, channel=theirs, log=log_write, **more)
        seat = Seat(child, FrameChannel(ours), log_read, groups)
        child.on_exit = lambda _: None
        return seat

    def _node_command(self) -> dict[str, Any]:
        binary = names.node_binary()
        if binary is None:
            raise Unsupported("Node functions need Node.js: no `node` was found on the PATH")
        # Read by Node when it starts only: too late for the function's own environment.
        environment = {"NODE_EXTRA_CA_CERTS": str(self._ca_bundle)} if self._ca_bundle is not None else {}
        place = _RUNTIME if self.isolation == "namespace" else str(SHIM)
        return {
            "argv": [binary, f"{place}/node_bootstrap.cjs"],
            "env": environment | {"PATH": "/usr/local/bin:/usr/bin:/bin"},
        }

    async def _zygote(self, family: Family) -> Zygote:
        """The running zygote of this family: Python's own, with modules loaded, and a bare one for all else."""
        kind = "python" if family == "python" else "bare"
        task = self._zygotes.get(kind)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.get_running_loop().create_task(self._start_zygote(kind), name=f"zygote {kind}")
            self._zygotes[kind] = task
        return await asyncio.shield(task)

    async def _start_zygote(self, kind: str) -> Zygote:
        if self._before is not None:
            try:
                await asyncio.to_thread(self._before)
            except OSError as error:  # a full disk
                raise Unavailable(f"what every environment needs could not be written: {error.strerror}") from error
        if kind == "bare":
            await asyncio.to_thread(names.node_binary)
        try:
            zygote = await self._try_zygote(kind)
        except Unavailable as error:
            if self.isolation == "process" or not self._may_fall_back:
                raise Unavailable(
                    f"environments cannot be started with isolation `{self.isolation}`: {error}"
                ) from error
            _log.warning("Functions run as plain processes, not isolated from each other: %s.", error)
            self.isolation = "process"
            zygote = await self._try_zygote(kind)
        zygote.on_end = lambda: self._zygote_ended(kind)
        return zygote

    def _zygote_ended(self, kind: str) -> None:
        _log.warning("The parent process of the %s environments ended; it is started again when needed.", kind)
        self._zygotes.pop(kind, None)

    async def _try_zygote(self, kind: str) -> Zygote:
        root = self._directory / f"root-{kind}"
        root.mkdir(parents=True, exist_ok=True)
        sdk = prepare_python_sdk(self._cache)
        options = {
            "isolation": self.isolation,
            "root": str(root),
            "binds": self._binds(sdk),
            "sdk": str(sdk),
            "node_modules": str(self.node_modules),
            "preload": _PRELOAD if kind == "python" else (),
        }
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "TZ": ":UTC"}
        zygote = Zygote(interpreter=interpreter(), options=options, environment=environment)
        await zygote.start()
        return zygote

    def _binds(self, sdk: Path) -> list[tuple[str, str]]:
        """What an environment sees of the host besides /usr, as (source, target): interpreters, SDK packages,
        bootstraps, named extras.
        """
        self.node_modules.mkdir(parents=True, exist_ok=True)
        paths = [
            sys.base_prefix,
            *(str(path) for path in sorted(sdk.iterdir())),
            str(self.node_modules),
            *self._visible,
        ]
        if (node := names.node_binary() if "node" in self._used else None) is not None:
            paths.append(str(Path(node).parents[1]))
        paths = [path for path in dict.fromkeys(paths) if not path.startswith("/usr/") and path != "/usr"]
        return [(str(SHIM), _RUNTIME), *((path, path) for path in paths)]

    @property
    def node_modules(self) -> Path:
        """Where the JavaScript SDKs are, inside environments too."""
        return self._cache / "node-sdk" / "node_modules"

    @property
    def waiting(self) -> dict[str, int]:
        return {family: len(seats) for family, seats in self._seats.items()}

    def zygote_pids(self) -> list[int]:
        done = [
            task for task in self._zygotes.values() if task.done() and not task.cancelled() and not task.exception()
        ]
        return [task.result().pid for task in done]

    async def close(self) -> None:
        self._closed = True
        for handle in self._refilling.values():
            handle.cancel()
        tasks = [*self._tasks, *(task for task in self._zygotes.values() if not task.done())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for seats in self._seats.values():
            while seats:
                seats.popleft().discard()
        for task in self._zygotes.values():
            if not task.cancelled() and task.exception() is None:
                task.result().close()
        self.cgroups.close()


def prepare_python_sdk(cache: Path) -> Path:
    """A directory with links to the packages that AWS's Python runtime ships, and to nothing else of ours."""
    directory = cache / f"python-sdk-{sys.version_info[0]}.{sys.version_info[1]}"
    directory.mkdir(parents=True, exist_ok=True)
    for name in (*_SDK, *_SETUP):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            continue
        origin = Path(found.origin)
        target = origin.parent if origin.name == "__init__.py" else origin
        link = directory / target.name
        if link.is_symlink() and link.readlink() == target:
            continue
        fresh = directory / f".{target.name}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)  # two platforms may share the cache
    return directory
