"""A pool, and ways to run code on it."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from dayfly.clock import SystemClock
from dayfly.errors import Unavailable
from dayfly.ids import RandomIds
from dayfly.runtime import Finished, Invoke, Line, OnChunk, Spec
from dayfly.runtime.pool import Pool

ARN = "arn:aws:lambda:us-east-1:000000000000:function:demo"
_numbers = itertools.count(1)


def invoke_of(payload: object = None, **more) -> Invoke:
    request_id = f"00000000-0000-4000-8000-{next(_numbers):012d}"
    return Invoke(request_id=request_id, payload=json.dumps(payload).encode(), invoked_arn=ARN, **more)


class Bench:
    """A pool and ways to run code on it."""

    def __init__(self, pool: Pool, directory: Path) -> None:
        self.pool = pool
        self.directory = directory
        self.lines: list[tuple[str, str]] = []

    def on_log(self, _spec: Spec, _stream: str, request_id: str, lines: Sequence[Line], /) -> None:
        self.lines += [(request_id, line) for _, line in lines]

    def spec(self, files: dict[str, str] | str, handler: str = "app.handler", family: str = "python", **more) -> Spec:
        number = next(_numbers)
        code = self.directory / f"code{number}"
        for name, text in ({"app.py": files} if isinstance(files, str) else files).items():
            path = code / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            if name == "bootstrap":
                path.chmod(0o755)
        runtime = {"python": "python3.11", "node": "nodejs20.x", "provided": "provided.al2023"}[family]
        fields = {
            "key": f"{ARN}:{number}",
            "arn": ARN,
            "name": "demo",
            "version": "$LATEST",
            "family": family,
            "runtime": runtime,
            "handler": handler,
            "code": code,
            "environment": {"AWS_REGION": "us-east-1"},
        }
        return Spec(**(fields | more))

    async def run(
        self, files: dict[str, str] | str, payload: object = None, *, on_chunk: OnChunk | None = None, **more
    ) -> Finished:
        spec = self.spec(files, **more)
        finished = await self.pool.invoke(spec, invoke_of(payload), on_chunk)
        self.pool.retire(spec.key)
        return finished

    async def value(self, files: dict[str, str] | str, payload: object = None, **more) -> object:
        """The answer as JSON; a function's error fails the test."""
        finished = await self.run(files, payload, **more)
        assert finished.error is None, (finished.payload, finished.log)
        return json.loads(finished.payload)


async def open_bench(directory: Path, isolation: str, **more) -> Bench:
    bench = Bench(None, directory)  # type: ignore[arg-type]
    bench.pool = Pool(
        clock=SystemClock(),
        ids=RandomIds(),
        directory=directory / "scratch",
        cache=directory / "cache",
        on_log=bench.on_log,
        isolation=isolation,
        **({"seats": {"python": 1, "node": 1, "provided": 0}} | more),
    )
    await bench.pool.start()
    if isolation == "namespace":
        try:
            await bench.pool.warm("python")
        except Unavailable as error:
            pytest.skip(f"namespaces are not permitted here: {error}")
    return bench


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
