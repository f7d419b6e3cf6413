"""Properties as templates may write them, compared and read."""

from __future__ import annotations

from typing import Any

from dayfly.app.resources import Properties


def changed(before: Properties, after: Properties, *names: str) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


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
