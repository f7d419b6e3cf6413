"""TypeScript that esbuild alone does not compile as the application's own compiler would.

Three things differ: types of decorated parameters (`emitDecoratorMetadata`), by which frameworks such as NestJS inject;
`import X = A.B`, which the compiler drops where it names a type and esbuild keeps as a reference to a value; and
`import * as f from "f"`, which without `esModuleInterop` is the module itself and may be a function. Where they are
met, the sources are first made JavaScript by the compiler in the application's `node_modules`.

https://esbuild.github.io/content-types/#typescript-caveats
https://www.typescriptlang.org/tsconfig/#esModuleInterop
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dayfly.build.tools import digest, once, run

_SCRIPT = Path(__file__).with_name("transpile.cjs")
_ALIAS = re.compile(
    r"^[ \t]*(?:export[ \t]+)?import[ \t]+[\w$]+\s*=\s*(?!require\b)[A-Za-z_$][\w$.]*\s*?(?:;|/[/*]|$)", re.M
)
_NAMESPACE = re.compile(r"""^[ \t]*import\s+\*\s+as\s+([\w$]+)\s+from\s+['"]([^'"]+)['"].*$""", re.M)
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.S)
_CALLABLE = frozenset({"assert", "assert/strict", "events", "module", "stream"})
"""Modules of Node.js that are functions."""
_MOST_CONFIGURATIONS = 10


def wants_compiler(directory: Path, places: Sequence[Path]) -> bool:
    """Whether the code has to go through the application's own compiler, as far as one can see without bundling it.

    `places` are the directories in which its packages are. Code that would not have needed it only takes longer.
    """
    if _setting(directory, "emitDecoratorMetadata") == "true":
        return True
    modern = re.fullmatch("node1.|node2.|nodenext|preserve", _setting(directory, "module") or "")
    interop = _setting(directory, "esModuleInterop") == "true" or modern is not None
    for path in _sources(directory):
        text = path.read_text(encoding="utf-8", errors="replace")
        if _ALIAS.search(text) or (not interop and _hands_on_modules(text, places)):
            return True
    return False


def needs_compiler(said: str) -> bool:
    """Whether esbuild warned that a namespace is called as a function."""
    return "it's an import namespace object" in said


def _setting(directory: Path, name: str) -> str | None:
    """A compiler option in the nearest tsconfig.json or what that extends, in small letters."""
    found = next((one for one in (directory, *directory.parents) if (one / "tsconfig.json").is_file()), None)
    waiting = [found / "tsconfig.json"] if found else []
    for _ in range(_MOST_CONFIGURATIONS):  # whatever a circle of them says
        if not waiting:
            break
        config = waiting.pop(0)
        text = config.read_text(encoding="utf-8", errors="replace")
        if said := re.search(rf'^[^/\n]*"{name}"\s*:\s*"?(\w+)', text, re.M):
            return said[1].lower()
        for extended in re.findall(r'"extends"\s*:\s*\[?\s*"([^"]+)"', text):
            bases = [config.parent] if extended.startswith(".") else places_of_packages(config.parent)
            options = [base / f"{extended}{rest}" for base in bases for rest in ("", ".json", "/tsconfig.json")]
            waiting += [option for option in options if option.is_file()][:1]
    return None


def _sources(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name != "node_modules" and not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if name.endswith((".ts", ".tsx")) and not name.endswith(".d.ts") and path.is_file():
                yield path


def _hands_on_modules(text: str, places: Sequence[Path]) -> bool:
    """Whether a module that may be a function is more than the place of its members: called, passed, assigned."""
    imported = [(name, module) for name, module in _NAMESPACE.findall(text) if not module.startswith(".")]
    plain = _COMMENT.sub("", _NAMESPACE.sub("", text)) if imported else ""
    return any(
        re.search(rf"""(?<![\w$.'"/-])(?<!typeof ){re.escape(name)}(?![\w$'"/-]|\s*[.:\[]|\s*\?\.)""", plain)
        and _may_be_called(module.removeprefix("node:"), places)
        for name, module in imported
    )


def _may_be_called(module: str, places: Sequence[Path]) -> bool:
    """Only what a declaration exports with `export =` can be called at all."""
    if module in _CALLABLE:
        return True
    typed = module.removeprefix("@").replace("/", "__", 1) if module.startswith("@") else module
    for place in places:
        for home in (place / module, place / "@types" / typed):
            for file in (home / _declaration(home), home.with_name(f"{home.name}.d.ts")):
                if file.is_file():
                    text = file.read_text(encoding="utf-8", errors="replace")
                    return re.search(r"\bexport\s*=\s", text) is not None
    return False


def _declaration(package: Path) -> str:
    try:
        manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))
        named = str(manifest.get("types") or manifest.get("typings") or "index.d.ts")
    except (OSError, ValueError):
        return "index.d.ts"
    return named if named.endswith(".ts") else f"{named}.d.ts"


def compiler_of(places: Sequence[Path]) -> Path | None:
    """The application's TypeScript compiler, in the first of these directories that has one."""
    return next((place / "typescript" for place in places if (place / "typescript").is_dir()), None)


def places_of_packages(directory: Path) -> Sequence[Path]:
    """Every `node_modules` at and above a directory."""
    places = (folder / "node_modules" for folder in (directory, *directory.parents))
    return [place for place in places if place.is_dir()]


async def transpiled(directory: Path, cache: Path, compiler: Path) -> Path:
    """A directory with the same files, its TypeScript compiled. Raises BuildFailed.

    Made once for all functions: one call at a time.
    """

    async def compile_into(target: Path) -> None:
        command: list[str | Path] = ["node", _SCRIPT, directory, target, compiler]
        await run(command, directory=directory, what=f"compiling {directory.name}")

    return await once(cache / "typescript", await asyncio.to_thread(_state_of, directory, compiler), compile_into)


def _state_of(directory: Path, compiler: Path) -> str:
    """Another text whenever a file is."""
    told = [str(directory), str(compiler), _SCRIPT.read_text(encoding="utf-8")]
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if name != "node_modules" and not name.startswith("."))
        told += [f"{folder}/{name} {Path(folder, name).stat().st_mtime_ns}" for name in sorted(files)]
    return digest(*told)
