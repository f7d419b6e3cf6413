"""Real clients on a real port, told nothing but `AWS_ENDPOINT_URL`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dayfly.testing import Served, serve


@pytest.fixture(scope="module")
def platform() -> Iterator[Served]:
    with serve() as served:
        yield served


@pytest.fixture(scope="module")
def environment(platform: Served) -> dict[str, str]:
    """What a user sets, and the little that a process needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DAYFLY_"))}
    return kept | {
        "AWS_ENDPOINT_URL": platform.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
