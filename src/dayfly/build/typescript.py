"""TypeScript that esbuild alone does not compile as the application's own compiler would.

Two things differ: types of decorated parameters (`emitDecoratorMetadata`), by which frameworks such as NestJS inject,
and `import * as f from "f"; f()`, which the compiler allows without `esModuleInterop`. Where they are met, the sources
are first made JavaScript by the compiler in the application's `node_modules`.

https://esbuild.github.io/content-types/#typescript-caveats
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from dayfly.build.tools import digest, once, run

_SCRIPT = Path(__file__).with_name("transpile.cjs")


def uses_metadata(directory: Path) -> bool:
    """Whether the nearest tsconfig.json asks for the types of what is decorated."""
    for folder in (directory, *directory.parents):
        config = folder / "tsconfig.json"
        if config.is_file():
            text = config.read_text(encoding="utf-8", errors="replace")
            return re.search(r'^\s*"emitDecoratorMetadata"\s*:\s*true', text, re.MULTILINE) is not None
    return False


def needs_compiler(said: str) -> bool:
    """Whether esbuild warned that a namespace is called as a function."""
    return "it's an import namespace object" in said


def compiler_of(directory: Path) -> Path | None:
    """The application's TypeScript compiler."""
    return next(
        (place / "typescript" for place in places_of_packages(directory) if (place / "typescript").is_dir()), None
    )


def places_of_packages(directory: Path) -> Sequence[Path]:
    """Every `node_modules` at and above a directory."""
    places = (folder / "node_modules" for folder in (directory, *directory.parents))
    return [place for place in places if place.is_dir()]


async def transpiled(directory: Path, cache: Path) -> Path:
    """A directory with the same files, its TypeScript compiled. Raises BuildFailed.

    Made once for all functions: one call at a time.
    """

    async def compile_into(target: Path) -> None:
        await run(["node", _SCRIPT, directory, target], directory=directory, what=f"compiling {directory.name}")

    return await once(cache / "typescript", await asyncio.to_thread(_state_of, directory), compile_into)


def _state_of(directory: Path) -> str:
    """Another text whenever a file is."""
    told = [str(directory), _SCRIPT.read_text(encoding="utf-8")]
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if name != "node_modules" and not name.startswith("."))
        told += [f"{folder}/{name} {Path(folder, name).stat().st_mtime_ns}" for name in sorted(files)]
    return digest(*told)
