"""TypeScript and bundled JavaScript, by esbuild: on PATH, in the application's node_modules, or fetched with npm.

Settings are those of SAM: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dayfly.app.yaml import ApplicationError
from dayfly.build import nodejs
from dayfly.build.tools import BuildFailed, Say, digest, once, run

_SUFFIXES = ("", ".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", ".jsx")
_SUPPLIED = ("@aws-sdk/*", "@smithy/*", "aws-sdk")
"""What the runtime brings; not bundled, as SAM and serverless-esbuild do."""
_LOADERS = {".node": "copy", ".graphql": "text", ".gql": "text", ".html": "text"}
"""For files that bundlers' configurations commonly have loaders for; BuildProperties may say otherwise."""
_VERSION = "0.25"
_OLDEST = (0, 16, 5)
"""The first with `--packages=external`: https://github.com/evanw/esbuild/blob/main/CHANGELOG.md"""


def find(*places: Path) -> Path | None:
    """An esbuild that is there already, in a `node_modules` at or above one of the places, or on PATH."""
    for place in places:
        for folder in (place, *place.parents):
            package = folder / "node_modules" / "@esbuild" / _platform() / "bin" / "esbuild"
            shim = folder / "node_modules" / ".bin" / "esbuild"
            for path in (package, shim):
                if path.is_file() and _recent(folder / "node_modules" / "esbuild"):
                    return path
    on_path = shutil.which("esbuild")
    return Path(on_path) if on_path else None


def _recent(package: Path) -> bool:
    """Whether an installed esbuild knows the options used here; older ones are left alone, and one of ours is used."""
    try:
        version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
        return tuple(int(part) for part in version.split(".")[:3]) >= _OLDEST
    except (OSError, ValueError, LookupError):
        return True


def _platform() -> str:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine())
    return f"{platform.system().lower()}-{machine}"


async def locate(cache: Path, say: Say, *places: Path) -> Path:
    """An esbuild, fetched once into the cache if there is none. Raises BuildFailed."""
    found = find(*places, cache / "esbuild" / _VERSION)
    if found is not None:
        return found

    async def fetch(target: Path) -> None:
        say("fetching esbuild with npm")
        (target / "package.json").write_text('{"private": true}', encoding="utf-8")
        await nodejs.npm(target, [f"esbuild@^{_VERSION}"], what="npm install esbuild")

    await once(cache / "esbuild", _VERSION, fetch)
    fetched = find(cache / "esbuild" / _VERSION)
    if fetched is None:
        raise BuildFailed("npm install esbuild brought no esbuild for this machine")
    return fetched


async def bundle(
    esbuild: Path,
    directory: Path,
    entries: Sequence[str],
    settings: Mapping[str, Any],
    output: Path,
    *,
    what: str,
    modules: Sequence[Path] = (),
) -> str:
    """Bundle entry points (relative to `directory`, with or without suffix) to `output`. Raises BuildFailed.

    `modules` are more places to look for packages. What esbuild warned of comes back.
    """
    command: list[str | Path] = [
        esbuild,
        *(_entry(directory, entry) for entry in entries),
        *arguments(settings, output),
    ]
    # A lone entry point would land at the top, but the handler's name has its folder in it.
    command.append(f"--outbase={settings.get('OutBase') or '.'}")
    environment = {"NODE_PATH": os.pathsep.join(map(str, modules))} if modules else None
    try:
        return await run(command, directory=directory, what=f"bundling {what}", environment=environment)
    except BuildFailed as failed:
        left = _left_out(failed.said)
        if not left:
            raise
        # Packages that are optional, or were not built for this machine: only what loads them needs to fail.
        outside = [f"--external:{name}" for name in left]
        return await run([*command, *outside], directory=directory, what=f"bundling {what}", environment=environment)


def _left_out(said: str) -> list[str]:
    """Packages and native modules that are not there; none where one of the application's own files is missing."""
    names = list(dict.fromkeys(re.findall(r'Could not resolve "([^"]+)"', said)))
    own = [name for name in names if name.startswith((".", "/")) and not name.endswith(".node")]
    return [] if own else names


def arguments(settings: Mapping[str, Any], output: Path) -> list[str]:
    """The command line for BuildProperties."""
    form = str(settings.get("Format") or "cjs")
    made = [
        "--bundle",
        "--platform=node",
        f"--outdir={output}",
        f"--format={form}",
        "--log-level=warning",
        "--log-limit=0",
        "--allow-overwrite",
        *(f"--loader:{suffix}={loader}" for suffix, loader in _LOADERS.items()),
    ]
    made.append(f"--target={settings.get('Target') or 'node20'}")
    if settings.get("Minify") in (True, "true"):
        made.append("--minify")
    if settings.get("KeepNames"):
        made.append("--keep-names")
    sourcemap = settings.get("Sourcemap")
    if sourcemap:
        made.append("--sourcemap" if sourcemap in (True, "true") else f"--sourcemap={sourcemap}")
    if settings.get("Packages"):
        made.append(f"--packages={settings['Packages']}")
    listed = _listed(settings.get("External"))
    made += [f"--external:{name}" for name in dict.fromkeys([*_SUPPLIED, *listed])]
    made += [f"--loader:{one}" for one in _pairs(settings.get("Loader"))]
    made += [f"--define:{one}" for one in _pairs(settings.get("Define"))]
    made += [f"--out-extension:{one}" for one in _pairs(settings.get("OutExtension"))]
    made += [f"--banner:{one}" for one in _pairs(settings.get("Banner"))]
    if settings.get("MainFields"):
        made.append(f"--main-fields={','.join(_listed(settings['MainFields']))}")
    if form == "esm" and not settings.get("OutExtension"):
        made.append("--out-extension:.js=.mjs")
    return made


def _listed(value: Any) -> list[str]:
    return [] if not value else [str(one) for one in value] if isinstance(value, list) else str(value).split(",")


def _pairs(value: Any) -> list[str]:
    """`[".png=text"]` or `{".png": "text"}` as `key=value`."""
    if isinstance(value, Mapping):
        return [f"{key}={one}" for key, one in value.items()]
    return _listed(value)


def _entry(directory: Path, entry: str) -> Path:
    for suffix in _SUFFIXES:
        path = directory / f"{entry}{suffix}"
        if path.is_file():
            return path.relative_to(directory)
    raise BuildFailed(f"the entry point {entry} does not exist in {directory}")


def bundle_config(path: Path, cache: Path | None) -> Path:
    """A TypeScript configuration as one JavaScript file; blocking. Raises ApplicationError."""
    home = cache or path.parent / ".dayfly" / "cache"
    try:
        esbuild = asyncio.run(locate(home, lambda _: None, path.parent))
        target = home / "config" / f"{digest(str(path), path.read_bytes())}.cjs"
        target.parent.mkdir(parents=True, exist_ok=True)
        settings = ["--bundle", "--platform=node", "--packages=external", "--format=cjs", "--log-level=error"]
        settings += [f"--define:import.meta.{name}={place}" for name, place in _PLACES.items()]
        command = [str(esbuild), path.name, *settings, f"--outfile={target}"]
        done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    except BuildFailed as error:
        raise ApplicationError(error.message, path) from error
    if done.returncode:
        raise ApplicationError(f"{path.name} cannot be read: {done.stderr.strip().splitlines()[0]}", path)
    target.write_text(_in_place(target.read_text(encoding="utf-8"), path.parent), encoding="utf-8")
    return target


_PLACES = {"dirname": "__dirname", "filename": "__filename", "url": "__fileurl"}
"""What a module calls its own place, by the member of `import.meta`."""
_PLACE = re.compile(r"\b(?:__dirname|__filename|__fileurl)\b")


def _in_place(bundle: str, directory: Path) -> str:
    """The bundle with each source file's own place in it, from which configurations make the names of handlers.

    esbuild writes `// src/functions/a/index.ts` before what comes from that file.
    """
    here, made = directory, []

    def place(match: re.Match[str]) -> str:
        return json.dumps(
            {"__dirname": str(here.parent), "__filename": str(here), "__fileurl": here.as_uri()}[match[0]]
        )

    for line in bundle.splitlines(keepends=True):
        if line.startswith("// ") and (directory / line[3:].strip()).is_file():
            here = (directory / line[3:].strip()).resolve()
        made.append(_PLACE.sub(place, line))
    return "".join(made)
