"""The pool with real environments: concurrency, limits, cancellation, the end of things."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from runtime_bench import Bench, invoke_of, is_running, open_bench

from dayfly.clock import ManualClock
from dayfly.runtime import Throttled
from dayfly.runtime.cgroup import Cgroups

pytestmark = pytest.mark.asyncio(loop_scope="module")
SLEEP = "import time, os\ndef handler(e, c):\n    time.sleep(e)\n    return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']"


async def test_concurrent_events_have_an_environment_each(bench):
    spec = bench.spec(SLEEP)
    answers = await asyncio.gather(*(bench.pool.invoke(spec, invoke_of(0.3)) for _ in range(6)))
    assert len({answer.payload for answer in answers}) == 6
    bench.pool.retire(spec.key)


async def test_beyond_the_reserved_concurrency_events_are_throttled(bench):
    spec = bench.spec(SLEEP, reserved=1)
    first = asyncio.ensure_future(bench.pool.invoke(spec, invoke_of(0.2)))
    await asyncio.sleep(0)
    with pytest.raises(Throttled):
        await bench.pool.invoke(spec, invoke_of(0))
    assert (await first).error is None
    assert (await bench.pool.invoke(spec, invoke_of(0))).error is None
    with pytest.raises(Throttled):
        await bench.pool.invoke(bench.spec(SLEEP, reserved=0), invoke_of(0))


async def test_a_caller_that_goes_away_leaves_the_environment_whole(bench):
    spec = bench.spec(SLEEP)
    warm = await bench.pool.invoke(spec, invoke_of(0))
    for delay in (0, 0.001, 0.05):
        leaving = asyncio.ensure_future(bench.pool.invoke(spec, invoke_of(0.1)))
        await asyncio.sleep(delay)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await asyncio.sleep(0.15)
    after = await bench.pool.invoke(spec, invoke_of(0))
    assert after.payload == warm.payload
    assert not after.cold


async def test_a_caller_that_goes_away_while_waiting_leaves_the_queue(bench):
    spec = bench.spec("def handler(e, c): return e")
    for steps in range(12):
        leaving = asyncio.ensure_future(bench.pool.invoke(spec, invoke_of(0)))
        for _ in range(steps):
            await asyncio.sleep(0)
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # it may have been answered by then
            await leaving
    assert (await bench.pool.invoke(spec, invoke_of(7))).payload == b"7"
    while bench.pool.stats()["active"] or bench.pool.stats()["starting"]:
        await asyncio.sleep(0.01)


async def test_retired_environments_finish_and_leave(bench):
    spec = bench.spec(SLEEP)
    running = asyncio.ensure_future(bench.pool.invoke(spec, invoke_of(0.3)))
    while not bench.pool.stats()["groups"].get(spec.key, {}).get("busy"):
        await asyncio.sleep(0.005)
    bench.pool.retire(spec.key)
    assert (await running).error is None
    assert spec.key not in bench.pool.stats()["groups"]


async def test_an_idle_environment_is_stopped_and_goes_on_when_called(bench):
    spec = bench.spec("import os\ndef handler(e, c): return 1")
    await bench.pool.invoke(spec, invoke_of())
    (environment,) = bench.pool._roster.groups[spec.key].idle
    while environment.state != "frozen":
        await asyncio.sleep(0.02)
    status = Path(f"/proc/{environment._child.pid}/stat").read_text()
    assert status.rpartition(")")[2].split()[0] == "T"
    assert (await bench.pool.invoke(spec, invoke_of())).payload == b"1"


async def test_idle_environments_make_room_for_other_functions(tmp_path_factory):
    bench = await open_bench(tmp_path_factory.mktemp("small"), "process", max_environments=2)
    try:
        for _ in range(4):
            spec = bench.spec("def handler(e, c): return 1")
            assert (await bench.pool.invoke(spec, invoke_of())).payload == b"1"
        assert bench.pool.stats()["environments"] <= 2
    finally:
        await bench.pool.close(1)


async def test_idle_environments_are_evicted_in_time(tmp_path_factory):
    bench: Bench = await open_bench(tmp_path_factory.mktemp("evict"), "process", idle_ms=60_000)
    bench.pool._clock = clock = ManualClock()
    try:
        await bench.pool.invoke(bench.spec("def handler(e, c): return 1"), invoke_of())
        clock.advance(30)
        assert bench.pool.stats()["environments"] == 1
        clock.advance(40)
        assert bench.pool.stats()["environments"] == 0
    finally:
        await bench.pool.close(1)


async def test_without_control_groups_memory_is_watched(tmp_path_factory, caplog):
    bench = await open_bench(tmp_path_factory.mktemp("watched"), "process", seats={})
    bench.pool._launcher.cgroups.close()
    bench.pool._launcher.cgroups = Cgroups(None, 0)
    try:
        code = "import time\ndef handler(e, c):\n    hog = bytearray(300 << 20)\n    time.sleep(20)"
        finished = await bench.run(code, timeout_ms=20_000)
        assert json.loads(finished.payload)["errorMessage"].endswith("Runtime exited with error: signal: killed")
        assert "Memory limits are watched" in caplog.text
    finally:
        await bench.pool.close(1)


async def test_a_zygote_that_is_killed_is_replaced(tmp_path_factory):
    bench = await open_bench(tmp_path_factory.mktemp("replaced"), "process")
    try:
        await bench.value("def handler(e, c): return 1")
        for pid in bench.pool._launcher.zygote_pids():
            os.kill(pid, signal.SIGKILL)
        while bench.pool._launcher.zygote_pids():
            await asyncio.sleep(0.01)
        assert await bench.value("def handler(e, c): return 2") == 2
    finally:
        await bench.pool.close(1)


async def test_close_waits_for_what_runs_and_leaves_no_process(bench, tmp_path_factory):
    own = await open_bench(tmp_path_factory.mktemp("close"), bench.pool._launcher.isolation)
    spec = own.spec("import time, os\ndef handler(e, c): time.sleep(0.2); return 5")
    running = asyncio.ensure_future(own.pool.invoke(spec, invoke_of()))
    while not own.pool.stats()["groups"].get(spec.key, {}).get("busy"):
        await asyncio.sleep(0.005)
    pids = [
        environment._child.pid for environment in own.pool._roster.environments()
    ] + own.pool._launcher.zygote_pids()
    await own.pool.close(5)
    assert (await running).payload == b"5"
    assert pids
    for _ in range(100):
        if not any(map(is_running, pids)):
            break
        await asyncio.sleep(0.02)
    assert not any(map(is_running, pids))


KILLED = """
import asyncio, sys
sys.path[:0] = [{src!r}, {here!r}]
from pathlib import Path
from runtime_bench import open_bench, invoke_of
async def main():
    bench = await open_bench(Path({directory!r}), {isolation!r})
    spec = bench.spec("import time\\ndef handler(e, c): time.sleep(60)", timeout_ms=60000)
    idle = bench.spec("def handler(e, c): return 1")
    await bench.pool.invoke(idle, invoke_of())
    asyncio.ensure_future(bench.pool.invoke(spec, invoke_of()))
    while not bench.pool.stats()["groups"].get(spec.key, {{}}).get("busy"):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    print(*[e._child.pid for e in bench.pool._roster.environments()], *bench.pool._launcher.zygote_pids(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_what_is_killed_at_the_deadline_is_answered_and_logged_before_close_returns(bench, tmp_path_factory):
    own = await open_bench(tmp_path_factory.mktemp("late"), bench.pool._launcher.isolation)
    code = "import time\ndef handler(e, c):\n    print('begun', flush=True)\n    time.sleep(60)"
    running = asyncio.ensure_future(own.pool.invoke(own.spec(code, timeout_ms=90_000), invoke_of()))
    while "begun" not in [line for _, line in own.lines]:
        await asyncio.sleep(0.01)
    await own.pool.close(0.05)
    # Whoever waited has gone on, too: it meters the invocation, and the meter is flushed as soon as the pool is closed.
    assert running.done()
    assert running.result().error == "Unhandled"
    assert [line for _, line in own.lines if line.startswith("REPORT")], own.lines


async def test_kill_9_of_the_platform_leaves_no_process(bench, tmp_path):
    here = Path(__file__).parent
    code = KILLED.format(
        src=str(here.parents[1] / "src"),
        here=str(here),
        directory=str(tmp_path),
        isolation=bench.pool._launcher.isolation,
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as platform:
        line = await asyncio.to_thread(platform.stdout.readline)
        pids = [int(word) for word in line.split()]
        assert len(pids) == 3
        assert all(map(is_running, pids))
        platform.kill()
    for _ in range(200):
        if not any(map(is_running, pids)):
            break
        await asyncio.sleep(0.02)
    assert not any(map(is_running, pids)), json.dumps(pids)
