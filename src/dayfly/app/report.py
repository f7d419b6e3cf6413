"""The compatibility report: what of an application has no effect here, by file and line.

`ignored`: read, understood, and without effect on this platform (a VPC, a tracing mode). `unsupported`: it would have
an effect on AWS that is missing here. `warning`: something that works, and that its owner may want to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from dayfly.app.resources import Remarking, ResourceType
from dayfly.app.yaml import Mark, mark_of

Level = Literal["ignored", "unsupported", "warning"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    level: Level
    what: str
    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        return f"{where}{self.level}: {self.what}"


class Report:
    """Items in the order they were met, each once."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def add(self, level: Level, what: str, mark: Mark | None) -> None:
        file, line = mark or (None, None)
        item = Item(level=level, what=what, file=file, line=line)
        if item not in self.items:
            self.items.append(item)

    def ignored(self, what: str, mark: Mark | None) -> None:
        self.add("ignored", what, mark)

    def unsupported(self, what: str, mark: Mark | None) -> None:
        self.add("unsupported", what, mark)

    def warning(self, what: str, mark: Mark | None) -> None:
        self.add("warning", what, mark)


def resource_items(
    template: Mapping[str, Any], origins: Mapping[str, Mark], types: Mapping[str, ResourceType]
) -> list[Item]:
    """What the resource types that exist here ignore or lack of a template's resources."""
    report = Report()
    for logical_id, resource in template.get("Resources", {}).items():
        name = resource.get("Type", "")
        mark = mark_of(resource) or origins.get(logical_id)
        kind = types.get(name)
        if kind is None:
            report.unsupported(f"not supported: {name} ({logical_id})", mark)
            continue
        properties = resource.get("Properties") or {}
        if not isinstance(properties, Mapping):
            continue
        for key in properties:
            where = mark_of(properties, key) or mark
            if key in kind.ignored:
                report.ignored(f"{key} of {name} ({logical_id})", where)
            elif key not in kind.known and "*" not in kind.known:
                report.unsupported(f"{key} of {name} ({logical_id})", where)
        if isinstance(kind, Remarking):
            for remark in kind.remarks(dict(properties)):
                where = mark_of(remark.holder, remark.key) or mark
                report.add(remark.level, f"{remark.what} of {name} ({logical_id})", where)
    return report.items


def summary(items: Iterable[Item]) -> list[str]:
    """A few lines for people: how many of each level, and what is unsupported."""
    items = list(items)
    lines = [str(item) for item in items if item.level in ("unsupported", "warning")]
    ignored = sum(item.level == "ignored" for item in items)
    if ignored:
        lines.append(f"{ignored} settings have no effect here (`dayfly check` lists them)")
    return lines
