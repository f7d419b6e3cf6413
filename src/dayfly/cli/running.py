"""From the command line to a running platform and back: start, say ready, wait for a signal, drain, stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dayfly import settings as table
from dayfly.cli import trouble
from dayfly.errors import Error
from dayfly.settings import Mode, Settings


def run(
    mode: Mode,
    given: Mapping[str, Any],
    *,
    paths: Sequence[Path],
    as_json: bool,
    stage: str | None = None,
    region: str | None = None,
    params: Mapping[str, str] | None = None,
) -> int:
    """Run the platform until it is told to stop; the exit status."""
    voice = _voice(as_json)
    if mode == "dev" and given.get("port") is not None:
        given = _FOLLOWING | {name: value for name, value in given.items() if value is not None}
    try:
        beside = _beside(paths)
        settings = table.read(mode, given, os.environ, beside)
    except Error as error:
        voice.problem(error.message)
        voice.close()
        return 2
    trouble.keep_in(settings.state)
    try:
        return _in_loop(_live(settings, voice, paths, stage, region, params or {}))
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches a person
        voice.problem(trouble.told(error))
        return 1
    finally:
        voice.close()


_FOLLOWING = {"http_port": 0, "websocket_port": 0, "lambda_port": 0}
"""Where `--port` is given the other ports are free ones, unless they are given too."""


def _voice(as_json: bool) -> Any:
    if as_json:
        from dayfly.cli.said import JsonVoice

        return JsonVoice()
    from dayfly.cli.person import PersonVoice

    return PersonVoice()


async def _live(
    settings: Settings,
    voice: Any,
    paths: Sequence[Path],
    stage: str | None,
    region: str | None,
    params: Mapping[str, str],
) -> int:
    from dayfly.server import Platform

    stop = _signals(voice)
    try:
        platform = await Platform.start(settings)
    except Error as error:
        voice.problem(error.message)
        return 2
    except OSError as error:  # a state directory that cannot be written, an address that is not this machine's
        voice.problem(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 2
    _settle_memory()
    status = 0
    try:
        if settings.mode == "dev":
            from dayfly.development import Session

            session = Session(platform, paths, voice, stage=stage, region=region, params=params)
            status = await session.run(stop)
        else:
            voice.ready(platform.record([]), [])
            await stop.wait()
    finally:
        await platform.stop()
    if status == 0:
        voice.stopped()
    return status


def _settle_memory() -> None:
    """What is loaded now stays to the end: the collector need not walk it again, and may look less often."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _signals(voice: Any) -> asyncio.Event:
    """Set at the first SIGINT or SIGTERM; the second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            # Environments end with the process that started them, and what was acknowledged is on the disk.
            os._exit(130)
        voice.stopping()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return stop


def _in_loop(main: Any) -> int:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return int(runner.run(main))


def _beside(paths: Sequence[Path]) -> Path:
    """The directory whose `.dayfly` keeps the state: the first application's."""
    if not paths:
        return Path.cwd()
    first = paths[0].absolute()
    return first if first.is_dir() else first.parent
