"""Values as templates see them: Java's texts, fields and methods of strings, numbers, lists and maps.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dayfly.errors import Unsupported


class Offered:
    """An object with methods that templates may call, by name."""

    methods: Mapping[str, Callable[..., Any]] = {}
    fields: Mapping[str, Any] = {}


def shown(value: Any) -> str:
    """The text that a value is in a template's output: a map as Java prints it, a list as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={'null' if held is None else shown(held)}" for key, held in value.items()) + "}"
    if isinstance(value, list):
        return msgspec.json.encode(value).decode()
    return str(value)


def truth(value: Any) -> bool:
    """Anything but null, false and the empty text, list and map."""
    return value is not None and value is not False and value != "" and value != [] and value != {}


def field(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Offered):
        return value.fields.get(name)
    if name in ("size", "length", "empty") and isinstance(value, str | list):
        return len(value) == 0 if name == "empty" else len(value)
    return None


def item(value: Any, index: Any) -> Any:
    if isinstance(value, dict):
        return value.get(shown(index))
    if isinstance(value, list) and isinstance(index, int) and -len(value) <= index < len(value):
        return value[index]
    return None


def call(value: Any, name: str, given: list[Any]) -> Any:
    """Raises Unsupported for a method that is not offered."""
    if isinstance(value, Offered):
        method = value.methods.get(name)
        if method is None:
            raise Unsupported(f"{name}() in a mapping template is not supported")
        return _called(method, given)
    if isinstance(value, bool | int | float):
        table: Mapping[str, Callable[..., Any]] = _NUMBERS
    else:
        table = _STRINGS if isinstance(value, str) else _LISTS if isinstance(value, list) else _MAPS
    method = table.get(name) or _ANYTHING.get(name)
    if method is None:
        raise Unsupported(f"{name}() of a {type(value).__name__} in a mapping template is not supported")
    return _called(method, [value, *given])


def _called(method: Callable[..., Any], given: list[Any]) -> Any:
    try:
        return method(*given)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, re.error):
        return None  # Velocity: an invalid call has no value


def _java_pattern(text: str) -> str:
    return re.sub(r"\(\?<([A-Za-z])", r"(?P<\1", text)


def _java_replacement(text: str) -> str:
    return re.sub(r"\$(\d)", r"\\\1", text.replace("\\", "\\\\"))


def _split(text: str, pattern: str) -> list[str]:
    parts = re.split(_java_pattern(pattern), text)
    while parts and parts[-1] == "":
        parts.pop()
    return parts


def _put(held: dict[str, Any], key: Any, value: Any) -> Any:
    before = held.get(shown(key))
    held[shown(key)] = value
    return before if before is not None else ""


def _add(held: list[Any], *given: Any) -> bool:
    if len(given) == 2:
        held.insert(given[0], given[1])
    else:
        held.append(given[0])
    return True


def _put_at(held: list[Any], index: int, value: Any) -> Any:
    before, held[index] = held[index], value
    return before


def _add_all(held: list[Any], more: list[Any]) -> bool:
    held.extend(more)
    return True


def _put_all(held: dict[str, Any], more: dict[str, Any]) -> str:
    held.update(more)
    return ""


_ANYTHING: dict[str, Callable[..., Any]] = {
    "toString": shown,
    "equals": lambda one, other: type(one) is type(other) and one == other,
    "hashCode": lambda one: len(shown(one)),
}
_STRINGS: dict[str, Callable[..., Any]] = {
    "length": len,
    "isEmpty": lambda text: not text,
    "trim": str.strip,
    "toUpperCase": str.upper,
    "toLowerCase": str.lower,
    "concat": lambda text, other: text + other,
    "contains": lambda text, part: part in text,
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
    "equalsIgnoreCase": lambda text, other: isinstance(other, str) and text.lower() == other.lower(),
    "indexOf": str.find,
    "lastIndexOf": str.rfind,
    "charAt": lambda text, index: text[index],
    "substring": lambda text, begin, end=None: text[begin:end],
    "replace": lambda text, old, new: text.replace(old, new),
    "replaceAll": lambda text, old, new: re.sub(_java_pattern(old), _java_replacement(new), text),
    "replaceFirst": lambda text, old, new: re.sub(_java_pattern(old), _java_replacement(new), text, count=1),
    "matches": lambda text, pattern: re.fullmatch(_java_pattern(pattern), text) is not None,
    "split": _split,
}
_NUMBERS: dict[str, Callable[..., Any]] = {
    "intValue": int,
    "longValue": int,
    "doubleValue": float,
    "parseInt": lambda _, text: int(text),
    "parseDouble": lambda _, text: float(text),
}
_LISTS: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda held: not held,
    "get": item,
    "set": _put_at,
    "add": _add,
    "addAll": _add_all,
    "contains": lambda held, value: value in held,
    "indexOf": lambda held, value: held.index(value) if value in held else -1,
    "remove": lambda held, index: held.pop(index) if isinstance(index, int) else held.remove(index),
}
_MAPS: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda held: not held,
    "get": item,
    "getOrDefault": lambda held, key, other: held.get(shown(key), other),
    "put": _put,
    "putAll": _put_all,
    "remove": lambda held, key: held.pop(shown(key), None),
    "containsKey": lambda held, key: shown(key) in held,
    "containsValue": lambda held, value: value in held.values(),
    "keySet": list,
    "values": lambda held: list(held.values()),
    "entrySet": lambda held: [{"key": key, "value": value} for key, value in held.items()],
    "getKey": lambda held: held.get("key"),
    "getValue": lambda held: held.get("value"),
}
