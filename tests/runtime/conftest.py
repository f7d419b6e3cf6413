"""A pool on each driver, shared by the tests of a module: starting zygotes is most of the cost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))
from runtime_bench import open_bench


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["namespace", "process"])
async def bench(request, tmp_path_factory):
    bench = await open_bench(tmp_path_factory.mktemp("runtime"), request.param)
    yield bench
    await bench.pool.close(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def isolated(tmp_path_factory):
    bench = await open_bench(tmp_path_factory.mktemp("isolated"), "namespace")
    yield bench
    await bench.pool.close(1)
