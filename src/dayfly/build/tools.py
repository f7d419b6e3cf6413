"""Running a build tool."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from dayfly.errors import Error

Say = Callable[[str], object]
"""Told what takes long, in a sentence."""
_TIMEOUT_S = 900
_LINES = 6


class BuildFailed(Error):
    """Code could not be made ready. `said` is all that the tool said."""

    said: str = ""


async def run(
    command: Sequence[str | Path], *, directory: Path, what: str, environment: Mapping[str, str] | None = None
) -> str:
    """Run a tool to its end. Raises BuildFailed with the last lines of what it said."""
    try:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=directory,
            env={**os.environ, **(environment or {})},  # at the edge: PATH for tools
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise BuildFailed(f"{what} failed: {command[0]} cannot be run ({error.strerror})") from error
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        text = said.decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        failed = BuildFailed(f"{what} failed: {' | '.join(lines[-_LINES:]) or f'exit status {process.returncode}'}")
        failed.said = text
        raise failed
    return said.decode(errors="replace")


async def once(cache: Path, key: str, fill: Callable[[Path], Awaitable[None]]) -> Path:
    """The directory `key` of the cache, filled if it is not there; renamed when whole, so that none is half filled."""
    entry = cache / key
    if entry.is_dir():
        return entry
    partial = cache / f"{key}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        await fill(partial)
        if not entry.is_dir():
            partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return entry


def digest(*parts: str | bytes) -> str:
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.encode() if isinstance(part, str) else part)
        hashed.update(b"\0")
    return hashed.hexdigest()[:20]
