"""A built directory as the ZIP that a deployment sends, by the package rules.

Rules apply in order, the last that matches deciding; `!` excludes:
https://www.serverless.com/framework/docs/providers/aws/guide/packaging#patterns
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from dayfly.build.stage import SKIPPED

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same content makes the same archive, whenever it was saved."""


def pack(directory: Path, patterns: Sequence[str] = ()) -> bytes:
    """A ZIP of the directory's files that the patterns leave in."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files(directory)):
            name = path.relative_to(directory).as_posix()
            if not included(name, patterns):
                continue
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = (0o755 if path.stat().st_mode & 0o111 else 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
    return written.getvalue()


def _files(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.is_file() and not SKIPPED & set(path.relative_to(directory).parts):
            yield path


def included(name: str, patterns: Sequence[str], *, kept: bool = True) -> bool:
    """Whether the patterns leave a file in; `kept` is what holds before the first of them."""
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if _glob(pattern.removeprefix("!").removeprefix("./")).fullmatch(name):
            kept = not excludes
    return kept


@lru_cache(1024)
def _glob(pattern: str) -> re.Pattern[str]:
    """`**` crosses folders, `*` and `?` do not, `{a,b}` is a choice."""
    made, position = "", 0
    if pattern.endswith("/"):
        pattern += "**"
    while position < len(pattern):
        if pattern.startswith("**/", position):
            made, position = made + "(?:.*/)?", position + 3
        elif pattern.startswith("**", position):
            made, position = made + ".*", position + 2
        else:
            char = pattern[position]
            known = {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}
            made += "|" if char == "," and "{" in pattern[:position] else known.get(char, re.escape(char))
            position += 1
    return re.compile(made)
