"""A platform in a test.

    from dayfly.testing import serve

    with serve() as platform:                     # in memory, on free ports, in a thread of its own
        sqs = platform.client("sqs")              # a boto3 client
        queue = sqs.create_queue(QueueName="jobs")

`application=` starts `dayfly dev` on a directory in the same way; `platform.record` is what its ready line says.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from dayfly.settings import Mode, Settings

Result = TypeVar("Result")


class Served:
    """A platform that runs in a thread; its public face for tests."""

    def __init__(self, platform: Any, record: Mapping[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self.platform = platform
        self.record = record
        self._loop = loop

    @property
    def endpoint(self) -> str:
        return str(self.record["endpoint"])

    def client(self, service: str, *, account: str = "test", region: str = "us-east-1", secret: str = "test") -> Any:
        """A boto3 client that does not retry: a retry would hide an answer that was wrong the first time."""
        import boto3
        from botocore.config import Config

        session = boto3.session.Session(aws_access_key_id=account, aws_secret_access_key=secret, region_name=region)
        return session.client(service, endpoint_url=self.endpoint, config=Config(retries={"total_max_attempts": 1}))

    def do(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run something in the platform's loop and wait for it."""

        async def run() -> Result:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)


class Quiet:
    """A voice that keeps what is said, for tests to look at."""

    tells_lines = True

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *words: self.said.append((name, words))


@contextlib.contextmanager
def serve(
    *,
    mode: Mode = "dev",
    application: Path | Sequence[Path] | None = None,
    state: Path | None = None,
    **changed: Any,
) -> Iterator[Served]:
    """A platform until the block is left. In memory unless `state` names a directory."""
    started: Future[tuple[Any, Mapping[str, Any], asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    with contextlib.ExitStack() as owned:
        directory = state or Path(owned.enter_context(tempfile.TemporaryDirectory(prefix="dayfly-test-")))
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        values: dict[str, Any] = {
            "port": 0,
            "http_port": 0,
            "websocket_port": 0,
            "lambda_port": 0,
            "state": directory,
            "memory": state is None,
            "drain_s": 3,
            "cache": Path("~/.cache/dayfly").expanduser(),
        }
        settings = Settings(mode=mode, **(values | changed))
        paths = [] if application is None else [application] if isinstance(application, Path) else list(application)
        thread = threading.Thread(target=_run, args=(settings, paths, started), name="dayfly-test", daemon=True)
        thread.start()
        platform, record, loop, stop = started.result(120)
        try:
            yield Served(platform, record, loop)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(30)


def _run(settings: Settings, paths: Sequence[Path], started: Future[Any]) -> None:
    import uvloop

    async def main() -> None:
        from dayfly.development import Session
        from dayfly.server import Platform

        stop = asyncio.Event()
        try:
            platform = await Platform.start(settings)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the start gets it, in another thread
            started.set_exception(error)
            return
        try:
            if paths:
                voice = Quiet()
                session = Session(platform, paths, voice)
                running = asyncio.create_task(session.run(stop), name="dev session")
                ready = asyncio.create_task(session.ready.wait(), name="wait for ready")
                await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
                if not session.ready.is_set():
                    ready.cancel()
                    raise RuntimeError(f"the application did not start: {voice.said}")
                started.set_result((platform, session.record, asyncio.get_running_loop(), stop))
                await running
            else:
                started.set_result((platform, platform.record([]), asyncio.get_running_loop(), stop))
                await stop.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            await platform.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
