"""The local authority's files after a crash in the middle of writing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfly.clock import SystemClock
from dayfly.runtime.authority import Authority


def made(directory: Path) -> bytes:
    authority = Authority(directory=directory, clock=SystemClock())
    authority.prepare()
    return authority.certificate.read_bytes()


def test_the_root_stays_the_same(tmp_path: Path) -> None:
    assert made(tmp_path) == made(tmp_path)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
@pytest.mark.parametrize("left", [b"", b"-----BEGIN CERTIFICATE-----\nMII"])
def test_half_a_file_is_made_anew(tmp_path: Path, name: str, left: bytes) -> None:
    first = made(tmp_path)
    (tmp_path / name).write_bytes(left)
    second = made(tmp_path)
    assert second != first
    assert made(tmp_path) == second


def test_a_certificate_of_another_key_is_made_anew(tmp_path: Path) -> None:
    made(tmp_path / "one")
    made(tmp_path / "other")
    (tmp_path / "other" / "ca.key").replace(tmp_path / "one" / "ca.key")
    assert made(tmp_path / "one") == made(tmp_path / "one")
