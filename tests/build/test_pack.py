"""https://www.serverless.com/framework/docs/providers/aws/guide/packaging#patterns"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from dayfly.build.pack import included, pack


@pytest.mark.parametrize(
    ("name", "patterns", "kept"),
    [
        ("a.js", [], True),
        ("src/a.js", ["!src/**"], False),
        ("src/a.js", ["!src/**", "src/a.js"], True),
        ("src/deep/a.js", ["!src/*"], True),
        ("a.test.js", ["!**/*.test.js"], False),
        ("x/y/a.test.ts", ["!**/*.test.{js,ts}"], False),
        ("a.js", ["!**", "./a.js"], True),
        ("node_modules/m/x", ["!node_modules/"], False),
    ],
)
def test_the_last_pattern_that_matches_decides(name: str, patterns: list[str], kept: bool) -> None:
    assert included(name, patterns) is kept


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in ("b.py", "a.py", ".git/config", "secret.txt"):
        (tmp_path / name).write_text(name)
    first = pack(tmp_path, ["!secret.txt"])
    (tmp_path / "a.py").write_text("a.py")
    assert pack(tmp_path, ["!secret.txt"]) == first
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["a.py", "b.py"]
