"""The child process: started on first use by whoever comes first, started again when it died, stopped with us."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from dayfly.clock import Clock
from dayfly.errors import Unavailable

_log = logging.getLogger("dayfly.companions")
_HOST = "127.0.0.1"
START_LIMIT_MS = 60_000


class CompanionFailed(Unavailable):
    """The companion process could not be started."""


class Child:
    """One moto_server. `prepare` is awaited with its base URL before anybody else may use it; `environment` gives
    what it needs to reach the platform (see `inside.py`), `snapshot` the file that it takes its state from."""

    def __init__(
        self,
        *,
        directory: Path,
        clock: Clock,
        prepare: Callable[[str], Awaitable[None]],
        environment: Callable[[], Mapping[str, str]] | None = None,
        snapshot: Callable[[], Path],
    ) -> None:
        self._snapshot = snapshot
        self._directory = directory
        self._clock = clock
        self._prepare = prepare
        self._environment = environment or dict
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[str] | None = None
        self._url = ""
        self._closed = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def url(self) -> str:
        """Its base URL, started if need be. All who wait share one start. Raises CompanionFailed."""
        if self._closed:
            raise CompanionFailed("The platform is stopping.")
        if self._starting is None and self.running:
            return self._url
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="companion start")
            self._starting.add_done_callback(self._started)
        # Shielded: one caller going away must not take the start from the others.
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[str]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # everyone who waited got it; without waiters it is not news

    async def _start(self) -> str:
        began_ms = self._clock.now_ms()
        self._directory.mkdir(parents=True, exist_ok=True)
        output = self._directory / "moto.out"
        port = _free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
        environment.update(self._environment())
        with output.open("wb") as sink:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                str(Path(__file__).with_name("inside.py")),
                _HOST,
                str(port),
                str(self._snapshot()),
                stdin=asyncio.subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                env=environment,
            )
        try:
            await self._listening(self._process, port, output, began_ms)
            url = f"http://{_HOST}:{port}"
            await self._prepare(url)
        except BaseException:
            await self._end()
            raise
        self._url = url
        _log.info(
            "Companion services (moto) are ready after %d ms", self._clock.now_ms() - began_ms, extra={"url": url}
        )
        return url

    async def _listening(self, process: asyncio.subprocess.Process, port: int, output: Path, began_ms: int) -> None:
        while True:
            if process.returncode is not None:
                lines = output.read_text(errors="replace").strip().splitlines()
                last = lines[-1] if lines else "no output"
                raise CompanionFailed(f"moto_server ended with status {process.returncode}: {last}")
            if self._clock.now_ms() - began_ms > START_LIMIT_MS:
                raise CompanionFailed(f"moto_server did not listen within {START_LIMIT_MS // 1000} s")
            try:
                _, writer = await asyncio.open_connection(_HOST, port)
            except OSError:
                await self._clock.sleep(0.02)
                continue
            writer.close()
            return

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        # It keeps nothing of its own that a gentle end would save.
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def restart(self) -> None:
        """End it; the next use starts a fresh one."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        await self._end()

    async def close(self) -> None:
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        await self._end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
