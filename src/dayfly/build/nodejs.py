"""Node packages of a package.json, without its development dependencies."""

from __future__ import annotations

import shutil
from pathlib import Path

from dayfly.build.tools import Say, digest, once, run

_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", ".npmrc")


async def packages(manifest: Path, cache: Path, say: Say, *, development: bool = False) -> Path:
    """A directory with `node_modules`; installed once for the manifest's content. Raises BuildFailed."""
    files = [one for one in (manifest, *(manifest.with_name(name) for name in _LOCKS)) if one.is_file()]
    key = digest(str(development), *(one.read_bytes() for one in files))

    async def install(target: Path) -> None:
        say(f"installing the Node packages of {manifest.parent.name}/package.json")
        for one in files:
            shutil.copyfile(one, target / one.name)
        await npm(target, [] if development else ["--omit=dev"], what=f"npm install for {manifest.parent.name}")

    return await once(cache / "nodejs", key, install)


async def npm(directory: Path, arguments: list[str], *, what: str) -> None:
    """`npm install` in a directory, without running the packages' scripts."""
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # Somebody waits: a registry that cannot be reached is found out in seconds, not in the minute that npm takes.
    brief = ["--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"]
    await run(["npm", "install", *quiet, *brief, *arguments], directory=directory, what=what)
