from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench import Bench


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path / "code")
    made.work.start()
    yield made
    await made.work.stop(0)
