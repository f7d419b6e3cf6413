"""Text with variables in it, as parts: plain text and `Variable`s, whose sources are tried in order."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

_HEAD = re.compile(r"([A-Za-z][\w.-]*)\s*([(:])")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class Malformed(ValueError):
    """A `${` that is never closed, or a source nobody can read."""


class Source(NamedTuple):
    """`type(params):address`; params and address may hold variables themselves. No address: None."""

    type: str
    params: Parts
    address: Parts | None


class Literal(NamedTuple):
    """A fallback that is its own value."""

    value: Any


class Variable(NamedTuple):
    sources: tuple[Source | Literal | Parts, ...]
    text: str


class Parts(tuple["str | Variable", ...]):
    """Text and variables in order; a single variable keeps the type of its value."""

    __slots__ = ()


def has_variable(text: str) -> bool:
    return "${" in text


@lru_cache(4096)
def parse(text: str) -> Parts:
    """The parts of a text. Raises Malformed."""
    parts: list[str | Variable] = []
    plain_from = position = 0
    while (start := text.find("${", position)) >= 0:
        end = _closing(text, start)
        if end is None:
            break  # an opening without its end is text, as in a shell snippet
        variable = _variable(text[start : end + 1])
        if variable is None:
            position = start + 2
            continue
        if start > plain_from:
            parts.append(text[plain_from:start])
        parts.append(variable)
        plain_from = position = end + 1
    if plain_from < len(text):
        parts.append(text[plain_from:])
    return Parts(parts)


def _closing(text: str, start: int) -> int | None:
    """The index of the `}` that closes the `${` at `start`; quoted fallbacks may hold anything."""
    depth, position, fresh = 0, start, False
    while position < len(text):
        char = text[position]
        if text.startswith("${", position):
            depth, position, fresh = depth + 1, position + 2, True
            continue
        if char in "'\"" and fresh:
            closing = text.find(char, position + 1)
            position = closing if closing > 0 else position
        elif char == "}":
            depth -= 1
            if depth == 0:
                return position
        fresh = char == "," or (fresh and char.isspace())
        position += 1
    return None


def _variable(text: str) -> Variable | None:
    """None where the text is CloudFormation's own (`${AWS::Region}`, `${Name}`, `${!Literal}`)."""
    inner = text[2:-1].strip()
    head = _HEAD.match(inner)
    nested = inner.startswith("${")
    if not nested and (head is None or head[1] == "AWS" or inner[head.end() - 1 :].startswith("::")):
        return None
    return Variable(tuple(_source(piece.strip()) for piece in _split(inner)), text)


def _split(inner: str) -> list[str]:
    """Split at the commas that are not inside `${}`, parentheses or quotes."""
    pieces, depth, start, quote = [], 0, 0, ""
    for position, char in enumerate(inner):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and not inner[start:position].strip():
            quote = char
        elif char in "({":
            depth += 1
        elif char in ")}":
            depth -= 1
        elif char == "," and depth == 0:
            pieces.append(inner[start:position])
            start = position + 1
    pieces.append(inner[start:])
    return pieces


def _source(text: str) -> Source | Literal | Parts:
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return parse(text[1:-1]) if has_variable(text) else Literal(text[1:-1])
    if text in _WORDS:
        return Literal(_WORDS[text])
    if _NUMBER.fullmatch(text):
        return Literal(float(text) if "." in text else int(text))
    head = _HEAD.match(text)
    if head is None:
        return parse(text) if has_variable(text) else Literal(text)
    name, rest = head[1], text[head.end() - 1 :]
    params = ""
    if rest.startswith("("):
        end = _closing_parenthesis(rest)
        params, rest = rest[1:end].strip(), rest[end + 1 :]
    address = parse(rest[1:].strip()) if rest.startswith(":") else None
    return Source(name, parse(params), address)


def _closing_parenthesis(text: str) -> int:
    depth = 0
    for position, char in enumerate(text):
        depth += (char in "({") - (char in ")}")
        if depth == 0:
            return position
    raise Malformed(f"{text!r} lacks its closing parenthesis")
