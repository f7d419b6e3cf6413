"""SES's templates: the subset of Handlebars that SES documents.

`{{name}}`, `{{a.b}}`, `{{#if}}…{{else}}…{{/if}}`, `{{#unless}}`, `{{#each}}` with `{{this}}`, `{{@index}}`,
`{{@key}}`, `{{@first}}`, `{{@last}}` and `{{../outer}}`, `{{#with}}`, comments. Nothing is escaped: SES does not. A
variable without a value fails the rendering, save as a condition.
https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dayfly.mail.errors import InvalidTemplate, MissingAttribute

_TAG = re.compile(r"\{\{!--.*?--\}\}|\{\{\{\s*([^{}]*?)\s*\}\}\}|\{\{~?\s*([^{}]*?)\s*~?\}\}", re.DOTALL)
_MISSING = object()


class _Block(NamedTuple):
    kind: str
    subject: str
    then: list[_Node]
    otherwise: list[_Node]


class _Value(NamedTuple):
    path: str


_Node = str | _Value | _Block


class _Scope(NamedTuple):
    this: Any
    outer: _Scope | None
    data: Mapping[str, Any]


def check(template: str) -> None:
    """Raises InvalidTemplate where the template cannot be read."""
    _parse(template)


def render(template: str, values: Mapping[str, Any]) -> str:
    """The template filled in. Raises InvalidTemplate, MissingAttribute."""
    return "".join(_rendered(_parse(template), _Scope(values, None, {})))


def _parse(template: str) -> list[_Node]:
    tokens = list(_tokens(template))
    nodes, rest = _nodes(tokens, 0, None)
    if rest != len(tokens):
        raise InvalidTemplate(f"Template has an unexpected {{{{{tokens[rest][1]}}}}}")
    return nodes


def _tokens(template: str) -> Iterator[tuple[bool, str]]:
    """(is a tag, text) in order."""
    at = 0
    for found in _TAG.finditer(template):
        if found.start() > at:
            yield False, template[at : found.start()]
        at = found.end()
        tag = found.group(1) or found.group(2) or ""
        if tag and not tag.startswith("!"):
            yield True, tag
    if at < len(template):
        yield False, template[at:]


def _nodes(tokens: list[tuple[bool, str]], at: int, block: str | None) -> tuple[list[_Node], int]:
    """Nodes up to the block's `else` or end; the position of that tag."""
    nodes: list[_Node] = []
    while at < len(tokens):
        is_tag, text = tokens[at]
        if not is_tag:
            nodes.append(text)
        elif text.startswith("#"):
            made, at = _block(tokens, at)
            nodes.append(made)
        elif text.startswith(("/", "else ")) or text == "else":
            return nodes, at
        elif text.startswith((">", "&")) or " " in text:
            raise InvalidTemplate(f"Template uses {{{{{text}}}}}, which is not supported")
        else:
            nodes.append(_Value(text))
        at += 1
    if block is not None:
        raise InvalidTemplate(f"Template has no {{{{/{block}}}}}")
    return nodes, at


def _block(tokens: list[tuple[bool, str]], at: int) -> tuple[_Block, int]:
    kind, _, subject = tokens[at][1][1:].strip().partition(" ")
    if kind not in ("if", "unless", "each", "with") or not subject.strip():
        raise InvalidTemplate(f"Template uses {{{{{tokens[at][1]}}}}}, which is not supported")
    then, at = _nodes(tokens, at + 1, kind)
    otherwise: list[_Node] = []
    tag = tokens[at][1]
    if tag.startswith("else "):
        # `{{else if x}}` is a nested block that shares this one's end tag.
        tokens = [*tokens[:at], (True, "#" + tag[5:].strip()), *tokens[at + 1 :]]
        nested, at = _block(tokens, at)
        return _Block(kind, subject.strip(), then, [nested]), at
    if tag == "else":
        otherwise, at = _nodes(tokens, at + 1, kind)
        tag = tokens[at][1]
    if tag != f"/{kind}":
        raise InvalidTemplate(f"Template closes {{{{#{kind}}}}} with {{{{{tag}}}}}")
    return _Block(kind, subject.strip(), then, otherwise), at


def _rendered(nodes: list[_Node], scope: _Scope) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif isinstance(node, _Value):
            value = _look_up(node.path, scope)
            if value is _MISSING:
                raise MissingAttribute(f"Attribute '{node.path}' is not present in the rendering data.")
            yield _text(value)
        else:
            yield from _block_rendered(node, scope)


def _block_rendered(block: _Block, scope: _Scope) -> Iterator[str]:
    value = _look_up(block.subject, scope)
    truth = value is not _MISSING and bool(value)
    if block.kind in ("if", "unless"):
        yield from _rendered(block.then if truth == (block.kind == "if") else block.otherwise, scope)
    elif not truth:
        yield from _rendered(block.otherwise, scope)
    elif block.kind == "with":
        yield from _rendered(block.then, _Scope(value, scope, scope.data))
    else:
        items = list(value.items()) if isinstance(value, Mapping) else list(enumerate(value))
        for number, (key, item) in enumerate(items):
            data = {"index": number, "key": key, "first": number == 0, "last": number == len(items) - 1}
            yield from _rendered(block.then, _Scope(item, scope, data))


def _look_up(path: str, scope: _Scope) -> Any:
    if path.startswith("@"):
        return scope.data.get(path[1:], _MISSING)
    while path.startswith("../") and scope.outer is not None:
        path, scope = path[3:], scope.outer
    value: Any = scope.this
    for name in path.replace("/", ".").split("."):
        if name in ("this", ""):
            continue
        if isinstance(value, Mapping):
            value = value.get(name, _MISSING)
        elif isinstance(value, list) and name.strip("[]").isdecimal() and int(name.strip("[]")) < len(value):
            value = value[int(name.strip("[]"))]
        else:
            return _MISSING
        if value is _MISSING:
            return _MISSING
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ",".join(_text(item) for item in value) if isinstance(value, list) else str(value)
