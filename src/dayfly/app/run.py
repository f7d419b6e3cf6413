"""One run over one stack: takes the steps of a plan, one resource after the other, and can take back what it did.

A step is recorded before the next begins, so a run that was cut off is continued by the next one: what is recorded is
not made again. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dayfly.api import Refused
from dayfly.app.dynamic import filled
from dayfly.app.intrinsics import Intrinsics, dependencies, references
from dayfly.app.plan import REPLACED, Step, give_existing, needed_placeholder, plain, unsupported, wanted_resources
from dayfly.app.report import Item
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.outside import stand_in
from dayfly.app.yaml import ApplicationError, Mark, mark_of
from dayfly.errors import Error, Unsupported
from dayfly.stacks import Resource, Stack, Stacks
from dayfly.stacks.records import Output


class StepFailed(ApplicationError):
    """A resource could not be made; what the run had made is taken back."""


_ABSENT = re.compile(r"(does|do) not exist|not found|NonExistent|NoSuch|NotFound", re.IGNORECASE)
"""How services say that what a resource names is not there."""


def _imports(node: Any) -> bool:
    """Whether a part of a template imports anything."""
    if isinstance(node, dict):
        return "Fn::ImportValue" in node or any(_imports(value) for value in node.values())
    return isinstance(node, list) and any(_imports(one) for one in node)


class Run:
    """One run over one stack: what it made and changed, so that it can be taken back."""

    def __init__(
        self,
        stacks: Stacks,
        types: Mapping[str, ResourceType],
        site: Site,
        stack: Stack,
        intrinsics: Intrinsics,
        origins: Mapping[str, Mark],
        on_step: Callable[[Step], None],
        strict: bool,
        made_up: frozenset[str] = frozenset(),
    ) -> None:
        self.made_up = made_up
        self.stacks = stacks
        self.types = types
        self.site = site
        self.stack = stack
        self.intrinsics = intrinsics
        self.origins = origins
        self.on_step = on_step
        self.strict = strict
        self.items: list[Item] = []
        self.stood_in: set[str] = set()
        """The ARNs of what somebody else makes on AWS; see resources/outside.py."""
        self.made: list[str] = []
        self.changed: list[Resource] = []
        """As they were before."""

    async def build(self, steps: list[Step]) -> None:
        wanted = wanted_resources(self.intrinsics)
        existing = self.stacks.resources(self.stack)
        give_existing(self.intrinsics, {key: one for key, one in existing.items() if key in wanted})
        pending = [step for step in steps if step.action != "delete"]
        while pending:
            pending = await self._some(pending, wanted, existing)
        # Read again: replacements have left behind what they replaced.
        for resource in reversed(self.stacks.resources(self.stack).values()):
            if resource.logical_id not in wanted:
                await self.delete(resource)
                self.on_step(Step(action="delete", logical_id=resource.logical_id, type=resource.type))

    async def _some(self, steps: list[Step], wanted: Mapping[str, Any], existing: Mapping[str, Resource]) -> list[Step]:
        """Take the steps; those that need what another of them makes, without saying so, are answered for later.

        On AWS they would run beside each other: a topic that is only named is there when its subscription is made.
        """
        waiting: dict[str, StepFailed | None] = {}
        later: list[Step] = []
        for step in steps:
            resource = wanted[step.logical_id]
            if waiting and dependencies(resource, wanted) & waiting.keys():
                waiting[step.logical_id] = None
                later.append(step)
                continue
            try:
                await self._one(step, resource, existing.get(step.logical_id))
            except Error as error:
                failed = self._failure(step, resource, error)
                if not _ABSENT.search(error.message):
                    raise failed from error
                waiting[step.logical_id] = failed
                later.append(step)
        if len(later) == len(steps):
            absent = [step for step in later if waiting[step.logical_id] is not None]
            if self.strict or not await self._stood_in(absent, wanted):
                raise next(failed for failed in waiting.values() if failed is not None)
        return later

    async def _stood_in(self, steps: list[Step], wanted: Mapping[str, Any]) -> bool:
        """Whether something was made of what these steps listen to and the application does not make."""
        found = False
        for step in steps:
            properties = wanted[step.logical_id].get("Properties") or {}
            arn = await stand_in(self.site, step.type, plain(self.intrinsics.resolve(properties)))
            if arn is not None and arn not in self.stood_in:
                self.stood_in.add(arn)
                found = True
                file, line = self.origins.get(step.logical_id) or (None, None)
                what = f"{arn} is not of this application; an empty one stands in for it"
                self.items.append(Item(level="warning", what=what, file=file, line=line))
        return found

    def _failure(self, step: Step, resource: Any, error: Error) -> StepFailed:
        if isinstance(error, ApplicationError) and error.file is not None:
            return StepFailed(error.message, error.file, error.line)
        mark = mark_of(resource) or self.origins.get(step.logical_id)
        return StepFailed.at(f"{step.logical_id} ({step.type}) cannot be made: {error.message}", mark)  # type: ignore[return-value]

    async def _one(self, step: Step, resource: Any, before: Resource | None) -> None:
        key = step.logical_id
        lacking = unsupported(resource, self.types)
        if lacking is not None:
            await self._stand_in(step, resource, lacking)
            return
        try:
            resolved = self.intrinsics.resolve(resource.get("Properties") or {}, mark_of(resource))
        except ApplicationError as error:
            # A placeholder's ARN does not have the parts that a template may take out of it.
            need = needed_placeholder(
                resource, self.intrinsics.template["Resources"], self.stacks.resources(self.stack)
            )
            if need is None or self.strict:
                raise
            await self._stand_in(step, resource, f"needs {need}, which is not supported ({error.message})")
            return
        properties: Properties = plain(resolved)
        retain = resource.get("DeletionPolicy") == "Retain"
        fresh = before is None or before.placeholder or not before.physical_id
        try:
            if fresh:
                made = await self._create(step, properties, retain)
            elif before is not None and (before.type != resource["Type"] or properties != before.properties):
                made = await self._change(step, before, properties, retain)
            else:
                return
        except Unsupported as unable:
            if self.strict:
                raise
            await self._stand_in(step, resource, unable.message)
            return
        except Error as error:
            missing = isinstance(error, Refused) and error.status == 501  # an operation says that it cannot
            why = "not supported" if missing else self._lacking(resource)
            if self.strict or not fresh or why is None:
                raise
            await self._stand_in(step, resource, f"{error.message} ({why})")
            return
        self.intrinsics.resources[key] = made

    def _lacking(self, resource: Any) -> str | None:
        """What a resource was not given: without it nobody can say whether it could be made."""
        need = needed_placeholder(resource, self.intrinsics.template["Resources"], self.stacks.resources(self.stack))
        if need is not None:
            return f"needs {need}, which is not supported"
        names = sorted(set(references(resource.get("Properties"))) & self.made_up)
        if names:
            return f"the parameter {names[0]} has no value"
        return "it imports what no stack exports" if self.intrinsics.made_up_imports and _imports(resource) else None

    def tell_imports(self) -> None:
        """Say which imports had to be made up."""
        for name, mark in self.intrinsics.made_up_imports.items():
            file, line = mark or (None, None)
            what = (
                f"no stack exports {name}; start the application that does before this one, or a made-up value is taken"
            )
            self.items.append(Item(level="warning", what=what, file=file, line=line))

    async def _create(self, step: Step, properties: Properties, retain: bool) -> Physical:
        made = await self.types[step.type].create(self.site, step.logical_id, await self._given(step, properties))
        self.made.append(step.logical_id)
        await self._record(step, made, properties, retain, "CREATE_COMPLETE")
        return made

    async def _given(self, step: Step, properties: Properties) -> Properties:
        """The properties as a resource gets them. What is recorded keeps references: secrets stay where they are."""
        given: Properties
        given, missing = await filled(self.site, copy.deepcopy(properties))
        if missing and self.strict:
            raise ApplicationError(f"there is nothing at {missing[0]}")
        file, line = self.origins.get(step.logical_id) or (None, None)
        for reference in missing:
            what = f"{step.logical_id}: there is nothing at {reference}, which is left as it stands"
            self.items.append(Item(level="warning", what=what, file=file, line=line))
        return given

    async def _change(self, step: Step, before: Resource, properties: Properties, retain: bool) -> Physical:
        old = Physical(id=before.physical_id, attributes=before.attributes)
        try:
            if before.type != step.type:
                raise Replace
            kind = self.types[step.type]
            given = await self._given(step, before.properties), await self._given(step, properties)
            made = await kind.update(self.site, old, *given, step.logical_id)
        except Replace:
            return await self._replace(step, before, properties, retain)
        self.changed.append(before)
        await self._record(step, made, properties, retain, "CREATE_COMPLETE")
        return made

    async def _replace(self, step: Step, before: Resource, properties: Properties, retain: bool) -> Physical:
        """The new one first, so that there is always one; where a name stands in its way, the old one goes first."""
        kind = self.types[step.type]
        aside = msgspec.structs.replace(before, logical_id=before.logical_id + REPLACED)
        try:
            made = await kind.create(self.site, step.logical_id, await self._given(step, properties))
            if made.id == before.physical_id:
                aside = None  # type: ignore[assignment]
        except Unsupported:
            raise
        except Error:
            await self.delete(before)
            aside = None  # type: ignore[assignment]
            made = await kind.create(self.site, step.logical_id, await self._given(step, properties))
        self.made.append(step.logical_id)
        if aside is not None:
            await self.stacks.journal.commit(self.stacks.put(self.stack, aside))
        await self._record(step, made, properties, retain, "CREATE_COMPLETE")
        return made

    async def _record(self, step: Step, made: Physical, properties: Properties, retain: bool, status: str) -> None:
        record = Resource(
            logical_id=step.logical_id, type=step.type, physical_id=made.id, status=status,
            attributes=plain(made.attributes), properties=properties, retain=retain,
        )  # fmt: skip
        await self.stacks.journal.commit(self.stacks.put(self.stack, record))
        self.on_step(step)

    async def _stand_in(self, step: Step, resource: Any, why: str) -> None:
        """A name and an ARN for what cannot exist, so that what refers to it can."""
        file, line = mark_of(resource) or self.origins.get(step.logical_id) or (None, None)
        self.items.append(Item(level="unsupported", what=f"{step.logical_id}: {why}", file=file, line=line))
        arn = self.site.scope.arn("unsupported", step.logical_id)
        made = Physical(id=f"{self.site.stack}-{step.logical_id}", attributes={"*": arn, "Arn": arn})
        record = Resource(
            logical_id=step.logical_id, type=step.type, physical_id=made.id, attributes=made.attributes,
            placeholder=True, reason=why,
        )  # fmt: skip
        await self.stacks.journal.commit(self.stacks.put(self.stack, record))
        self.intrinsics.resources[step.logical_id] = made
        self.on_step(msgspec.structs.replace(step, action="skip", why=why))

    async def delete(self, resource: Resource) -> None:
        kind = self.types.get(resource.type)
        if kind is not None and not resource.placeholder and not resource.retain and resource.physical_id:
            old = Physical(id=resource.physical_id, attributes=resource.attributes)
            await kind.delete(self.site, old, copy.deepcopy(resource.properties))
        await self.stacks.journal.commit(self.stacks.drop(self.stack, resource.logical_id))

    async def take_back(self) -> bool:
        """Delete what was made and change back what was changed, newest first; False where something resisted."""
        whole = True
        existing = self.stacks.resources(self.stack)
        for key in reversed(self.made):
            try:
                if key in existing:
                    await self.delete(existing[key])
                if (aside := existing.get(key + REPLACED)) is not None:
                    back = msgspec.structs.replace(aside, logical_id=key)
                    await self.stacks.journal.commit(
                        [*self.stacks.drop(self.stack, aside.logical_id), *self.stacks.put(self.stack, back)]
                    )
            except Error:
                whole = False
        for before in reversed(self.changed):
            now = existing.get(before.logical_id)
            try:
                if now is not None:
                    old = Physical(id=now.physical_id, attributes=now.attributes)
                    given = copy.deepcopy(now.properties), copy.deepcopy(before.properties)
                    await self.types[before.type].update(self.site, old, *given, before.logical_id)
                    await self.stacks.journal.commit(self.stacks.put(self.stack, before))
            except (Error, Replace):
                whole = False
        return whole

    def outputs(self, template: Mapping[str, Any]) -> dict[str, Output]:
        """The template's outputs; one that cannot be told is left out and reported."""
        found: dict[str, Output] = {}
        section = template.get("Outputs") or {}
        for key, definition in section.items():
            mark = mark_of(section, key)
            try:
                condition = definition.get("Condition")
                if condition is not None and not self.intrinsics.condition(str(condition), mark):
                    continue
                value = plain(self.intrinsics.resolve(definition.get("Value"), mark))
                export = self.intrinsics.resolve((definition.get("Export") or {}).get("Name") or "", mark)
                description = definition.get("Description")
                found[key] = Output(value=value, export=str(export), description=str(description or ""))
            except ApplicationError as error:
                file, line = mark or (None, None)
                self.items.append(
                    Item(level="unsupported", what=f"output {key}: {error.message}", file=file, line=line)
                )
        return found
