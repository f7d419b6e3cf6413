"""Properties as templates may write them, compared and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dayfly.app.resources import Properties


def changed(before: Properties, after: Properties, *names: str) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


def branches(value: Any) -> Iterator[Mapping[str, Any]]:
    """The mappings that a property may be: itself, or what `Fn::If` chooses from. Other functions are not read."""
    choices = value.get("Fn::If") if isinstance(value, Mapping) else None
    if isinstance(choices, list):
        for choice in choices[1:]:
            yield from branches(choice)
    elif isinstance(value, Mapping) and not any(key == "Ref" or key.startswith("Fn::") for key in value):
        yield value


def picked(properties: Properties, *names: str) -> Properties:
    return {name: properties[name] for name in names if name in properties}


def numbers(value: Any) -> Any:
    """Throughput and the like, which templates may write as text."""
    if isinstance(value, dict):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def truth(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def text_of(value: Any) -> str:
    """A property as an attribute: JSON for documents, `true`/`false` for booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def attributes_of(properties: Properties, names: Iterable[str]) -> dict[str, str]:
    """Of those that are given."""
    return {name: text_of(properties[name]) for name in names if properties.get(name) is not None}


def attribute_changes(before: Properties, after: Properties, defaults: Mapping[str, str]) -> dict[str, str]:
    """What to set of the attributes that have these defaults."""
    return {
        name: default if after.get(name) is None else text_of(after[name])
        for name, default in defaults.items()
        if before.get(name) != after.get(name)
    }


def tags_of(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: text_of(tag["Value"]) for tag in properties.get("Tags") or ()}


def tag_changes(before: Properties, after: Properties) -> tuple[list[str], dict[str, str]]:
    """The keys to take away, and the tags to put."""
    old, new = tags_of(before), tags_of(after)
    return sorted(old.keys() - new.keys()), new if new != old else {}
