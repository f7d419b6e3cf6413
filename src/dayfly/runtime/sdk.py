"""The JavaScript SDKs that AWS's Node runtimes ship: fetched when a function mentions what it does not bring along."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

_log = logging.getLogger(__name__)
_MENTION = re.compile(
    rb"""(?:require\s*\(\s*|from\s*|import\s*\(?\s*)['"](aws-sdk|@(?:aws-sdk|smithy)/[a-z0-9._-]+)(?:/[^'"]*)?['"]"""
)
_SOURCES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx")
_MAX_SOURCE = 8 << 20
_said: set[str] = set()


async def prepare_node_sdk(code_dir: Path, *, cache: Path) -> None:
    """Fetch the SDK packages that the code in a directory uses but does not contain."""
    names = await asyncio.to_thread(missing_packages, code_dir)
    if names:
        await ensure_node_packages(names, cache=cache)


async def ensure_node_packages(names: Iterable[str], *, cache: Path) -> None:
    """Have packages in the cache. Where that is impossible it is said once; the function's own error follows."""
    wanted = absent_packages(names, cache=cache)
    if wanted:
        await asyncio.to_thread(_install, wanted, cache / "node-sdk")


def absent_packages(names: Iterable[str], *, cache: Path) -> set[str]:
    """Those that are not in the cache."""
    return {name for name in names if not (cache / "node-sdk" / "node_modules" / name / "package.json").exists()}


def missing_packages(code_dir: Path) -> set[str]:
    """SDK packages that the code in a directory (of a function or a layer) uses and that are not in it.

    What sources outside node_modules mention, and what packages inside expect of whoever installs them.
    """
    folders = [folder for folder in (code_dir, code_dir / "nodejs") if folder.is_dir()]
    names = {*_mentioned(code_dir), *(name for folder in folders for name in _expected(folder / "node_modules"))}
    return {
        name for name in names if not any((one / "node_modules" / name / "package.json").exists() for one in folders)
    }


def _expected(modules: Path) -> Iterator[str]:
    """The SDK packages among the peer dependencies of installed packages."""
    for manifest in (*modules.glob("[!.@]*/package.json"), *modules.glob("@*/*/package.json")):
        try:
            peers = json.loads(manifest.read_bytes()).get("peerDependencies") or {}
        except (OSError, ValueError, AttributeError):
            continue
        yield from (name for name in peers if name == "aws-sdk" or name.startswith(("@aws-sdk/", "@smithy/")))


def _mentioned(code_dir: Path) -> Iterator[str]:
    for directory, subdirectories, files in os.walk(code_dir):
        subdirectories[:] = [name for name in subdirectories if name != "node_modules" and not name.startswith(".")]
        for name in files:
            path = Path(directory, name)
            if name.endswith(_SOURCES):
                try:
                    if path.stat().st_size <= _MAX_SOURCE:
                        yield from (found.decode() for found in _MENTION.findall(path.read_bytes()))
                except OSError:
                    continue


def _install(wanted: set[str], directory: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _say(wanted, "npm was not found")
        return
    directory.mkdir(parents=True, exist_ok=True)
    with Path(directory, ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other platforms may share the cache
        wanted = {name for name in wanted if not (directory / "node_modules" / name / "package.json").exists()}
        if not wanted:
            return
        manifest = directory / "package.json"
        if not manifest.exists():
            manifest.write_text(json.dumps({"name": "dayfly-node-sdk", "private": True}))
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save", *sorted(wanted)]
        try:
            done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            _say(wanted, str(error))
            return
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            _say(wanted, lines[0] if lines else f"npm ended with status {done.returncode}")


def _say(wanted: set[str], why: str) -> None:
    fresh = wanted - _said
    if fresh:
        _said.update(fresh)
        _log.warning(
            "Node functions will not find %s, which AWS's runtime provides: %s.", ", ".join(sorted(fresh)), why
        )
