"""Stages: directories of hard links, kept in step with what they are made of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

SKIPPED = frozenset(
    {".git", ".serverless", ".dayfly", ".aws-sam", ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache"}
)


def lay(source: Path, stage: Path, *, skip: frozenset[str] = SKIPPED) -> None:
    """Link every file of `source` into `stage`, over what is there."""
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in skip]
        here = Path(folder)
        there = stage / here.relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        for name in [*files, *(one for one in folders if (here / one).is_symlink())]:
            link(here / name, there / name)


def add(source: Path, stage: Path, wanted: Callable[[str], bool], *, skip: frozenset[str] = SKIPPED) -> None:
    """Link those files of `source` whose path is wanted into `stage`, beside what is there."""
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in skip]
        for name in files:
            path = (Path(folder) / name).relative_to(source)
            target = stage / path
            if wanted(path.as_posix()) and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                link(source / path, target)


def link(source: Path, target: Path) -> None:
    """One file; a copy where links do not reach (another file system)."""
    if target.is_symlink() or target.exists():
        if source.exists() and not source.is_symlink() and target.exists() and source.samefile(target):
            return
        target.unlink()
    if source.is_symlink():
        if source.is_dir():
            shutil.copytree(source, target, symlinks=False, dirs_exist_ok=True)
            return
        source = source.resolve()
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def follow(source: Path, stage: Path, changed: Path) -> None:
    """Bring one changed file of `source` into the stage; editors replace files, which leaves a link to the old one."""
    target = stage / changed.relative_to(source)
    if changed.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        link(changed, target)
    elif target.is_file() or target.is_symlink():
        target.unlink()
