"""Gives each function and layer the directory it runs from."""

from __future__ import annotations

import asyncio
import re
import shutil
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from dayfly.app.application import Application
from dayfly.app.code import CodeSource
from dayfly.build import esbuild, nodejs, python, stage, typescript
from dayfly.build.pack import included
from dayfly.build.tools import BuildFailed, Say, digest, run


class _Built(msgspec.Struct, frozen=True, kw_only=True):
    sources: tuple[CodeSource, ...]
    """All that share this directory; the first stands for them."""
    directory: Path

    @property
    def names(self) -> set[str]:
        return {source.logical_id for source in self.sources}


class Builder:
    """Builds an application's code into `cache`, and keeps it in step with the working tree."""

    def __init__(self, application: Application, cache: Path, say: Say = lambda _: None) -> None:
        self.application = application
        self.cache = cache.absolute()
        self.say = say
        self.failures: dict[str, str] = {}
        """Why the code of a function is not ready, by logical id; the others run all the same."""
        self._built: list[_Built] = []
        self._lacking: dict[Path, BuildFailed] = {}
        """Manifests that could not be installed: not tried again for every function that needs them."""
        self._compiling = asyncio.Lock()
        self._compilable: dict[Path, bool] = {}
        """Whether code goes through its own compiler first: looked at once for all functions that share it."""

    async def build(self, *, strict: bool = False) -> dict[str, Path]:
        """A directory for every function and layer, by logical id.

        What cannot be built gets its code without packages (or an empty directory) and an entry in `failures`; `strict`
        raises BuildFailed instead.
        """
        groups: dict[bytes, list[CodeSource]] = {}
        for source in self.application.code.values():
            groups.setdefault(_same(source), []).append(source)
        self._built = []
        self.failures.clear()
        self._lacking.clear()
        self._compilable.clear()
        for sources in groups.values():
            self._built.append(_Built(sources=tuple(sources), directory=await self._directory(sources, strict)))
        return {name: built.directory for built in self._built for name in built.names}

    async def _directory(self, sources: list[CodeSource], strict: bool) -> Path:
        source = sources[0]
        try:
            if source.method == "plain" and source.path.is_dir():
                return source.path
            return await self._staged(source)
        except BuildFailed as error:
            if strict:
                raise
            self.failures.update({one.logical_id: error.message for one in sources})
            self.say(f"{source.logical_id} is not ready: {error.message}")
            return await asyncio.to_thread(self._unready, source)

    def _stage(self, source: CodeSource) -> Path:
        return self.cache / "stages" / f"{source.logical_id}-{digest(_same(source))}"

    def _unready(self, source: CodeSource) -> Path:
        """The code without what could not be built: what is missing is then said by the function itself."""
        directory = self._stage(source)
        fresh = directory.with_name(directory.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        if source.method in ("pip", "npm") and source.path.is_dir():
            stage.lay(source.path, fresh)
        directory.mkdir(exist_ok=True)
        _exchange(fresh, directory)
        return directory

    async def _staged(self, source: CodeSource) -> Path:
        if not source.path.exists() and source.method != "files":
            raise BuildFailed(f"{source.path} does not exist")
        directory = self._stage(source)
        fresh = directory.with_name(directory.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        await self._fill(source, fresh)
        for name, text in source.files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_text(text, encoding="utf-8")
        # The directory itself stays (a sandbox may have it mounted); its content is exchanged.
        directory.mkdir(exist_ok=True)
        _exchange(fresh, directory)
        return directory

    async def _fill(self, source: CodeSource, target: Path) -> None:
        into = target / source.into if source.into else target
        into.mkdir(exist_ok=True)
        match source.method:
            case "pip" if source.manifest is not None:
                installed = await self._packages(source.manifest, python.packages)
                await asyncio.to_thread(stage.lay, installed, into, skip=frozenset({"bin"}))
                if not (source.kind == "layer" and source.path == self.application.directory):
                    await asyncio.to_thread(stage.lay, source.path, into)
            case "npm" if source.manifest is not None:
                installed = await self._packages(source.manifest, nodejs.packages)
                await asyncio.to_thread(stage.lay, source.path, into)
                await asyncio.to_thread(stage.lay, installed / "node_modules", into / "node_modules", skip=frozenset())
            case "esbuild":
                await self._bundle(source, target)
                await asyncio.to_thread(_add_files, source, target)
            case "makefile":
                await self._make(source, target)
            case "archive":
                await asyncio.to_thread(_unpack, source.path, target)
            case "files" | "plain":
                if source.path.is_dir():
                    await asyncio.to_thread(stage.lay, source.path, into)

    async def _packages(self, manifest: Path, install: Callable[[Path, Path, Say], Awaitable[Path]]) -> Path:
        if (failed := self._lacking.get(manifest)) is not None:
            raise failed
        try:
            return await install(manifest, self.cache, self.say)
        except BuildFailed as error:
            self._lacking[manifest] = error
            raise

    async def _bundle(self, source: CodeSource, target: Path) -> None:
        tool = await esbuild.locate(self.cache, self.say, source.path)
        packages, directory = source.path / "package.json", source.path
        modules: tuple[Path, ...] = ()
        if packages.is_file() and not _has_modules(directory):
            installed = await self._packages(packages, partial(nodejs.packages, development=True))
            # esbuild looks for packages at and above the code; NODE_PATH names one more place.
            modules = (installed / "node_modules",)
        places = (*modules, *typescript.places_of_packages(directory))
        compiler = typescript.compiler_of(places)
        if compiler is None or not await self._wants_compiler(directory, places):
            said = await self._bundle_into(tool, source, directory, target, modules)
            if compiler is None or not typescript.needs_compiler(said):
                return
        try:
            async with self._compiling:
                compiled = await typescript.transpiled(directory, self.cache, compiler)
            entries = tuple(re.sub(r"\.tsx?$", ".js", entry) for entry in source.entries)
            changed = msgspec.structs.replace(source, path=compiled, entries=entries)
            await self._bundle_into(tool, changed, compiled, target, places)
        except BuildFailed:
            # What lies outside of the directory is only found from where the sources are.
            await self._bundle_into(tool, source, directory, target, modules)

    async def _wants_compiler(self, directory: Path, places: Sequence[Path]) -> bool:
        if directory not in self._compilable:
            wants = await asyncio.to_thread(typescript.wants_compiler, directory, places)
            self._compilable[directory] = wants
        return self._compilable[directory]

    async def _bundle_into(
        self, tool: Path, source: CodeSource, directory: Path, target: Path, modules: Sequence[Path]
    ) -> str:
        handler = Path(source.handler.rpartition(".")[0])
        said = await esbuild.bundle(
            tool, directory, source.entries, source.properties, target, what=source.logical_id, modules=modules
        )
        # SAM puts one entry's bundle where the handler names it, with or without its folder.
        produced = [path for path in target.rglob("*") if path.suffix in (".js", ".mjs", ".cjs")]
        if source.handler and not any((target / handler).with_suffix(one).is_file() for one in (".js", ".mjs", ".cjs")):
            for path in produced:
                if path.stem == handler.name:
                    wanted = (target / handler).with_suffix(path.suffix)
                    wanted.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, wanted)
        return said

    async def _make(self, source: CodeSource, target: Path) -> None:
        """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html"""
        self.say(f"running make build-{source.target}")
        scratch = self.cache / "make" / source.logical_id
        shutil.rmtree(scratch, ignore_errors=True)
        await asyncio.to_thread(stage.lay, source.path, scratch)
        await run(
            ["make", f"build-{source.target}"],
            directory=scratch,
            what=f"make build-{source.target}",
            environment={"ARTIFACTS_DIR": str(target)},
        )

    async def refresh(self, changed: Iterable[Path]) -> set[str]:
        """Bring what holds the changed files up to date; the logical ids whose code is different now."""
        self._lacking.clear()
        self._compilable.clear()
        paths = [path.absolute() for path in changed]
        touched: set[str] = set()
        for built in self._built:
            source = built.sources[0]
            mine = [path for path in paths if _holds(source, path)]
            if not mine:
                continue
            touched |= built.names
            failed = bool(built.names & set(self.failures))
            if built.directory == source.path and not failed:
                continue  # mounted as it is
            rebuild = failed or source.method not in ("pip", "npm", "files") or source.manifest in mine
            if rebuild:
                for name in built.names:
                    self.failures.pop(name, None)
                await self._directory(list(built.sources), strict=False)
                continue
            for path in mine:
                if path.name not in source.files:
                    stage.follow(source.path, built.directory / source.into, path)
        return touched


async def build(application: Application, cache: Path, say: Say = lambda _: None) -> Mapping[str, Path]:
    """Every function's and layer's directory, by logical id. Raises BuildFailed."""
    return await Builder(application, cache, say).build(strict=True)


def _same(source: CodeSource) -> bytes:
    """Equal for functions that can share a directory."""
    shared = {
        "logical_id": "",
        "runtime": "",
        "patterns": source.patterns if source.method == "esbuild" else (),
        "target": source.target if source.method == "makefile" else "",
    }
    if source.method != "esbuild":
        shared["handler"] = ""
    return msgspec.json.encode(msgspec.structs.replace(source, **shared), enc_hook=str)


def _add_files(source: CodeSource, target: Path) -> None:
    """Put the files that the package's patterns name (templates, schemas, engines) beside a bundle.

    Packages are in the bundle already, unless a pattern names their folder:
    https://www.npmjs.com/package/serverless-esbuild (Including Extra Files)
    """
    named = [pattern for pattern in source.patterns if not pattern.startswith("!")]
    if not named:
        return
    packages = any(pattern.removeprefix("./").startswith("node_modules/") for pattern in named)
    skip = stage.SKIPPED if packages else stage.SKIPPED | {"node_modules"}
    stage.add(source.path, target, lambda name: included(name, source.patterns, kept=False), skip=skip)


def _has_modules(path: Path) -> bool:
    return any((folder / "node_modules").is_dir() for folder in (path, *path.parents))


def _holds(source: CodeSource, path: Path) -> bool:
    if path == source.manifest or path == source.path:
        return True
    if not path.is_relative_to(source.path):
        return False
    return not stage.SKIPPED & set(path.relative_to(source.path).parts)


def _exchange(fresh: Path, directory: Path) -> None:
    for old in directory.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    for new in fresh.iterdir():
        new.rename(directory / new.name)
    fresh.rmdir()


def _unpack(archive: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                packed.extract(member, target)
                mode = member.external_attr >> 16
                if mode & 0o111:
                    (target / member.filename).chmod(0o755)
    except (zipfile.BadZipFile, OSError) as error:
        raise BuildFailed(f"{archive.name} cannot be unpacked: {error}") from error
