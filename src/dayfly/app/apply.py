"""Brings a stack from what it is to what an application wants: plans, begins, runs (`run.py`), and says how it ended.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.app.application import Application
from dayfly.app.intrinsics import Intrinsics, Surroundings
from dayfly.app.plan import CODE_BUCKET, Step, plan
from dayfly.app.report import Item
from dayfly.app.resources import Call, ResourceType, Site
from dayfly.app.resources.table import TABLE
from dayfly.app.run import Run, StepFailed
from dayfly.app.yaml import ApplicationError, Map
from dayfly.errors import Error
from dayfly.identity.names import Caller, Scope
from dayfly.stacks import Stack, Stacks
from dayfly.stacks.responses import Responses


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run."""

    stack: Stack
    steps: tuple[Step, ...]
    items: tuple[Item, ...]
    """What was skipped, for the report."""
    made: frozenset[str] = frozenset()
    """The logical ids of what did not exist before."""


def with_code(application: Application, code: Mapping[str, Path]) -> dict[str, Any]:
    """The template with every function and layer pointing at its built directory."""
    template = dict(application.template)
    template["Resources"] = dict(template["Resources"])
    for logical_id, directory in code.items():
        resource = template["Resources"].get(logical_id)
        if resource is None:
            continue
        resource = copy.copy(resource)
        properties = copy.copy(resource.get("Properties") or {})
        key = "Content" if resource["Type"] == "AWS::Lambda::LayerVersion" else "Code"
        properties[key] = {"S3Bucket": CODE_BUCKET, "S3Key": str(directory)}
        resource["Properties"] = properties
        template["Resources"][logical_id] = _keeping_lines(resource, template["Resources"][logical_id])
    return template


def _keeping_lines(resource: Any, original: Any) -> Any:
    if isinstance(original, Map) and isinstance(resource, Map):
        resource.mark, resource.lines = original.mark, original.lines
    return resource


def _moved(value: Any, before: str, after: str) -> Any:
    if isinstance(value, str):
        return after + value[len(before) :] if value.startswith(before) else value
    if isinstance(value, dict):
        return {key: _moved(one, before, after) for key, one in value.items()}
    return value


class Deployer:
    """Brings stacks from what they are to what an application wants.

    `call` is the in-process door to all AWS operations.
    """

    def __init__(
        self,
        *,
        stacks: Stacks,
        call: Call,
        endpoint: str,
        types: Mapping[str, ResourceType] = TABLE,
        responses: Responses | None = None,
    ) -> None:
        self._responses = responses
        self._stacks = stacks
        self._call = call
        self._endpoint = endpoint
        self._types = types

    def plan(self, application: Application, code: Mapping[str, Path]) -> list[Step]:
        """The steps `deploy` would take. Raises ApplicationError."""
        scope = Scope(application.account, application.region)
        stack = self._stacks.find(scope, application.name)
        existing = self._stacks.resources(stack) if stack else {}
        intrinsics = self._intrinsics(application, with_code(application, code), scope, stack.id if stack else "")
        return plan(intrinsics, existing, self._types, application.origins)

    async def deploy(
        self,
        application: Application,
        code: Mapping[str, Path],
        *,
        strict: bool = False,
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> Deployment:
        """Make, change and delete until the stack is what the application wants.

        `strict` refuses what is not supported instead of standing in a placeholder. Raises ApplicationError (nothing
        was begun) and StepFailed (what was begun is taken back, the stack's status says so).
        """
        scope = Scope(application.account, application.region)
        template = with_code(application, code)
        stack = self._stacks.find(scope, application.name)
        if stack is not None and stack.endpoint not in ("", self._endpoint):
            await self._move(stack)
        intrinsics = self._intrinsics(application, template, scope, stack.id if stack else "", strict)
        # Planned before the stack is touched: an application that cannot be understood leaves everything as it is.
        steps = plan(intrinsics, self._stacks.resources(stack) if stack else {}, self._types, application.origins)
        if strict and (skipped := next((step for step in steps if step.action == "skip"), None)):
            raise ApplicationError.at(
                f"{skipped.logical_id}: {skipped.why}", application.origins.get(skipped.logical_id)
            )
        stack = await self._begin(application, scope, stack)
        intrinsics = self._intrinsics(application, template, scope, stack.id, strict)
        site = Site(
            caller=Caller(scope=scope), stack=stack.name, stack_id=stack.id, call=self._call, endpoint=self._endpoint,
            source=application.directory, code=code, responses=self._responses,
        )  # fmt: skip
        run = Run(
            self._stacks,
            self._types,
            site,
            stack,
            intrinsics,
            application.origins,
            on_step,
            strict,
            application.made_up,
        )
        try:
            await run.build(steps)
        except Error as error:
            await self._fail(run, stack, error)
            raise
        outputs = run.outputs(template)
        run.tell_imports()
        status = stack.status.replace("_IN_PROGRESS", "_COMPLETE")
        stack, changes = self._stacks.change(stack, status=status, reason="", outputs=outputs)
        await self._stacks.journal.commit(changes)
        return Deployment(stack=stack, steps=tuple(steps), items=tuple(run.items), made=frozenset(run.made))

    async def remove(self, stack: Stack) -> None:
        """Delete a stack's resources, newest first, then the stack. Raises StepFailed if one cannot be deleted."""
        stack, changes = self._stacks.change(stack, status="DELETE_IN_PROGRESS", reason="")
        await self._stacks.journal.commit(changes)
        site = Site(
            caller=Caller(scope=stack.scope),
            stack=stack.name,
            stack_id=stack.id,
            call=self._call,
            endpoint=self._endpoint,
            responses=self._responses,
        )
        around = Surroundings(scope=stack.scope, stack=stack.name, stack_id=stack.id)
        run = Run(self._stacks, self._types, site, stack, Intrinsics({}, around), {}, lambda _: None, False)
        failed: StepFailed | None = None
        for resource in reversed(self._stacks.resources(stack).values()):
            try:
                await run.delete(resource)
            except Error as error:
                failed = failed or StepFailed(f"{resource.logical_id} cannot be deleted: {error.message}")
        if failed is not None:
            _, changes = self._stacks.change(stack, status="DELETE_FAILED", reason=failed.message)
            await self._stacks.journal.commit(changes)
            raise failed
        await self._stacks.journal.commit(self._stacks.forget(stack))

    def _intrinsics(
        self, application: Application, template: dict[str, Any], scope: Scope, stack_id: str, strict: bool = False
    ) -> Intrinsics:
        around = Surroundings(
            scope=scope,
            stack=application.name,
            stack_id=stack_id or scope.arn("cloudformation", f"stack/{application.name}/new"),
            parameters=application.parameters,
            imports={name: export.value for name, export in self._stacks.exports(scope).items()},
            make_up_imports=not strict,
        )
        return Intrinsics(template, around)

    async def _move(self, stack: Stack) -> None:
        """The platform has another URL now, which ids hold; what was told the old ids is told the new ones later."""
        for resource in self._stacks.resources(stack).values():
            moved = msgspec.structs.replace(
                resource,
                physical_id=_moved(resource.physical_id, stack.endpoint, self._endpoint),
                attributes=_moved(resource.attributes, stack.endpoint, self._endpoint),
            )
            if moved != resource:
                await self._stacks.journal.commit(self._stacks.put(stack, moved))

    async def _begin(self, application: Application, scope: Scope, stack: Stack | None) -> Stack:
        functions = {key: [one.name, one.logical_id] for key, one in application.functions.items()}
        fields: dict[str, Any] = {
            "parameters": dict(application.parameters),
            "source": str(application.path),
            "endpoint": self._endpoint,
            "functions": functions,
            "description": str(application.template.get("Description") or ""),
        }
        if stack is None:
            stack, changes = self._stacks.create(scope, application.name, **fields)
        else:
            # A first creation that was cut off or taken back is still a creation.
            fresh = stack.status.startswith(("CREATE_IN", "ROLLBACK", "CREATE_FAILED"))
            status = "CREATE_IN_PROGRESS" if fresh else "UPDATE_IN_PROGRESS"
            stack, changes = self._stacks.change(stack, status=status, reason="", **fields)
        await self._stacks.journal.commit(changes)
        return stack

    async def _fail(self, run: Run, stack: Stack, error: Error) -> None:
        creating = stack.status.startswith("CREATE")
        begun = "ROLLBACK_IN_PROGRESS" if creating else "UPDATE_ROLLBACK_IN_PROGRESS"
        stack, changes = self._stacks.change(stack, status=begun, reason=error.message)
        await self._stacks.journal.commit(changes)
        whole = await run.take_back()
        ended = begun.replace("IN_PROGRESS", "COMPLETE" if whole else "FAILED")
        _, changes = self._stacks.change(stack, status=ended, reason=error.message)
        await self._stacks.journal.commit(changes)
