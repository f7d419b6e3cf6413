"""`dayfly dev`: the applications that one works on, on one platform; an edit is live on the next call.

Data flows: path → `load` → `Builder` → `Deployer` → the stack's record → ready. Then files are watched: an edit of code
lets warm environments go (the next event starts afresh); an edit of what was read as configuration is loaded, planned
and applied. Whatever is wrong with an edit is said, and everything else goes on as it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dayfly.app import compose, seeds
from dayfly.app.application import Application
from dayfly.app.apply import Deployer, Deployment
from dayfly.app.load import load
from dayfly.app.report import resource_items, summary
from dayfly.app.resources.table import TABLE
from dayfly.app.yaml import ApplicationError
from dayfly.build import Builder
from dayfly.errors import Error
from dayfly.identity import Caller
from dayfly.lookups import lookups
from dayfly.record import stack_record
from dayfly.runtime import Family
from dayfly.runtime.sdk import absent_packages, ensure_node_packages, missing_packages

if TYPE_CHECKING:
    from dayfly.cli.said import Voice
    from dayfly.server import Platform

_QUIET_MS = 50
"""Editors write a file in several steps; changes this close together are one edit."""
_NOT_CODE = frozenset({".dayfly", ".git", "node_modules", "__pycache__", ".serverless", ".aws-sam", ".venv", ".idea"})


class Wanted(NamedTuple):
    """An application as it was asked for; None lets the application decide."""

    path: Path
    stage: str | None
    region: str | None
    params: Mapping[str, str]
    part: compose.Part | None = None
    """Of a composition: its parameters may be outputs of others."""
    composition: Path | None = None


class _Deployed:
    """One application as it runs now."""

    def __init__(
        self,
        wanted: Wanted,
        application: Application,
        builder: Builder,
        code: Mapping[str, Path],
        deployment: Deployment,
        params: Mapping[str, str],
    ) -> None:
        self.wanted = wanted
        self.params = params
        self.code = code
        self.application = application
        self.builder = builder
        self.deployment = deployment


def _not_ready(failures: Mapping[str, str]) -> list[str]:
    """A sentence for each reason, not for each function that has it."""
    reasons: dict[str, list[str]] = {}
    for name, why in failures.items():
        reasons.setdefault(why, []).append(name)
    return [
        f"{names[0]} is not ready: {why}" if len(names) == 1 else f"{', '.join(names)} are not ready: {why}"
        for why, names in reasons.items()
    ]


def _directories(roots: Sequence[Path], state: Path) -> set[Path]:
    """The directories below these that hold what people edit, links followed."""
    found: set[Path] = set()
    seen: set[str] = set()
    for root in roots:
        for name, inner, _ in os.walk(root, followlinks=True):
            real = os.path.realpath(name)
            if real in seen or Path(name).is_relative_to(state):
                inner.clear()
                continue
            seen.add(real)
            found.add(Path(name))
            inner[:] = [one for one in inner if one not in _NOT_CODE]
    return found


class Session:
    """The applications of one `dayfly dev`, from their first reading to the end."""

    def __init__(
        self,
        platform: Platform,
        paths: Sequence[Path],
        voice: Voice,
        *,
        stage: str | None = None,
        region: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self._platform = platform
        self._wanted = [Wanted(path, stage, region, params or {}) for path in paths]
        self._voice = voice
        self._deployer = Deployer(
            stacks=platform.stacks,
            call=platform.registry.call,
            endpoint=platform.endpoint,
            responses=platform.responses,
        )
        self._deployed: list[_Deployed] = []
        self._one_at_a_time = asyncio.Lock()
        self.ready = asyncio.Event()
        self.record: dict[str, Any] = {}
        self._changed = asyncio.Event()
        """Other files are to be watched."""
        self._unsown: set[seeds.Seed] = set()
        """What could not be put into its table."""

    async def run(self, stop: asyncio.Event) -> int:
        """Apply everything, say ready, follow edits until `stop` is set. Exit status 2 where nothing could start."""
        self._platform.doors.starting = True
        starting = asyncio.create_task(self._start(), name="start applications")
        stopping = asyncio.create_task(stop.wait(), name="wait for stop")
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():  # told to stop while packages are fetched, say
                return 0
            starting.result()
        except ApplicationError as error:
            self._voice.problem(error.message, str(error.file) if error.file else None, error.line)
            return 2
        except Error as error:
            self._voice.problem(error.message)
            return 2
        finally:
            self._platform.doors.starting = False
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
        self._say_ready()
        self._platform.on_reset.append(self._again)
        self._platform.doors.session = self
        self._platform.meter.subscribe(self._ran)
        if self._voice.tells_lines:
            self._platform.doors.on_line = self._printed
        watching = asyncio.create_task(self._watch(stop), name="watch files")
        try:
            await stop.wait()
        finally:
            watching.cancel()
            self._warming.cancel()
            await asyncio.gather(watching, self._warming, return_exceptions=True)
        return 0

    # Applying

    async def _start(self) -> None:
        for asked in self._wanted:
            for wanted in await self._services(asked):
                self._deployed.append(await self._apply(wanted, self._deployed))
                if len(self._deployed) == 1:
                    self._platform.settle(self._deployed[0].application.region)

    async def _services(self, wanted: Wanted) -> list[Wanted]:
        """The application, or all of a composition."""
        parts = await asyncio.to_thread(
            compose.parts_of, wanted.path, stage=wanted.stage, cache=self._platform.settings.cache
        )
        if parts is None:
            return [wanted]
        return [wanted._replace(path=part.path, part=part, composition=wanted.path) for part in parts]

    def _params(self, wanted: Wanted, among: Sequence[_Deployed]) -> Mapping[str, str]:
        """What is said, else the composition's, with outputs of its other services. Raises ApplicationError."""
        if wanted.part is None:
            return wanted.params
        outputs = {
            one.wanted.part.name: {name: str(output.value) for name, output in one.deployment.stack.outputs.items()}
            for one in among
            if one.wanted.part is not None and one.wanted.composition == wanted.composition
        }
        return {**compose.filled(wanted.part, outputs), **wanted.params}

    async def deploy(self, wanted: Wanted) -> dict[str, Any]:
        """One more application, or one that runs already once more; its stack's record. Raises ApplicationError."""
        async with self._one_at_a_time:
            deployed = await self._apply(wanted, self._deployed)
            others = [one for one in self._deployed if one.application.path != deployed.application.path]
            self._deployed = [*others, deployed]
            self._face()
            self._changed.set()
            return stack_record(self._platform, deployed.application, deployed.deployment.stack)

    async def remove(self, name: str) -> bool:
        """Take an application's stack away; False where none has this name."""
        async with self._one_at_a_time:
            stack = self._platform.stacks.find(self._platform.scope, name)
            if stack is None:
                return False
            self._deployed = [one for one in self._deployed if one.application.name != name]
            await self._deployer.remove(stack)
            self._face()
            self._changed.set()
            return True

    async def _apply(self, wanted: Wanted, among: Sequence[_Deployed]) -> _Deployed:
        """From a path to a running application. Raises ApplicationError."""
        platform = self._platform
        params = self._params(wanted, among)
        application = await asyncio.to_thread(
            load,
            wanted.path,
            stage=wanted.stage,
            region=wanted.region,
            account=platform.settings.account,
            params=params,
            default_region=platform.settings.region,
            doors=lookups(
                account=platform.settings.account,
                region=wanted.region or platform.settings.region,
                call=platform.registry.call,
                stacks=platform.stacks,
            ),
            cache=platform.settings.cache,
        )
        builder = Builder(application, platform.settings.cache / "build", self._voice.progress)
        sown = await asyncio.to_thread(lambda: [seeds.read(seed) for seed in application.seeds])
        code = await builder.build()
        await self._fetch_sdks(application, code)
        deployment = await self._deployer.deploy(application, code)
        await self._sow(sown, deployment)
        return _Deployed(wanted, application, builder, code, deployment, params)

    async def _sow(self, sown: Sequence[seeds.Sown], deployment: Deployment) -> None:
        """Fill the tables that are new. What is wrong with an item is said, and tried again when its file is saved."""
        made = self._platform.stacks.resources(deployment.stack).values()
        tables = {one.physical_id: one.logical_id for one in made if one.type == "AWS::DynamoDB::Table"}
        for one in sown:
            seed, caller = one.seed, Caller(scope=deployment.stack.scope)
            try:
                if seed.table not in tables:
                    raise ApplicationError.at(f"there is no table {seed.table} here to put items into", seed.mark)
                if tables[seed.table] in deployment.made or seed in self._unsown:
                    await seeds.sow(one, self._platform.registry.call, caller)
                self._unsown.discard(seed)
            except ApplicationError as error:
                self._unsown.add(seed)
                self._voice.problem(error.message, str(error.file) if error.file else None, error.line)

    async def _fetch_sdks(self, application: Application, code: Mapping[str, Path]) -> None:
        """Node code finds the SDK that AWS's runtime ships; fetched now, the first event need not wait for it."""
        cache = self._platform.settings.cache
        node = {
            code[source.logical_id]
            for source in application.code.values()
            if source.logical_id in code and (source.kind == "layer" or source.runtime.startswith("nodejs"))
        }
        names = set[str]().union(*await asyncio.gather(*(asyncio.to_thread(missing_packages, one) for one in node)))
        if lacking := absent_packages(names, cache=cache):
            self._voice.progress(f"fetching {', '.join(sorted(lacking))}")
            await ensure_node_packages(lacking, cache=cache)

    def _say_ready(self) -> None:
        self._face()
        notes = []
        for one in self._deployed:
            application = one.application
            items = [*application.items, *resource_items(application.template, application.origins, TABLE)]
            # What turned out while it was made; types that are not supported are among the others already.
            items += [item for item in one.deployment.items if ": not supported: " not in item.what]
            notes += summary(dict.fromkeys(items))
            notes += _not_ready(one.builder.failures)
        self._voice.ready(self.record, notes)
        self.ready.set()
        self._warming = asyncio.gather(*(self._platform.pool.warm(family) for family in self._families()))

    def _families(self) -> list[Family]:
        """The languages of the functions, so that the first event meets a process that waits."""
        runtimes = [source.runtime for one in self._deployed for source in one.application.code.values()]
        wanted: list[tuple[str, Family]] = [("python", "python"), ("nodejs", "node")]
        return [family for prefix, family in wanted if any(runtime.startswith(prefix) for runtime in runtimes)]

    def _face(self) -> None:
        """Give the first APIs the ports of their kind, and write the record."""
        records = [stack_record(self._platform, one.application, one.deployment.stack) for one in self._deployed]
        self.record = self._platform.record(records)

    async def _again(self) -> None:
        """After a reset: the same applications, with nothing in them."""
        async with self._one_at_a_time:
            self._platform.doors.front.clear()
            again: list[_Deployed] = []
            for one in self._deployed:
                again.append(await self._apply(one.wanted, again))
            self._deployed = again
            self._face()

    # Following

    async def _watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            async for changed in self._edits():
                try:
                    await self._edited(changed)
                except ApplicationError as error:
                    self._voice.problem(error.message, str(error.file) if error.file else None, error.line)
                except Error as error:
                    self._voice.problem(error.message)
                if {path for _, path in self._watched()} != self._watching:
                    break  # the configuration now names other files

    async def _edits(self) -> AsyncIterator[set[Path]]:
        from watchfiles import awatch

        self._changed.clear()
        watched = self._watched()
        self._watching = {path for _, path in watched}
        roots = sorted({path for _, path in watched if path.exists()})

        def wanted(_: Any, path: str) -> bool:
            edited = Path(path)
            root = next((root for root in roots if edited.is_relative_to(root)), edited)
            return not (_NOT_CODE & set(edited.relative_to(root).parts)) and not self._ours(edited)

        # Each directory for itself: a watch of whole trees would wake for every write to our own state in `.dayfly`.
        directories = _directories(roots, self._platform.settings.state)
        try:
            async for changes in awatch(
                *directories,
                watch_filter=wanted,
                stop_event=self._changed,
                debounce=_QUIET_MS * 4,
                step=_QUIET_MS,
                recursive=False,
            ):
                edited = {Path(path) for _, path in changes}
                yield edited
                if any(path.is_dir() and path not in directories for path in edited):
                    return  # the caller comes again, and the new directory is watched too
        except FileNotFoundError:
            return  # a directory went while they were being listed

    def _ours(self, path: Path) -> bool:
        """Whether dayfly itself writes there: its state, or what it says (`dayfly dev > dev.log`)."""
        if path.is_relative_to(self._platform.settings.state):
            return True
        try:
            written = path.stat()
            return any(os.path.samestat(written, os.fstat(number)) for number in (1, 2))
        except OSError:
            return False

    def _watched(self) -> list[tuple[_Deployed, Path]]:
        """The directories of code and the directories of everything that was read."""
        found: list[tuple[_Deployed, Path]] = []
        for one in self._deployed:
            sources = [source.path for source in one.application.code.values()]
            files = [path.parent for path in one.application.files]
            for path in (one.application.directory, *sources, *files):
                directory = path if path.is_dir() else path.parent
                if not any(directory.is_relative_to(other) for _, other in found):
                    found.append((one, directory))
        return found

    async def _edited(self, changed: set[Path]) -> None:
        async with self._one_at_a_time:
            for place, one in enumerate(self._deployed):
                # An edit of one service may have given another one other outputs.
                if changed & set(one.application.files) or self._params(one.wanted, self._deployed) != one.params:
                    self._deployed[place] = await self._apply(one.wanted, self._deployed)
                    self._face()
                    steps = [
                        step for step in self._deployed[place].deployment.steps if step.action not in ("none", "skip")
                    ]
                    self._voice.reload(
                        {
                            "what": f"{one.application.name}: {len(steps)} changes",
                            "steps": [str(step) for step in steps],
                            "stacks": self.record["stacks"],
                        }
                    )
                    continue
                await self._recoded(one, changed)

    async def _recoded(self, one: _Deployed, changed: set[Path]) -> None:
        """Code was edited: bring what was built from it up to date, and let environments with the old go."""
        touched = await one.builder.refresh(changed)
        if not touched:
            return
        names: set[str] = set()
        for directory in {one.code[logical_id] for logical_id in touched}:
            names.update(self._platform.functions.touch(directory))
        shown = ", ".join(sorted(path.name for path in changed)[:3])
        functions = sorted(names)
        self._voice.reload({"what": f"{shown} ({len(functions)} functions)", "functions": functions})

    # Telling

    def _ran(self, scope: Any, invocation: Any) -> None:
        self._voice.invocation(invocation)

    def _printed(self, function: str, line: str) -> None:
        self._voice.printed(function, line)
