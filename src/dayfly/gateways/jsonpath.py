"""JSONPath as `$input.path()` and parameter mappings take it.

A path without wildcards, filters and `..` is definite and gives one value; any other gives a list.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dayfly.errors import Error

_PART = re.compile(
    r"(?P<deep>\.\.)?\.?(?:(?P<name>[\w$@-][\w$@:-]*)(?P<call>\(\))?|(?P<star>\*)|\[(?P<inside>(?:'[^']*'|\"[^\"]*\"|[^\]'\"])*)\])"
)
_FILTER = re.compile(r"\?\(\s*@\.?([\w.-]*)\s*(?:(==|!=|<=|>=|<|>|=~)\s*(.+?))?\s*\)")
_Part = tuple[str, Any, bool]


class BadPath(Error):
    """This is not a JSONPath."""


def find(document: Any, path: str) -> Any:
    """The value at a definite path (None where there is none), or the list of all values. Raises BadPath."""
    parts = _parsed(path.strip())
    definite = all(kind in ("key", "index", "length") and not deep for kind, _, deep in parts)
    found = [document]
    for part in parts:
        found = [value for held in found for value in _step(held, part)]
    return (found[0] if found else None) if definite else found


@lru_cache(maxsize=512)
def _parsed(path: str) -> tuple[_Part, ...]:
    at = 1 if path.startswith("$") else 0
    parts: list[_Part] = []
    while at < len(path):
        found = _PART.match(path, at)
        if found is None or found.end() == at:
            raise BadPath(f"{path!r} is not a JSONPath that is understood")
        at = found.end()
        deep = bool(found["deep"])
        if found["name"] is not None:
            parts.append(("length" if found["call"] and found["name"] == "length" else "key", found["name"], deep))
        elif found["star"]:
            parts.append(("all", None, deep))
        else:
            parts.append((*_inside(found["inside"].strip(), path), deep))
    return tuple(parts)


def _inside(text: str, path: str) -> tuple[str, Any]:
    if text == "*":
        return "all", None
    if names := re.findall(r"'([^']*)'|\"([^\"]*)\"", text) if text[:1] in "'\"" else []:
        keys = [one or other for one, other in names]
        return ("key", keys[0]) if len(keys) == 1 else ("keys", keys)
    if re.fullmatch(r"-?\d+", text):
        return "index", int(text)
    if re.fullmatch(r"-?\d+(\s*,\s*-?\d+)+", text):
        return "indexes", [int(one) for one in text.split(",")]
    if re.fullmatch(r"(-?\d+)?:(-?\d+)?", text):
        low, _, high = text.partition(":")
        return "slice", slice(int(low) if low else None, int(high) if high else None)
    if (found := _FILTER.fullmatch(text)) is not None:
        return "filter", (found[1], found[2], found[3])
    raise BadPath(f"{path!r} is not a JSONPath that is understood")


def _step(held: Any, part: _Part) -> Iterator[Any]:
    kind, argument, deep = part
    if deep:
        for one in _everything(held):
            yield from _step(one, (kind, argument, False))
        return
    match kind:
        case "key":
            if isinstance(held, dict) and argument in held:
                yield held[argument]
        case "keys":
            if isinstance(held, dict):
                yield from (held[key] for key in argument if key in held)
        case "index" | "indexes":
            for index in [argument] if kind == "index" else argument:
                if isinstance(held, list) and -len(held) <= index < len(held):
                    yield held[index]
        case "slice":
            if isinstance(held, list):
                yield from held[argument]
        case "all":
            yield from held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
        case "length":
            if isinstance(held, list | dict | str):
                yield len(held)
        case "filter":
            rows = held if isinstance(held, list) else [held] if isinstance(held, dict) else []
            yield from (row for row in rows if _passes(row, *argument))


def _everything(held: Any) -> Iterator[Any]:
    yield held
    for one in held.values() if isinstance(held, dict) else held if isinstance(held, list) else ():
        yield from _everything(one)


def _passes(row: Any, path: str, sign: str | None, wanted: str | None) -> bool:
    value = row
    for name in filter(None, path.split(".")):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    if sign is None or wanted is None:
        return True
    other = _constant(wanted)
    if sign == "=~":
        return isinstance(value, str) and re.search(wanted.strip("/"), value) is not None
    if sign in ("==", "!="):
        return bool(value == other) == (sign == "==")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(other, int | float):
        return False
    return {"<": value < other, ">": value > other, "<=": value <= other, ">=": value >= other}[sign]


def _constant(text: str) -> Any:
    if text[:1] in "'\"":
        return text[1:-1]
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
