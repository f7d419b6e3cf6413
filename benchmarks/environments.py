"""How fast environments start and answer, beside what the machine can do at all.

    PYTHONPATH=src python -m benchmarks.environments [--isolation namespace|process]

Every figure stands beside a ceiling measured in the same run: a bare fork, a bare echo over a socketpair on the same
event loop. Load generator, platform and functions share the machine. Times are medians unless said otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from dayfly.clock import SystemClock
from dayfly.ids import RandomIds
from dayfly.runtime import Family, Invoke, Spec
from dayfly.runtime.launch import Isolation
from dayfly.runtime.pool import Pool

PYTHON = (
    "import time\ndef handler(event, context):\n    return event\ndef sleep(event, context):\n    time.sleep(0.1)\n"
)
NODE = "exports.handler = async (event) => event;\n"
EVENT = b'{"key": "' + b"x" * 180 + b'"}'
ARN = "arn:aws:lambda:us-east-1:000000000000:function:bench"


def spec_of(code: Path, key: str, *, family: Family = "python", handler: str = "app.handler") -> Spec:
    runtime = "python3.11" if family == "python" else "nodejs20.x"
    return Spec(
        key=key,
        arn=ARN,
        name="bench",
        version="$LATEST",
        family=family,
        runtime=runtime,
        handler=handler,
        code=code,
        environment={},
    )


def event() -> Invoke:
    return Invoke(request_id="00000000-0000-4000-8000-000000000000", payload=EVENT, invoked_arn=ARN)


async def timed(call: Callable[[], Awaitable[object]], times: int, pause_s: float = 0.0) -> list[float]:
    """Seconds of each call, sorted."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - started)
        if pause_s:
            await asyncio.sleep(pause_s)
    return sorted(taken)


def show(what: str, figure: str, ceiling: str = "") -> None:
    print(f"{what:<44} {figure:<34} {ceiling}")


def p(values: list[float], part: float, unit: float) -> str:
    return f"{values[min(len(values) - 1, int(len(values) * part))] * unit:.2f}"


def bare_fork() -> float:
    taken = []
    for _ in range(30):
        started = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


async def bare_echo(times: int) -> list[float]:
    """A forked process that echoes what comes over a socketpair; the platform's loop with nothing of ours."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        while data := theirs.recv(65536):
            theirs.sendall(data)
        os._exit(0)
    theirs.close()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[bytes] = loop.create_future()

    def readable() -> None:
        waiting.set_result(ours.recv(65536))

    async def once() -> None:
        nonlocal waiting
        waiting = loop.create_future()
        ours.send(EVENT)
        await waiting

    loop.add_reader(ours.fileno(), readable)
    taken = await timed(once, times)
    loop.remove_reader(ours.fileno())
    ours.close()
    os.waitpid(pid, 0)  # noqa: ASYNC222 - it ends with its socket
    return taken


def unshared_mb(pid: int) -> float:
    """What a process holds alone, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


async def cold(pool: Pool, code: Path, family: Family, *, pooled: bool) -> list[float]:
    numbers = iter(range(10_000))

    async def once() -> None:
        key = f"{family} {pooled} {next(numbers)}"
        await pool.invoke(spec_of(code, key, family=family), event())

    await once()
    await asyncio.sleep(0.3)
    return await timed(once, 40, 0.12 if pooled else 0.02)


async def run(isolation: Isolation) -> None:
    fork_s = bare_fork()
    echo = await bare_echo(20_000)
    # Not in /tmp: environments have their own, and what they must see of ours there is mounted again for each.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        code = Path(directory, "code")
        code.mkdir()
        (code / "app.py").write_text(PYTHON)
        (code / "app.js").write_text(NODE)
        for name, seats in (("pooled", {"python": 4, "node": 3}), ("unpooled", {"python": 0, "node": 0})):
            pool = Pool(
                clock=SystemClock(), ids=RandomIds(), directory=Path(directory, name), cache=Path(directory, "cache"),
                isolation=isolation, seats={"provided": 0, **seats},  # type: ignore[dict-item]
            )  # fmt: skip
            await pool.start()
            await pool.warm("python")
            await pool.warm("node")
            if name == "pooled":
                show("isolation", f"{pool.stats()['isolation']}, cgroups {pool.stats()['cgroups']}")
            families: tuple[Family, ...] = ("python", "node")
            for family in families:
                taken = await cold(pool, code, family, pooled=name == "pooled")
                figure = f"p50 {p(taken, 0.5, 1e3)} ms, p98 {p(taken, 0.98, 1e3)}"
                show(f"{family} cold start, {name}", figure, f"bare fork {fork_s * 1e3:.2f} ms")
            if name == "pooled":
                await warm(pool, code, echo)
                await sleepers(pool, code)
            await pool.close(1)


async def warm(pool: Pool, code: Path, echo: list[float]) -> None:
    families: tuple[Family, ...] = ("python", "node")
    for family in families:
        spec, one = spec_of(code, f"warm {family}", family=family), event()
        for _ in range(2000):
            await pool.invoke(spec, one)
        taken = await timed(lambda spec=spec, one=one: pool.invoke(spec, one), 20_000)  # type: ignore[misc]
        figure = f"p50 {p(taken, 0.5, 1e6)} us, p99 {p(taken, 0.99, 1e6)}, {len(taken) / sum(taken):,.0f}/s"
        show(
            f"{family} warm invoke, one environment",
            figure,
            f"bare echo p50 {p(echo, 0.5, 1e6)} us, {len(echo) / sum(echo):,.0f}/s",
        )


async def sleepers(pool: Pool, code: Path) -> None:
    spec = spec_of(code, "sleepers", handler="app.sleep")
    until = time.perf_counter() + 3
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await pool.invoke(spec, event())
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(64)))
    show("64 callers of a 100 ms function, from cold", f"{done / (time.perf_counter() - started):,.0f}/s", "640/s")
    pids = [environment.pid for environment in pool.environments() if environment.spec.key == spec.key]
    show(
        "memory per warm Python environment",
        f"{statistics.median(map(unshared_mb, pids)):.1f} MiB of its own ({len(pids)})",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isolation", choices=("namespace", "process", "auto"), default="auto")
    uvloop.run(run(parser.parse_args().isolation))
