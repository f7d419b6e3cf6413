"""What of an event a target gets: all of it, a part (InputPath), a constant (Input), or a text made of it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\*)\]|\['([^']+)'\]")
_HOLE = re.compile(r"<([^<>\s]+)>")
MISSING = object()


class Transformer(msgspec.Struct, frozen=True, kw_only=True):
    """Names for parts of the event, and a template with those names in `<…>`."""

    paths: dict[str, str] = {}
    template: str = ""


def select(path: str, event: Any) -> Any:
    """The part of an event that a JSON path (`$.detail.items[0]`) points at; None where there is none."""
    found = found_at(path, event)
    return None if found is MISSING else found


def transform(transformer: Transformer, event: dict[str, Any], rule_arn: str, rule_name: str) -> bytes:
    """The template with every `<name>` filled in; a text keeps its quotes where the template has none around it."""
    values = {name: found_at(path, event) for name, path in transformer.paths.items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": event.get("time", ""),
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    template = transformer.template
    written: list[str] = []
    at = 0
    for hole in _HOLE.finditer(template):
        if hole[1] not in values:
            continue
        written += [
            template[at : hole.start()],
            filled(values[hole[1]], quoted=inside_text(template[: hole.start()])),
        ]
        at = hole.end()
    written.append(template[at:])
    return "".join(written).encode()


def filled(value: Any, *, quoted: bool) -> str:
    """A value as it stands in a template: within the quotes of a text, or for itself."""
    if value is MISSING:
        return "" if quoted else '""'
    if quoted:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return msgspec.json.encode(text).decode()[1:-1] if isinstance(value, str) else text.replace('"', '\\"')
    return msgspec.json.encode(value).decode()


def inside_text(before: str) -> bool:
    """Whether what follows this part of a template stands within quotes."""
    return len(re.findall(r'(?<!\\)"', before)) % 2 == 1


def found_at(path: str, event: Any) -> Any:
    """Like `select`, but `MISSING` where there is none."""
    if path in ("$", "$."):
        return event
    at = 1
    found = event
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return MISSING
        found = _stepped(found, step)
        if found is MISSING:
            return MISSING
        at = step.end()
    return found


def _stepped(found: Any, step: re.Match[str]) -> Any:
    name = step[1] or step[3]
    if name is not None:
        return found.get(name, MISSING) if isinstance(found, dict) else MISSING
    if not isinstance(found, list):
        return MISSING
    if step[2] == "*":
        return found
    index = int(step[2])
    return found[index] if index < len(found) else MISSING
