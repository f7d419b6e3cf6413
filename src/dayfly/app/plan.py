"""From what exists to what is wanted: an ordered list of steps, printable, before anything is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from dayfly.app.intrinsics import Intrinsics, dependencies, in_order, marked_references
from dayfly.app.resources import Physical, ResourceType
from dayfly.app.yaml import ApplicationError, Mark, mark_of
from dayfly.stacks import Resource

Action = Literal["create", "update", "replace", "delete", "none", "skip"]
_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "none": " ", "skip": "!"}
CODE_BUCKET = "dayfly-local"
"""Stands for code that lies in a directory of this machine."""
REPLACED = "~replaced"
"""Ends the logical id of what a replacement stands for now, until it is deleted."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    action: Action
    logical_id: str
    type: str
    why: str = ""

    def __str__(self) -> str:
        return f"{_SIGNS[self.action]} {self.logical_id} ({self.type}){': ' + self.why if self.why else ''}"


def plan(
    intrinsics: Intrinsics,
    existing: Mapping[str, Resource],
    types: Mapping[str, ResourceType],
    origins: Mapping[str, Mark] | None = None,
) -> list[Step]:
    """Steps in the order they are taken: everything wanted after what it needs, then deletions, newest first.

    An update may turn out to be a replacement; only the resource itself knows. Raises ApplicationError.
    """
    wanted = wanted_resources(intrinsics)
    give_existing(intrinsics, {key: one for key, one in existing.items() if key in wanted})
    steps: list[Step] = []
    changing: set[str] = set()
    for key in in_order(wanted, origins or {}):
        step = _step(key, wanted, existing, types, intrinsics, changing)
        if step.action not in ("none", "skip"):
            changing.add(key)
        steps.append(step)
    gone = [one for key, one in existing.items() if key not in wanted]
    for resource in sorted(gone, key=lambda one: -one.order):
        why = "kept (DeletionPolicy: Retain)" if resource.retain else ""
        steps.append(Step(action="delete", logical_id=resource.logical_id, type=resource.type, why=why))
    return steps


def _step(
    key: str,
    wanted: Mapping[str, Any],
    existing: Mapping[str, Resource],
    types: Mapping[str, ResourceType],
    intrinsics: Intrinsics,
    changing: set[str],
) -> Step:
    resource, before = wanted[key], existing.get(key)
    kind = resource["Type"]
    if (lacking := unsupported(resource, types)) is not None:
        return Step(action="skip", logical_id=key, type=kind, why=lacking)
    if before is None or before.placeholder or before.status != "CREATE_COMPLETE":
        return Step(action="create", logical_id=key, type=kind)
    if before.type != kind:
        return Step(action="replace", logical_id=key, type=kind, why=f"was {before.type}")
    after = sorted(dependencies(resource, wanted) & changing)
    if after and _refers_to(resource, after):
        return Step(action="update", logical_id=key, type=kind, why=f"if {', '.join(after)} turns out different")
    try:
        properties = intrinsics.resolve(resource.get("Properties") or {}, mark_of(resource))
    except ApplicationError:
        if needed_placeholder(resource, wanted, existing) is None:
            raise
        return Step(action="skip", logical_id=key, type=kind, why="needs what is not supported")
    if plain(properties) == before.properties:
        return Step(action="none", logical_id=key, type=kind)
    names = sorted({*properties, *before.properties})
    changed = [name for name in names if plain(properties.get(name)) != before.properties.get(name)]
    return Step(action="update", logical_id=key, type=kind, why=", ".join(changed))


def _refers_to(resource: Mapping[str, Any], names: list[str]) -> bool:
    text = json.dumps(resource.get("Properties"), default=str)
    return any(name in text for name in names)


def wanted_resources(intrinsics: Intrinsics) -> dict[str, Any]:
    """The template's resources whose condition holds. Raises ApplicationError."""
    resources = intrinsics.template.get("Resources") or {}
    wanted = {}
    for key, resource in resources.items():
        condition = resource.get("Condition")
        if condition is None or intrinsics.condition(str(condition), mark_of(resource)):
            wanted[key] = resource
        missing = resource.get("DependsOn") or []
        for need in [missing] if isinstance(missing, str) else missing:
            if need not in resources:
                raise ApplicationError.at(f"{key} depends on {need}, which is not there", mark_of(resource))
        _check_names(intrinsics, key, resource)
    return wanted


def needed_placeholder(
    resource: Mapping[str, Any], wanted: Mapping[str, Any], existing: Mapping[str, Resource]
) -> str | None:
    """What a resource needs that is only stood in for."""
    names = sorted(dependencies(resource, wanted))
    return next((name for name in names if name in existing and existing[name].placeholder), None)


def _check_names(intrinsics: Intrinsics, key: str, resource: Mapping[str, Any]) -> None:
    """Every name is known, before anything is begun."""
    template = intrinsics.template
    known = {*(template.get("Resources") or {}), *(template.get("Parameters") or {})}
    for name, mark in marked_references(resource.get("Properties"), mark_of(resource)):
        if name not in known and not name.startswith("AWS::"):
            raise ApplicationError.at(f"{key} names {name}, which is neither a resource nor a parameter", mark)


def give_existing(intrinsics: Intrinsics, existing: Mapping[str, Resource]) -> None:
    for key, one in existing.items():
        intrinsics.resources[key] = Physical(id=one.physical_id, attributes=one.attributes)


def unsupported(resource: Mapping[str, Any], types: Mapping[str, ResourceType]) -> str | None:
    """Why a resource cannot exist here; None where it can."""
    kind = resource["Type"]
    if kind not in types:
        return f"not supported: {kind}"
    properties = resource.get("Properties") or {}
    code = properties.get("Code") or properties.get("Content")
    if not isinstance(code, Mapping) or not kind.startswith("AWS::Lambda::"):
        return None
    if "ImageUri" in code:
        return "not supported: a function as a container image"
    if code.get("S3Bucket") == CODE_BUCKET and not str(code.get("S3Key")).startswith("/"):
        return "its code is not here"
    return None


def plain(value: Any) -> Any:
    """The value as it comes back from the store (lists for tuples, text for keys)."""
    return json.loads(json.dumps(value, default=str))
